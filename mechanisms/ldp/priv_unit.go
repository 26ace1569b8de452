package ldp

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/posse-dev/posse/dp/noise"
)

// PrivUnit gives, for a unit vector x of d dimensions, a vector on a larger sphere
// whose mean is x: from the cap {v: v·x ≥ γ} with probability p, else from the rest,
// with p/(1−p) = e^ε·P(cap)/P(rest) and the γ of least variance. It works in floats,
// for simulations; what a deployment sends is checked by nothing but Monte Carlo.
// Source: Bhowmick, Duchi, Freudiger, Kapoor and Rogers 2018, algorithm 1; the split
// of ε and the γ are optimised as in Asi, Feldman and Talwar 2022, section 3.
type PrivUnit struct {
	d      int
	gamma  float64
	cap    float64 // P(v·x ≥ γ) of a uniform v
	inside float64 // p
	length float64 // of an output: 1/E[v·x]
}

// NewPrivUnit calibrates the randomiser for d in [2, 10,000].
func NewPrivUnit(epsilon Epsilon, d int) (PrivUnit, error) {
	if err := epsilon.validate(); err != nil {
		return PrivUnit{}, err
	}
	if d < 2 || d > 10_000 {
		return PrivUnit{}, outOfRange("dimension", d, "[2, 10000]")
	}
	best := PrivUnit{}
	try := func(gamma float64) float64 {
		u := privUnit(epsilon.Float64(), d, gamma)
		if best.length == 0 || u.length < best.length {
			best = u
		}
		return u.length
	}
	low, high := 0.0, 1-1e-6
	for i := range 200 { // a grid, then golden section around its best
		try(high * float64(i) / 200)
	}
	low, high = math.Max(0, best.gamma-high/200), math.Min(high, best.gamma+high/200)
	for range 60 {
		third := (high - low) / 3
		if try(low+third) < try(high-third) {
			high -= third
		} else {
			low += third
		}
	}
	return best, nil
}

func privUnit(epsilon float64, d int, gamma float64) PrivUnit {
	a := float64(d-1) / 2
	rest := mathext.RegIncBeta(a, a, (1+gamma)/2)
	u := PrivUnit{d: d, gamma: gamma, cap: 1 - rest}
	odds := math.Exp(epsilon) * u.cap / rest
	u.inside = odds / (1 + odds)
	// E[t·1{t ≥ γ}] = c·(1−γ²)^((d−1)/2)/(d−1), c the constant of the density (1−t²)^((d−3)/2)
	lg, _ := math.Lgamma(float64(d) / 2)
	lh, _ := math.Lgamma(float64(d-1) / 2)
	first := math.Exp(lg-lh) / math.Sqrt(math.Pi) * math.Pow(1-gamma*gamma, a) / (2 * a)
	mean := u.inside*first/u.cap - (1-u.inside)*first/rest
	u.length = 1 / mean
	if u.cap <= 0 || !(mean > 0) {
		u.length = math.Inf(1)
	}
	return u
}

// Loss is ln of the ratio of the output's densities inside and outside of the cap,
// the privacy loss: at most ε to rounding.
func (u PrivUnit) Loss() float64 {
	return math.Log(u.inside / u.cap * (1 - u.cap) / (1 - u.inside))
}

// Variance is E‖output − x‖² = length² − 1.
func (u PrivUnit) Variance() float64 { return u.length*u.length - 1 }

// Randomise writes an output for the unit vector x into dst, which may be x.
func (u PrivUnit) Randomise(dst, x []float64, src noise.Source) {
	a := float64(u.d-1) / 2
	p := noise.Float64(src)
	if noise.Float64(src) < u.inside {
		p = 1 - u.cap*(1-p)
	} else {
		p *= 1 - u.cap
	}
	t := 2*mathext.InvRegIncBeta(a, a, p) - 1
	// a uniform direction orthogonal to x
	side := make([]float64, u.d)
	along := 0.0
	for i := range side {
		side[i] = noise.Normal(src)
		along += side[i] * x[i]
	}
	norm := 0.0
	for i := range side {
		side[i] -= along * x[i]
		norm = math.Hypot(norm, side[i])
	}
	across := math.Sqrt(math.Max(0, 1-t*t)) / norm
	for i := range side {
		dst[i] = u.length * (t*x[i] + across*side[i])
	}
}
