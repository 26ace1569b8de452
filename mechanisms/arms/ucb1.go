package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// UCB1 plays the arm with the largest mean + √(2·ln t / n), rewards scaled to
// [0, 1], each arm once first. Source: Auer, Cesa-Bianchi and Fischer 2002.
type UCB1 struct {
	tried
	means    []float64 // caches of the tally, so that a choice takes no division and no root
	widths   []float64 // 1/√n
	scales   *[scaleTable]float64
	inverses *[inverseTable]inverse
}

// NewUCB1 returns the policy. It needs a range; errors name the field.
func NewUCB1(p Problem) (*UCB1, error) {
	p, err := needRange("ucb1", p)
	if err != nil {
		return nil, err
	}
	return &UCB1{
		tried: tried{tally: newTally(p)}, means: make([]float64, p.Arms), widths: make([]float64, p.Arms),
		scales: explorationScales(), inverses: inverses(),
	}, nil
}

// Choose returns the arm with the largest index; propensity 1.
func (u *UCB1) Choose(round mechanisms.Round, _ mechanisms.None, _ noise.Source) (mechanisms.Arm, float64, error) {
	if u.unseen < len(u.means) {
		return mechanisms.Arm(u.unseen), 1, nil
	}
	scale := explorationScale(u.scales, round.T)
	// indices are not negative: they order as their bits do, which needs no branch
	best, at := int64(-1), 0
	widths := u.widths[:len(u.means)]
	for a, m := range u.means {
		if index := int64(math.Float64bits(optimism(m, scale, widths[a]))); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

// Observe adds one reward.
func (u *UCB1) Observe(round mechanisms.Round, c mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	if err := u.tried.Observe(round, c, a, f); err != nil {
		return err
	}
	i := inverseAt(u.inverses, u.n[a])
	u.means[a], u.widths[a] = scaledMean(u.sum[a], i), i.root
	return nil
}
