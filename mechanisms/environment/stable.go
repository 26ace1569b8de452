package environment

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/dp/noise"
)

// Stable is a world of symmetric α-stable rewards: sums of them have the same shape
// again, and no moment of order ≥ α is finite. Use [NewStable].
type Stable struct {
	alpha float64
	scale float64
	means []float64
}

// NewStable returns a world whose arm a pays means[a] plus scale times a standard
// symmetric α-stable variable (characteristic function exp(−|t|^α)), α in (1, 2] and
// scale in [1e-30, 1e30]. α = 2 is a normal law of variance 2·scale².
func NewStable(alpha, scale float64, means ...float64) (*Stable, error) {
	if err := (interval{low: 1, high: 2, openLow: true}).check("environment.alpha", alpha); err != nil {
		return nil, err
	}
	if err := scales.check("environment.scale", scale); err != nil {
		return nil, err
	}
	if err := locations.checkAll("environment.means", means); err != nil {
		return nil, err
	}
	return &Stable{alpha: alpha, scale: scale, means: slices.Clone(means)}, nil
}

// Arms returns the number of arms.
func (s *Stable) Arms() int { return len(s.means) }

// Mean returns the mean of an arm, which is its shift.
func (s *Stable) Mean(arm int) float64 { return s.means[arm] }

// Moment returns an upper bound of E|X|^order by Minkowski's inequality, exact where
// the mean is 0; +Inf for orders of at least α below 2.
//
//	E|S|^p = 2^p·Γ((1+p)/2)·Γ(1 − p/α)/(√π·Γ(1 − p/2)),  p < α
//
// Source: Nikias and Shao 1995, theorem 3.5 (the fractional moment).
func (s *Stable) Moment(arm int, order float64) float64 {
	checkOrder(order)
	central := math.Inf(1)
	switch {
	case s.alpha == 2:
		central = math.Pow(2, order) * math.Gamma((order+1)/2) / math.SqrtPi // normal of variance 2
	case order < s.alpha:
		central = math.Pow(2, order) * math.Gamma((1+order)/2) * math.Gamma(1-order/s.alpha) / (math.SqrtPi * math.Gamma(1-order/2))
	}
	if order < 1 { // |a + b|^p ≤ |a|^p + |b|^p
		return math.Pow(math.Abs(s.means[arm]), order) + central*math.Pow(s.scale, order)
	}
	return math.Pow(math.Abs(s.means[arm])+s.scale*math.Pow(central, 1/order), order)
}

// Reward draws one reward of an arm from two words.
//
//	S = sin(αV)/cos(V)^(1/α) · (cos((1−α)V)/W)^((1−α)/α),  V uniform on ±π/2, W exponential
//
// Source: Chambers, Mallows and Stuck 1976, equation 4.1 with symmetry.
func (s *Stable) Reward(arm int, src noise.Source) float64 {
	v := math.Pi * (uniform(src) - 0.5)
	w := -math.Log(uniform(src))
	x := math.Sin(s.alpha*v) / math.Pow(math.Cos(v), 1/s.alpha) * math.Pow(math.Cos((1-s.alpha)*v)/w, (1-s.alpha)/s.alpha)
	return s.means[arm] + s.scale*x
}

// Draw draws the rewards of all arms, independently.
func (s *Stable) Draw(into Instance, src noise.Source) Instance {
	into = room(into, s.Arms())
	for a := range into {
		into[a] = s.Reward(a, src)
	}
	return into
}
