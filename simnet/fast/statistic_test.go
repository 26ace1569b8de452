package fast

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestCellsAddUpInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Int64Range(-1<<62, 1<<62), 1, 30).Draw(t, "xs")
		at := rapid.IntRange(0, len(xs)).Draw(t, "at")
		var whole, left, right cell
		sum, squares := new(big.Int), new(big.Int)
		for i, x := range xs {
			whole.add(x)
			if i < at {
				left.add(x)
			} else {
				right.add(x)
			}
			b := big.NewInt(x)
			sum.Add(sum, b)
			squares.Add(squares, new(big.Int).Mul(b, b))
		}
		right.merge(&left)
		if right != whole || cellOf(whole.integers()) != whole {
			t.Fatal("a split changes the sums")
		}
		mean, _ := new(big.Rat).SetFrac(sum, big.NewInt(int64(len(xs)))).Float64()
		if got := whole.estimate().Mean; got != mean*unit {
			t.Fatalf("mean %v, want %v", got, mean*unit)
		}
	})
}

func TestBandsAreTheTextbooks(t *testing.T) {
	var c cell
	for _, x := range []float64{1, 2, 3, 4, -1.5} {
		c.add(count(x))
	}
	e := c.estimate()
	assert.InDelta(t, 1.7, e.Mean, 1e-9)
	half := 1.959963984540054 * math.Sqrt(4.45/5) // Σ(x − 1.7)² = 17.8, over 4
	assert.InDelta(t, 1.7-half, e.Low, 1e-9)
	assert.InDelta(t, 1.7+half, e.High, 1e-9)
	var one cell
	one.add(count(2))
	assert.Equal(t, Estimate{2, 2, 2}, one.estimate())
}
