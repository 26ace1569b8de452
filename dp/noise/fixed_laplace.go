package noise

import (
	"math"
	"math/big"
	"math/bits"
)

// FixedLaplace is [DiscreteLaplace] drawn with a fixed number of words and steps, so
// that the time of a draw says nothing of its value. The price is that the law is
// not exact: Distance bounds how far off a variate is. The zero value is not valid.
// The argument is in fixed_laplace.md.
type FixedLaplace struct {
	thresholds [][2]uint64 // of each bit of a magnitude: high and low word of 2^128 times its chance
}

const (
	fixedTail  = 70  // nats: a geometric reaches 2^K with chance exp(−70) < 2^−100 at most
	fixedDigit = 320 // binary digits of the exponentials behind the thresholds
)

// NewFixedLaplace returns the fixed-time form of a law. It computes the thresholds
// (about a millisecond at the largest scales): keep it.
func NewFixedLaplace(law DiscreteLaplace) FixedLaplace {
	law.mustBeValid()
	var f FixedLaplace
	rate := new(big.Rat).SetFrac(new(big.Int).SetUint64(law.den), new(big.Int).SetUint64(law.num))
	one := new(big.Int).Lsh(big.NewInt(1), fixedDigit)
	for tail := big.NewRat(fixedTail, 1); ; {
		// x/(1+x) with x = exp(−rate·2^i)
		x := expNegative(rate)
		chance := new(big.Int).Lsh(x, 128)
		chance.Quo(chance, new(big.Int).Add(one, x))
		low := new(big.Int).And(chance, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
		f.thresholds = append(f.thresholds, [2]uint64{chance.Rsh(chance, 64).Uint64(), low})
		rate = new(big.Rat).Add(rate, rate)
		if rate.Cmp(tail) >= 0 {
			return f
		}
	}
}

// expNegative returns exp(−r)·2^fixedDigit for r > 0, good to 2^−280: r is halved
// until it is below 1/2, its series summed, and the sum squared as often.
func expNegative(r *big.Rat) *big.Int {
	if r.Cmp(big.NewRat(2*fixedDigit, 1)) > 0 {
		return new(big.Int)
	}
	y := new(big.Int).Lsh(r.Num(), fixedDigit)
	y.Quo(y, r.Denom())
	halved := uint(max(0, y.BitLen()-fixedDigit+1))
	y.Rsh(y, halved)
	one := new(big.Int).Lsh(big.NewInt(1), fixedDigit)
	sum, term := new(big.Int).Set(one), new(big.Int).Set(one)
	for n := int64(1); term.Sign() != 0; n++ {
		term.Mul(term, y)
		term.Rsh(term, fixedDigit)
		term.Quo(term, big.NewInt(n))
		if n%2 == 1 {
			sum.Sub(sum, term)
		} else {
			sum.Add(sum, term)
		}
	}
	for range halved {
		sum.Mul(sum, sum)
		sum.Rsh(sum, fixedDigit)
	}
	return sum
}

// Distance returns an upper bound of the statistical distance of one variate from
// the law, 2(K·2^−128 + e^−70) for K bits a magnitude, about 2^−100. A release of d
// of them that is (ε, δ)-private with the law is (ε, δ + (1 + e^ε)·d·Distance)-
// private with these: add that to what is promised.
func (f FixedLaplace) Distance() float64 {
	return 2 * (float64(len(f.thresholds))*0x1p-128 + math.Exp(-fixedTail)) * (1 + 1e-12)
}

// Words returns how many words of a source one variate takes, always.
func (f FixedLaplace) Words() int { return 4 * len(f.thresholds) }

// Fill sets dst to independent variates: the difference of two geometric ones, whose
// binary digits are independent. Nothing that it does depends on what it drew.
func (f FixedLaplace) Fill(dst []int64, src Source) {
	if len(f.thresholds) == 0 {
		panic("noise: FixedLaplace that NewFixedLaplace did not make")
	}
	for i := range dst {
		var x int64
		for bit, threshold := range f.thresholds {
			x += int64(below128(threshold, src) << bit)
			x -= int64(below128(threshold, src) << bit)
		}
		dst[i] = x
	}
}

// below128 returns 1 with chance threshold/2^128, else 0, from two words.
func below128(threshold [2]uint64, src Source) uint64 {
	high, low := src.Uint64(), src.Uint64()
	_, borrow := bits.Sub64(low, threshold[1], 0)
	_, borrow = bits.Sub64(high, threshold[0], borrow)
	return borrow
}
