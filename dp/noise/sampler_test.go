package noise_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
)

func TestVariancesAsTabulated(t *testing.T) {
	for _, row := range []struct {
		num, den uint64 // scale = 1/(ε/Δ)
		variance float64
	}{{10, 1, 199.83341663361}, {2, 1, 7.8353961780655}, {1, 1, 1.8413471884156}, {1, 2, 0.36203083048316}, {1, 4, 0.038010914919036}} {
		l, err := noise.NewDiscreteLaplace(row.num, row.den)
		require.NoError(t, err)
		assert.InEpsilon(t, row.variance, l.Variance(), 1e-12)
	}
	for _, row := range []struct {
		num, den uint64
		variance float64
	}{{1, 10, 0.013296725173624}, {1, 4, 0.21501267508814}, {1, 2, 0.49897913083282}, {1, 1, 0.99999978876773}, {4, 1, 4}} {
		g, err := noise.NewDiscreteGaussian(row.num, row.den)
		require.NoError(t, err)
		assert.InEpsilon(t, row.variance, g.Variance(), 1e-12)
	}
}

func TestTailsAreUpperBounds(t *testing.T) {
	for _, b := range []uint64{1, 3, 40} {
		l, err := noise.NewDiscreteLaplace(b, 1)
		require.NoError(t, err)
		p := math.Exp(-1 / float64(b))
		for _, m := range []uint64{0, 1, 5, 100} {
			exact := 2 * math.Pow(p, float64(m+1)) / (1 + p)
			assert.GreaterOrEqual(t, l.Tail(m), exact*(1-1e-13))
			assert.InEpsilon(t, exact, l.Tail(m), 1e-12)
		}
	}
	for _, sigma2 := range []float64{0.25, 1, 18, 400} {
		g, err := noise.NewDiscreteGaussianRat(new(big.Rat).SetFloat64(sigma2))
		require.NoError(t, err)
		var mass float64
		weight := func(x float64) float64 { return math.Exp(-x * x / (2 * sigma2)) }
		for x := -400.0; x <= 400; x++ {
			mass += weight(x)
		}
		for m := range uint64(60) {
			var exact float64
			for x := float64(m) + 1; x <= 400; x++ {
				exact += 2 * weight(x) / mass
			}
			assert.GreaterOrEqual(t, g.Tail(m), exact, "σ² %v, m %d", sigma2, m)
		}
	}
}

func TestSpendIsTheExactRationalRoundedUp(t *testing.T) {
	l, err := noise.NewDiscreteLaplace(3, 1)
	require.NoError(t, err)
	assert.Equal(t, dp.Spend{NanoEpsilon: 333_333_334}, l.Spend(1))
	assert.Equal(t, dp.Spend{NanoEpsilon: 1e9}, l.Spend(3))
	assert.True(t, l.Spend(0).Zero())
	tiny, err := noise.NewDiscreteLaplace(1, 1<<40)
	require.NoError(t, err)
	assert.Equal(t, uint64(math.MaxUint64), tiny.Spend(1<<40).NanoEpsilon, "what does not fit is more than any limit")

	g, err := noise.NewDiscreteGaussian(76676, 1)
	require.NoError(t, err)
	assert.InDelta(t, 0.000652, g.Spend(100).Rho(), 1e-6) // privacy.md 6
	assert.Equal(t, uint64(math.MaxUint64), g.SpendBig(new(big.Int).Lsh(big.NewInt(1), 200)).PicoRho)
}

func TestCalibrationCostsWhatWasAskedAndNotMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sensitivity := rapid.Uint64Range(1, 1<<30).Draw(t, "sensitivity")
		nano := rapid.Uint64Range(1_000, 20_000_000_000).Draw(t, "nano-ε")
		l, err := noise.LaplaceFor(sensitivity, dp.Spend{NanoEpsilon: nano})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Spend(sensitivity); got.NanoEpsilon > nano || float64(got.NanoEpsilon) < float64(nano)*(1-1e-9)-1 {
			t.Fatalf("asked %d, costs %v", nano, got)
		}
		pico := rapid.Uint64Range(1_000, 1e13).Draw(t, "pico-ρ")
		s2 := new(big.Int).Mul(new(big.Int).SetUint64(sensitivity), new(big.Int).SetUint64(sensitivity))
		g, err := noise.GaussianFor(s2, dp.Spend{PicoRho: pico})
		if err != nil {
			t.Fatal(err)
		}
		if got := g.SpendBig(s2); got.PicoRho > pico {
			t.Fatalf("asked %d, costs %v", pico, got)
		}
		if sigma2, _ := g.Sigma2().Float64(); sigma2 > 1 && float64(g.SpendBig(s2).PicoRho) < float64(pico)*(1-1e-9)-1 {
			t.Fatalf("asked %d, costs only %v", pico, g.SpendBig(s2))
		}
	})
	_, err := noise.LaplaceFor(1, dp.Spend{PicoRho: 1})
	assert.Error(t, err)
	_, err = noise.LaplaceFor(0, dp.Spend{NanoEpsilon: 1})
	assert.Error(t, err)
	_, err = noise.LaplaceFor(math.MaxUint64, dp.Spend{NanoEpsilon: 1})
	assert.Error(t, err)
	_, err = noise.GaussianFor(new(big.Int), dp.Spend{PicoRho: 1})
	assert.Error(t, err)
}

// The time of a draw says nothing of its value; what that costs is added to the promise.
func ExampleNewFixedLaplace() {
	law, _ := noise.LaplaceFor(1, dp.Spend{NanoEpsilon: 1e9})
	fixed := noise.NewFixedLaplace(law)

	counts := []int64{120, 80}
	if err := noise.Add(counts, fixed, noise.Secure{}); err != nil {
		fmt.Println(err)
	}
	delta := (1 + math.E) * float64(len(counts)) * fixed.Distance()
	atto, _ := dp.SpendOfDelta(new(big.Rat).SetFloat64(delta))
	fmt.Println(fixed.Words(), "words a variate, at most", atto, "beside", law.Spend(1))
	// Output:
	// 28 words a variate, at most δ 1e-18 beside ε 1
}

func ExampleLaplaceFor() {
	p, _ := dp.NewParams("1", "0")
	record, _ := p.RecordSpend(2) // a user may give two records
	laplace, _ := noise.LaplaceFor(1<<16, record)
	num, den := laplace.Scale()
	fmt.Println("scale:", num, "/", den, "grid units, a record costs", laplace.Spend(1<<16))

	sums := []int64{120 << 16, 80 << 16}
	z := make([]int64, len(sums))
	laplace.Fill(z, noise.Secure{}) // only after the spend was charged
	for i := range sums {
		sums[i] += z[i]
	}
	// Output:
	// scale: 131072 / 1 grid units, a record costs ε 0.5
}
