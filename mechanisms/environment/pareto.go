package environment

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/dp/noise"
)

// Pareto is a world of heavy-tailed positive rewards. Use [NewPareto].
//
//	P(X > x) = (m/x)^a for x ≥ m, E X = am/(a−1), E X^p = a m^p/(a−p) for p < a
type Pareto struct {
	shape         float64
	means, scales []float64
}

// NewPareto returns a world whose arms are Pareto with the same shape (tail
// index) in (1, 1e6] and the given means in [1e-30, 1e30]; an arm's scale is
// mean·(shape−1)/shape. A shape of at most 2 has infinite variance.
func NewPareto(shape float64, means ...float64) (*Pareto, error) {
	if err := (interval{low: 1, high: 1e6, openLow: true}).check("environment.shape", shape); err != nil {
		return nil, err
	}
	if err := scales.checkAll("environment.means", means); err != nil {
		return nil, err
	}
	p := &Pareto{shape: shape, means: slices.Clone(means)}
	for _, m := range means {
		p.scales = append(p.scales, m*(shape-1)/shape)
	}
	return p, nil
}

// Arms returns the number of arms.
func (p *Pareto) Arms() int { return len(p.means) }

// Mean returns the mean of an arm.
func (p *Pareto) Mean(arm int) float64 { return p.means[arm] }

// Moment returns E X^order, +Inf for orders of at least the shape.
func (p *Pareto) Moment(arm int, order float64) float64 {
	checkOrder(order)
	if order >= p.shape {
		return math.Inf(1)
	}
	return p.shape * math.Pow(p.scales[arm], order) / (p.shape - order)
}

// Reward draws one reward of an arm, by inversion.
func (p *Pareto) Reward(arm int, src noise.Source) float64 {
	return p.scales[arm] * math.Pow(uniform(src), -1/p.shape)
}

// Draw draws the rewards of all arms, independently.
func (p *Pareto) Draw(into Instance, src noise.Source) Instance {
	into = room(into, p.Arms())
	for a := range into {
		into[a] = p.Reward(a, src)
	}
	return into
}
