package robust

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
	"github.com/posse-dev/posse/mechanisms"
)

// Merging in any order and grouping gives the same count, and means and radii equal to
// rounding; a public baseline is added back exactly.
func TestCountedCellsMerge(t *testing.T) {
	m := mechanisms.Moment{Order: 1.5, Bound: 8}
	reports := []Report{
		{Count: 100, Sum: 31 << 16, Bound: 4, Baseline: 2, FractionBits: 16, SumScale: 1, CountScale: 1},
		{Count: 220, Sum: -9 << 16, Bound: 8, Baseline: 2.5, FractionBits: 16, SumScale: 1, CountScale: 1},
		{Count: 57, Sum: 3 << 16, Bound: 2, FractionBits: 16, SumSigma2: 4, CountSigma2: 9},
	}
	var whole, front, back, backwards Counted
	for _, r := range reports {
		whole.Add(r, m)
	}
	front.Add(reports[0], m)
	back.Add(reports[1], m)
	back.Add(reports[2], m)
	front.Merge(back)
	for i := range reports {
		backwards.Add(reports[2-i], m)
	}
	assert.InDelta(t, whole.Mean(), (31*4-9*8+3*2+200+550)/377.0, 1e-12)
	for _, c := range []Counted{front, backwards} {
		assert.Equal(t, whole.N, c.N)
		assert.InDelta(t, whole.Mean(), c.Mean(), 1e-12)
		assert.InEpsilon(t, whole.Radius(m, 5), c.Radius(m, 5), 1e-12)
	}
	exact := whole
	exact.CountNoise = Clipping{}
	assert.Equal(t, exact.Ledger.Radius(m, 5), exact.Radius(m, 5), "exact counts take nothing more")
	assert.Greater(t, whole.Radius(m, 5), exact.Radius(m, 5))
	few := Counted{N: 20, CountNoise: Clipping{Gaussian: 100}}
	assert.True(t, math.IsInf(few.Radius(m, 5), 1), "a count that is noise says nothing")
}

// 20,000 noisy cells: the mean is outside of the radius no more often than stated. The
// planted radius, that of an exact count, must be seen. False alarm 1e-6.
func TestTheRadiusOfNoisyCountsCovers(t *testing.T) {
	const cells, n, mean = 20_000, 400, 10.0
	l := math.Log(6 / 0.1)
	m := mechanisms.Moment{Order: 2, Bound: 101}
	src := noise.NewSeeded(6)
	law, err := noise.NewDiscreteGaussian(900, 1)
	require.NoError(t, err)
	var missed, planted uint64
	for range cells {
		sum := 0.0
		for range 4 {
			sum += noise.Normal(src)
		}
		sum = n*mean + math.Sqrt(n)*sum/2 // a sum of n rewards of variance 1
		var c Counted
		c.Add(Report{Count: n + law.Sample(src), Sum: int64(sum / 100 * 65536), Bound: 100, FractionBits: 16, CountSigma2: 900}, m)
		off := math.Abs(c.Mean() - mean)
		if off > c.Radius(m, l) {
			missed++
		}
		if off > c.Ledger.Radius(mechanisms.Moment{Order: 2, Bound: 1}, l) {
			planted++
		}
	}
	assert.GreaterOrEqual(t, stattest.UpperTail(missed, cells, 0.1), 1e-6, "%d", missed)
	assert.Less(t, stattest.UpperTail(planted, cells, 0.1), 1e-6, "%d", planted)
}

func TestPairsHoldACountAndAReward(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := uint8(rapid.IntRange(4, 40).Draw(t, "f"))
		one := int64(1) << f
		var plus, minus, sum, n int64
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			q := rapid.Int64Range(-one, one).Draw(t, "q")
			a, b := Pair(q, f)
			require.True(t, a >= 0 && b >= 0)
			require.Equal(t, 2*one, a+b, "ℓ1 of a record is 1")
			plus, minus, sum, n = plus+a, minus+b, sum+q, n+1
		}
		count, twice := Unpair(plus, minus)
		assert.Equal(t, n*2*one, count)
		assert.Equal(t, 2*sum, twice)
	})
}
