package environment

import (
	"math"
	"testing"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/stretchr/testify/assert"
)

// deviates says how many standard errors the average of n draws of an arm lies
// from the claimed mean, with the claimed second moment for the error. Under a
// true claim it is nearly normal; |z| > 6 has probability 2e-9, and what is left
// of the skewness of the laws below at this n adds less than a factor of 100:
// the false alarm of each comparison is below 1e-6. Seeds are fixed.
func deviates(mean, secondMoment float64, n int, draw func() float64) float64 {
	var sum float64
	for range n {
		sum += draw()
	}
	return (sum/float64(n) - mean) / math.Sqrt((secondMoment-mean*mean)/float64(n))
}

const alarm = 6

func TestDrawsHaveTheClaimedMeansAndMoments(t *testing.T) {
	const n = 200_000
	for name, w := range worlds() {
		for a := range w.Arms() {
			src, into := noise.NewSeeded(uint64(a)), make(Instance, w.Arms())
			draw := func() float64 { return w.Draw(into, src)[a] }
			assert.Less(t, math.Abs(deviates(w.Mean(a), w.Moment(a, 2), n, draw)), float64(alarm), "mean of %s, arm %d", name, a)
			half := func() float64 { return math.Sqrt(math.Abs(draw())) }
			assert.Less(t, math.Abs(deviates(w.Moment(a, 0.5), w.Moment(a, 1), n, half)), float64(alarm), "E √|X| of %s, arm %d", name, a)
		}
	}
}

func TestSingleRewardsHaveTheLawOfInstances(t *testing.T) {
	const n = 100_000
	for name, w := range worlds() {
		single, ok := w.(interface {
			Reward(arm int, src noise.Source) float64
		})
		if !assert.True(t, ok, name) {
			continue
		}
		src, last := noise.NewSeeded(5), w.Arms()-1
		z := deviates(w.Mean(last), w.Moment(last, 2), n, func() float64 { return single.Reward(last, src) })
		assert.Less(t, math.Abs(z), float64(alarm), name)
	}
}

// The planted twin: a claim that is off by a twentieth of a standard deviation
// is seen, so that the comparisons above can fail.
func TestAWrongClaimIsSeen(t *testing.T) {
	w, src := must(NewGaussian([]float64{1}, []float64{1})), noise.NewSeeded(7)
	z := deviates(1.05, 1+1.05*1.05, 200_000, func() float64 { return w.Reward(0, src) })
	assert.Greater(t, math.Abs(z), float64(alarm))
}

// Within an instance solvers share a factor, so their times correlate; across
// instances they don't. cov of ln-times below the cutoff is near FactorSigma².
func TestSolverInstancesShareTheirFactor(t *testing.T) {
	const n, tau = 100_000, 1.0
	s := must(NewSolver(SolverProblem{
		Arms: []SolverArm{
			{Name: "a", Median: 1, Sigma: 1, StuckScale: 1, StuckIndex: 1},
			{Name: "b", Median: 1, Sigma: 1, StuckScale: 1, StuckIndex: 1},
		},
		CutoffSecs: 1e12, FactorSigma: tau,
	}))
	logTime := func(x float64) float64 { return math.Log(-x * s.CutoffSecs()) }
	src, into := noise.NewSeeded(9), make(Instance, 2)
	var together, apart, before float64
	for range n {
		s.Draw(into, src)
		together += logTime(into[0]) * logTime(into[1])
		apart += logTime(into[0]) * before
		before = logTime(into[1])
	}
	// The product of two normals of variance 2 and covariance 1 has variance 5, else 4.
	assert.Less(t, math.Abs(together/n-tau*tau)/math.Sqrt(5.0/n), float64(alarm))
	assert.Less(t, math.Abs(apart/n)/math.Sqrt(4.0/n), float64(alarm))
}

func TestRowsAreDrawnUniformly(t *testing.T) {
	const n, cells = 140_000, 7
	table := must(NewTable([][]float64{{0}, {1}, {2}, {3}, {4}, {5}, {6}}))
	src, counts := noise.NewSeeded(3), make([]float64, cells)
	for range n {
		counts[int(table.Reward(0, src))]++
	}
	var chi float64
	for _, c := range counts {
		chi += (c - n/cells) * (c - n/cells) / (n / cells)
	}
	assert.Less(t, chi, 38.3, "χ² of 6 degrees of freedom exceeds it with probability below 1e-6")
}
