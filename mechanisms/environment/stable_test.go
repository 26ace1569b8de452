package environment

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
)

// α = 2 is normal; for α = 1.5 fractional moments of 200,000 draws agree within 5.5
// standard deviations (orders below half of α have finite variance): false alarm 4e-8.
// A stable sum is of the same law: (X + Y)/2^(1/α), by Kolmogorov and Smirnov.
func TestStableLawsAreStable(t *testing.T) {
	src := noise.NewSeeded(11)
	normal := must(NewStable(2, 3, 0))
	var sample []float64
	for range 20_000 {
		sample = append(sample, normal.Reward(0, src))
	}
	result, err := stattest.KolmogorovSmirnov(sample, func(x float64) float64 { return 0.5 * math.Erfc(-x/6) }, 1e-6)
	assert.NoError(t, err)
	assert.False(t, result.Rejected(), "%s", result)

	s := must(NewStable(1.5, 2, 0))
	const n, order = 200_000, 0.7
	mean, squares := 0.0, 0.0
	for range n {
		m := math.Pow(math.Abs(s.Reward(0, src)), order)
		mean += m / n
		squares += m * m / n
	}
	assert.InDelta(t, s.Moment(0, order), mean, 5.5*math.Sqrt((squares-mean*mean)/n))
	sums := 0.0
	for range n {
		x := (s.Reward(0, src) + s.Reward(0, src)) / math.Pow(2, 1/1.5)
		sums += math.Pow(math.Abs(x), order) / n
	}
	assert.InDelta(t, s.Moment(0, order), sums, 5.5*math.Sqrt((squares-mean*mean)/n))
	assert.True(t, math.IsInf(s.Moment(0, 1.5), 1))
	assert.InDelta(t, 9*2, normal.Moment(0, 2), 1e-9)
	assert.Greater(t, must(NewStable(1.5, 2, 4)).Moment(0, 1.2), math.Pow(4, 1.2))
	for _, err := range []error{second2(NewStable(1, 1, 0)), second2(NewStable(1.5, 0, 0)), second2(NewStable(1.5, 1))} {
		assert.Error(t, err)
	}
}

func second2(_ *Stable, err error) error { return err }

func TestMixturesHoldTheirShareOfOutliers(t *testing.T) {
	m := must(NewMixture(must(NewBernoulli(0.2, 0.6)), 0.1, -50))
	assert.InDelta(t, 0.9*0.6-5, m.Mean(1), 1e-12)
	assert.InDelta(t, 0.9*0.6+0.1*2500, m.Moment(1, 2), 1e-9)
	src, out := noise.NewSeeded(2), uint64(0)
	var i Instance
	for range 20_000 {
		if i = m.Draw(i, src); i.Reward(0) == -50 {
			out++
		}
	}
	r, err := stattest.Binomial(out, 20_000, 0.1, 1e-6)
	assert.NoError(t, err)
	assert.False(t, r.Rejected(), "%s", r)
	_, err = NewMixture(m, 1.5, 0)
	assert.ErrorContains(t, err, "environment.fraction")
	_, err = NewMixture(m, 0.5, math.NaN())
	assert.ErrorContains(t, err, "environment.outlier")
	assert.Equal(t, 2, m.Arms())
}
