package fast

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// unit is the step that metrics are counted in, 2^−32 of the metric's own unit.
const unit = 1.0 / (1 << 32)

// most is the largest magnitude of a metric: its integer stays below 2^62.
const most = 1 << 30

// count rounds a metric of one run to the nearest multiple of [unit], ties to even.
// Beyond ±most it stays at most, so that no conversion wraps.
func count(x float64) int64 {
	return int64(math.RoundToEven(max(-most, min(most, x)) * (1 << 32)))
}

// cell is what is known of one number over runs: integers that add up, so that no
// order of runs, workers, shards or resumes can change a bit of it.
type cell struct {
	n       uint64
	sum     [2]uint64 // Σx, two's complement, low word first
	squares [3]uint64 // Σx²
}

func (c *cell) add(x int64) {
	var carry uint64
	c.n++
	c.sum[0], carry = bits.Add64(c.sum[0], uint64(x), 0)
	c.sum[1] += uint64(x>>63) + carry
	m := uint64(max(x, -x))
	high, low := bits.Mul64(m, m)
	c.squares[0], carry = bits.Add64(c.squares[0], low, 0)
	c.squares[1], carry = bits.Add64(c.squares[1], high, carry)
	c.squares[2] += carry
}

func (c *cell) merge(o *cell) {
	var carry uint64
	c.n += o.n
	c.sum[0], carry = bits.Add64(c.sum[0], o.sum[0], 0)
	c.sum[1] += o.sum[1] + carry
	c.squares[0], carry = bits.Add64(c.squares[0], o.squares[0], 0)
	c.squares[1], carry = bits.Add64(c.squares[1], o.squares[1], carry)
	c.squares[2] += o.squares[2] + carry
}

// words is how many integers a cell is.
const words = 6

func (c *cell) integers() [words]uint64 {
	return [words]uint64{c.n, c.sum[0], c.sum[1], c.squares[0], c.squares[1], c.squares[2]}
}

func cellOf(w [words]uint64) cell {
	return cell{n: w[0], sum: [2]uint64{w[1], w[2]}, squares: [3]uint64{w[3], w[4], w[5]}}
}

// appendTo writes the cell's integers, little endian.
func (c *cell) appendTo(out []byte) []byte {
	for _, w := range c.integers() {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return out
}

// quantile975 is the normal quantile of a two-sided 95 % band.
const quantile975 = 1.959963984540054

// Estimate is a mean over runs and its 95 % band, mean ± 1.96 standard errors: the
// band is that of the mean, not of single runs. With one run it is the mean itself.
type Estimate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// estimate turns a cell into floats: the only place that does. Sums are exact up to
// the last division.
func (c *cell) estimate() Estimate {
	if c.n == 0 {
		return Estimate{}
	}
	sum, squares, n := new(big.Int), new(big.Int), new(big.Int).SetUint64(c.n)
	join := func(to *big.Int, words ...uint64) {
		for i := len(words) - 1; i >= 0; i-- {
			to.Lsh(to, 64).Or(to, new(big.Int).SetUint64(words[i]))
		}
	}
	join(sum, c.sum[:]...)
	if c.sum[1]>>63 == 1 {
		sum.Sub(sum, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	join(squares, c.squares[:]...)
	mean, _ := new(big.Rat).SetFrac(sum, n).Float64()
	mean *= unit
	if c.n == 1 {
		return Estimate{mean, mean, mean}
	}
	// s²/n = (nΣx² − (Σx)²) / (n²(n − 1))
	spread := new(big.Int).Mul(n, squares)
	spread.Sub(spread, new(big.Int).Mul(sum, sum))
	below := new(big.Int).Mul(n, n)
	below.Mul(below, new(big.Int).Sub(n, big.NewInt(1)))
	variance, _ := new(big.Rat).SetFrac(spread, below).Float64()
	half := quantile975 * math.Sqrt(variance) * unit
	return Estimate{mean, mean - half, mean + half}
}
