package noise

import (
	"math"
	"math/big"
	"math/bits"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// DiscreteGaussian is the law P(x) ∝ exp(−x²/2σ²) on the integers. Added to an
// integer query of L2 sensitivity Δ (independent coordinates, any dimension, the
// same relation as Δ's) it is Δ²/(2σ²)-zCDP. Its variance is at most σ². The zero
// value is not valid. The argument is in discrete_gaussian.md.
type DiscreteGaussian struct {
	num, den *big.Int // σ² = num/den in lowest terms
	step     DiscreteLaplace
	t        uint64 // ⌊σ⌋ + 1: the scale of the proposal

	// For the fast test from σ = 1 on: κ = t²/2σ² in 2^−60, rounded down, and
	// c/t = σ²/t² as whole part and 2^−64, rounded down. Below σ = 1, where t = 1:
	// γ of the first magnitudes in 2^−48, rounded down.
	kappa      uint64 // 0 below σ = 1
	centreInt  uint64
	centreFrac uint64
	small      [8]uint64
	smalls     uint64 // how many of small are set
}

// Range of σ², in squared grid units, and of the fraction's denominator.
const (
	minSigma2Bits = 20      // at least 2^−20
	maxSigma2Bits = 100     // at most 2^100
	maxSigma2Den  = 1 << 32 // denominator at most 2^32
)

// NewDiscreteGaussian returns the law of σ² = num/den in squared grid units, in
// [2^−20, 2^64), den at most 2^32 in lowest terms. For larger σ² see
// [NewDiscreteGaussianRat].
func NewDiscreteGaussian(num, den uint64) (DiscreteGaussian, error) {
	if den == 0 {
		return DiscreteGaussian{}, posse.OutOfRange("sigma2", fraction(num, den), "a denominator in [1, 2^32]", "")
	}
	return NewDiscreteGaussianRat(new(big.Rat).SetFrac(new(big.Int).SetUint64(num), new(big.Int).SetUint64(den)))
}

// NewDiscreteGaussianRat returns the law of an exact σ² in [2^−20, 2^100] squared
// grid units with a denominator of at most 2^32 in lowest terms.
func NewDiscreteGaussianRat(sigma2 *big.Rat) (DiscreteGaussian, error) {
	lowest := new(big.Rat).SetFrac64(1, 1<<minSigma2Bits)
	highest := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), maxSigma2Bits))
	if sigma2.Cmp(lowest) < 0 || sigma2.Cmp(highest) > 0 {
		return DiscreteGaussian{}, posse.OutOfRange("sigma2", sigma2.RatString(), "[2^-20, 2^100] squared grid units", "")
	}
	if sigma2.Denom().Cmp(big.NewInt(maxSigma2Den)) > 0 {
		return DiscreteGaussian{}, posse.OutOfRange("sigma2", sigma2.RatString(), "a denominator in [1, 2^32]", "round it up")
	}
	g := DiscreteGaussian{num: new(big.Int).Set(sigma2.Num()), den: new(big.Int).Set(sigma2.Denom())}
	floor := new(big.Int).Quo(g.num, g.den)
	g.t = floor.Sqrt(floor).Uint64() + 1
	step, err := NewDiscreteLaplace(g.t, 1)
	if err != nil {
		// σ² = 2^100 exactly has ⌊σ⌋+1 = 2^50+1; ⌊σ⌋ serves as well (see the note)
		g.t--
		if step, err = NewDiscreteLaplace(g.t, 1); err != nil {
			return DiscreteGaussian{}, err
		}
	}
	g.step = step
	g.prepare()
	return g, nil
}

