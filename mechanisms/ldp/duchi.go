package ldp

import (
	"math"
	"math/big"
	"sync"

	"github.com/posse-dev/posse/dp/noise"
)

// Duchi gives one random sign for a number q in ±R: +R with probability
// ½ + q/(2·C·R), C = (e^ε + 1)/(e^ε − 1), else −R. The probability is rounded
// towards ½ on a grid of 2^−128, so the ratio never exceeds e^ε. One bit a record:
// counts of signs are exact. Source: Duchi, Jordan and Wainwright 2018, section 4.1.
type Duchi struct {
	epsilon Epsilon
	record  int64
	size    int64    // of an output: the record's bound, or a mixture's
	tanh    *big.Int // tanh(ε/2) in 2^−tanhBits, rounded down
}

// NewDuchi returns the randomiser of numbers in ±record, record in [1, 2^61].
func NewDuchi(epsilon Epsilon, record int64) (Duchi, error) {
	if err := epsilon.validate(); err != nil {
		return Duchi{}, err
	}
	if record < 1 || record > 1<<61 {
		return Duchi{}, outOfRange("record", record, "[1, 2^61]")
	}
	return Duchi{epsilon, record, record, tanhHalf(epsilon.Num, epsilon.Den)}, nil
}

// Randomise draws the sign for one number in ±R; others count as the nearer end.
func (d Duchi) Randomise(q int64, src noise.Source) int64 {
	hi, lo := src.Uint64(), src.Uint64()
	draw := new(big.Int).Or(new(big.Int).Lsh(new(big.Int).SetUint64(hi), 64), new(big.Int).SetUint64(lo))
	if draw.Cmp(d.threshold(q)) < 0 {
		return d.size
	}
	return -d.size
}

// threshold is P(+)·2^128, rounded towards one half.
func (d Duchi) threshold(q int64) *big.Int {
	half := new(big.Int).Lsh(big.NewInt(1), 127)
	size := big.NewInt(min(d.record, max(q, -q)))
	// offset = |q|·t·2^127/R, with t = tanh(ε/2) rounded down to 2^−120
	offset := size.Mul(size, d.tanh)
	offset.Lsh(offset, 127-tanhBits)
	offset.Quo(offset, big.NewInt(d.record))
	if q < 0 {
		return half.Sub(half, offset)
	}
	return half.Add(half, offset)
}

// Gain is 1/C: the mean of the sign is q/C.
func (d Duchi) Gain() float64 {
	return math.Tanh(d.epsilon.Float64()/2) * float64(d.size) / float64(d.record)
}

// Variance of the unbiased output for y in [−1, 1] is C² − y².
func (d Duchi) Variance(y float64) float64 {
	return 1/sq(math.Tanh(d.epsilon.Float64()/2)) - y*y
}

// Largest is R.
func (d Duchi) Largest() int64 { return d.size }

// tanhBits is the precision of tanhHalf.
const tanhBits = 120

// tanhHalf returns tanh(ε/2)·2^120 rounded down, ε = num/den, in exact integer
// arithmetic: (e^ε − 1)/(e^ε + 1) with e^ε bounded from below, which makes the result
// a lower bound (tanh grows with e^ε) and so errs towards ½.
//
// One experiment asks for one ε with every record, and the sum costs more than all
// else of a record: what was computed is kept, and nobody may change it.
func tanhHalf(num, den uint64) *big.Int {
	if known, ok := tanhHalves.Load([2]uint64{num, den}); ok {
		return known.(*big.Int)
	}
	computed := computeTanhHalf(num, den)
	tanhHalves.Store([2]uint64{num, den}, computed)
	return computed
}

var tanhHalves sync.Map // ε as num and den → *big.Int

func computeTanhHalf(num, den uint64) *big.Int {
	one, sum := exponential(num, den)
	top := new(big.Int).Sub(sum, one)
	top.Lsh(top, tanhBits)
	return top.Quo(top, sum.Add(sum, one))
}

// guard is the precision of [exponential] in bits.
const guard = 200

// exponential returns 2^guard and a lower bound of e^(num/den)·2^guard: its Taylor
// sum with every term rounded down.
func exponential(num, den uint64) (one, power *big.Int) {
	one = new(big.Int).Lsh(big.NewInt(1), guard)
	n, d := new(big.Int).SetUint64(num), new(big.Int).SetUint64(den)
	term, sum := new(big.Int).Set(one), new(big.Int).Set(one)
	for k := int64(1); term.Sign() > 0; k++ {
		term.Mul(term, n)
		term.Quo(term, new(big.Int).Mul(d, big.NewInt(k)))
		sum.Add(sum, term)
	}
	return one, sum
}

func sq(x float64) float64 { return x * x }
