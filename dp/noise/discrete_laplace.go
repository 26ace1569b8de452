package noise

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// DiscreteLaplace is the law P(x) ∝ exp(−|x|/b) on the integers. Added to an
// integer query of L1 sensitivity Δ (the same relation as Δ's) it is Δ/b-
// differentially private, coordinate by coordinate for a vector. The zero value
// is not valid. The argument is in discrete_laplace.md.
type DiscreteLaplace struct {
	num, den uint64 // b = num/den in lowest terms
}

// Largest Laplace scale, in grid units. Above it |x| would approach the int64 that
// holds it: at 2^50 the chance of 2^63 is exp(−8192).
const maxLaplaceScale = 1 << 50

// NewDiscreteLaplace returns the law of scale b = num/den grid units, in
// (0, 2^50]. The fraction is reduced.
func NewDiscreteLaplace(num, den uint64) (DiscreteLaplace, error) {
	if num == 0 || den == 0 || num/den > maxLaplaceScale || num/den == maxLaplaceScale && num%den != 0 {
		return DiscreteLaplace{}, posse.OutOfRange("scale", fraction(num, den), "(0, 2^50] grid units", "")
	}
	g := gcd(num, den)
	return DiscreteLaplace{num / g, den / g}, nil
}

// LaplaceFor returns the law whose cost for an integer query of L1 sensitivity
// sensitivity is exactly s.NanoEpsilon: scale sensitivity·10⁹/nanoε. If that
// fraction does not fit, the scale is rounded up in its 63rd bit and the cost is
// not larger. s must hold an ε and no ρ; a δ is left unused.
func LaplaceFor(sensitivity uint64, s dp.Spend) (DiscreteLaplace, error) {
	if s.NanoEpsilon == 0 || s.PicoRho != 0 {
		return DiscreteLaplace{}, posse.OutOfRange("spend", s.String(), "an ε above 0 and no ρ", "")
	}
	if sensitivity == 0 {
		return DiscreteLaplace{}, posse.OutOfRange("sensitivity", "0", "[1, 2^63)", "")
	}
	scale := new(big.Rat).SetFrac(
		new(big.Int).Mul(new(big.Int).SetUint64(sensitivity), new(big.Int).SetUint64(dp.NanoPerEpsilon)),
		new(big.Int).SetUint64(s.NanoEpsilon))
	num, den := roundUp(scale, 63)
	if !num.IsUint64() || !den.IsUint64() {
		return DiscreteLaplace{}, posse.OutOfRange("scale", scale.FloatString(3), "(0, 2^50] grid units", "")
	}
	return NewDiscreteLaplace(num.Uint64(), den.Uint64())
}

// Scale returns b as an exact fraction in lowest terms, in grid units.
func (l DiscreteLaplace) Scale() (num, den uint64) { return l.num, l.den }

// Sample draws one variate. For more than one, [DiscreteLaplace.Fill] is faster.
func (l DiscreteLaplace) Sample(src Source) int64 {
	var one [1]int64
	l.Fill(one[:], src)
	return one[0]
}

// Fill sets dst to independent variates. It draws words in batches: the number of
// words that it takes from src is fixed by the drawn values, not by len(dst) alone.
func (l DiscreteLaplace) Fill(dst []int64, src Source) {
	l.mustBeValid()
	var s stream
	s.reset(src, 6*len(dst)) // 4.3 words a variate, 6.3 at small scales; see discrete_laplace.md
	for i := range dst {
		s.want = min(max(6*(len(dst)-i), 8), len(s.words))
		dst[i] = l.draw(&s)
	}
	s.wipe()
}

// draw draws the magnitude ⌊E·b⌋, which is geometric with ratio exp(−1/b), and a
// sign; minus zero is drawn again, or zero would come twice as often.
func (l DiscreteLaplace) draw(s *stream) int64 {
	for {
		negative := s.coin()
		m := l.magnitude(s)
		switch {
		case !negative:
			return int64(m)
		case m != 0:
			return -int64(m)
		}
	}
}

