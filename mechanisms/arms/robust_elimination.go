package arms

import (
	"encoding/binary"
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// RobustElimination is [Elimination] in one process and without privacy: the
// learner that the private form becomes when there is no noise and one node. An
// epoch ends with the reward that fills its last quota.
type RobustElimination struct {
	shared *Elimination
	model  mechanisms.Model
	now    mechanisms.Descriptor
	window mechanisms.Window
	open   *statistics.Set // rewards of the running epoch
	total  *statistics.Set // of all epochs, in each epoch's own bound
	due    plan
}

// NewRobustElimination returns the policy. It takes a range or a moment; errors
// name the field.
func NewRobustElimination(p Problem) (*RobustElimination, error) {
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	names := make([]string, p.Arms)
	for a := range names {
		names[a] = fmt.Sprintf("arm-%d", a+1)
	}
	shared, err := NewElimination(mechanisms.Settings{
		Kind: "arms", Arms: names, Horizon: p.Horizon, Range: p.Range, Clip: p.Clip, Moment: p.Moment,
		Baseline: p.Baseline, Bonus: p.Bonus, Kappa: p.Kappa, Params: p.Params,
	})
	if err != nil {
		return nil, err
	}
	r := &RobustElimination{shared: shared, total: shared.layout.Empty()}
	return r, r.plan()
}

// plan starts the next epoch from what is known.
func (r *RobustElimination) plan() error {
	d, err := r.shared.Plan(r.now, r.model, 1)
	if err != nil {
		return err
	}
	if r.due, err = decodePlan(d.Plan, len(r.shared.settings.Arms)); err != nil {
		return err
	}
	if r.window, err = r.shared.Open(d); err != nil {
		return err
	}
	r.now, r.open = d, r.shared.layout.Empty()
	return nil
}

// Choose pulls the survivors round robin; propensity 1.
func (r *RobustElimination) Choose(round mechanisms.Round, c mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	a, p, err := r.window.Choose(max(round.T, 1)-1, c, src)
	if err != nil {
		return 0, 0, err
	}
	return a.(mechanisms.Arm), p, nil
}

// Observe adds one reward. A reward of an arm that was dropped is left out.
func (r *RobustElimination) Observe(_ mechanisms.Round, c mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	record, err := r.window.Record(nil, c, a, f)
	if err == mechanisms.ErrForeign {
		return nil
	}
	if err != nil {
		return err
	}
	if r.now.Ended {
		return nil
	}
	record = append(record, statistics.Increment{Block: 0, Cell: int(a), Value: 1})
	if err := r.open.Add(record); err != nil {
		return err
	}
	if err := r.total.Add(record); err != nil {
		return err
	}
	counts := r.total.Blocks[0].Sum
	for _, s := range r.due.survivors {
		if uint64(counts[s]) < r.due.quota {
			return nil
		}
	}
	r.model.Version++
	r.model.Parts = append(r.model.Parts, mechanisms.Part{Descriptor: r.now, Releases: 1, Sum: r.open})
	return r.plan()
}

// Statistics returns counts and clipped sums; each epoch's sum is in units of its
// own bound, so only counts compare across epochs.
func (r *RobustElimination) Statistics() *statistics.Set { return r.total }

// Best returns the arm that is left, or -1 while several are.
func (r *RobustElimination) Best() int {
	if len(r.due.survivors) == 1 {
		return r.due.survivors[0]
	}
	return -1
}

// Local is the model with the running epoch's descriptor and sums.
func (r *RobustElimination) Local() ([]byte, error) {
	model, now := r.model.Encode(), r.now.Encode()
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(model)))
	out = append(out, model...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(now)))
	out = append(out, now...)
	return append(out, r.open.Encode()...), nil
}
