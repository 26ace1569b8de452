package budget_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
)

func TestSplitAsTabulated(t *testing.T) {
	sizes := map[string]float64{"a": 10000, "b": 1000, "c": 100, "d": 10}
	for _, row := range []struct {
		rule     budget.SplitRule
		exponent float64
		want     [4]float64
	}{
		{budget.SplitRecords, 0, [4]float64{0.0300015, 0.0948730, 0.3000150, 0.9487307}},
		{"", 0, [4]float64{0.0300015, 0.0948730, 0.3000150, 0.9487307}},
		{budget.SplitTasks, 0, [4]float64{0.0055338, 0.0311188, 0.1749937, 0.9840621}},
		{budget.SplitExponent, -0.25, [4]float64{0.1477876, 0.2628077, 0.4673456, 0.8310710}},
		{budget.SplitUniform, 0, [4]float64{0.5, 0.5, 0.5, 0.5}},
	} {
		got, err := budget.Split(sizes, 1, row.rule, row.exponent)
		require.NoError(t, err)
		for i, name := range []string{"a", "b", "c", "d"} {
			assert.InDelta(t, row.want[i], got[name], 1e-7, "%s %s", row.rule, name)
		}
	}
}

func TestSplitNeverExceedsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.MapOfN(rapid.String(), rapid.Float64Range(-5, 1e12), 1, 30).Draw(t, "sizes")
		beta := rapid.Float64Range(1e-6, 1e6).Draw(t, "β")
		got, err := budget.Split(sizes, beta, budget.SplitExponent, rapid.Float64Range(-3, 0).Draw(t, "μ"))
		if err != nil {
			t.Fatal(err)
		}
		var squares float64
		for name, c := range got {
			squares += c * c
			for other, d := range got {
				if math.Max(1, sizes[name]) < math.Max(1, sizes[other]) && c < d {
					t.Fatalf("the smaller task got less")
				}
			}
		}
		if squares > beta || squares < beta*(1-1e-12) {
			t.Fatalf("Σc² = %v, β = %v", squares, beta)
		}
	})
}

func TestSplitRefusesBadInput(t *testing.T) {
	one := map[string]float64{"a": 1}
	for field, call := range map[string]func() (map[string]float64, error){
		"tasks":    func() (map[string]float64, error) { return budget.Split(nil, 1, "", 0) },
		"budget":   func() (map[string]float64, error) { return budget.Split(one, 0, "", 0) },
		"exponent": func() (map[string]float64, error) { return budget.Split(one, 1, budget.SplitExponent, 0.1) },
		"rule":     func() (map[string]float64, error) { return budget.Split(one, 1, "most", 0) },
		"tasks.a":  func() (map[string]float64, error) { return budget.Split(map[string]float64{"a": math.NaN()}, 1, "", 0) },
	} {
		_, err := call()
		require.Error(t, err)
		assert.Equal(t, field, posse.As(err).Field)
	}
}

// Randomised response with ε each is the worst pure mechanism: its loss walks by ±ε.
// The odometer may be passed at any time with chance δ only.
func TestOdometerIsRarelyEverPassed(t *testing.T) {
	const walks, steps, delta = 3_000, 500, 0.05
	src := noise.NewSeeded(5)
	e := dp.Spend{NanoEpsilon: 1e8}
	bounds := make([]float64, steps)
	o, err := budget.NewOdometer(delta, e, steps)
	require.NoError(t, err)
	for i := range bounds {
		require.NoError(t, o.Add(e))
		bounds[i] = o.Epsilon()
		if i > 0 {
			require.GreaterOrEqual(t, bounds[i], bounds[i-1])
		}
	}
	assert.Less(t, bounds[steps-1], 0.2*steps*0.1, "far below the sum by then")
	p := 1 / (1 + math.Exp(-0.1))
	passed := func(factor float64) (n uint64) {
		for range walks {
			loss := 0.0
			for i := range bounds {
				if noise.Float64(src) < p {
					loss += 0.1
				} else {
					loss -= 0.1
				}
				if loss > bounds[i]*factor+1e-9 {
					n++
					break
				}
			}
		}
		return n
	}
	r, err := stattest.Binomial(passed(1), walks, delta, 1e-6)
	require.NoError(t, err)
	assert.False(t, r.Rejected() && r.Statistic > delta, "%v", r)
	r, err = stattest.Binomial(passed(0.6), walks, delta, 1e-6)
	require.NoError(t, err)
	assert.True(t, r.Rejected() && r.Statistic > delta, "a bound of six tenths was not seen to be too low: %v", r)
}

func TestOdometerShowsAtMostTheSum(t *testing.T) {
	o, err := budget.NewOdometer(1e-6, epsilon(1e9), 10)
	require.NoError(t, err)
	assert.Zero(t, o.Epsilon())
	require.NoError(t, o.Add(epsilon(1e9)))
	assert.Equal(t, 1.0, o.Epsilon())
	assert.Equal(t, 1e-6, o.Delta())
	assert.Error(t, o.Add(dp.Spend{PicoRho: 1}))
	for field, err := range map[string]error{
		"delta": second(budget.NewOdometer(0, epsilon(1), 1)), "typical": second(budget.NewOdometer(0.1, dp.Spend{}, 1)),
		"count": second(budget.NewOdometer(0.1, epsilon(1), 0)),
	} {
		require.Error(t, err)
		assert.Equal(t, field, posse.As(err).Field)
	}
}

func second(_ *budget.Odometer, err error) error { return err }
