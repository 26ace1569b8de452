package ldp

import (
	"math"
	"math/bits"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
)

// Laplace adds discrete Laplace noise of scale 2·2^f/ε to a number in ±2^f.
// Source: Dwork, McSherry, Nissim and Smith 2006, example 3.
type Laplace struct {
	bits uint8
	law  noise.DiscreteLaplace
}

// NewLaplace returns the randomiser of numbers in ±2^fractionBits, [4, 40]. ε is
// rounded down to whole nano-ε.
func NewLaplace(epsilon Epsilon, fractionBits uint8) (Laplace, error) {
	if err := epsilon.validate(); err != nil {
		return Laplace{}, err
	}
	if fractionBits < 4 || fractionBits > 40 {
		return Laplace{}, outOfRange("fractionBits", fractionBits, "[4, 40]")
	}
	high, low := bits.Mul64(epsilon.Num, dp.NanoPerEpsilon)
	nano, _ := bits.Div64(high, low, epsilon.Den) // at most 2·10^10, so high is below Den
	law, err := noise.LaplaceFor(2<<fractionBits, dp.Spend{NanoEpsilon: nano})
	return Laplace{fractionBits, law}, err
}

// Randomise draws an output for a number in ±2^bits; others count as the nearer end.
func (l Laplace) Randomise(q int64, src noise.Source) int64 {
	return clipped(q, l.bits) + l.law.Sample(src)
}

// Gain is 1.
func (l Laplace) Gain() float64 { return 1 }

// Variance is that of the noise, 8/ε² to the grid, for every input.
func (l Laplace) Variance(float64) float64 { return math.Ldexp(l.law.Variance(), -2*int(l.bits)) }

// Largest is 0: outputs have no bound.
func (l Laplace) Largest() int64 { return 0 }

func clipped(q int64, bits uint8) int64 {
	limit := int64(1) << bits
	return max(-limit, min(limit, q))
}

// Staircase adds noise whose law falls in steps of the sensitivity, the least
// variance of all noises that are added: points k·Δ + j of either sign with j below
// the step r have weight b^k, those above b^(k+1), Δ = 2·2^f and b = e^(−ε).
// Source: Geng and Viswanath 2014, theorem 3 (the law) and 7 (the step for variance).
type Staircase struct {
	bits   uint8
	width  int64 // Δ
	step   int64 // r
	decay  chance
	firstP chance // that a point of a stair is below the step
}

// NewStaircase returns the randomiser of numbers in ±2^fractionBits, [4, 40].
func NewStaircase(epsilon Epsilon, fractionBits uint8) (Staircase, error) {
	if err := epsilon.validate(); err != nil {
		return Staircase{}, err
	}
	if fractionBits < 4 || fractionBits > 40 {
		return Staircase{}, outOfRange("fractionBits", fractionBits, "[4, 40]")
	}
	s := Staircase{bits: fractionBits, width: 2 << fractionBits, decay: inverse(epsilon)}
	b := math.Exp(-epsilon.Float64())
	gamma := -b/(1-b) + math.Cbrt(b-2*b*b+2*math.Pow(b, 4)-math.Pow(b, 5))/(math.Cbrt(2)*sq(1-b))
	s.step = max(1, min(s.width-1, int64(math.Round(gamma*float64(s.width)))))
	low := float64(s.step)
	high := float64(s.width-s.step) * s.decay.float64() // the step down within a stair costs no privacy: see Randomise
	s.firstP = chance(low / (low + high) * 0x1p63 * 2)
	return s, nil
}

// Randomise draws an output for a number in ±2^bits; others count as the nearer end.
// Two inputs are at most Δ apart, and points Δ apart have weights in the ratio of the
// decay, which is at least e^(−ε).
func (s Staircase) Randomise(q int64, src noise.Source) int64 {
	for {
		stair := int64(0)
		for s.decay.draw(src) {
			stair++
		}
		at := int64(0)
		if s.firstP.draw(src) {
			at = int64(noise.Uniform(uint64(s.step), src))
		} else {
			at = s.step + int64(noise.Uniform(uint64(s.width-s.step), src))
		}
		at += stair * s.width
		if negative := src.Uint64()&1 == 1; !negative {
			return clipped(q, s.bits) + at
		} else if at > 0 { // 0 has one sign only
			return clipped(q, s.bits) - at
		}
	}
}

// Gain is 1.
func (s Staircase) Gain() float64 { return 1 }

// Variance is exact for the grid, for every input; within 1e-4 of the continuous
// law's 4·(2^(−2/3)·b^(2/3)·(1+b)^(2/3) + b)/(1−b)².
func (s Staircase) Variance(float64) float64 {
	b, p := s.decay.float64(), s.firstP.float64()
	w, r := float64(s.width), float64(s.step)
	low, high := p/r, (1-p)/(w-r)                          // weight of a point of the first stair
	sums := func(from, to float64) (n, one, two float64) { // of j in [from, to)
		below := func(m float64) (float64, float64, float64) { return m, m * (m - 1) / 2, (m - 1) * m * (2*m - 1) / 6 }
		n1, a1, b1 := below(to)
		n0, a0, b0 := below(from)
		return n1 - n0, a1 - a0, b1 - b0
	}
	ln, l1, l2 := sums(0, r)
	hn, h1, h2 := sums(r, w)
	n, one, two := low*ln+high*hn, low*l1+high*h1, low*l2+high*h2
	// Σ_k (1−b)·b^k·Σ_j weight_j·(kw + j)², Σ k·b^k·(1−b) = b/(1−b), Σ k²·b^k·(1−b) = b(1+b)/(1−b)²
	square := w*w*n*b*(1+b)/sq(1-b) + 2*w*one*b/(1-b) + two
	zero := (1 - b) * low / 2 // what is drawn again
	return math.Ldexp(square/(1-zero), -2*int(s.bits))
}

// Largest is 0: outputs have no bound.
func (s Staircase) Largest() int64 { return 0 }
