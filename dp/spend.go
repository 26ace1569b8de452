package dp

import (
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/posse-dev/posse"
)

// The units of a [Spend]: how many make one.
const (
	NanoPerEpsilon uint64 = 1e9
	PicoPerRho     uint64 = 1e12
	AttoPerDelta   uint64 = 1e18
)

// Spend is what a release costs, or a limit on such costs, in whole units. A
// spend is the exact rational rounded up, a limit or remainder rounded down. The
// zero value costs nothing; budgets refuse to charge it.
type Spend struct {
	NanoEpsilon uint64 // pure ε, 1e-9
	PicoRho     uint64 // zCDP ρ, 1e-12
	AttoDelta   uint64 // δ, 1e-18
}

// Zero reports whether s costs nothing.
func (s Spend) Zero() bool { return s == Spend{} }

// Add returns s + t, the cost of both (basic composition, and that of zCDP). A
// sum that does not fit is an error, never wrapped.
func (s Spend) Add(t Spend) (Spend, error) {
	e, c1 := bits.Add64(s.NanoEpsilon, t.NanoEpsilon, 0)
	r, c2 := bits.Add64(s.PicoRho, t.PicoRho, 0)
	d, c3 := bits.Add64(s.AttoDelta, t.AttoDelta, 0)
	if c1|c2|c3 != 0 {
		return Spend{}, overflow()
	}
	return Spend{e, r, d}, nil
}

// Times returns n·s, or an error when it does not fit.
func (s Spend) Times(n uint64) (Spend, error) {
	h1, e := bits.Mul64(s.NanoEpsilon, n)
	h2, r := bits.Mul64(s.PicoRho, n)
	h3, d := bits.Mul64(s.AttoDelta, n)
	if h1|h2|h3 != 0 {
		return Spend{}, overflow()
	}
	return Spend{e, r, d}, nil
}

// Exceeds reports whether s is above limit in any component. Equal is allowed.
func (s Spend) Exceeds(limit Spend) bool {
	return s.NanoEpsilon > limit.NanoEpsilon || s.PicoRho > limit.PicoRho || s.AttoDelta > limit.AttoDelta
}

// Left returns s − spent, what remains of the limit s; a component that is spent
// beyond the limit (possible only after a restore) has nothing left.
func (s Spend) Left(spent Spend) Spend {
	return Spend{
		s.NanoEpsilon - min(s.NanoEpsilon, spent.NanoEpsilon),
		s.PicoRho - min(s.PicoRho, spent.PicoRho),
		s.AttoDelta - min(s.AttoDelta, spent.AttoDelta),
	}
}

// Max returns the larger of each component: the spend of the worse of two units,
// component by component.
func (s Spend) Max(t Spend) Spend {
	return Spend{max(s.NanoEpsilon, t.NanoEpsilon), max(s.PicoRho, t.PicoRho), max(s.AttoDelta, t.AttoDelta)}
}

// ZCDP returns the cost of s in a ρ-account, rounded up: a pure ε is ε²/2-zCDP
// (Bun and Steinke 2016, Proposition 1.4). s holds either an ε (with or without a
// δ: approximate zCDP adds it) or a ρ; both at once add up.
func (s Spend) ZCDP() (Spend, error) {
	// pico-ρ of n nano-ε: (n·1e-9)²/2 / 1e-12 = n²/(2·10⁶)
	hi, lo := bits.Mul64(s.NanoEpsilon, s.NanoEpsilon)
	const half = 2_000_000
	if hi >= half {
		return Spend{}, overflow()
	}
	rho, rest := bits.Div64(hi, lo, half)
	if rest > 0 {
		if rho == math.MaxUint64 {
			return Spend{}, overflow()
		}
		rho++
	}
	return Spend{PicoRho: rho}.Add(Spend{PicoRho: s.PicoRho, AttoDelta: s.AttoDelta})
}

// Epsilon returns ε for a screen, rounded up to the next float64: use it for what
// was spent. For what is left or allowed see [Spend.EpsilonLeft].
func (s Spend) Epsilon() float64 { return ratio(s.NanoEpsilon, NanoPerEpsilon, big.ToPositiveInf) }

// Rho returns ρ for a screen, rounded up.
func (s Spend) Rho() float64 { return ratio(s.PicoRho, PicoPerRho, big.ToPositiveInf) }

// Delta returns δ for a screen, rounded up.
func (s Spend) Delta() float64 { return ratio(s.AttoDelta, AttoPerDelta, big.ToPositiveInf) }

// EpsilonLeft returns ε for a screen, rounded down: for limits and remainders.
func (s Spend) EpsilonLeft() float64 { return ratio(s.NanoEpsilon, NanoPerEpsilon, big.ToNegativeInf) }

// DeltaLeft returns δ for a screen, rounded down.
func (s Spend) DeltaLeft() float64 { return ratio(s.AttoDelta, AttoPerDelta, big.ToNegativeInf) }

// String returns the exact decimals, such as "ε 0.5" or "ρ 0.02, δ 1e-06";
// "nothing" for the zero value.
func (s Spend) String() string {
	var parts []string
	for _, p := range []struct {
		name   string
		n, per uint64
	}{{"ε", s.NanoEpsilon, NanoPerEpsilon}, {"ρ", s.PicoRho, PicoPerRho}, {"δ", s.AttoDelta, AttoPerDelta}} {
		if p.n > 0 {
			// 20 digits hold any uint64, so this is exact; %g drops the zeros
			f := new(big.Float).SetPrec(200).SetInt(new(big.Int).SetUint64(p.n))
			f.Quo(f, new(big.Float).SetPrec(200).SetInt(new(big.Int).SetUint64(p.per)))
			parts = append(parts, p.name+" "+f.Text('g', 20))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

// SpendOfEpsilon returns the spend of an exact ε, rounded up. An ε below zero or
// too large for the unit is an error.
func SpendOfEpsilon(epsilon *big.Rat) (Spend, error) {
	n, err := scaled(epsilon, NanoPerEpsilon, true)
	return Spend{NanoEpsilon: n}, err
}

// SpendOfRho returns the spend of an exact ρ, rounded up.
func SpendOfRho(rho *big.Rat) (Spend, error) {
	n, err := scaled(rho, PicoPerRho, true)
	return Spend{PicoRho: n}, err
}

// SpendOfDelta returns the spend of an exact δ, rounded up.
func SpendOfDelta(delta *big.Rat) (Spend, error) {
	n, err := scaled(delta, AttoPerDelta, true)
	return Spend{AttoDelta: n}, err
}

// scaled returns x·per rounded up or down to a whole number.
func scaled(x *big.Rat, per uint64, up bool) (uint64, error) {
	if x.Sign() < 0 {
		return 0, posse.OutOfRange("spend", "a negative number", "[0, ∞)", "")
	}
	n := new(big.Int).Mul(x.Num(), new(big.Int).SetUint64(per))
	rest := new(big.Int)
	n.QuoRem(n, x.Denom(), rest)
	if up && rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	if !n.IsUint64() {
		return 0, overflow()
	}
	return n.Uint64(), nil
}

// ratio returns n/per as a float64 rounded towards mode.
func ratio(n, per uint64, mode big.RoundingMode) float64 {
	f := new(big.Float).SetPrec(53).SetMode(mode)
	x, _ := f.Quo(
		new(big.Float).SetPrec(64).SetUint64(n),
		new(big.Float).SetPrec(64).SetUint64(per),
	).Float64()
	return x
}

func overflow() *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "spend",
		Allowed: "[0, 2^64) units", Message: "spend does not fit its unit",
	}
}
