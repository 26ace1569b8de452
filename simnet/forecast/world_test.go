package forecast

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
)

func decimal(t *testing.T, text string) experiment.Decimal {
	t.Helper()
	d, err := experiment.ParseDecimal(text)
	require.NoError(t, err)
	return d
}

// The assumed worlds keep what the file declares, and come close to it.
func TestTheAssumedWorldIsAsBadAsTheFileAllows(t *testing.T) {
	e := &experiment.Experiment{Problem: experiment.Problem{Kind: "arms", Arms: []string{"a", "b", "c", "d"}}}
	e.Reward.Range = &experiment.Range{Low: decimal(t, "-3"), High: decimal(t, "1")}
	w, scale, err := assumed(e, 0.1)
	require.NoError(t, err)
	assert.Equal(t, 4.0, scale)
	_, best := environment.Best(w)
	assert.InDelta(t, 0.1*scale, best-environment.UniformMean(w), 1e-12)
	src, sums := noise.NewPhilox([2]uint64{7, 7}), make([]float64, 4)
	const draws = 20_000
	for range draws {
		for a, x := range w.Draw(nil, src) {
			require.Contains(t, []float64{-3, 1}, x)
			sums[a] += x
		}
	}
	for a, sum := range sums { // of ±2 about the mean: 6 standard errors, false alarm 2e-9 an arm
		assert.InDelta(t, w.Mean(a), sum/draws, 6*2/math.Sqrt(draws))
		assert.InDelta(t, 9*(1-w.(stretched).Bernoulli.Mean(a))+w.(stretched).Bernoulli.Mean(a), w.Moment(a, 2), 1e-12)
	}

	for _, order := range []string{"1.05", "1.5", "2"} {
		e.Reward = experiment.Reward{Moment: &experiment.Moment{Order: decimal(t, order), Bound: decimal(t, "8")}}
		w, scale, err := assumed(e, 0.2)
		require.NoError(t, err)
		p := e.Reward.Moment.Order.Float64()
		bound := environment.MomentBound(w, p)
		assert.LessOrEqual(t, bound, 8.0)
		assert.InDelta(t, 8, bound, 1e-6)
		assert.True(t, math.IsInf(w.Moment(0, p+0.51), 1), "the tail is heavy")
		_, best := environment.Best(w)
		assert.InDelta(t, 0.2*scale, best-environment.UniformMean(w), 1e-9)
	}
}