// magnitude returns ⌊E·num/den⌋ < 2^63. With E = v + (f+θ)/2^64, θ in [0, 1) still
// free, E·num = v·num + hi + (lo + θ·num)/2^64: the floor is known unless the last
// term may reach 1.
func (l DiscreteLaplace) magnitude(s *stream) uint64 {
	for {
		v, f := s.exponential()
		hi, lo := bits.Mul64(f, l.num)
		over, vn := bits.Mul64(v, l.num)
		a, carry := bits.Add64(vn, hi, 0)
		if _, may := bits.Add64(lo, l.num-1, 0); over|carry|may == 0 && s.narrow == 0 && s.tail == nil {
			if l.den != 1 {
				a /= l.den
			}
			if a <= math.MaxInt64 {
				return a
			}
			continue
		}
		if m := l.magnitudeExact(s, v, f); m.IsInt64() {
			return m.Uint64()
		}
		// beyond int64: chance below exp(−8192), drawn again
	}
}

func (l DiscreteLaplace) magnitudeExact(s *stream, v, f uint64) *big.Int {
	return s.floorTimes(v, f, new(big.Int).SetUint64(l.num), new(big.Int).SetUint64(l.den))
}

// Variance returns 2p/(1−p)² with p = exp(−1/b), in squared grid units. About
// 1e-15 relative.
func (l DiscreteLaplace) Variance() float64 {
	// = 1/(2·sinh²(1/2b)); sinh keeps its digits at large b
	h := math.Sinh(l.rate() / 2)
	return 1 / (2 * h * h)
}

// Tail returns an upper bound of P(|X| > m), 2p^(m+1)/(1+p), rounded up; m in
// grid units.
func (l DiscreteLaplace) Tail(m uint64) float64 {
	// the relative error of exp is that of its argument: 1e-15 of it, and a little
	x := (float64(m) + 1) * l.rate()
	return min(1, 2*math.Exp(-x)/(1+math.Exp(-l.rate()))*(1+(x+8)*1e-15))
}

// Spend returns the cost of adding this noise to an integer query of L1
// sensitivity sensitivity: ε = sensitivity/b, the exact rational rounded up. A
// cost that does not fit its unit is the largest spend, which no limit allows.
func (l DiscreteLaplace) Spend(sensitivity uint64) dp.Spend {
	l.mustBeValid()
	epsilon := new(big.Rat).SetFrac(
		new(big.Int).Mul(new(big.Int).SetUint64(sensitivity), new(big.Int).SetUint64(l.den)),
		new(big.Int).SetUint64(l.num))
	s, err := dp.SpendOfEpsilon(epsilon)
	if err != nil {
		return dp.Spend{NanoEpsilon: math.MaxUint64}
	}
	return s
}

func (l DiscreteLaplace) rate() float64 { return float64(l.den) / float64(l.num) }

// mustBeValid stops a zero law from adding no noise: a programmer's error.
func (l DiscreteLaplace) mustBeValid() {
	if l.num == 0 {
		panic("noise: DiscreteLaplace that NewDiscreteLaplace did not make")
	}
}

// roundUp returns the fraction x in lowest terms, or the least one above it whose
// numerator has at most bits bits and whose denominator is a power of two (1 when
// x is larger than that).
func roundUp(x *big.Rat, bits int) (num, den *big.Int) {
	if x.Num().BitLen() <= bits && x.Denom().BitLen() <= bits {
		return new(big.Int).Set(x.Num()), new(big.Int).Set(x.Denom())
	}
	// |x| < 2^(length difference + 1): leave bits−1 bits for the numerator
	shift := bits - 2 - (x.Num().BitLen() - x.Denom().BitLen())
	shift = max(0, min(shift, bits-1))
	den = new(big.Int).Lsh(big.NewInt(1), uint(shift))
	return ceilRat(new(big.Rat).Mul(x, new(big.Rat).SetInt(den))), den
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func fraction(num, den uint64) string {
	return strconv.FormatUint(num, 10) + "/" + strconv.FormatUint(den, 10)
}
