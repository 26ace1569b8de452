package episodic

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// The rows of private-learning 7.2.
func TestConsistentReproducesTheStatedRows(t *testing.T) {
	for _, row := range []struct {
		a        []float64
		total, e float64
		x        []float64
		n        float64
	}{
		{[]float64{5.2, -1.3, 0.4, 2.1}, 9, 4, []float64{5.3, 0, 0.5, 2.2}, 10},
		{[]float64{3, 4, 0.5, -2}, 4, 2, []float64{1.75, 2.75, 0, 0}, 5.5},
		{[]float64{-3, -1, -0.5}, -0.4, 2, []float64{0, 0, 0}, 1},
		{[]float64{-3, 5}, -7, 2, []float64{0, 0}, 1},
	} {
		a := slices.Clone(row.a)
		n := Consistent(a, row.total, row.e)
		assert.InDelta(t, row.n, n, 1e-12)
		for i := range a {
			assert.InDelta(t, row.x[i]+row.e/(2*float64(len(a))), a[i], 1e-12)
		}
	}
}

// Feasible, the least possible largest change (by bisection on it, which shares nothing
// with the closed form), the identity on valid counts, and probabilities that sum to 1.
func TestConsistentIsTheBestFeasiblePoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.Float64Range(-20, 50), 1, 8).Draw(t, "a")
		total, e := rapid.Float64Range(-2, 120).Draw(t, "total"), rapid.Float64Range(0, 30).Draw(t, "e")
		if total < -e/4 {
			return
		}
		x := slices.Clone(a)
		shift(x, total, e)
		sum, most := 0.0, 0.0
		for i := range x {
			assert.GreaterOrEqual(t, x[i], 0.0)
			sum += x[i]
			most = math.Max(most, math.Abs(x[i]-a[i]))
		}
		assert.LessOrEqual(t, math.Abs(sum-total), e/4+1e-9)
		// with changes of at most c, Σx can be anything in [Σmax(0, a−c), Σmax(0, a+c)] if no a < −c
		feasible := func(c float64) bool {
			low, high := 0.0, 0.0
			for _, v := range a {
				if v < -c {
					return false
				}
				low, high = low+math.Max(0, v-c), high+math.Max(0, v+c)
			}
			return low <= total+e/4 && high >= total-e/4
		}
		low, high := 0.0, 1000.0
		for range 100 {
			if middle := (low + high) / 2; feasible(middle) {
				high = middle
			} else {
				low = middle
			}
		}
		assert.InDelta(t, high, most, 1e-9)

		again := slices.Clone(x)
		shift(again, sum, 0)
		for i := range x {
			assert.InDelta(t, x[i], again[i], 1e-9)
		}
		full := slices.Clone(a)
		n := Consistent(full, total, e)
		chances := 0.0
		for _, v := range full {
			chances += v
			assert.GreaterOrEqual(t, v, 0.0)
		}
		assert.InDelta(t, n, chances, 1e-9)
	})
}
