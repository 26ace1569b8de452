package arms

import "github.com/posse-dev/posse/mechanisms"

// tried is a tally whose policy plays each arm once, in order, before anything else.
type tried struct {
	tally
	unseen int // the first arm that was never pulled, K when there is none
}

// Observe adds one reward.
func (t *tried) Observe(round mechanisms.Round, c mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	if err := t.tally.Observe(round, c, a, f); err != nil {
		return err
	}
	for t.unseen < len(t.n) && t.n[t.unseen] > 0 {
		t.unseen++
	}
	return nil
}

// leader is the arm of the largest mean, the lowest of equals. Every arm was tried.
func (t *tried) leader() int {
	best := 0
	for a := range t.n {
		if t.mean(a) > t.mean(best) {
			best = a
		}
	}
	return best
}
