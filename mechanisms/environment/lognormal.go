package environment

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Lognormal is a world of positive skewed rewards. Use [NewLognormal].
//
//	X = exp(μ + σZ), E X = exp(μ + σ²/2), E X^p = exp(pμ + p²σ²/2)
type Lognormal struct{ means, sigmas []float64 }

// NewLognormal returns a world whose arm a is lognormal with mean means[a] in
// [1e-30, 1e30] and with sigmas[a] in (0, 10] as the standard deviation of its
// logarithm; a single sigma counts for all arms.
func NewLognormal(means, sigmas []float64) (*Lognormal, error) {
	if err := scales.checkAll("environment.means", means); err != nil {
		return nil, err
	}
	sigmas, err := spread("environment.sigmas", sigmas, len(means))
	if err != nil {
		return nil, err
	}
	if err := (interval{low: 0, high: 10, openLow: true}).checkAll("environment.sigmas", sigmas); err != nil {
		return nil, err
	}
	return &Lognormal{means: slices.Clone(means), sigmas: sigmas}, nil
}

// Arms returns the number of arms.
func (l *Lognormal) Arms() int { return len(l.means) }

// Mean returns the mean of an arm.
func (l *Lognormal) Mean(arm int) float64 { return l.means[arm] }

// Moment returns E X^order; with μ = ln mean − σ²/2 it is mean^p·exp(p(p−1)σ²/2).
func (l *Lognormal) Moment(arm int, order float64) float64 {
	checkOrder(order)
	s := l.sigmas[arm]
	return math.Exp(order*math.Log(l.means[arm]) + order*(order-1)*s*s/2)
}

// Reward draws one reward of an arm.
func (l *Lognormal) Reward(arm int, src noise.Source) float64 {
	s := l.sigmas[arm]
	return math.Exp(math.Log(l.means[arm]) - s*s/2 + s*normal(src))
}

// Draw draws the rewards of all arms, independently.
func (l *Lognormal) Draw(into Instance, src noise.Source) Instance {
	into = room(into, l.Arms())
	for a := range into {
		into[a] = l.Reward(a, src)
	}
	return into
}

// spread returns one scale an arm: the list itself, or its single value for
// every arm. Scales in [1e-30, 1e30].
func spread(field string, values []float64, arms int) ([]float64, error) {
	if err := scales.checkAll(field, values); err != nil {
		return nil, err
	}
	switch len(values) {
	case arms:
		return slices.Clone(values), nil
	case 1:
		return slices.Repeat(values, arms), nil
	}
	return nil, posse.OutOfRange(field, fmt.Sprintf("%d values", len(values)),
		fmt.Sprintf("1 value, or %d as there are means", arms), "")
}
