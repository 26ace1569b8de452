package statistics

import (
	"math/big"

	"github.com/posse-dev/posse/dp/noise"
)

// duchi draws the sign for one number. The probability of + is
// ½ + (q/R)·(e^ε − 1)/(2·(e^ε + 1)), computed with 128 bits and rounded towards ½,
// then compared with 128 random bits.
func duchi(q int64, b BlockSpec, src noise.Source) int64 {
	threshold := duchiThreshold(q, b)
	hi, lo := src.Uint64(), src.Uint64()
	draw := new(big.Int).Or(new(big.Int).Lsh(new(big.Int).SetUint64(hi), 64), new(big.Int).SetUint64(lo))
	if draw.Cmp(threshold) < 0 {
		return b.Record
	}
	return -b.Record
}

// duchiThreshold is P(+)·2^128, rounded towards one half.
func duchiThreshold(q int64, b BlockSpec) *big.Int {
	half := new(big.Int).Lsh(big.NewInt(1), 127)
	size := new(big.Int).Abs(big.NewInt(q))
	// offset = |q|·t·2^127/R, with t = tanh(ε/2) rounded down to 2^−120
	offset := new(big.Int).Mul(size, tanhHalf(b.Num, b.Den))
	offset.Lsh(offset, 127-tanhBits)
	offset.Quo(offset, big.NewInt(b.Record))
	if q < 0 {
		return half.Sub(half, offset)
	}
	return half.Add(half, offset)
}

// tanhBits is the precision of tanhHalf.
const tanhBits = 120

// tanhHalf returns tanh(ε/2)·2^120 rounded down, ε = num/den, in exact integer
// arithmetic: (e^ε − 1)/(e^ε + 1) with e^ε bounded from below by its Taylor sum,
// which makes the result a lower bound (tanh grows with e^ε) and so errs towards ½.
func tanhHalf(num, den uint64) *big.Int {
	const guard = 200
	one := new(big.Int).Lsh(big.NewInt(1), guard)
	n, d := new(big.Int).SetUint64(num), new(big.Int).SetUint64(den)
	term, sum := new(big.Int).Set(one), new(big.Int).Set(one)
	for k := int64(1); term.Sign() > 0; k++ {
		term.Mul(term, n)
		term.Quo(term, new(big.Int).Mul(d, big.NewInt(k)))
		sum.Add(sum, term)
	}
	top := new(big.Int).Sub(sum, one)
	top.Lsh(top, tanhBits)
	return top.Quo(top, sum.Add(sum, one))
}
