package environment

import (
	"slices"

	"github.com/posse-dev/posse/dp/noise"
)

// Bernoulli is a world of rewards 0 and 1. Use [NewBernoulli].
type Bernoulli struct{ means []float64 }

// NewBernoulli returns a world whose arm a pays 1 with probability means[a] in
// [0, 1], else 0.
func NewBernoulli(means ...float64) (*Bernoulli, error) {
	if err := (interval{low: 0, high: 1}).checkAll("environment.means", means); err != nil {
		return nil, err
	}
	return &Bernoulli{means: slices.Clone(means)}, nil
}

// Arms returns the number of arms.
func (b *Bernoulli) Arms() int { return len(b.means) }

// Mean returns the probability of a 1.
func (b *Bernoulli) Mean(arm int) float64 { return b.means[arm] }

// Moment returns E X^order, which is the mean for every order.
func (b *Bernoulli) Moment(arm int, order float64) float64 {
	checkOrder(order)
	return b.means[arm]
}

// Reward draws one reward of an arm.
func (b *Bernoulli) Reward(arm int, src noise.Source) float64 {
	if uniform(src) < b.means[arm] {
		return 1
	}
	return 0
}

// Draw draws the rewards of all arms, independently.
func (b *Bernoulli) Draw(into Instance, src noise.Source) Instance {
	into = room(into, b.Arms())
	for a := range into {
		into[a] = b.Reward(a, src)
	}
	return into
}
