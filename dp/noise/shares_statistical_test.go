package noise

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/stattest"
)

func sumOfShares(t *testing.T, l DiscreteLaplace, honest uint64, parties, n int, src Source) []int64 {
	t.Helper()
	share, err := NewLaplaceShare(l, honest)
	require.NoError(t, err)
	sum := make([]int64, n)
	for range parties {
		require.NoError(t, Add(sum, share, src))
	}
	return sum
}

func TestSharesAddUpToTheWholeNoise(t *testing.T) {
	const n = 200_000
	l, err := NewDiscreteLaplace(2, 1)
	require.NoError(t, err)
	for _, h := range []uint64{1, 2, 5} {
		assert.Empty(t, laplaceLaw(2).rejections(t, sumOfShares(t, l, h, int(h), n, NewSeeded(h))), "%d honest", h)
	}
	assert.NotEmpty(t, laplaceLaw(2).rejections(t, sumOfShares(t, l, 5, 4, n, NewSeeded(5))), "one share too few passed")
}

func TestShareVariancesAsTabulated(t *testing.T) {
	const n = 200_000
	for _, row := range []struct {
		num, honest   uint64 // scale num, so ε/Δ = 1/num
		variance, at0 float64
	}{{2, 5, 1.5670792356, 0.7004211033}, {1, 3, 0.6137823961, 0.7483481850}} {
		l, err := NewDiscreteLaplace(row.num, 1)
		require.NoError(t, err)
		share, err := NewLaplaceShare(l, row.honest)
		require.NoError(t, err)
		assert.InEpsilon(t, row.variance, share.Variance(), 1e-9)
		sample := make([]int64, n)
		share.Fill(sample, NewSeeded(row.num))
		var zeros uint64
		for _, x := range sample {
			if x == 0 {
				zeros++
			}
		}
		r, err := stattest.Binomial(zeros, n, row.at0, alarm)
		require.NoError(t, err)
		assert.False(t, r.Rejected(), "%v", r)
	}
}

func TestAddRefusesWhatDoesNotFit(t *testing.T) {
	l, err := NewDiscreteLaplace(1<<20, 1)
	require.NoError(t, err)
	x := []int64{5, math.MaxInt64 - 1, math.MinInt64 + 1}
	var refused bool
	for seed := range uint64(8) { // either end overflows with chance 3/4 a seed
		before := append([]int64(nil), x...)
		if err := Add(x, l, NewSeeded(seed)); err != nil {
			refused = true
			assert.Equal(t, before, x, "nothing half done")
			assert.NotContains(t, err.Error(), "9223372036854775806")
		} else {
			copy(x, before)
		}
	}
	assert.True(t, refused)
}

func TestSymmetricNoiseIsSharedByBothHalves(t *testing.T) {
	g, err := NewDiscreteGaussian(100, 1)
	require.NoError(t, err)
	const d = 30
	m := make([]int64, d*d)
	require.NoError(t, AddSymmetric(m, d, g, NewSeeded(4)))
	var square float64
	for i := range d {
		for j := range d {
			assert.Equal(t, m[i*d+j], m[j*d+i])
			if j >= i {
				square += float64(m[i*d+j] * m[i*d+j])
			}
		}
	}
	const entries = d * (d + 1) / 2
	r, err := stattest.Variance(square/entries, 100, 3*100*100, entries, alarm)
	require.NoError(t, err)
	assert.False(t, r.Rejected(), "%v", r)
	// twin: two halves noised apart and averaged have half the variance
	r, err = stattest.Variance(square/entries/2, 100, 3*100*100, entries, alarm)
	require.NoError(t, err)
	assert.True(t, r.Rejected(), "%v", r)

	assert.Error(t, AddSymmetric([]int64{1, 2, 3, 4}, 2, g, NewSeeded(1)), "not symmetric")
	assert.Error(t, AddSymmetric(m, 7, g, NewSeeded(1)))
	_, err = NewLaplaceShare(DiscreteLaplace{}, 3)
	assert.Error(t, err)
	_, err = NewLaplaceShare(DiscreteLaplace{1, 1}, 0)
	assert.Error(t, err)
}
