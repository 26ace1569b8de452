package environment

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/posse-dev/posse/dp/noise"
)

// Noise is the law of a reward around its mean. Central is E|X − mean|^order, +Inf where there is no such moment.
type Noise interface {
	Draw(mean float64, src noise.Source) float64
	Central(order float64) float64
}

// Coins are rewards 0 and 1 with the given mean in [0, 1]. Their central moments
// are bounded by 1.
type Coins struct{}

// Draw returns 1 with probability mean, else 0.
func (Coins) Draw(mean float64, src noise.Source) float64 {
	if uniform(src) < mean {
		return 1
	}
	return 0
}

// Central is 1, a bound for every mean.
func (Coins) Central(float64) float64 { return 1 }

// Normal noise has the standard deviation SD.
type Normal struct{ SD float64 }

// Draw adds normal noise.
func (n Normal) Draw(mean float64, src noise.Source) float64 { return mean + n.SD*normal(src) }

// Central is SD^p·2^(p/2)·Γ((p+1)/2)/√π.
func (n Normal) Central(order float64) float64 {
	return math.Pow(n.SD, order) * math.Pow(2, order/2) * math.Gamma((order+1)/2) / math.Sqrt(math.Pi)
}

// Skewed noise is a Pareto variable of the given Shape in (1, ∞) and scale, less its
// mean: heavy on the side of large rewards, without moments of order ≥ Shape.
type Skewed struct{ Shape, Scale float64 }

// Draw adds centred Pareto noise.
func (s Skewed) Draw(mean float64, src noise.Source) float64 {
	return mean + s.Scale*(math.Pow(uniform(src), -1/s.Shape)-s.Shape/(s.Shape-1))
}

// Central is E|X − EX|^p by quadrature below the mean and in closed form above.
func (s Skewed) Central(order float64) float64 {
	if order >= s.Shape {
		return math.Inf(1)
	}
	centre := s.Shape / (s.Shape - 1)
	// below the mean X = centre − u, above it X = centre + y with
	// ∫ y^p·a·(centre+y)^(−a−1) dy = a·centre^(p−a)·B(p+1, a−p)
	below := segment(centre-1, func(u float64) float64 {
		return order*math.Log(u) + math.Log(s.Shape) - (s.Shape+1)*math.Log(centre-u)
	})
	above := s.Shape * math.Pow(centre, order-s.Shape) * mathext.Beta(order+1, s.Shape-order)
	return math.Pow(s.Scale, order) * (below + above)
}

// Student noise is Student's t of the given Degrees in (1, ∞), times Scale: heavy on
// both sides, without moments of order ≥ Degrees.
type Student struct{ Degrees, Scale float64 }

// Draw adds noise by Bailey's form, from two words.
func (s Student) Draw(mean float64, src noise.Source) float64 {
	return mean + s.Scale*student(s.Degrees, src)
}

// Central is Scale^p·ν^(p/2)·Γ((p+1)/2)·Γ((ν−p)/2)/(√π·Γ(ν/2)).
func (s Student) Central(order float64) float64 {
	if order >= s.Degrees {
		return math.Inf(1)
	}
	a, _ := math.Lgamma((order + 1) / 2)
	b, _ := math.Lgamma((s.Degrees - order) / 2)
	c, _ := math.Lgamma(s.Degrees / 2)
	return math.Pow(s.Scale, order) * math.Pow(s.Degrees, order/2) * math.Exp(a+b-c) / math.Sqrt(math.Pi)
}