// GaussianFor returns the law whose cost for an integer query is at most
// s.PicoRho, and as near to it as the range of σ² allows (2^−32 relative or
// better above σ = 1): σ² = Δ²·10¹²/(2·picoρ), rounded up. sensitivity2 is the
// squared L2 sensitivity Δ² in squared grid units. s must hold a ρ and no ε.
func GaussianFor(sensitivity2 *big.Int, s dp.Spend) (DiscreteGaussian, error) {
	if s.PicoRho == 0 || s.NanoEpsilon != 0 {
		return DiscreteGaussian{}, posse.OutOfRange("spend", s.String(), "a ρ above 0 and no ε", "")
	}
	if sensitivity2.Sign() <= 0 {
		return DiscreteGaussian{}, posse.OutOfRange("sensitivity2", sensitivity2.String(), "[1, ∞)", "")
	}
	sigma2 := new(big.Rat).SetFrac(
		new(big.Int).Mul(sensitivity2, new(big.Int).SetUint64(dp.PicoPerRho)),
		new(big.Int).Mul(big.NewInt(2), new(big.Int).SetUint64(s.PicoRho)))
	if den := big.NewInt(maxSigma2Den); sigma2.Denom().Cmp(den) > 0 {
		sigma2.SetFrac(ceilRat(new(big.Rat).Mul(sigma2, new(big.Rat).SetInt(den))), den)
	}
	return NewDiscreteGaussianRat(sigma2)
}

// prepare computes the constants of the fast test.
func (g *DiscreteGaussian) prepare() {
	if g.num.Cmp(g.den) < 0 {
		for m := range g.small {
			num, den := g.gamma(uint64(m))
			num.Lsh(num, 48).Quo(num, den)
			if num.BitLen() > 59 { // γ ≥ 2^11: never accepted in practice, let the exact test say so
				break
			}
			g.small[m] = num.Uint64()
			g.smalls++
		}
		return
	}
	t2 := new(big.Int).SetUint64(g.t)
	t2.Mul(t2, t2)
	// κ = t²·den/(2·num) in [1/2, 2.01) for σ ≥ 1, σ ≤ t ≤ σ+1: above 0, and 64 bits hold it
	k := new(big.Int).Mul(t2, g.den)
	k.Lsh(k, 59).Quo(k, g.num)
	// σ²/t² = num/(den·t²) ≤ 1 (or a hair above at σ = 2^50)
	c := new(big.Int).Lsh(g.num, 64)
	c.Quo(c, t2.Mul(t2, g.den))
	frac := new(big.Int).And(c, new(big.Int).SetUint64(math.MaxUint64))
	g.kappa, g.centreFrac, g.centreInt = k.Uint64(), frac.Uint64(), c.Rsh(c, 64).Uint64()
}

// Sigma2 returns a copy of the exact σ².
func (g DiscreteGaussian) Sigma2() *big.Rat { return new(big.Rat).SetFrac(g.num, g.den) }

// Sample draws one variate. For more than one, [DiscreteGaussian.Fill] is faster.
func (g DiscreteGaussian) Sample(src Source) int64 {
	var one [1]int64
	g.Fill(one[:], src)
	return one[0]
}

// Fill sets dst to independent variates. See [DiscreteLaplace.Fill] on words.
func (g DiscreteGaussian) Fill(dst []int64, src Source) {
	g.mustBeValid()
	var s stream
	s.reset(src, 9*len(dst)) // about 9 words a variate
	for i := range dst {
		s.want = min(max(9*(len(dst)-i), 8), len(s.words))
		dst[i] = g.draw(&s)
	}
	s.wipe()
}

// draw proposes from the discrete Laplace of scale t and accepts with chance
// exp(−γ), γ = (|y| − σ²/t)²/(2σ²): Canonne, Kamath, Steinke 2020, Algorithm 3.
func (g DiscreteGaussian) draw(s *stream) int64 {
	for {
		y := g.step.draw(s)
		m := uint64(y)
		if y < 0 {
			m = -m
		}
		if g.accept(s, m) {
			return y
		}
	}
}

// gammaSlack bounds the error of the fast γ in units of 2^−48; the sum of its
// parts, derived in discrete_gaussian.md, is below 2.
const gammaSlack = 16

// accept returns true with chance exp(−γ).
func (g DiscreteGaussian) accept(s *stream, m uint64) bool {
	switch {
	case s.narrow != 0:
		return g.acceptExact(s, m)
	case m < g.smalls:
		return s.acceptNear(g.small[m], gammaSlack, func() (num, den *big.Int) { return g.gamma(m) })
	case g.kappa == 0 || m/g.t >= 31:
		return g.acceptExact(s, m)
	}
	return s.acceptNear(g.fastGamma(m), gammaSlack, func() (num, den *big.Int) { return g.gamma(m) })
}

