package robust

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
	"github.com/posse-dev/posse/mechanisms"
)

var d1 = []float64{-3.2, -0.4, 0.1, 0.3, 0.5, 0.9, 1.2, 1.6, 2.5, 4, 17, 250}

// The data set D1 of private-learning 1.3, to 1e-9.
func TestEstimatorsReproduceTheStatedRows(t *testing.T) {
	const near = 1e-9
	get := func(e Estimate, err error) Estimate { require.NoError(t, err); return e }
	assert.InDelta(t, 22.875, get(Mean(d1)).Mean, near)
	c := get(Catoni(d1, 4, 0.06))
	assert.InDelta(t, 5.137343231293128, c.Mean, near)
	assert.InDelta(t, 1.936805175801991, c.Radius, near)
	assert.InDelta(t, 3.3747842746477286, CatoniRoot(d1, 0.4, 1.5), near)
	assert.InDelta(t, 1.3375, get(Huber(d1, 2, 0, 0.06)).Mean, near)
	assert.InDelta(t, 1.725, get(MedianOfMeans(d1, mechanisms.Moment{Order: 2, Bound: 4}, 0.06)).Mean, near)
	tr := get(Truncated(d1, mechanisms.Moment{Order: 1.5, Bound: 8}, 0.06))
	assert.InDelta(t, 0.8916666666666666, tr.Mean, near)
	assert.InDelta(t, 9.865912962583016, tr.Radius, near)
	assert.InDelta(t, 1.3875, get(Trimmed(d1, 0.1)).Mean, near)

	for _, row := range []struct{ p, m, n, l, alpha, r float64 }{
		{1.5, 8, 1000, math.Log(1000), 0.0149704714, 1.622735}, {1.4, 6, 5000, 8, 0.0056199440, 1.138740},
	} {
		alpha, r := CatoniRadius(mechanisms.Moment{Order: row.p, Bound: row.m}, row.n, row.l)
		assert.InDelta(t, row.alpha, alpha, 1e-9)
		assert.InDelta(t, row.r, r, 1e-6)
	}
	_, none := CatoniRadius(mechanisms.Moment{Order: 1.5, Bound: 8}, 12, 2.8134)
	assert.True(t, math.IsInf(none, 1))
}

type estimator struct {
	name     string
	of       func(x []float64, m mechanisms.Moment, delta float64) (Estimate, error)
	ordered  bool // depends on the order of observations
	anchored bool // is not translation equivariant
}

func estimators() []estimator {
	spread := func(m mechanisms.Moment) float64 { return math.Pow(m.Bound, 2/m.Order) }
	return []estimator{
		{"mean", func(x []float64, _ mechanisms.Moment, _ float64) (Estimate, error) { return Mean(x) }, false, false},
		{"clipped", func(x []float64, m mechanisms.Moment, d float64) (Estimate, error) {
			return Clipped(x, 3*math.Pow(m.Bound, 1/m.Order), m, d)
		}, false, true},
		{"truncated", Truncated, true, true},
		{"median of means", MedianOfMeans, true, false},
		{"catoni", func(x []float64, m mechanisms.Moment, d float64) (Estimate, error) { return Catoni(x, spread(m), d) }, false, false},
		{"catoni of order p", CatoniOrder, false, false},
		{"huber", func(x []float64, m mechanisms.Moment, d float64) (Estimate, error) { return Huber(x, 0, spread(m), d) }, false, false},
		{"trimmed", func(x []float64, _ mechanisms.Moment, _ float64) (Estimate, error) { return Trimmed(x, 0.1) }, false, false},
	}
}

