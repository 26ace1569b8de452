package stattest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/stattest"
)

// A test must reject true hypotheses about as often as it says, and not much less
// where its law is exact: with 20,000 repetitions at 5 % the rate has a standard
// error of 0.15 %, and ±0.9 % is a false alarm below 1e-8.
func TestFalseAlarmsAreAsStated(t *testing.T) {
	const repetitions, stated = 20_000, 0.05
	src := rand.New(rand.NewPCG(1, 2))
	uniform := []float64{0.1, 0.2, 0.3, 0.4}
	for _, row := range []struct {
		name string
		low  float64 // least plausible rate: discrete and conservative tests alarm less
		run  func() (stattest.Result, error)
	}{
		{"chi-square", stated - 0.009, func() (stattest.Result, error) {
			counts := make([]uint64, 4)
			for range 500 {
				switch u := src.Float64(); {
				case u < 0.1:
					counts[0]++
				case u < 0.3:
					counts[1]++
				case u < 0.6:
					counts[2]++
				default:
					counts[3]++
				}
			}
			return stattest.ChiSquare(counts, uniform, stated)
		}},
		{"kolmogorov-smirnov", 0.02, func() (stattest.Result, error) {
			sample := make([]float64, 60)
			for i := range sample {
				sample[i] = src.Float64()
			}
			return stattest.KolmogorovSmirnov(sample, func(x float64) float64 { return max(0, min(1, x)) }, stated)
		}},
		{"binomial", 0.02, func() (stattest.Result, error) {
			var k uint64
			for range 200 {
				if src.Float64() < 0.3 {
					k++
				}
			}
			return stattest.Binomial(k, 200, 0.3, stated)
		}},
		{"mean", stated - 0.009, func() (stattest.Result, error) {
			var sum float64
			for range 100 {
				sum += src.NormFloat64()
			}
			return stattest.Mean(sum/100, 0, 1, 100, stated)
		}},
	} {
		alarms := 0
		for range repetitions {
			r, err := row.run()
			require.NoError(t, err)
			if r.Rejected() {
				alarms++
			}
		}
		rate := float64(alarms) / repetitions
		assert.LessOrEqual(t, rate, stated+0.009, row.name)
		assert.GreaterOrEqual(t, rate, row.low, row.name)
	}
}

func TestKnownPValues(t *testing.T) {
	r, err := stattest.ChiSquare([]uint64{60, 40}, []float64{0.5, 0.5}, 0.05)
	require.NoError(t, err)
	assert.InDelta(t, 4, r.Statistic, 1e-12)
	assert.InDelta(t, 0.04550026389635839, r.PValue, 1e-12) // erfc(√2)
	assert.True(t, r.Rejected())

	r, err = stattest.Binomial(10, 10, 0.5, 0.01)
	require.NoError(t, err)
	assert.InEpsilon(t, 2.0/1024, r.PValue, 1e-10)
	r, err = stattest.Binomial(0, 10, 0.5, 0.01)
	require.NoError(t, err)
	assert.InEpsilon(t, 2.0/1024, r.PValue, 1e-10)
	r, err = stattest.Binomial(5, 10, 0.5, 0.01)
	require.NoError(t, err)
	assert.InDelta(t, 1, r.PValue, 1e-12)

	// Clopper–Pearson as the audits use it (privacy.md 4.2)
	assert.InDelta(t, 0.00368208390, stattest.UpperBound(0, 1000, 0.025), 1e-10)
	assert.Zero(t, stattest.LowerBound(0, 1000, 0.025))
	assert.Equal(t, 1.0, stattest.UpperBound(7, 7, 0.1))
	low, high := stattest.LowerBound(1000, 100_000, 0.025), stattest.UpperBound(400, 100_000, 0.025)
	assert.InDelta(t, 0.75582576, math.Log(low/high), 1e-7)
	assert.InDelta(t, 0.025, stattest.UpperTail(1000, 100_000, low), 1e-9, "the bound is where the tail is the alarm")
}

func TestSmallCellsArePooled(t *testing.T) {
	// without pooling the last cells have an expected count of 0.1 and one hit is 8 in X²
	r, err := stattest.ChiSquare([]uint64{500, 499, 1, 0}, []float64{0.4999, 0.4999, 0.0001, 0.0001}, 1e-3)
	require.NoError(t, err)
	assert.Less(t, r.Statistic, 0.1)
}

func TestBadInputIsRefused(t *testing.T) {
	for name, f := range map[string]func() (stattest.Result, error){
		"alarm 0":   func() (stattest.Result, error) { return stattest.Binomial(1, 2, 0.5, 0) },
		"alarm NaN": func() (stattest.Result, error) { return stattest.Mean(0, 0, 1, 1000, math.NaN()) },
		"no values": func() (stattest.Result, error) { return stattest.KolmogorovSmirnov(nil, nil, 0.1) },
		"NaN value": func() (stattest.Result, error) { return stattest.KolmogorovSmirnov([]float64{math.NaN()}, nil, 0.1) },
		"k above n": func() (stattest.Result, error) { return stattest.Binomial(3, 2, 0.5, 0.1) },
		"p above 1": func() (stattest.Result, error) { return stattest.Binomial(1, 2, 1.5, 0.1) },
		"sum not 1": func() (stattest.Result, error) {
			return stattest.ChiSquare([]uint64{100, 100}, []float64{0.5, 0.6}, 0.1)
		},
		"too few":     func() (stattest.Result, error) { return stattest.ChiSquare([]uint64{1, 2}, []float64{0.5, 0.5}, 0.1) },
		"lengths":     func() (stattest.Result, error) { return stattest.ChiSquare([]uint64{1}, []float64{0.5, 0.5}, 0.1) },
		"deviation 0": func() (stattest.Result, error) { return stattest.Mean(0, 0, 0, 1000, 0.1) },
		"falling cdf": func() (stattest.Result, error) {
			return stattest.KolmogorovSmirnov([]float64{0.2, 0.8}, func(x float64) float64 { return 1 - x }, 0.1)
		},
	} {
		_, err := f()
		assert.Error(t, err, name)
	}
}

func ExampleBinomial() {
	r, _ := stattest.Binomial(700, 1000, 0.5, 1e-6)
	fmt.Println(r.Rejected())
	// Output: true
}
