package arms

import (
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// tried is a tally whose policy plays each arm once, in order, before anything else.
type tried struct {
	tally
	unseen int // the first arm that was never pulled, K when there is none
}

// Observe adds one reward.
func (t *tried) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	if err := t.observe(a, f); err != nil {
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

// Statistics returns pulls and sums of scaled rewards.
func (t *tried) Statistics() *statistics.Set { return t.set }

// Local is empty: everything adds up.
func (t *tried) Local() ([]byte, error) { return nil, nil }
