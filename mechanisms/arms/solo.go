package arms

import (
	"encoding/binary"
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Solo is a policy of public quotas in one process and without privacy: the learner
// that the federated form becomes when there is no noise and one node. A descriptor
// ends with the reward that fills its last quota.
type Solo struct {
	shared     mechanisms.Shared
	arms       int
	cumulative bool // quotas count the records of all epochs
	model      mechanisms.Model
	now        mechanisms.Descriptor
	window     mechanisms.Window
	open       *statistics.Set // rewards of the running descriptor
	total      *statistics.Set // of all, in each epoch's own bound
	due        plan
}

// settingsOf is what a federated policy is told by a learner's problem.
func settingsOf(p Problem) (mechanisms.Settings, error) {
	p, err := p.validate()
	if err != nil {
		return mechanisms.Settings{}, err
	}
	names := make([]string, p.Arms)
	for a := range names {
		names[a] = fmt.Sprintf("arm-%d", a+1)
	}
	return mechanisms.Settings{
		Kind: "arms", Arms: names, Horizon: p.Horizon, Range: p.Range, Clip: p.Clip, Moment: p.Moment,
		Baseline: p.Baseline, Bonus: p.Bonus, Kappa: p.Kappa, Params: p.Params,
	}, nil
}

func newSolo(shared mechanisms.Shared, arms int, cumulative bool) (*Solo, error) {
	s := &Solo{shared: shared, arms: arms, cumulative: cumulative, total: shared.Layout().Empty()}
	return s, s.plan()
}

// NewSoloAdaptiveUCB returns [NewAdaptiveUCB] in one process.
func NewSoloAdaptiveUCB(p Problem) (*Solo, error) {
	return solo(p, false, func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewAdaptiveUCB(s) })
}

// NewSoloAdaptiveKLUCB returns [NewAdaptiveKLUCB] in one process.
func NewSoloAdaptiveKLUCB(p Problem) (*Solo, error) {
	return solo(p, false, func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewAdaptiveKLUCB(s) })
}

// NewSoloSuccessiveElimination returns [NewPrivateSuccessiveElimination] in one process.
func NewSoloSuccessiveElimination(p Problem) (*Solo, error) {
	return solo(p, false, func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewPrivateSuccessiveElimination(s) })
}

// NewSoloLocalUCB returns [NewLocalUCB] in one process.
func NewSoloLocalUCB(p Problem) (*Solo, error) {
	return solo(p, false, func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewLocalUCB(s) })
}

func solo(p Problem, cumulative bool, make func(mechanisms.Settings) (mechanisms.Shared, error)) (*Solo, error) {
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	shared, err := make(s)
	if err != nil {
		return nil, err
	}
	return newSolo(shared, len(s.Arms), cumulative)
}

// plan starts the next descriptor from what is known. One that is kept goes on, with
// what it has.
func (s *Solo) plan() error {
	d, err := s.shared.Plan(s.now, s.model, 1)
	if err != nil {
		return err
	}
	if s.due, err = decodePlan(d.Plan, s.arms); err != nil {
		return err
	}
	if s.window, err = s.shared.Open(d); err != nil {
		return err
	}
	s.now, s.open = d, s.shared.Layout().Empty()
	return nil
}

// Choose pulls the arms that are in play round robin; propensity 1.
func (s *Solo) Choose(round mechanisms.Round, c mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	a, p, err := s.window.Choose(max(round.T, 1)-1, c, src)
	if err != nil {
		return 0, 0, err
	}
	return a.(mechanisms.Arm), p, nil
}

// Observe adds one reward. A reward of an arm that is not in play is left out.
func (s *Solo) Observe(_ mechanisms.Round, c mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	record, err := s.window.Record(nil, c, a, f)
	if err == mechanisms.ErrForeign {
		return nil
	}
	if err != nil {
		return err
	}
	if s.now.Ended {
		return nil
	}
	if len(record) == 1 { // slots are counted, not records
		record = append(record, statistics.Increment{Block: 0, Cell: int(a), Value: 1})
	}
	if err := s.open.Add(record); err != nil {
		return err
	}
	if err := s.total.Add(record); err != nil {
		return err
	}
	counts := s.open.Blocks[0].Sum
	if s.cumulative {
		counts = s.total.Blocks[0].Sum
	}
	for _, arm := range s.due.survivors {
		if uint64(counts[arm]) < s.due.quota {
			return nil
		}
	}
	s.model.Version++
	if n := len(s.model.Parts); n > 0 && s.model.Parts[n-1].Descriptor.Digest() == s.now.Digest() {
		if err := s.model.Parts[n-1].Sum.Merge(s.open); err != nil {
			return err
		}
		s.model.Parts[n-1].Releases++
	} else {
		s.model.Parts = append(s.model.Parts, mechanisms.Part{Descriptor: s.now, Releases: 1, Sum: s.open})
	}
	return s.plan()
}

// Statistics returns counts and clipped sums; each epoch's sum is in units of its
// own bound, so only counts compare across epochs.
func (s *Solo) Statistics() *statistics.Set { return s.total }

// Best returns the arm that is left, or -1 while several are in play.
func (s *Solo) Best() int {
	if len(s.due.survivors) == 1 {
		return s.due.survivors[0]
	}
	return -1
}

// Local is the model with the running descriptor and its sums.
func (s *Solo) Local() ([]byte, error) {
	model, now := s.model.Encode(), s.now.Encode()
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(model)))
	out = append(out, model...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(now)))
	out = append(out, now...)
	return append(out, s.open.Encode()...), nil
}
