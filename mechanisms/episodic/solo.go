package episodic

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Solo is a [Shared] policy in one process and without privacy: optimistic value
// iteration or policy optimisation on exact counts, planned on anew when there are a
// twentieth more episodes. Source: Azar, Osband and Munos 2017, algorithm 1; Shani,
// Efroni, Rosenberg and Mannor 2020, algorithm 1.
type Solo struct {
	shared *Shared
	model  mechanisms.Model
	now    mechanisms.Descriptor
	window mechanisms.Window
}

// NewSolo returns the learner of a policy that has no noise; settings are those of
// [NewValueIteration] or [NewPolicyOptimisation] without Privacy.
func NewSolo(s mechanisms.Settings, make func(mechanisms.Settings) (*Shared, error)) (*Solo, error) {
	s.Privacy = nil
	shared, err := make(s)
	if err != nil {
		return nil, err
	}
	l := &Solo{shared: shared}
	l.model.Parts = []mechanisms.Part{{Sum: shared.layout.Empty()}}
	return l, l.plan()
}

func (s *Solo) plan() error {
	d, err := s.shared.Plan(s.now, s.model, 1)
	if err != nil {
		return err
	}
	s.now = d
	s.window, err = s.shared.Open(d)
	return err
}

// Choose answers an episode.
func (s *Solo) Choose(round mechanisms.Round, c mechanisms.None, src noise.Source) (mechanisms.Table, float64, error) {
	a, p, err := s.window.Choose(max(round.T, 1)-1, c, src)
	if err != nil {
		return "", 0, err
	}
	return a.(mechanisms.Table), p, nil
}

// Observe adds one episode.
func (s *Solo) Observe(_ mechanisms.Round, c mechanisms.None, a mechanisms.Table, f mechanisms.Trajectory) error {
	record, err := s.window.Record(nil, c, a, f)
	if err != nil {
		return err
	}
	part := &s.model.Parts[0]
	if err := part.Sum.Add(record); err != nil {
		return err
	}
	part.Releases++
	s.model.Version++
	return s.plan()
}

// Statistics returns visits, moves and clipped rewards.
func (s *Solo) Statistics() *statistics.Set { return s.model.Parts[0].Sum }

// Local is the descriptor in force: what was planned when is history.
func (s *Solo) Local() ([]byte, error) { return s.now.Encode(), nil }
