package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSharedGaussiansAsTabulated(t *testing.T) {
	for _, row := range []struct{ n, sigma2, tau, exact, bound float64 }{
		{2, 1, 5.17231862e-4, 0.2500000428, 0.250129308},
		{2, 0.5, 0.0719188336, 0.5008274569, 0.517979708},
		{3, 0.25, 1.22063735, 0.7672871682, 0.971826003},
		{100, 1, 5.47788699e-4, 0, 0},
		{100, 0.5, 0.165799431, 0, 0},
	} {
		assert.InEpsilon(t, row.tau, shareTau(row.n, row.sigma2), 1e-8)
		if row.bound > 0 {
			got := sharedGaussianRho(row.n, row.sigma2, 1, 1)
			assert.InEpsilon(t, row.bound, got, 1e-8)
			assert.Greater(t, got, row.exact)
		}
	}
}

// The exact divergence of a sum of discrete Gaussians, by convolution: at order
// near 1 it is above the naive Δ²/(2nσ²), which therefore must never be charged.
func TestNaiveRhoOfASumIsTooSmall(t *testing.T) {
	const n, sigma2, half = 3, 0.25, 60
	single := make([]float64, 2*half+1)
	var norm float64
	for i := range single {
		x := float64(i - half)
		single[i] = math.Exp(-x * x / (2 * sigma2))
		norm += single[i]
	}
	sum := []float64{1}
	for range n {
		next := make([]float64, len(sum)+2*half)
		for i, a := range sum {
			for j, b := range single {
				next[i+j] += a * b / norm
			}
		}
		sum = next
	}
	var kl float64
	for i := 0; i+1 < len(sum); i++ {
		if sum[i] > 1e-300 && sum[i+1] > 1e-300 {
			kl += sum[i] * math.Log(sum[i]/sum[i+1])
		}
	}
	assert.InDelta(t, 0.7672871682, kl, 1e-8)
	assert.Greater(t, kl, 1/(2*n*sigma2), "the naive formula")
	assert.Less(t, kl, sharedGaussianRho(n, sigma2, 1, 1))
	_, err := SharedGaussianRho(n, sigma2, 1, 1)
	require.Error(t, err, "shares this small are refused")
	rho, err := SharedGaussianRho(2, 1, 1, 1)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, rho, 0.250129308*(1-1e-8))
	for _, err := range []error{
		last(SharedGaussianRho(0, 1, 1, 1)), last(SharedGaussianRho(2, math.NaN(), 1, 1)),
		last(SharedGaussianRho(2, 1, 0, 1)), last(SharedGaussianRho(2, 1, 1, 0)),
	} {
		assert.Error(t, err)
	}
}

func last(_ float64, err error) error { return err }
