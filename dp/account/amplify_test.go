package account

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

func TestShuffleAsTabulated(t *testing.T) {
	na := math.Inf(1)
	for _, row := range []struct {
		n, e0, delta                       float64
		f21, f23, clones21, clones23, rung float64
	}{
		{1000, 1, 1e-6, 0.566201489, 0.487585547, 0.182412347, 0.148670616, 0.126614481},
		{1000, 2, 1e-6, na, 0.941597677, 0.545497966, 0.397087059, 0.323278960},
		{10000, 1, 1e-6, 0.214025652, 0.180006368, 0.053005316, 0.043206158, 0.035658815},
		{10000, 3, 1e-6, 0.824114181, 0.654588146, 0.320719717, 0.226078980, 0.169229506},
		{10000, 4, 1e-8, na, 1.040674943, 0.754629243, 0.514488349, 0.404346821},
	} {
		assert.InDelta(t, 0, finiteDifference(shuffle2021(row.e0, row.n, row.delta), row.f21), 1e-6)
		assert.InDelta(t, 0, finiteDifference(shuffle2023(row.e0, row.n, row.delta), row.f23), 1e-6)
		assert.InDelta(t, row.clones21, clones(row.e0, row.n, row.delta, math.Exp(-row.e0)), 1e-6)
		assert.InDelta(t, row.clones23, clones(row.e0, row.n, row.delta, 2/(math.Exp(row.e0)+1)), 1e-6)
		got, err := Shuffle(row.e0, uint64(row.n), row.delta)
		require.NoError(t, err)
		assert.Equal(t, "stronger-clones-2023", got.Bound)
		assert.True(t, got.Epsilon >= row.rung && got.Epsilon <= row.clones23+1e-6)
	}
	for _, row := range []struct {
		n     uint64
		delta float64
	}{{0, 1e-6}, {1, 1e-6}, {1000, 0}, {1000, -1}} {
		got, err := Shuffle(2, row.n, row.delta)
		require.NoError(t, err)
		assert.Equal(t, Shuffled{2, "none"}, got)
	}
	_, err := Shuffle(-1, 10, 1e-6)
	assert.Error(t, err)
	_, err = Shuffle(1, 10, math.NaN())
	assert.Error(t, err)
}

// Tails of Bin(c, ½) against exact integers.
func TestHalfBinomialsAreExactToElevenDigits(t *testing.T) {
	for _, c := range []int64{1, 2, 7, 40, 1000, 20_000} {
		term, tail := big.NewInt(1), new(big.Int) // C(c, j) and Σ_{k≥j}
		whole := new(big.Float).SetPrec(200).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(c)))
		for j := c; j >= c/2-1 && j >= 0; j-- {
			tail.Add(tail, term)
			if spread := 2*j - c; spread*spread < 80*c && (c < 1000 || j%29 == 0) {
				for i, exact := range []*big.Int{term, tail} {
					want, _ := new(big.Float).Quo(new(big.Float).SetPrec(200).SetInt(exact), whole).Float64()
					at, above := halfBinomial(float64(c), float64(j))
					assert.InEpsilon(t, want, []float64{at, above}[i], 3e-11, "%d of %d", j, c)
				}
			}
			term = new(big.Int).Quo(new(big.Int).Mul(term, big.NewInt(j)), big.NewInt(c-j+1))
		}
	}
	at, tail := halfBinomial(5, 6)
	assert.Zero(t, at+tail)
	_, tail = halfBinomial(5, -1)
	assert.Equal(t, 1.0, tail)
}

// More users hide each better, also where users are taken in blocks.
func TestShufflesOfManyUsers(t *testing.T) {
	before := math.Inf(1)
	for n := uint64(1_000); n <= 1_000_000_000; n *= 10 {
		s, err := Shuffle(1, n, 1e-6)
		require.NoError(t, err)
		assert.Less(t, s.Epsilon, before)
		if n > 100_000 { // ε falls at least as 1/√n there, and δ is worth more and more of the rest
			assert.Less(t, s.Epsilon, before/math.Sqrt(10))
			assert.Greater(t, s.Epsilon, before/10)
		}
		before = s.Epsilon
	}
}

func finiteDifference(a, b float64) float64 {
	if math.IsInf(a, 1) && math.IsInf(b, 1) {
		return 0
	}
	return a - b
}

