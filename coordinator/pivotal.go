package coordinator

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
)

// turn is the moment from which on most nodes of an experiment are pivotal: the
// reserve is then the price, and the auction saves nothing. It is told once for each
// file of the experiment.
type turn struct {
	revision, round uint64
	time            int64 // Unix milliseconds
	pivotal, nodes  int
	target          string  // coverage or threshold
	mend            float64 // the largest with which at most half are pivotal, 0: none
}

// sentence says it to an operator.
func (t turn) sentence() string {
	text := fmt.Sprintf("Since round %d most nodes are pivotal (%d of %d) and are paid the reserve: ", t.round, t.pivotal, t.nodes)
	if t.mend <= 0 {
		return text + "only more nodes mend that"
	}
	return text + fmt.Sprintf("a %s of at most %.3g mends that", t.target, math.Floor(t.mend*1000)/1000)
}

// settled looks whether an experiment has turned pivotal with a settlement. What the
// settlement itself says is looked at first, so that this costs nothing as a rule.
func (h *history) settled(c *Coordinator, s *state.State) {
	for _, e := range s.Experiments {
		r := e.Round
		if r == nil || r.Phase != state.Collecting || 2*len(r.Pivotal) <= len(r.Winners) {
			continue
		}
		if known, told := h.pivotal(e.Name); told && known.revision == e.Revision {
			continue
		}
		depends, target, err := rounds.Depends(c.config.Catalogue, e)
		if err != nil || !depends.Mostly() {
			continue
		}
		t := turn{
			revision: e.Revision, round: r.ID, time: r.Settled, pivotal: len(depends.Pivotal()), nodes: len(depends.Nodes),
			target: target, mend: depends.Mend(),
		}
		h.mu.Lock()
		h.turned[e.Name] = t
		h.mu.Unlock()
		if c.Leading() {
			c.config.Log.Warn("most nodes are pivotal", "experiment", e.Name, "why", t.sentence())
		}
	}
}

// pivotal returns when an experiment turned pivotal, and whether it has.
func (h *history) pivotal(experiment string) (turn, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, told := h.turned[experiment]
	return t, told
}
