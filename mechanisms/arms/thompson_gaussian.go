package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"

	"gonum.org/v1/gonum/stat/distuv"
)

// ThompsonGaussian plays each arm once and then an arm with the probability that
// it is best under N(mean, σ²/n), σ half the range. Source: policies 17.1.
type ThompsonGaussian struct {
	tally
	unseen int
}

// NewThompsonGaussian returns the policy. It needs a range; errors name the field.
func NewThompsonGaussian(p Problem) (*ThompsonGaussian, error) {
	p, err := needRange("thompson-gaussian", p)
	if err != nil {
		return nil, err
	}
	return &ThompsonGaussian{tally: newTally(p)}, nil
}

// Choose draws one sample of each arm's posterior and plays the largest. The
// propensity is 0 where it was not computed: beyond the first pull of each arm.
func (t *ThompsonGaussian) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	if t.unseen < len(t.n) {
		return mechanisms.Arm(t.unseen), 1, nil
	}
	best, at := math.Inf(-1), 0
	for a := range t.n {
		x := distuv.Normal{Mu: t.mean(a), Sigma: 0.5 / math.Sqrt(float64(t.n[a])), Src: src}.Rand()
		if x > best {
			best, at = x, a
		}
	}
	return mechanisms.Arm(at), 0, nil
}

// Observe adds one reward.
func (t *ThompsonGaussian) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	if err := t.observe(a, f); err != nil {
		return err
	}
	for t.unseen < len(t.n) && t.n[t.unseen] > 0 {
		t.unseen++
	}
	return nil
}

// Statistics returns pulls and sums of scaled rewards.
func (t *ThompsonGaussian) Statistics() *statistics.Set { return t.set }

// Local is empty: everything adds up.
func (t *ThompsonGaussian) Local() ([]byte, error) { return nil, nil }
