package noise

import (
	"math"
	"math/big"
	"strconv"

	"github.com/posse-dev/posse"
)

// Encoding maps bounded reals to integers of 2^−bits, clips first, rounds to the
// nearest (ties to even) and enforces the bound on the integers last: the bound
// that is charged is the one that holds. The zero value is not valid; use
// [NewEncoding]. Values may be copied. The argument is in encoding.md.
type Encoding struct {
	bits  uint8
	bound *big.Rat
	clip  float64 // largest float64 not above bound
	limit int64   // ⌊bound·2^bits + 1/2⌋
}

const maxScaleBits = 40

// NewEncoding returns the encoding with 2^scaleBits units to one and values
// clipped to [−bound, bound]. scaleBits is in [0, 40]; bound above 0 with
// bound·2^scaleBits + 1/2 < 2^52, so that every scaled value is exact.
func NewEncoding(scaleBits uint8, bound *big.Rat) (Encoding, error) {
	if scaleBits > maxScaleBits {
		return Encoding{}, posse.OutOfRange("scaleBits", strconv.Itoa(int(scaleBits)), "[0, 40]", "")
	}
	if bound.Sign() <= 0 {
		return Encoding{}, posse.OutOfRange("bound", bound.RatString(), "(0, ∞)", "")
	}
	e := Encoding{bits: scaleBits, bound: new(big.Rat).Set(bound)}
	limit := floorRat(new(big.Rat).Add(e.scaledBound(), big.NewRat(1, 2)))
	if limit.BitLen() > 52 {
		return Encoding{}, posse.OutOfRange("bound", bound.RatString(),
			"bound·2^scaleBits below 2^52", "use fewer bits")
	}
	e.limit = limit.Int64()
	clip, exact := bound.Float64()
	if !exact && new(big.Rat).SetFloat64(clip).Cmp(bound) > 0 {
		clip = math.Nextafter(clip, 0)
	}
	e.clip = clip
	if e.limit == 0 {
		return Encoding{}, posse.OutOfRange("bound", bound.RatString(),
			"at least half a unit", "every value would become 0: use more bits")
	}
	return e, nil
}

// Encode returns the integer nearest to v·2^bits after clipping v to the bound. A
// NaN or an infinity is an error that does not show the value.
func (e Encoding) Encode(v float64) (int64, error) {
	e.mustBeValid()
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, &posse.Error{
			Code: posse.InvalidArgument, Reason: "REWARD_NOT_FINITE", Field: "value",
			Value: "not a finite number", Allowed: "finite numbers", Message: "value is not a finite number",
		}
	}
	v = max(-e.clip, min(e.clip, v))
	// a float times a power of two is exact (or underflows to what rounds to 0)
	n := int64(math.RoundToEven(math.Ldexp(v, int(e.bits))))
	return max(-e.limit, min(e.limit, n)), nil
}

// EncodeVector encodes v into dst, of equal length, and makes Σ dst² at most
// [Encoding.L2Squared]: if rounding took it above, all coordinates are scaled down
// and truncated toward zero. v is first clipped to L2 norm bound.
func (e Encoding) EncodeVector(dst []int64, v []float64) error {
	e.mustBeValid()
	if len(dst) != len(v) {
		return posse.OutOfRange("length", strconv.Itoa(len(dst)), strconv.Itoa(len(v)), "")
	}
	var norm float64
	for _, x := range v {
		norm = math.Hypot(norm, x) // does not overflow
	}
	shrink := 1.0
	if norm > e.clip {
		shrink = e.clip / norm
	}
	for i, x := range v {
		n, err := e.Encode(x * shrink)
		if err != nil {
			clear(dst)
			return err
		}
		dst[i] = n
	}
	e.enforce(dst)
	return nil
}

// enforce makes the squared norm at most the charged one, whatever the floats did.
func (e Encoding) enforce(x []int64) {
	limit := e.L2Squared(len(x))
	for {
		sum := squaredNorm(x)
		if sum.Cmp(limit) <= 0 {
			return
		}
		// x·⌊√(limit/sum)·2^62⌋/2^62, truncated: an integer that is below 1 always
		// shrinks a non-zero coordinate, so this ends
		factor := new(big.Int).Lsh(limit, 124)
		factor.Quo(factor, sum).Sqrt(factor)
		for i, n := range x {
			p := new(big.Int).Mul(big.NewInt(n), factor)
			x[i] = p.Quo(p, new(big.Int).Lsh(big.NewInt(1), 62)).Int64()
		}
	}
}

func squaredNorm(x []int64) *big.Int {
	sum := new(big.Int)
	for _, n := range x {
		b := big.NewInt(n)
		sum.Add(sum, b.Mul(b, b))
	}
	return sum
}

// Decode returns n·2^−bits, rounded to the nearest float64.
func (e Encoding) Decode(n int64) float64 { return math.Ldexp(float64(n), -int(e.bits)) }

// Limit returns the largest absolute value of an encoded number, ⌊bound·2^bits +
// 1/2⌋: the sensitivity of a sum to one record (zero-out; twice that for replace).
func (e Encoding) Limit() int64 { return e.limit }

// L1 returns ⌈bound·2^bits + d/2⌉, the L1 sensitivity of a rounded vector of
// dimension d whose L1 norm was at most the bound.
func (e Encoding) L1(d int) *big.Int {
	return ceilRat(new(big.Rat).Add(e.scaledBound(), big.NewRat(int64(d), 2)))
}

// L2Squared returns ⌈(bound·2^bits + √d/2)²⌉, the squared L2 sensitivity of a
// rounded vector of dimension d whose L2 norm was at most the bound.
func (e Encoding) L2Squared(d int) *big.Int {
	// s² + d/4 + s·√d with s = bound·2^bits; s·√d = √(s²d), so the ceiling is that
	// of q + √r for rationals q, r: bring both over one denominator
	s := e.scaledBound()
	s2 := new(big.Rat).Mul(s, s)
	q := new(big.Rat).Add(s2, big.NewRat(int64(d), 4))
	r := new(big.Rat).Mul(s2, new(big.Rat).SetInt64(int64(d)))
	guess := ceilRat(q)
	guess.Add(guess, new(big.Int).Sqrt(floorRat(r)))
	guess.Sub(guess, big.NewInt(2))
	for ; ; guess.Add(guess, big.NewInt(1)) { // at most five steps
		rest := new(big.Rat).SetInt(guess)
		rest.Sub(rest, q)
		if rest.Sign() >= 0 && rest.Mul(rest, rest).Cmp(r) >= 0 {
			return guess
		}
	}
}

func (e Encoding) scaledBound() *big.Rat {
	scale := new(big.Int).Lsh(big.NewInt(1), uint(e.bits))
	return new(big.Rat).Mul(e.bound, new(big.Rat).SetInt(scale))
}

func (e Encoding) mustBeValid() {
	if e.bound == nil {
		panic("noise: Encoding that NewEncoding did not make")
	}
}

func floorRat(x *big.Rat) *big.Int { return new(big.Int).Div(x.Num(), x.Denom()) }

func ceilRat(x *big.Rat) *big.Int {
	n := new(big.Int).Neg(x.Num())
	return n.Neg(n.Div(n, x.Denom()))
}
