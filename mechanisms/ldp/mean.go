package ldp

import (
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Epsilon is an exact privacy parameter Num/Den in (0, 20].
type Epsilon struct{ Num, Den uint64 }

// Float64 is the nearest float.
func (e Epsilon) Float64() float64 { return float64(e.Num) / float64(e.Den) }

func (e Epsilon) validate() error {
	if e.Num == 0 || e.Den == 0 || e.Float64() > 20 {
		return posse.OutOfRange("epsilon", fmt.Sprintf("%d/%d", e.Num, e.Den), "(0, 20]", "1 is a common choice")
	}
	return nil
}

func outOfRange(field string, value any, allowed string) error {
	return posse.OutOfRange(field, fmt.Sprint(value), allowed, "")
}

// Mean randomises numbers so that a mean can be estimated: E[Randomise(q)] =
// Gain·q exactly, so Σ outputs/Gain is unbiased for Σ q.
type Mean interface {
	// Randomise takes a number in ±2^f (the randomiser's bound) and gives one in
	// ±Largest.
	Randomise(q int64, src noise.Source) int64
	// Gain is the mean of an output over its input.
	Gain() float64
	// Variance of output/(Gain·bound) for the input y·bound, y in [−1, 1].
	Variance(y float64) float64
	// Largest is the largest magnitude of an output; those of [Laplace] and
	// [Staircase] have no bound, and it is 0.
	Largest() int64
}

// chance is a probability in 2^−64.
type chance uint64

func (c chance) draw(src noise.Source) bool { return src.Uint64() < uint64(c) }

func (c chance) float64() float64 { return math.Ldexp(float64(c), -64) }

// odds returns ⌊2^64·w·e^ε/(w·e^ε + rest)⌋ with e^ε bounded from below: the
// probability of a set that is e^ε times as likely, point by point, as its
// complement, rounded so that it is at most that.
func odds(e Epsilon, w, rest uint64) chance {
	one, power := exponential(e.Num, e.Den)
	top := power.Mul(power, new(big.Int).SetUint64(w))
	all := new(big.Int).Add(top, one.Mul(one, new(big.Int).SetUint64(rest)))
	top.Lsh(top, 64)
	top.Quo(top, all)
	if !top.IsUint64() {
		return math.MaxUint64
	}
	return chance(top.Uint64())
}

// inverse returns ⌈2^64·e^(−ε)⌉ with e^ε bounded from below, so at least e^(−ε).
func inverse(e Epsilon) chance {
	one, power := exponential(e.Num, e.Den)
	one.Lsh(one, 64)
	one.Add(one, power)
	one.Sub(one, big.NewInt(1))
	one.Quo(one, power)
	if !one.IsUint64() {
		return math.MaxUint64
	}
	return chance(one.Uint64())
}

// Best returns the randomiser of numbers with the least worst-case variance that
// private-learning 4 recommends: Duchi for ε ≤ 1, where its one bit also keeps sums
// small, and Hybrid above.
func Best(epsilon Epsilon, fractionBits uint8) (Mean, error) {
	if epsilon.validate() == nil && epsilon.Float64() <= 1 {
		if fractionBits > 40 {
			return nil, outOfRange("fractionBits", fractionBits, "[4, 40]")
		}
		return NewDuchi(epsilon, 1<<fractionBits)
	}
	return NewHybrid(epsilon, fractionBits)
}

// Bound returns where to clip rewards with E|X|^p ≤ u before they are randomised to
// ±B·C one by one, and the half-width of their mean then: the B that minimises
// r(B) = c_v·u·B^(−v) + B·C·√(2L/n), B* = (v·c_v·u/(C·√(2L/n)))^(1/(1+v)), with
// v = p − 1, c_v = v^v/(1+v)^(1+v) and C = 1/Gain of [Duchi]. All arguments are
// positive, p in (1, 2]. Source: private-learning 4 (derived there).
func Bound(p, u, n, l, c float64) (bound, radius float64) {
	v := p - 1
	constant := math.Pow(v, v) / math.Pow(p, p)
	spread := c * math.Sqrt(2*l/n)
	bound = math.Pow(v*constant*u/spread, 1/p)
	return bound, constant*u*math.Pow(bound, -v) + bound*spread
}
