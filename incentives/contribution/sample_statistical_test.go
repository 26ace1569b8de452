package contribution

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
)

func sampledGame(t *testing.T) (Game, []float64) {
	reports := counts([]float64{9, 0, 1}, []float64{9, 1, 0}, []float64{0, 30, 0}, []float64{2, 2, 2}, []float64{0, 0, 0}, []float64{1, 0, 8})
	g, err := InformationGame(ones(3), reports)
	require.NoError(t, err)
	truth, err := Shapley(ones(3), reports)
	require.NoError(t, err)
	return g, truth
}

// outside counts values farther from the truth than their radius.
func outside(e Estimate, truth []float64) int {
	n := 0
	for i := range truth {
		if math.Abs(e.Values[i]-truth[i]) > e.Radius[i] {
			n++
		}
	}
	return n
}

// False alarm: Delta = 1e-7 for each of the four methods, so 4e-7. The seed is fixed.
func TestSampledValuesAreWithinTheirRadius(t *testing.T) {
	g, truth := sampledGame(t)
	for _, method := range []Method{Permutation, Antithetic, Stratified, Truncated} {
		e, err := Sample(g, Sampling{Method: method, Passes: 3000, Delta: 1e-7, Cutoff: 0.01}, noise.NewSeeded(7))
		require.NoError(t, err)
		assert.Zero(t, outside(e, truth), method)
		for i, r := range e.Radius[:4] {
			assert.Less(t, r, 0.35*truth[i]+0.06, "%s: a radius that says something", method)
		}
	}
}

// Planted: a sampler that forgets to shuffle sees one order only.
func TestSamplerThatForgetsToShuffleIsTold(t *testing.T) {
	g, truth := sampledGame(t)
	e, err := Sample(g, Sampling{Method: Permutation, Passes: 3000, Delta: 1e-7}, noise.NewSeeded(7))
	require.NoError(t, err)
	lazy := &sampler{game: g, order: g.all(), gain: make([]float64, g.Players)}
	lazy.walk(1)
	e.Values = lazy.gain
	assert.Positive(t, outside(e, truth))
}

func TestStandardErrorOfAntitheticIsOfPairs(t *testing.T) {
	// In an additive game every sample is the weight, whatever the order.
	for _, method := range []Method{Permutation, Antithetic, Stratified} {
		e, err := Sample(additive([]float64{1, 2, 4}), Sampling{Method: method, Passes: 10, Delta: 0.1}, noise.NewSeeded(1))
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{1, 2, 4}, e.Values, 1e-12)
		assert.InDeltaSlice(t, []float64{0, 0, 0}, e.StandardErrors, 1e-12)
	}
}
