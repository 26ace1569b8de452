package contribution

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// spread plays rounds in which ten nodes hold the same 200 pulls of one arm under
// Gaussian noise of deviation 10, one of them more of them, and returns the chi-square
// of their mean contributions against what noise alone explains.
func spread(t *testing.T, more float64) float64 {
	const nodes, rounds, pulls, sigma = 10, 400, 200.0, 10.0
	src := noise.NewSeeded(11)
	normal := func() float64 { // Box and Muller
		u, v := (float64(src.Uint64()>>11)+0.5)/(1<<53), float64(src.Uint64()>>11)/(1<<53)
		return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
	}
	sums, squares := make([]float64, nodes), make([]float64, nodes)
	for range rounds {
		reports := make([]statistics.Information, nodes)
		for i := range reports {
			n := pulls
			if i == 0 {
				n += more
			}
			reports[i] = statistics.Counts(max(0, n+sigma*normal()))
		}
		values, err := Shapley(statistics.Counts(1000), reports)
		require.NoError(t, err)
		for i, x := range values {
			sums[i], squares[i] = sums[i]+x, squares[i]+x*x
		}
	}
	mean, variance := 0.0, 0.0
	for i := range sums {
		mean += sums[i] / rounds / nodes
		variance += (squares[i]/rounds - sums[i]*sums[i]/rounds/rounds) / nodes
	}
	chi := 0.0
	for _, s := range sums {
		off := s/rounds - mean
		chi += off * off / (variance / rounds)
	}
	return chi
}

// Equal nodes are paid attention to equally: the spread of their mean contributions is
// what noise explains. Chi-square with 9 degrees of freedom; false alarm 1e-6. The seed is
// fixed. Planted: a node with a fiftieth more data is seen.
func TestTheSpreadOfEqualNodesIsThatOfTheirNoise(t *testing.T) {
	limit := distuv.ChiSquared{K: 9}.Quantile(1 - 1e-6)
	assert.Less(t, spread(t, 0), limit)
	assert.Greater(t, spread(t, 4), limit)
}
