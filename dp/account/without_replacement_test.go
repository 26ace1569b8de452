package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
)

// binomial is the law of the number of ones in a row of independent answers, each
// one with chance theta.
func binomial(count int, theta float64) []float64 {
	law := []float64{1}
	for range count {
		next := make([]float64, len(law)+1)
		for i, x := range law {
			next[i] += x * (1 - theta)
			next[i+1] += x * theta
		}
		law = next
	}
	return law
}

// One of n people is drawn without replacement, count times afresh, and her bit goes
// through randomised response. Everything about it is a binomial law, so the ε and the
// divergence of replacing a bit are known for every data set.
func TestSamplingWithoutReplacementIsAboveTheTruthForEveryDataSet(t *testing.T) {
	const delta = 1e-4
	for _, row := range []struct {
		n, count int
		epsilon  float64
	}{{2, 3, 0.7}, {4, 5, 1}, {10, 20, 2}, {3, 1, 3}, {50, 40, 0.5}} {
		q := 1 / float64(row.n)
		event := Event{Mechanism: RandomizedResponse, Epsilon: row.epsilon, Sampling: q, Count: uint64(row.count), Neighbours: dp.Replace}
		p := 1 / (1 + math.Exp(-row.epsilon))
		theta := func(ones int) float64 { return (float64(ones)*p + float64(row.n-ones)*(1-p)) * q }
		worst, divergence := 0.0, map[float64]float64{}
		for ones := 1; ones <= row.n; ones++ {
			for _, side := range [][2]float64{{theta(ones), theta(ones - 1)}, {theta(ones - 1), theta(ones)}} {
				a, b := binomial(row.count, side[0]), binomial(row.count, side[1])
				deltaAt := func(e float64) (d float64) {
					for i := range a {
						d += math.Max(0, a[i]-math.Exp(e)*b[i])
					}
					return d
				}
				if deltaAt(0) > delta {
					worst = math.Max(worst, leastTrue(0, 100, func(e float64) bool { return deltaAt(e) <= delta }))
				}
				for order := 2.0; order <= 40; order++ {
					x, y := side[0], side[1]
					r := math.Log(math.Pow(x, order)*math.Pow(y, 1-order)+math.Pow(1-x, order)*math.Pow(1-y, 1-order)) / (order - 1)
					divergence[order] = math.Max(divergence[order], r)
				}
			}
		}
		bounds, err := Compose([]Event{event}, delta)
		require.NoError(t, err)
		assert.Equal(t, dp.Replace, bounds.Relation)
		assert.GreaterOrEqual(t, *bounds.PLD, worst*(1-1e-9), "%+v", row)
		assert.LessOrEqual(t, *bounds.PLD, worst*1.1, "%+v", row)
		assert.GreaterOrEqual(t, *bounds.RDP, worst, "%+v", row)
		assert.LessOrEqual(t, *bounds.PLD, *bounds.RDP*1.001)
		normal, err := event.normal("event")
		require.NoError(t, err)
		for order, exact := range divergence {
			got, ok := normal.rdp(order)
			require.True(t, ok)
			assert.GreaterOrEqual(t, got, exact*(1-1e-12), "%+v at order %v", row, order)
		}
		whole := normal
		whole.Sampling = 1
		for order := 2.0; order <= 40; order++ {
			less, _ := normal.rdp(order)
			more, _ := whole.rdp(order)
			if row.n >= 10 {
				assert.Less(t, less, more, "sampling helps")
			}
		}
	}
}

func TestSamplingAllWithoutReplacementIsNoSampling(t *testing.T) {
	for _, e := range []Event{
		{Mechanism: Gaussian, Sigma: 3, Count: 4}, {Mechanism: DiscreteLaplace, Scale: 2, Count: 2},
	} {
		e.Neighbours = dp.Replace
		whole, err := NewPLD([]Event{e}, 1e-6)
		require.NoError(t, err)
		e.Sampling = 1 - 1e-12
		almost, err := NewPLD([]Event{e}, 1e-6)
		require.NoError(t, err)
		assert.InEpsilon(t, whole.Epsilon(), almost.Epsilon(), 1e-4)
	}
	two := []Event{
		{Mechanism: Gaussian, Sigma: 3, Sampling: 0.1, Neighbours: dp.Replace}, {Mechanism: Gaussian, Sigma: 3, Sampling: 0.1},
	}
	_, err := Compose(two, 1e-6)
	assert.Error(t, err, "two ways of sampling are two relations")
}

// Among the values 0 and 1 of n people the mean of the sample and Gaussian noise is a
// mixture of Gaussians; the worst replacement is found by integration.
func TestSampledGaussianWithoutReplacementIsAboveIntegration(t *testing.T) {
	const n, m, sigma, delta = 5, 2, 1.2, 1e-3
	density := func(ones int, x float64) (f float64) {
		for k := 0; k <= m; k++ { // hypergeometric: k of the sample are ones
			c := choose(ones, k) * choose(n-ones, m-k) / choose(n, m)
			f += c * math.Exp(-(x-float64(k))*(x-float64(k))/(2*sigma*sigma)) / (sigma * math.Sqrt(2*math.Pi))
		}
		return f
	}
	worst := 0.0
	for ones := 1; ones <= n; ones++ {
		for _, side := range [][2]int{{ones, ones - 1}, {ones - 1, ones}} {
			deltaAt := func(e float64) (d float64) {
				for x := -12.0; x < 14; x += 1e-3 {
					d += math.Max(0, density(side[0], x)-math.Exp(e)*density(side[1], x)) * 1e-3
				}
				return d
			}
			low, high := 0.0, 5.0
			for range 20 {
				if middle := (low + high) / 2; deltaAt(middle) <= delta {
					high = middle
				} else {
					low = middle
				}
			}
			worst = math.Max(worst, high)
		}
	}
	b, err := Compose([]Event{{Mechanism: Gaussian, Sigma: sigma, Sampling: float64(m) / n, Neighbours: dp.Replace}}, delta)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, *b.PLD, worst*(1-1e-4))
	assert.LessOrEqual(t, *b.PLD, worst*1.3)
	assert.GreaterOrEqual(t, *b.RDP, *b.PLD)
}

func choose(n, k int) float64 {
	if k < 0 || k > n {
		return 0
	}
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}