// fastGamma returns γ for m < 31t in 2^−48, within gammaSlack.
func (g DiscreteGaussian) fastGamma(m uint64) uint64 {
	// u = |m/t − σ²/t²| < 32 as whole part and 2^−64, then in 2^−58
	whole := m / g.t
	frac, _ := bits.Div64(m%g.t, 0, g.t)
	lo, borrow := bits.Sub64(frac, g.centreFrac, 0)
	hi, borrow := bits.Sub64(whole, g.centreInt, borrow)
	if borrow != 0 { // below the centre: negate
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	u := hi<<58 | lo>>6
	square, _ := bits.Mul64(u, u)           // 2^−52, below 2^10
	gamma, _ := bits.Mul64(square, g.kappa) // 2^−52·2^−60·2^64 = 2^−48
	return gamma
}

func (g DiscreteGaussian) acceptExact(s *stream, m uint64) bool {
	num, den := g.gamma(m)
	return s.acceptRat(num, den)
}

// gamma returns γ = (m·t·den − num)²/(2·num·den·t²) exactly.
func (g DiscreteGaussian) gamma(m uint64) (num, den *big.Int) {
	t := new(big.Int).SetUint64(g.t)
	num = new(big.Int).SetUint64(m)
	num.Mul(num, t).Mul(num, g.den).Sub(num, g.num)
	num.Mul(num, num)
	den = new(big.Int).Mul(g.num, g.den)
	den.Lsh(den, 1).Mul(den, t).Mul(den, t)
	return num, den
}

// Variance returns the variance of the law, in squared grid units, rounded to the
// nearest float64: a sum for small σ², σ² itself where the two differ by less than
// 1e-16 of it.
func (g DiscreteGaussian) Variance() float64 {
	sigma2, _ := g.Sigma2().Float64()
	if sigma2 >= 4 {
		// the difference is 4π²σ⁴·exp(−2π²σ²)·(2 + …) < 1e-30 there
		return sigma2
	}
	var mass, second float64
	for x := 40.0; x > 0; x-- { // exp(−40²/8) < 1e-86
		p := 2 * math.Exp(-x*x/(2*sigma2))
		mass += p
		second += x * x * p
	}
	return second / (1 + mass)
}

// Tail returns an upper bound of P(|X| > m), m in grid units: the tail of the
// continuous law of the same σ from m on, 2·P(N(0, σ²) > m)... rounded up. See
// discrete_gaussian.md.
func (g DiscreteGaussian) Tail(m uint64) float64 {
	sigma2, _ := g.Sigma2().Float64()
	// Σ_{x>m} e^(−x²/2σ²) ≤ ∫_m^∞, and the normaliser is at least max(1, √(2π)σ)
	x := float64(m) / math.Sqrt(2*sigma2)
	area := math.Sqrt(2*math.Pi*sigma2) * math.Erfc(x)
	return min(1, area/max(1, math.Sqrt(2*math.Pi*sigma2))*(1+(x*x+16)*4e-16))
}

// Spend returns the cost of adding this noise to an integer query of squared L2
// sensitivity sensitivity2: ρ = Δ²/(2σ²), the exact rational rounded up. A cost
// that does not fit its unit is the largest spend, which no limit allows.
func (g DiscreteGaussian) Spend(sensitivity2 uint64) dp.Spend {
	return g.SpendBig(new(big.Int).SetUint64(sensitivity2))
}

// SpendBig is [DiscreteGaussian.Spend] for squared sensitivities above 2^64.
func (g DiscreteGaussian) SpendBig(sensitivity2 *big.Int) dp.Spend {
	g.mustBeValid()
	rho := new(big.Rat).SetFrac(new(big.Int).Mul(sensitivity2, g.den), new(big.Int).Lsh(g.num, 1))
	s, err := dp.SpendOfRho(rho)
	if err != nil {
		return dp.Spend{PicoRho: math.MaxUint64}
	}
	return s
}

func (g DiscreteGaussian) mustBeValid() {
	if g.num == nil {
		panic("noise: DiscreteGaussian that NewDiscreteGaussian did not make")
	}
}
