package robust

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
)

func TestMagnitudesAreExactPowersOfTwo(t *testing.T) {
	for x, want := range map[float64]int{
		1: 32, 1.0000001: 33, 2: 33, 0.5: 31, 0.75: 32, -4: 34, -5: 35, 0: 0, 1e300: 64, -1e-300: 0, 5e-324: 0, 1 << 32: 64,
	} {
		assert.Equal(t, want, Magnitude(x), "%v", x)
	}
}

// A Pareto tail of index 1.5: the bound is near the true quantile, and the slope near
// the index, whatever the noise; noise alone is refused.
func TestTheScaleOfUnknownRewardsIsFound(t *testing.T) {
	src := noise.NewSeeded(4)
	law, err := noise.NewDiscreteLaplace(10, 1)
	require.NoError(t, err)
	sd := math.Sqrt(law.Variance())
	for _, unit := range []float64{1e-3, 1, 1e5} {
		histogram := make([]int64, Magnitudes)
		const n = 100_000
		for range n {
			histogram[Magnitude(unit*math.Pow(1-noise.Float64(src), -1/1.5))]++
		}
		require.NoError(t, noise.Add(histogram, law, src))
		s, err := EstimateScale(histogram, sd, 0.01, 1.2)
		require.NoError(t, err)
		quantile := unit * math.Pow(0.001, -1/1.5) // q = 1/(εn)
		assert.True(t, s.Bound > quantile/4 && s.Bound < quantile*4, "%v of %v", s.Bound, quantile)
		u := math.Pow(unit, 1.2) * 1.5 / 0.3
		assert.True(t, s.Moment > u/4 && s.Moment < u*2, "%v of %v", s.Moment, u)
		index, ok := TailIndex(histogram, sd)
		assert.True(t, ok)
		assert.InDelta(t, 1.5, index, 0.15)
	}
	empty := make([]int64, Magnitudes)
	require.NoError(t, noise.Add(empty, law, src))
	_, err = EstimateScale(empty, sd*2, 1, 1.5)
	assert.ErrorContains(t, err, "noise hides")
	_, ok := TailIndex(empty, sd)
	assert.False(t, ok)

	single := make([]int64, Magnitudes)
	single[40] = 1
	s, err := EstimateScale(single, 0, 1, 1.5)
	require.NoError(t, err)
	assert.Equal(t, 256.0, s.Bound)
	for _, bad := range []func() error{
		func() error { _, err := EstimateScale(single[:4], 0, 1, 1.5); return err },
		func() error { _, err := EstimateScale(single, -1, 1, 1.5); return err },
		func() error { _, err := EstimateScale(single, 0, 0, 1.5); return err },
		func() error { _, err := EstimateScale(single, 0, 1, 3); return err },
	} {
		assert.Error(t, bad())
	}
}
