package rounds

import (
	"strconv"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/protocols/possev1"
)

// idleRedraws is after how many redraw intervals without news of any node an
// experiment whose horizon is not reached counts as over for the drawing of grants.
const idleRedraws = 10

// open opens the next round when its trigger is reached, or draws grants again when
// no round will come. The trigger reads public clocks only: the decisions that nodes
// made in whole windows, or the time.
func (t *turn) open(e *state.Experiment, d *desk) {
	if !e.Ended && !e.Exhausted && len(t.state.Active()) > 0 && t.due(e, d) {
		hash, err := t.seed(d)
		if err != nil {
			d.rest = t.now + backoffMs
			return
		}
		deadline := e.Rules.DeadlineMs
		t.propose(d, "open", &possev1.Command{Body: &possev1.Command_OpenRound{OpenRound: &possev1.OpenRound{
			Experiment: e.Name, Round: e.Opened + 1, SeedCommit: hash,
			OfferByMs: t.now + max(1, deadline*2/5), ReportByMs: t.now + deadline,
		}}})
		return
	}
	t.redraw(e, d)
}

// due reports whether the trigger of the next round is reached: by the clock, or
// when the nodes together made the decisions of one round more than were opened.
//
// A node that this leader has not heard of counts as being exactly on schedule, a
// window for each round: the leader that had its clock may be gone, and it may be
// gone itself.
func (t *turn) due(e *state.Experiment, d *desk) bool {
	if e.Rules.EveryMs > 0 {
		return t.now >= max(e.OpenedAt, e.Created)+e.Rules.EveryMs
	}
	if e.Opened > 0 && e.Rules.Horizon > 0 && e.Opened >= ceilDiv(e.Rules.Horizon, e.Rules.RoundDecisions) {
		return false // the horizon has been cut into rounds
	}
	total := uint64(0)
	for _, q := range t.state.Window(e) {
		if ready, heard := d.ready[q.Node]; heard {
			total += min(ready, clockMax(e)) // a node may say anything; the sum must not wrap
		} else {
			total += q.Units * e.Opened
		}
	}
	return total >= e.Rules.RoundDecisions*(e.Opened+1)
}

// clockMax is the most that one node's clock can count for: what all nodes together
// may make, or as much as any horizon may be.
func clockMax(e *state.Experiment) uint64 {
	if e.Rules.Horizon > 0 {
		return e.Rules.Horizon
	}
	return 1_000_000_000_000
}

// redraw draws grants again on the public clock, once no further round will come,
// until every node holds the newest version.
func (t *turn) redraw(e *state.Experiment, d *desk) {
	every := e.Rules.RedrawEveryMs
	if every <= 0 {
		every = e.Rules.DeadlineMs
	}
	if e.Version() == 0 || t.now < e.LastDraw+every || !t.over(e, d, every) || len(t.state.Waiting(e)) == 0 {
		return
	}
	t.propose(d, "redraw", &possev1.Command{Body: &possev1.Command_DrawGrants{DrawGrants: &possev1.DrawGrants{
		Experiment: e.Name, Draw: e.Draws + 1,
	}}})
}

// over reports whether the newest version is the last one, as far as public clocks
// tell.
func (t *turn) over(e *state.Experiment, d *desk, every int64) bool {
	switch {
	case e.Closed, e.Ended, e.Exhausted:
		return true
	case e.Rules.RoundDecisions > 0 && e.Rules.Horizon > 0 && e.Opened >= ceilDiv(e.Rules.Horizon, e.Rules.RoundDecisions):
		return true
	case e.Rules.EveryMs > 0:
		return false // the next round comes by the clock
	default:
		return t.now >= max(d.moved, e.Newest().Published)+idleRedraws*every
	}
}

func commitment(secret [32]byte) [32]byte { return schedule.Commitment(secret) }

func ceilDiv(a, b uint64) uint64 { return (a + b - 1) / b }

func uintText(v uint64) string { return strconv.FormatUint(v, 10) }
