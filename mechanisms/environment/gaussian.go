package environment

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/dp/noise"
)

// Gaussian is a world of normal rewards. Use [NewGaussian].
type Gaussian struct{ means, deviations []float64 }

// NewGaussian returns a world whose arm a pays N(means[a], deviations[a]²).
// Means in [−1e30, 1e30], standard deviations in [1e-30, 1e30]; a single
// deviation counts for all arms.
func NewGaussian(means, deviations []float64) (*Gaussian, error) {
	if err := locations.checkAll("environment.means", means); err != nil {
		return nil, err
	}
	deviations, err := spread("environment.deviations", deviations, len(means))
	if err != nil {
		return nil, err
	}
	return &Gaussian{means: slices.Clone(means), deviations: deviations}, nil
}

// Arms returns the number of arms.
func (g *Gaussian) Arms() int { return len(g.means) }

// Mean returns the mean of an arm.
func (g *Gaussian) Mean(arm int) float64 { return g.means[arm] }

// Moment returns E|X|^order by quadrature of the normal density.
func (g *Gaussian) Moment(arm int, order float64) float64 {
	checkOrder(order)
	return absoluteMoment(g.means[arm], g.deviations[arm], order, func(s float64) float64 {
		return -s*s/2 - math.Log(2*math.Pi)/2
	})
}

// Reward draws one reward of an arm.
func (g *Gaussian) Reward(arm int, src noise.Source) float64 {
	return g.means[arm] + g.deviations[arm]*normal(src)
}

// Draw draws the rewards of all arms, independently.
func (g *Gaussian) Draw(into Instance, src noise.Source) Instance {
	into = room(into, g.Arms())
	for a := range into {
		into[a] = g.Reward(a, src)
	}
	return into
}
