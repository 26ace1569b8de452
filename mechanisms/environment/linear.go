package environment

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Linear is a contextual world whose arm a has mean base + x·θ_a, with contexts
// uniform on the unit sphere. Use [NewLinear].
type Linear struct {
	base  float64
	theta [][]float64
	noise Noise
}

// NewLinear returns a world with one parameter vector an arm, all of the same length
// d in [1, 1024], and the law of rewards around base + x·θ. With [Coins] that mean
// must lie in [0, 1] for every context.
func NewLinear(base float64, law Noise, theta ...[]float64) (*Linear, error) {
	if err := checkCount("environment.theta", len(theta)); err != nil {
		return nil, err
	}
	if err := locations.check("environment.base", base); err != nil {
		return nil, err
	}
	if law == nil {
		return nil, posse.OutOfRange("environment.noise", "none", "a law of rewards", "")
	}
	l := &Linear{base: base, noise: law}
	for a, t := range theta {
		field := fmt.Sprintf("environment.theta[%d]", a)
		if d := len(theta[0]); len(t) != d || d < 1 || d > 1024 {
			return nil, posse.OutOfRange(field, fmt.Sprintf("%d numbers", len(t)), "as many as the first arm's, 1 to 1024", "")
		}
		norm := 0.0
		for _, x := range t {
			if err := locations.check(field, x); err != nil {
				return nil, err
			}
			norm = math.Hypot(norm, x)
		}
		if _, coins := law.(Coins); coins && !(base-norm >= -1e-12 && base+norm <= 1+1e-12) {
			return nil, posse.OutOfRange(field, fmt.Sprintf("a norm of %g", norm), fmt.Sprintf("at most %g: chances lie in [0, 1]", math.Min(base, 1-base)), "")
		}
		l.theta = append(l.theta, slices.Clone(t))
	}
	return l, nil
}

// Arms returns the number of arms.
func (l *Linear) Arms() int { return len(l.theta) }

// Dimension returns the number of features.
func (l *Linear) Dimension() int { return len(l.theta[0]) }

// Mean returns base + x·θ of the arm.
func (l *Linear) Mean(x []float64, arm int) float64 {
	sum := l.base
	for i, t := range l.theta[arm] {
		sum += t * x[i]
	}
	return sum
}

// MomentBound returns u with E|reward|^order ≤ u for every context and arm, by
// Minkowski's inequality: ((|base| + ‖θ‖) + (E|noise|^p)^(1/p))^p.
func (l *Linear) MomentBound(order float64) float64 {
	checkOrder(order)
	longest := 0.0
	for _, t := range l.theta {
		norm := 0.0
		for _, x := range t {
			norm = math.Hypot(norm, x)
		}
		longest = math.Max(longest, norm)
	}
	if _, coins := l.noise.(Coins); coins {
		return 1
	}
	return math.Pow(math.Abs(l.base)+longest+math.Pow(l.noise.Central(order), 1/order), order)
}

// Draw draws a direction, and every arm's reward independently given it.
func (l *Linear) Draw(into Situation, src noise.Source) Situation {
	into.X, into.Rewards = Direction(into.X, l.Dimension(), src), room(into.Rewards, l.Arms())
	for a := range into.Rewards {
		into.Rewards[a] = l.noise.Draw(l.Mean(into.X, a), src)
	}
	return into
}

// Direction draws a vector that is uniform on the unit sphere of d dimensions, in
// the memory of into where that has room.
func Direction(into []float64, d int, src noise.Source) []float64 {
	into = room(into, d)
	norm := 0.0
	for i := range into {
		into[i] = normal(src)
		norm = math.Hypot(norm, into[i])
	}
	if norm == 0 {
		into[0], norm = 1, 1
	}
	for i := range into {
		into[i] /= norm
	}
	return into
}
