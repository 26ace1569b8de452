package arms

import (
	"encoding/binary"
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// SuccessiveElimination plays the arms that are left round robin. After each full
// pass, when every one of them has a reward more, it drops those whose mean + w lies
// below the largest mean − w of all that are left, w = √(ln(4·K·n²·T)/(2n)) of each
// arm's own n rewards. Each arm's interval holds its mean at all times with
// probability 1 − 1/T. Source: Even-Dar, Mannor and Mansour 2006, algorithm 3, with
// the radius of policies 17.1.
type SuccessiveElimination struct {
	tally
	active []int // increasing
	behind int   // active arms without a reward of the running pass
	pass   int64 // rewards that every active arm has
}

// NewSuccessiveElimination returns the policy. It needs a range; errors name the field.
func NewSuccessiveElimination(p Problem) (*SuccessiveElimination, error) {
	p, err := needRange("successive-elimination", p)
	if err != nil {
		return nil, err
	}
	s := &SuccessiveElimination{tally: newTally(p), active: make([]int, p.Arms), behind: p.Arms}
	for a := range s.active {
		s.active[a] = a
	}
	return s, nil
}

// Choose returns the arm that is due; propensity 1.
func (s *SuccessiveElimination) Choose(round mechanisms.Round, _ mechanisms.None, _ noise.Source) (mechanisms.Arm, float64, error) {
	return mechanisms.Arm(s.active[(max(round.T, 1)-1)%uint64(len(s.active))]), 1, nil
}

// Observe adds one reward. Rewards of arms that were dropped are counted and
// compared with nothing.
func (s *SuccessiveElimination) Observe(round mechanisms.Round, c mechanisms.None, a mechanisms.Arm, r mechanisms.Reward) error {
	if err := s.tally.Observe(round, c, a, r); err != nil {
		return err
	}
	if len(s.active) == 1 || s.n[a] != s.pass+1 || !s.has(int(a)) {
		return nil
	}
	if s.behind--; s.behind == 0 {
		s.drop()
	}
	return nil
}

func (s *SuccessiveElimination) has(a int) bool {
	for _, b := range s.active {
		if b == a {
			return true
		}
	}
	return false
}

// drop ends a pass, and those that rewards ahead of it have ended as well.
func (s *SuccessiveElimination) drop() {
	for s.behind == 0 && len(s.active) > 1 {
		s.pass++
		best := math.Inf(-1)
		for _, a := range s.active {
			best = math.Max(best, s.mean(a)-s.radius(a))
		}
		kept := s.active[:0]
		for _, a := range s.active {
			if s.mean(a)+s.radius(a) >= best {
				kept = append(kept, a)
				if s.n[a] <= s.pass {
					s.behind++
				}
			}
		}
		s.active = kept
	}
}

func (s *SuccessiveElimination) radius(a int) float64 {
	n := float64(s.n[a])
	return math.Sqrt(math.Log(4*float64(len(s.n))*n*n*float64(s.problem.Horizon)) / (2 * n))
}

// Local is the arms that are left: which of them were compared when is history.
func (s *SuccessiveElimination) Local() ([]byte, error) {
	out := binary.LittleEndian.AppendUint64(nil, uint64(s.pass))
	for _, a := range s.active {
		out = binary.LittleEndian.AppendUint32(out, uint32(a))
	}
	return out, nil
}
