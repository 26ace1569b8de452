package ldp

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all is the 2^128 that thresholds are out of.
var all = new(big.Int).Lsh(big.NewInt(1), 128)

// powerOfE bounds e^(num/den) from both sides by its Taylor series at 1,000 bits; it
// shares nothing with tanhHalf.
func powerOfE(num, den uint64) (low, high *big.Rat) {
	const bits = 1000
	x := new(big.Rat).SetFrac(new(big.Int).SetUint64(num), new(big.Int).SetUint64(den))
	sum, term := big.NewRat(1, 1), big.NewRat(1, 1)
	grid := new(big.Int).Lsh(big.NewInt(1), bits)
	n := 200 + int64(8*num/den)
	for k := int64(1); k < n; k++ {
		term.Mul(term, x)
		term.Quo(term, new(big.Rat).SetInt64(k))
		down := new(big.Int).Mul(term.Num(), grid)
		term.SetFrac(down.Quo(down, term.Denom()), grid)
		sum.Add(sum, term)
	}
	// n grid units of rounding, each multiplied by at most e^x < 2^(2x+1), and the rest of the series
	slack := new(big.Rat).SetFrac(new(big.Int).Lsh(big.NewInt(n), uint(2*num/den)+2), new(big.Int).Lsh(big.NewInt(1), 300))
	return sum, new(big.Rat).Add(sum, slack)
}

// ratios returns the largest likelihood ratio of either sign over 1,001 inputs.
func ratios(threshold func(q int64) *big.Int, bound int64) *big.Rat {
	var least, most *big.Int
	for i := range int64(1001) {
		p := threshold(-bound + 2*bound*i/1000)
		if least == nil || p.Cmp(least) < 0 {
			least = p
		}
		if most == nil || p.Cmp(most) > 0 {
			most = p
		}
	}
	plus := new(big.Rat).SetFrac(most, least)
	minus := new(big.Rat).SetFrac(new(big.Int).Sub(all, least), new(big.Int).Sub(all, most))
	if plus.Cmp(minus) > 0 {
		return plus
	}
	return minus
}

// The guarantee itself, on the integers that are compared with random bits: no pair
// of 1,001 inputs is told apart better than e^ε, and the worst pair reaches it.
func TestDuchiIsExactlyAsPrivateAsItSays(t *testing.T) {
	for _, epsilon := range [][2]uint64{{1, 1}, {1, 4}, {1, 1000}, {1, 1_000_000_000}, {333_333_333, 1_000_000_000}, {4, 1}, {20, 1}} {
		for _, bound := range []int64{16, 1 << 16, 1 << 40} {
			t.Run(fmt.Sprint(epsilon, bound), func(t *testing.T) {
				b, err := NewDuchi(Epsilon{epsilon[0], epsilon[1]}, bound)
				require.NoError(t, err)
				low, high := powerOfE(epsilon[0], epsilon[1])
				worst := ratios(func(q int64) *big.Int { return b.threshold(q) }, bound)
				assert.LessOrEqual(t, worst.Cmp(low), 0, "the ratio is at most e^ε")
				loss, _ := worst.Float64()
				most, _ := high.Float64()
				assert.InEpsilon(t, most, loss, 1e-12, "and nearly that")
			})
		}
	}
}

// Planted: the published rule with the probability of the ends for every input, a
// probability rounded up, and an input that was not clipped.
func TestDuchiRatioSeesPlantedFaults(t *testing.T) {
	b, err := NewDuchi(Epsilon{1, 1}, 1<<16)
	require.NoError(t, err)
	low, _ := powerOfE(1, 1)
	up := func(q int64) *big.Int { // one unit of 2^-128 away from one half at the end
		p := new(big.Int).Set(b.threshold(q))
		return p.Add(p, new(big.Int).Lsh(big.NewInt(int64(min(1, max(-1, q)))), 8+127-tanhBits))
	}
	assert.Positive(t, ratios(up, b.record).Cmp(low))
	b.tanh = new(big.Int).Mul(b.tanh, big.NewInt(101)) // as for numbers of 1.01 times the bound
	b.tanh.Quo(b.tanh, big.NewInt(100))
	unclipped := b.threshold
	assert.Positive(t, ratios(unclipped, b.record).Cmp(low))
}

func TestDuchiIsUnbiased(t *testing.T) {
	for _, q := range []int64{0, 1, -1, 100, -4096, 1<<16 - 1, 1 << 16, -1 << 16} {
		b, err := NewDuchi(Epsilon{1, 2}, 1<<16)
		require.NoError(t, err)
		p, _ := new(big.Rat).SetFrac(b.threshold(q), all).Float64()
		c := 1 / math.Tanh(0.25) // (e^½+1)/(e^½−1)
		assert.InDelta(t, float64(q), c*float64(b.record)*(2*p-1), 1e-7, "q = %d", q)
		other, _ := new(big.Rat).SetFrac(b.threshold(-q), all).Float64()
		assert.InDelta(t, 1, p+other, 1e-15)
	}
	b, err := NewDuchi(Epsilon{3, 1}, 5)
	require.NoError(t, err)
	require.Equal(t, new(big.Int).Rsh(all, 1), b.threshold(0))
}