// Scale, shift and order: what private-learning 1 states of each.
func TestEstimatorsFollowTheirEquivariances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-100, 100), 20, 60).Draw(t, "x")
		m := mechanisms.Moment{Order: rapid.Float64Range(1.1, 2).Draw(t, "p"), Bound: math.Exp(rapid.Float64Range(-2, 8).Draw(t, "ln u"))}
		scale, shift := math.Exp(rapid.Float64Range(-5, 5).Draw(t, "ln scale")), rapid.Float64Range(-1000, 1000).Draw(t, "shift")
		for _, e := range estimators() {
			base, err := e.of(x, m, 0.1)
			require.NoError(t, err, e.name)
			require.False(t, math.IsNaN(base.Mean), e.name)
			low, high := math.Min(0, slices.Min(x)), math.Max(0, slices.Max(x))
			assert.True(t, base.Mean >= low-1e-9 && base.Mean <= high+1e-9, "%s: %v outside of the data", e.name, base.Mean)

			scaled, shifted := make([]float64, len(x)), make([]float64, len(x))
			for i, v := range x {
				scaled[i], shifted[i] = v*scale, v+shift
			}
			got, err := e.of(scaled, mechanisms.Moment{Order: m.Order, Bound: m.Bound * math.Pow(scale, m.Order)}, 0.1)
			require.NoError(t, err)
			if e.name != "truncated" { // a level may fall on the other side of rounding
				assert.InDelta(t, base.Mean*scale, got.Mean, 1e-7*scale*(1+math.Abs(base.Mean)), "%s scaled", e.name)
			}
			if !math.IsInf(base.Radius, 1) {
				assert.InEpsilon(t, base.Radius*scale, got.Radius, 1e-9, "%s, radius", e.name)
			}
			if !e.anchored {
				got, err = e.of(shifted, m, 0.1)
				require.NoError(t, err)
				assert.InDelta(t, base.Mean+shift, got.Mean, 1e-6, "%s shifted", e.name)
			}
			if !e.ordered {
				slices.Reverse(shifted)
				again, err := e.of(shifted, m, 0.1)
				require.NoError(t, err)
				slices.Reverse(shifted)
				forth, err := e.of(shifted, m, 0.1)
				require.NoError(t, err)
				assert.InDelta(t, forth.Mean, again.Mean, 1e-8, "%s backwards", e.name)
			}
		}
	})
}

// Huber's score is flat at 0 between two far groups of equal size: the middle.
func TestHuberTakesTheMiddleOfItsRoots(t *testing.T) {
	for _, row := range []struct {
		x    []float64
		tau  float64
		want float64
	}{
		{[]float64{0, 0, 100, 100}, 1, 50},
		{[]float64{0, 10}, 1, 5},
		{[]float64{7}, 2, 7},
		{[]float64{3, 3, 3}, 1e-9, 3},
		{[]float64{0, 0, 100}, 1, 0.5},
		{[]float64{1e300, -1e300, 0}, 1, 0},
	} {
		e, err := Huber(row.x, row.tau, 0, 0.1)
		require.NoError(t, err)
		assert.InDelta(t, row.want, e.Mean, 1e-9, "%v", row.x)
	}
}

// One observation that goes to infinity: the mean follows it, Catoni as a logarithm,
// Huber by at most 2τ over the share of inliers, the median of means and trimming not.
func TestAnOutlierMovesEachAsItShould(t *testing.T) {
	at := func(f func([]float64) (Estimate, error), far float64) float64 {
		x := slices.Clone(d1)
		x[11] = far
		e, err := f(x)
		require.NoError(t, err)
		return e.Mean
	}
	catoni := func(x []float64) (Estimate, error) { return Catoni(x, 4, 0.06) }
	huber := func(x []float64) (Estimate, error) { return Huber(x, 2, 0, 0.06) }
	blocks := func(x []float64) (Estimate, error) {
		return MedianOfMeans(x, mechanisms.Moment{Order: 2, Bound: 4}, 0.06)
	}
	assert.Less(t, at(catoni, 1e12), 60.0)
	assert.Greater(t, at(catoni, 1e300), at(catoni, 1e12), "slowly, but without bound")
	assert.Less(t, math.Abs(at(huber, 1e300)-at(huber, -1e300)), 2*2.0/12*12/8)
	assert.Equal(t, at(blocks, 1e9), at(blocks, 1e300))
}

