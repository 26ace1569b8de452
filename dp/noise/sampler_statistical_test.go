package noise

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/stattest"
)

// alarm is the false alarm of each single test in this file, which has fixed seeds.
const alarm = 1e-6

// law is a distribution on the integers by its exact probabilities, to 1e-15.
type law struct {
	half             int // cells −half … half, the tails pooled into the ends
	p                []float64
	variance, fourth float64
}

// newLaw normalises weight(x), which must be negligible beyond reach.
func newLaw(reach, half int, weight func(x float64) float64) law {
	l := law{half: half, p: make([]float64, 2*half+1)}
	var mass float64
	for x := -reach; x <= reach; x++ {
		mass += weight(float64(x))
	}
	for x := -reach; x <= reach; x++ {
		p := weight(float64(x)) / mass
		l.p[min(max(x, -half), half)+half] += p
		l.variance += p * float64(x) * float64(x)
		l.fourth += p * math.Pow(float64(x), 4)
	}
	return l
}

func laplaceLaw(b float64) law {
	return newLaw(int(60*b)+60, int(14*b)+3, func(x float64) float64 { return math.Exp(-math.Abs(x) / b) })
}

func gaussianLaw(sigma2 float64) law {
	s := math.Sqrt(sigma2)
	return newLaw(int(12*s)+12, int(5*s)+3, func(x float64) float64 { return math.Exp(-x * x / (2 * sigma2)) })
}

// rejections runs every test of the law on a sample.
func (l law) rejections(t *testing.T, sample []int64) []stattest.Result {
	t.Helper()
	counts := make([]uint64, len(l.p))
	var mean, square float64
	for _, x := range sample {
		counts[min(max(int(x), -l.half), l.half)+l.half]++
		mean += float64(x)
		square += float64(x) * float64(x)
	}
	n := uint64(len(sample))
	var rejected []stattest.Result
	keep := func(r stattest.Result, err error) {
		require.NoError(t, err)
		if r.Rejected() {
			rejected = append(rejected, r)
		}
	}
	keep(stattest.ChiSquare(counts, l.p, alarm))
	keep(stattest.Mean(mean/float64(n), 0, math.Sqrt(l.variance), n, alarm))
	keep(stattest.Variance(square/float64(n), l.variance, l.fourth, n, alarm))
	for lag := 1; lag <= 8; lag++ {
		var product float64
		for i := lag; i < len(sample); i++ {
			product += float64(sample[i]) * float64(sample[i-lag])
		}
		m := n - uint64(lag)
		// products have variance V²; neighbours share a factor but are uncorrelated
		keep(stattest.Mean(product/float64(m), 0, l.variance, m, alarm))
	}
	return rejected
}

const draws = 500_000

func TestLaplaceFollowsItsLaw(t *testing.T) {
	for _, row := range []struct {
		name     string
		num, den uint64
	}{
		{"scale 1", 1, 1},
		{"scale a quarter", 1, 4},
		{"scale 2", 2, 1},
		{"scale 10", 10, 1},
		{"scale 7/3", 7, 3},
		{"scale from a nano-ε", 1e9, 123456789},
	} {
		t.Run(row.name, func(t *testing.T) {
			l, err := NewDiscreteLaplace(row.num, row.den)
			require.NoError(t, err)
			sample := make([]int64, draws)
			l.Fill(sample, NewSeeded(1))
			assert.Empty(t, laplaceLaw(float64(row.num)/float64(row.den)).rejections(t, sample))
		})
	}
}