func TestCalibrationAsTabulated(t *testing.T) {
	for _, row := range []struct{ epsilon, delta, analytic, discrete float64 }{
		{0.1, 1e-6, 36.304690426196, 0},
		{0.5, 1e-5, 7.0318266755825, 7.030951123},
		{1, 1e-5, 3.7306316348159, 0},
		{1, 1e-6, 4.2246788893268, 4.230778861},
		{2, 1e-6, 2.2304762711864, 2.246632896},
		{4, 1e-9, 1.4878036771035, 1.456659528},
		{8, 1e-5, 0.60022907219895, 0},
	} {
		got, err := GaussianSigma(row.epsilon, row.delta, 1)
		require.NoError(t, err)
		fromAbove(t, row.analytic, got, 1e-9)
		scaled, err := GaussianSigma(row.epsilon, row.delta, 7)
		require.NoError(t, err)
		assert.InEpsilon(t, 7*got, scaled, 1e-10, "σ has the unit of the sensitivity")
		back, err := GDPEpsilon(1/got, row.delta)
		require.NoError(t, err)
		assert.LessOrEqual(t, back, row.epsilon*(1+2*up))
		if row.discrete > 0 {
			got, err := DiscreteGaussianSigma(row.epsilon, row.delta, 1)
			require.NoError(t, err)
			assert.InEpsilon(t, row.discrete, got, 1e-8)
			assert.LessOrEqual(t, DiscreteGaussianDelta(got, 1, row.epsilon), row.delta)
		}
	}
	assert.InEpsilon(t, 0.141351339406, DiscreteGaussianDelta(1, 1, 1), 1e-10)
	assert.InEpsilon(t, 0.0540072236942, DiscreteGaussianDelta(2, 1, 0.5), 1e-10)
	assert.InEpsilon(t, 0.00876235392395, DiscreteGaussianDelta(10, 1, 0.1), 1e-10)
}

func TestNoiseThatNobodyCanDrawIsRefused(t *testing.T) {
	for name, err := range map[string]error{
		"laplace":           last(LaplaceScale(1e-300, 1e9)),
		"gaussian":          last(GaussianSigma(1e-12, 1e-300, 1e9)),
		"tree":              last(TreeNoise(1e-15, 0, 1, 1000)),
		"discrete gaussian": last(DiscreteGaussianSigma(1e-9, 1e-300, 1)),
	} {
		require.Error(t, err, name)
		assert.Equal(t, "epsilon", posse.As(err).Field, name)
	}
}

func TestTreesAsTabulated(t *testing.T) {
	for steps, levels := range map[uint64]int{1: 1, 1000: 10, 1023: 10, 1024: 11, 100_000: 17, 1_000_000: 20} {
		assert.Equal(t, levels, TreeLevels(steps))
	}
	for _, row := range []struct {
		epsilon, delta float64
		steps          uint64
		noise          float64
	}{{1, 1e-6, 1000, 13.3596076731}, {1, 1e-6, 1024, 14.0116747356}, {2, 1e-8, 100_000, 10.9382972817}, {2, 0, 1000, 5}} {
		got, err := TreeNoise(row.epsilon, row.delta, 1, row.steps)
		require.NoError(t, err)
		fromAbove(t, row.noise, got, 1e-9)
	}
	_, err := TreeNoise(1, 0, 1, 0)
	assert.Error(t, err)
}

func TestSubsampleGroupAndParallel(t *testing.T) {
	g := Guarantee{Epsilon: 1, Delta: 1e-6, Relation: dp.ZeroOut}
	s, err := Subsample(g, 0.1)
	require.NoError(t, err)
	fromAbove(t, math.Log(1+0.1*(math.E-1)), s.Epsilon, 1e-11)
	fromAbove(t, 1e-7, s.Delta, 1e-11)
	whole, err := Subsample(g, 1)
	require.NoError(t, err)
	assert.Equal(t, g, whole, "q = 1 is no sampling")
	_, err = Subsample(g, 0)
	assert.Error(t, err)

	k, err := Group(g, 3)
	require.NoError(t, err)
	fromAbove(t, 3, k.Epsilon, 1e-11)
	fromAbove(t, 1e-6*(1+math.E+math.E*math.E), k.Delta, 1e-10)

	p, err := Parallel(g, Guarantee{Epsilon: 0.5, Delta: 1e-5, Relation: dp.ZeroOut})
	require.NoError(t, err)
	assert.Equal(t, Guarantee{1, 1e-5, dp.ZeroOut, "parallel composition"}, p)
	r := Guarantee{Epsilon: 1, Relation: dp.Replace}
	p, err = Parallel(r, r, r)
	require.NoError(t, err)
	fromAbove(t, 2, p.Epsilon, 1e-11) // a replaced record may move: two parts are hit
}

func TestCalibratedThenComposedComesBackNeverAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epsilon := math.Exp(rapid.Float64Range(-3, 2).Draw(t, "ln ε"))
		delta := math.Exp(rapid.Float64Range(-40, -4).Draw(t, "ln δ"))
		sigma, err := GaussianSigma(epsilon, delta, 1)
		if err != nil {
			t.Fatal(err)
		}
		discrete, err := DiscreteGaussianSigma(epsilon, delta, 1)
		if err != nil {
			t.Fatal(err)
		}
		scale, err := LaplaceScale(epsilon, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []Event{{Mechanism: Gaussian, Sigma: sigma}, {Mechanism: DiscreteGaussian, Sigma: discrete}} {
			b, err := Compose([]Event{e}, delta)
			if err != nil || *b.Best > epsilon || *b.Best < epsilon*(1-1e-9) {
				t.Fatalf("%v: asked ε %v, back %v (%v)", e, epsilon, *b.Best, err)
			}
		}
		b, err := Compose([]Event{{Mechanism: Laplace, Scale: scale}}, 0)
		if err != nil || *b.Best > epsilon {
			t.Fatalf("laplace: asked ε %v, back %v (%v)", epsilon, *b.Best, err)
		}
	})
}
