package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"

	"gonum.org/v1/gonum/stat/distuv"
)

// ThompsonBeta plays an arm with the probability that it is best under a
// Beta(1 + S, 1 + n − S) posterior, S the sum of rewards scaled to [0, 1]. For
// rewards 0 and 1 this is the textbook rule; a reward between counts as that
// fraction of a success instead of as a coin with that bias, which keeps the
// statistics additive and Observe free of randomness. Source: Agrawal and Goyal
// 2012; policies 17.1.
type ThompsonBeta struct{ tally }

// NewThompsonBeta returns the policy. It needs a range; errors name the field.
func NewThompsonBeta(p Problem) (*ThompsonBeta, error) {
	p, err := needRange("thompson-beta", p)
	if err != nil {
		return nil, err
	}
	return &ThompsonBeta{newTally(p)}, nil
}

// Choose draws one sample of each arm's posterior and plays the largest. The
// propensity is computed where round.Logged asks for it, to 1e-6, else 0.
func (t *ThompsonBeta) Choose(round mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	best, at := math.Inf(-1), 0
	for a := range t.n {
		if x := t.posterior(a, src).Rand(); x > best {
			best, at = x, a
		}
	}
	if !round.Logged {
		return mechanisms.Arm(at), 0, nil
	}
	laws := make([]distuv.Beta, len(t.n))
	for a := range laws {
		laws[a] = t.posterior(a, nil)
	}
	return mechanisms.Arm(at), Winning(at, laws, 0, 1), nil
}

func (t *ThompsonBeta) posterior(a int, src noise.Source) distuv.Beta {
	s := float64(t.sum[a]) / (1 << fractionBits)
	return distuv.Beta{Alpha: 1 + s, Beta: 1 + float64(t.n[a]) - s, Src: src}
}