func TestGaussianFollowsItsLaw(t *testing.T) {
	for _, row := range []struct {
		name   string
		sigma2 *big.Rat
	}{
		{"variance 1/10", big.NewRat(1, 10)},
		{"variance 1/2", big.NewRat(1, 2)},
		{"variance 1", big.NewRat(1, 1)},
		{"variance 4", big.NewRat(4, 1)},
		{"variance 18", big.NewRat(18, 1)},
		{"variance 1000/7", big.NewRat(1000, 7)},
	} {
		t.Run(row.name, func(t *testing.T) {
			g, err := NewDiscreteGaussianRat(row.sigma2)
			require.NoError(t, err)
			sample := make([]int64, draws)
			g.Fill(sample, NewSeeded(2))
			f, _ := row.sigma2.Float64()
			assert.Empty(t, gaussianLaw(f).rejections(t, sample))
		})
	}
}

// The twins are wrong in the ways that samplers are wrong in; the tests above must
// see each of them with the same numbers of draws.
func TestWrongSamplersAreSeen(t *testing.T) {
	src := NewSeeded(3)
	fill := func(l interface{ Fill([]int64, Source) }, err error) func([]int64) {
		require.NoError(t, err)
		return func(dst []int64) { l.Fill(dst, src) }
	}
	twins := []struct {
		name string
		law  law
		fill func(dst []int64)
	}{
		{"minus zero is kept", laplaceLaw(1), func(dst []int64) {
			l := DiscreteLaplace{1, 1}
			var s stream
			s.reset(src, len(dst))
			for i := range dst {
				dst[i] = int64(l.magnitude(&s))
				if s.coin() {
					dst[i] = -dst[i]
				}
			}
		}},
		{"scale is off by 1 %", laplaceLaw(10), fill(NewDiscreteLaplace(101, 10))},
		{"σ² is off by 2 %", gaussianLaw(18), fill(NewDiscreteGaussian(1836, 100))},
		{"rounded float Gaussian", gaussianLaw(1), func(dst []int64) {
			for i := range dst {
				dst[i] = int64(math.Round(Normal(src)))
			}
		}},
		{"each value twice", laplaceLaw(2), func(dst []int64) {
			DiscreteLaplace{2, 1}.Fill(dst, src)
			for i := 0; i+1 < len(dst); i += 2 {
				dst[i+1] = dst[i]
			}
		}},
	}
	for _, twin := range twins {
		t.Run(twin.name, func(t *testing.T) {
			sample := make([]int64, draws)
			twin.fill(sample)
			assert.NotEmpty(t, twin.law.rejections(t, sample), "a wrong sampler passed")
		})
	}
}

// At large scales no cell has enough counts; there the laws are those of the
// continuous ones but for a step of one in the scale.
func TestLargeScalesFollowTheContinuousLaws(t *testing.T) {
	const n = 100_000
	laplaceCDF := func(x float64) float64 {
		if x < 0 {
			return math.Exp(x) / 2
		}
		return 1 - math.Exp(-x)/2
	}
	normalCDF := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	ks := func(l interface{ Fill([]int64, Source) }, scale float64, cdf func(float64) float64) stattest.Result {
		dst, sample := make([]int64, n), make([]float64, n)
		l.Fill(dst, NewSeeded(6))
		for i, x := range dst {
			sample[i] = float64(x) / scale
		}
		r, err := stattest.KolmogorovSmirnov(sample, cdf, alarm)
		require.NoError(t, err)
		return r
	}
	for _, bits := range []uint{24, 40, 50} {
		l, err := NewDiscreteLaplace(1<<bits, 1)
		require.NoError(t, err)
		scale := math.Ldexp(1, int(bits))
		r := ks(l, scale, laplaceCDF)
		assert.False(t, r.Rejected(), "2^%d: %v", bits, r)
		r = ks(l, scale*1.06, laplaceCDF)
		assert.True(t, r.Rejected(), "a scale off by 6 %% passed: %v", r)

		g, err := NewDiscreteGaussianRat(new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 2*bits)))
		require.NoError(t, err)
		r = ks(g, scale, normalCDF)
		assert.False(t, r.Rejected(), "2^%d: %v", bits, r)
		r = ks(g, scale*1.06, normalCDF)
		assert.True(t, r.Rejected(), "a deviation off by 6 %% passed: %v", r)
	}
}
