package coordinator

import (
	"sync"

	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/protocols/experiment"
)

// history is what each version said when it was published, for people. It is kept in
// memory alone: after a snapshot a replica knows the versions since then.
type history struct {
	mu       sync.Mutex
	versions map[string][]said // by experiment, ascending
	turned   map[string]turn   // by experiment, the first round in which most are pivotal
	leader   string            // peer id, empty while there is none
	last     string            // the one before, or the same
	since    int64             // Unix milliseconds
	changes  int               // leaders after the first
}

// said is one version in words and numbers.
type said struct {
	version, round uint64
	published      int64
	summary        mechanisms.Summary
}

func newHistory() *history { return &history{versions: map[string][]said{}, turned: map[string]turn{}} }

// publish takes in the version that a command has just published.
func (h *history) publish(c *Coordinator, s *state.State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range s.Experiments {
		v := e.Newest()
		known := h.versions[e.Name]
		if v == nil || len(known) > 0 && known[len(known)-1].version >= v.Number {
			continue
		}
		file, err := experiment.Read(e.Name, e.File)
		if err != nil {
			continue
		}
		summary, err := admin.Summary(e, file, c.config.Catalogue)
		if err != nil {
			c.config.Log.Warn("a version can't be summed up", "experiment", e.Name, "why", err)
			continue
		}
		known = append(known, said{v.Number, v.Round, v.Published, summary})
		if n := len(known) - state.RoundsKept; n > 0 {
			known = known[n:]
		}
		h.versions[e.Name] = known
	}
}

// of returns the versions of an experiment that are known.
func (h *history) of(experiment string) []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.versions[experiment]
}

// see notes who leads. A time without a leader counts to the next one's change.
func (h *history) see(leader string, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if leader == h.leader {
		return
	}
	if leader != "" {
		if h.last != "" && h.last != leader {
			h.changes++
		}
		h.last = leader
	}
	h.leader, h.since = leader, now
}
