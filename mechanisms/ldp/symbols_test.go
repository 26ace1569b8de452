package ldp

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/dp/noise"
)

// Counts of 60,000 records of 5 symbols are within 5.5 stated standard deviations of
// the truth in 40 runs, and their mean square off is the stated variance: within 6
// deviations of 200 squares. False alarm below 1e-6.
func TestCountsAreUnbiasedAndVaryAsStated(t *testing.T) {
	const runs, k = 40, 5
	truth := []int{500, 250, 1000, 0, 250}
	e := Epsilon{1, 1}
	krr, oue, hadamard := must(NewKRR(e, k)), must(NewOUE(e, k)), must(NewHadamard(e, k))
	assert.Equal(t, 8, hadamard.Rows())
	n := 0.0
	for _, c := range truth {
		n += float64(c)
	}
	for name, row := range map[string]struct {
		variance func(n, share float64) float64
		run      func(src noise.Source) []float64
	}{
		"k-RR": {krr.Variance, func(src noise.Source) []float64 {
			out := make([]int64, k)
			for s, c := range truth {
				for range c {
					out[krr.Randomise(s, src)]++
				}
			}
			return krr.Counts(out)
		}},
		"OUE": {oue.Variance, func(src noise.Source) []float64 {
			out := make([]int64, k)
			for s, c := range truth {
				for range c {
					oue.Randomise(s, out, src)
				}
			}
			return oue.Counts(out, n)
		}},
		"Hadamard": {hadamard.Variance, func(src noise.Source) []float64 {
			out := make([]int64, hadamard.Rows())
			for s, c := range truth {
				for range c {
					row, sign := hadamard.Randomise(s, src)
					out[row] += sign
				}
			}
			return hadamard.Counts(out)
		}},
	} {
		src, ratio, mean := noise.NewSeeded(17), 0.0, make([]float64, k)
		for range runs {
			for s, c := range row.run(src) {
				off := (c - float64(truth[s])) / math.Sqrt(row.variance(n, float64(truth[s])/n))
				assert.Less(t, math.Abs(off), 6.5, name)
				ratio += off * off / (runs * k)
				mean[s] += off / math.Sqrt(runs)
			}
		}
		assert.InDelta(t, 1, ratio, 6*math.Sqrt(2.0/(runs*k)), name)
		for s := range mean {
			assert.Less(t, math.Abs(mean[s]), 5.5, "%s, symbol %d", name, s)
		}
	}
	c := 1 / math.Tanh(0.5)
	assert.InEpsilon(t, (math.E+k-2)/((math.E-1)*(math.E-1)), krr.Variance(1, 0), 1e-12)
	assert.InEpsilon(t, 4*math.E/((math.E-1)*(math.E-1)), oue.Variance(1, 0), 1e-12)
	assert.InEpsilon(t, c*c, hadamard.Variance(1, 0), 1e-12)
}

// Unit vectors: unbiased within 5.5 standard deviations, as long as stated, and never
// more private than promised; ε → large leaves little noise. False alarm below 1e-6.
func TestPrivUnitIsUnbiased(t *testing.T) {
	for _, d := range []int{2, 5, 40} {
		var last float64
		for _, e := range []Epsilon{{1, 2}, {2, 1}, {10, 1}} {
			u := must(NewPrivUnit(e, d))
			assert.InDelta(t, e.Float64(), u.Loss(), 1e-6)
			assert.True(t, last == 0 || u.Variance() < last, "more ε, less noise")
			last = u.Variance()
			x := make([]float64, d)
			x[0], x[1] = 0.6, -0.8
			src, out, mean := noise.NewSeeded(3), make([]float64, d), make([]float64, d)
			const n = 40_000
			for range n {
				u.Randomise(out, x, src)
				norm := 0.0
				for i, v := range out {
					mean[i] += v / n
					norm = math.Hypot(norm, v)
				}
				if math.Abs(norm/u.length-1) > 1e-9 {
					t.Fatalf("an output of length %v, stated %v", norm, u.length)
				}
			}
			for i := range mean {
				assert.InDelta(t, x[i], mean[i], 5.5*u.length/math.Sqrt(n), "d %d, ε %v", d, e)
			}
			assert.Less(t, u.Variance(), 40*float64(d)/math.Min(e.Float64(), sq(e.Float64())), "within a constant of d/min(ε, ε²)")
		}
	}
}