// Coverage: up to 10,000 samples of 500 Pareto observations with a moment of order 1.5, or
// 2 for those that need a variance. At δ = 0.05 the number of misses on a side is
// below the binomial's upper quantile at 1e-6. The planted radius, without the factor in front, must be seen.
// Source: private-learning 1.3, Properties.
func TestRadiiCoverTheMean(t *testing.T) {
	samples := 10_000
	if testing.Short() {
		samples = 2_000
	}
	const n, delta = 500, 0.05
	heavy := func(order float64) (mean float64, raw, central mechanisms.Moment) {
		a := order + 0.05
		mean = a / (a - 1)
		u := a / (a - order)
		return mean, mechanisms.Moment{Order: order, Bound: u}, mechanisms.Moment{Order: order, Bound: math.Pow(2, order-1) * (u + math.Pow(mean, order))}
	}
	mean15, raw15, central15 := heavy(1.5)
	mean2, raw2, _ := heavy(2)
	variance := raw2.Bound - mean2*mean2
	for name, e := range map[string]struct {
		shape, mean float64
		of          func(x []float64) (Estimate, error)
	}{
		"truncated":         {1.55, mean15, func(x []float64) (Estimate, error) { return Truncated(x, raw15, delta) }},
		"clipped":           {1.55, mean15, func(x []float64) (Estimate, error) { return Clipped(x, 40, raw15, delta) }},
		"median of means":   {1.55, mean15, func(x []float64) (Estimate, error) { return MedianOfMeans(x, central15, delta) }},
		"catoni of order p": {1.55, mean15, func(x []float64) (Estimate, error) { return CatoniOrder(x, central15, delta) }},
		"catoni":            {2.05, mean2, func(x []float64) (Estimate, error) { return Catoni(x, variance, delta) }},
		"huber":             {2.05, mean2, func(x []float64) (Estimate, error) { return Huber(x, 0, variance, delta) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, x := noise.NewSeeded(77), make([]float64, n)
			var above, below, planted uint64
			samples := samples
			if name[0] == 'c' || name == "huber" {
				samples /= 5 // a root each
			}
			for range samples {
				for i := range x {
					x[i] = math.Pow(1-noise.Float64(src), -1/e.shape)
				}
				got, err := e.of(x)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case got.Mean-e.mean > got.Radius:
					above++
				case e.mean-got.Mean > got.Radius:
					below++
				}
				if math.Abs(got.Mean-e.mean) > got.Radius/100 {
					planted++
				}
			}
			assert.GreaterOrEqual(t, stattest.UpperTail(above, uint64(samples), delta), 1e-6, "%d above", above)
			assert.GreaterOrEqual(t, stattest.UpperTail(below, uint64(samples), delta), 1e-6, "%d below", below)
			assert.Less(t, stattest.UpperTail(planted, uint64(samples), 2*delta), 1e-6, "planted: a hundredth, %d misses", planted)
		})
	}
}

func TestBadObservationsAndSettingsAreNamed(t *testing.T) {
	good := mechanisms.Moment{Order: 1.5, Bound: 8}
	e := func(_ Estimate, err error) error { return err }
	for field, errs := range map[string][]error{
		"values":    {e(Mean(nil)), e(Truncated(nil, good, 0.1)), e(Trimmed([]float64{1}, 0.1)), e(Catoni(d1[:4], 4, 0.06)), e(Huber(nil, 1, 0, 0.1))},
		"values[1]": {e(Mean([]float64{0, math.NaN()})), e(CatoniOrder([]float64{0, math.Inf(1)}, good, 0.1))},
		"order":     {e(Truncated(d1, mechanisms.Moment{Order: 2.5, Bound: 1}, 0.1)), e(MedianOfMeans(d1, mechanisms.Moment{Order: 1, Bound: 1}, 0.1))},
		"bound":     {e(Clipped(d1, 0, good, 0.1)), e(Catoni(d1, 0, 0.1)), e(Catoni(d1, math.NaN(), 0.1))},
		"delta":     {e(Truncated(d1, good, 0)), e(Truncated(d1, good, 1)), e(Huber(d1, 1, 0, math.NaN()))},
		"tau":       {e(Huber(d1, 0, 0, 0.1)), e(Huber(d1, -1, 0, 0.1))},
		"variance":  {e(Huber(d1, 1, -1, 0.1))},
		"trim":      {e(Trimmed(d1, 0.5)), e(Trimmed(d1, math.NaN()))},
	} {
		for i, err := range errs {
			var e *posse.Error
			require.True(t, errors.As(err, &e), "%s, %d", field, i)
			assert.Equal(t, field, e.Field, "%d", i)
		}
	}
	assert.ErrorContains(t, e(Catoni(d1[:5], 4, 0.06)), "n > 2·ln(1/δ)")
}
