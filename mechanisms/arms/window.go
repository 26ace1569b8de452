package arms

import (
	"fmt"
	"math"
	"sort"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// window is a node's half of elimination between two reports.
type window struct {
	e *Elimination
	plan
}

// Open reads the plan of a descriptor of this experiment.
func (e *Elimination) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	p, err := decodePlan(d.Plan, len(e.settings.Arms))
	if err != nil {
		return nil, err
	}
	return window{e, p}, nil
}

// Choose gives slot t the arm S[t mod |S|]: quotas are public, so the choice is a
// function of the slot's number alone.
func (w window) Choose(slot uint64, c mechanisms.Context, _ noise.Source) (mechanisms.Action, float64, error) {
	if _, ok := c.(mechanisms.None); !ok {
		return nil, 0, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "no context")
	}
	return mechanisms.Arm(w.survivors[slot%uint64(len(w.survivors))]), 1, nil
}

// Slots counts how often each arm is due in slots [first, first+n). Where counts
// are those of records (local, public arrival) it is zero.
func (w window) Slots(first, n uint64) (*statistics.Set, error) {
	set := w.e.layout.Empty()
	if w.e.byRecord {
		return set, nil
	}
	k := uint64(len(w.survivors))
	for i, a := range w.survivors {
		// slots t < first+n with t ≡ i (mod k), less those before first
		set.Blocks[0].Sum[a] = int64(due(first+n, uint64(i), k) - due(first, uint64(i), k))
	}
	return set, nil
}

// due is the number of t in [0, end) with t ≡ i (mod k).
func due(end, i, k uint64) uint64 {
	if end <= i {
		return 0
	}
	return (end-i-1)/k + 1
}

// Record clips the baseline-subtracted reward to ±B and stores it in fixed point.
func (w window) Record(dst []statistics.Increment, _ mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	arm, ok := a.(mechanisms.Arm)
	if !ok {
		return dst, mechanisms.ErrMismatch("action", fmt.Sprintf("%T", a), "an arm")
	}
	reward, ok := f.(mechanisms.Reward)
	if !ok {
		return dst, mechanisms.ErrMismatch("feedback", fmt.Sprintf("%T", f), "a reward")
	}
	if math.IsNaN(reward.X) || math.IsInf(reward.X, 0) {
		return dst, mechanisms.ErrRewardNotFinite()
	}
	if r := w.e.settings.Range; r != nil && !w.e.settings.Clip && (reward.X < r.Low || reward.X > r.High) {
		return dst, r.ErrRewardOutOfRange()
	}
	if arm < 0 || int(arm) >= len(w.e.settings.Arms) {
		return dst, posse.OutOfRange("arm", fmt.Sprint(int(arm)), fmt.Sprintf("[0, %d]", len(w.e.settings.Arms)-1), "send the decision's own id")
	}
	if at := sort.SearchInts(w.survivors, int(arm)); at == len(w.survivors) || w.survivors[at] != int(arm) {
		return dst, mechanisms.ErrForeign
	}
	q, err := statistics.FixedPoint(reward.X-w.e.baseline, w.bound, w.e.layout[1].Scale)
	if err != nil {
		return dst, err
	}
	if w.e.byRecord {
		dst = append(dst, statistics.Increment{Block: 0, Cell: int(arm), Value: 1})
	}
	return append(dst, statistics.Increment{Block: 1, Cell: int(arm), Value: q}), nil
}
