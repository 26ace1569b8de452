package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// Softmax plays each arm once, and then arm a with a probability proportional to
// exp(mean/τ), means of rewards scaled to [0, 1]. Its regret is linear.
// Source: policies 17.1.
type Softmax struct {
	tried
	temperature float64 // τ
}

// NewSoftmax returns the policy. Its parameter is tau in [1e-6, 1e6], 0.1 unless given.
// It needs a range; errors name the field.
func NewSoftmax(p Problem) (*Softmax, error) {
	p, err := needRange("softmax", p, "tau")
	if err != nil {
		return nil, err
	}
	tau, err := p.Params.Get("tau", 0.1, 1e-6, 1e6)
	if err != nil {
		return nil, err
	}
	return &Softmax{tried{tally: newTally(p)}, tau}, nil
}

// Choose returns an arm and its exact propensity.
func (s *Softmax) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	if s.unseen < len(s.n) {
		return mechanisms.Arm(s.unseen), 1, nil
	}
	best, total := s.mean(s.leader()), 0.0
	for a := range s.n {
		total += s.weight(a, best)
	}
	u, at := noise.Float64(src)*total, 0
	for ; at < len(s.n)-1; at++ {
		if u -= s.weight(at, best); u < 0 {
			break
		}
	}
	return mechanisms.Arm(at), s.weight(at, best) / total, nil
}

// weight is exp((mean − best)/τ): without the largest mean it could overflow.
func (s *Softmax) weight(a int, best float64) float64 {
	return math.Exp((s.mean(a) - best) / s.temperature)
}
