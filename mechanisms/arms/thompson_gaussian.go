package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"

	"gonum.org/v1/gonum/stat/distuv"
)

// ThompsonGaussian plays each arm once and then an arm with the probability that
// it is best under N(mean, σ²/n). Source: policies 17.1.
type ThompsonGaussian struct {
	tried
	sigma float64 // of rewards scaled to [0, 1]
}

// NewThompsonGaussian returns the policy. Its parameter is sigma in [1e-6, 100] times
// the range, 0.5 unless given. It needs a range; errors name the field.
func NewThompsonGaussian(p Problem) (*ThompsonGaussian, error) {
	p, err := needRange("thompson-gaussian", p, "sigma")
	if err != nil {
		return nil, err
	}
	sigma, err := p.Params.Get("sigma", 0.5, 1e-6, 100)
	if err != nil {
		return nil, err
	}
	return &ThompsonGaussian{tried{tally: newTally(p)}, sigma}, nil
}

// Choose draws one sample of each arm's posterior and plays the largest. The
// propensity of the first pull of each arm is 1; later it is computed where
// round.Logged asks for it, to 1e-6, else 0.
func (t *ThompsonGaussian) Choose(round mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	if t.unseen < len(t.n) {
		return mechanisms.Arm(t.unseen), 1, nil
	}
	best, at := math.Inf(-1), 0
	for a := range t.n {
		if x := t.posterior(a, src).Rand(); x > best {
			best, at = x, a
		}
	}
	if !round.Logged {
		return mechanisms.Arm(at), 0, nil
	}
	laws := make([]distuv.Normal, len(t.n))
	for a := range laws {
		laws[a] = t.posterior(a, nil)
	}
	return mechanisms.Arm(at), Winning(at, laws, math.Inf(-1), math.Inf(1)), nil
}

func (t *ThompsonGaussian) posterior(a int, src noise.Source) distuv.Normal {
	return distuv.Normal{Mu: t.mean(a), Sigma: t.sigma / math.Sqrt(float64(t.n[a])), Src: src}
}
