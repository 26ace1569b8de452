package environment

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMomentsEqualTheirClosedForms(t *testing.T) {
	const digits = 1e-9 // relative: the quadrature claims 1e-10
	gamma := math.Gamma
	normalAbsolute := func(p float64) float64 { return math.Pow(2, p/2) * gamma((p+1)/2) / math.SqrtPi }
	tAbsolute := func(p, nu float64) float64 {
		return math.Pow(nu, p/2) * gamma((p+1)/2) * gamma((nu-p)/2) / (math.SqrtPi * gamma(nu/2))
	}
	g := must(NewGaussian([]float64{0, 3, -1e6, 0.001}, []float64{2, 2, 1, 1}))
	st := must(NewStudentT(2.5, 0, 7))
	st9 := must(NewStudentT(9, 3))
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"normal, order 1", g.Moment(0, 1), 2 * normalAbsolute(1)},
		{"normal, order 1.5", g.Moment(0, 1.5), math.Pow(2, 1.5) * normalAbsolute(1.5)},
		{"normal, order 0.1", g.Moment(0, 0.1), math.Pow(2, 0.1) * normalAbsolute(0.1)},
		{"normal, order 8", g.Moment(0, 8), 256 * 105},
		{"shifted normal, order 2", g.Moment(1, 2), 13},
		{"shifted normal, order 4", g.Moment(1, 4), 81 + 6*9*4 + 3*16},
		{"far normal, order 2", g.Moment(2, 2), 1e12 + 1},
		{"near normal, order 2", g.Moment(3, 2), 1 + 1e-6},
		{"t, order 1", st.Moment(0, 1), tAbsolute(1, 2.5)},
		{"t, order 1.5", st.Moment(0, 1.5), tAbsolute(1.5, 2.5)},
		{"t, order 2.4", st.Moment(0, 2.4), tAbsolute(2.4, 2.5)},
		{"shifted t, order 2", st.Moment(1, 2), 49 + 5},
		{"shifted t of 9, order 4", st9.Moment(0, 4), 81 + 6*9*9.0/7 + 3*81/(7.0*5)},
		{"Pareto, order 1 is the mean", must(NewPareto(1.6, 1.2)).Moment(0, 1), 1.2},
		{"lognormal, order 1 is the mean", must(NewLognormal([]float64{3}, []float64{2})).Moment(0, 1), 3},
		{"lognormal, order 2", must(NewLognormal([]float64{3}, []float64{2})).Moment(0, 2), 9 * math.Exp(4)},
		{"Bernoulli", must(NewBernoulli(0.3)).Moment(0, 7), 0.3},
	} {
		assert.InEpsilon(t, c.want, c.got, digits, c.name)
	}
}

func TestMomentsBeyondTheTailIndexAreInfinite(t *testing.T) {
	p, s := must(NewPareto(1.6, 1)), must(NewStudentT(1.6, 0))
	for _, w := range []World{p, s} {
		assert.True(t, math.IsInf(w.Moment(0, 1.6), 1))
		assert.True(t, math.IsInf(w.Moment(0, 2), 1))
		assert.False(t, math.IsInf(w.Moment(0, 1.5), 0))
	}
}

// The reference run R1 of spec/private-learning.md 9 names the largest moment of
// five Pareto arms with shape p + 0.05: an outside value.
func TestParetoReproducesTheReferenceMoments(t *testing.T) {
	for _, c := range []struct{ order, want float64 }{{1.5, 5.595}, {1.9, 8.142}, {2, 8.712}} {
		w := must(NewPareto(c.order+0.05, 0.9, 0.7, 0.5, 0.3, 0.1))
		assert.InDelta(t, c.want, MomentBound(w, c.order), 0.0006, "printed to three decimals")
	}
}

// numericalTimeMoment integrates E min(F·S, C)^p over the instance's factor and
// over the quantiles of S with midpoints, sharing nothing with the closed form.
func numericalTimeMoment(p SolverProblem, arm int, order float64) float64 {
	const factors, quantiles = 60, 8000
	a := p.Arms[arm]
	var typical, stuck [quantiles]float64
	for j := range quantiles {
		u := (float64(j) + 0.5) / quantiles
		typical[j] = a.Median * math.Exp(a.Sigma*math.Sqrt2*math.Erfinv(2*u-1))
		stuck[j] = a.StuckScale * math.Pow(u, -1/a.StuckIndex)
	}
	var sum, weight float64
	for i := range factors {
		z := -6 + 12*(float64(i)+0.5)/factors
		w, f := math.Exp(-z*z/2), math.Exp(p.FactorSigma*z)
		var inner float64
		for j := range quantiles {
			inner += (1-a.StuckChance)*math.Pow(min(typical[j]*f, p.CutoffSecs), order) +
				a.StuckChance*math.Pow(min(stuck[j]*f, p.CutoffSecs), order)
		}
		sum, weight = sum+w*inner/quantiles, weight+w
	}
	return sum / weight / math.Pow(p.CutoffSecs, order)
}

func TestSolverMomentsEqualNumericalIntegration(t *testing.T) {
	s := ChoosingASolver()
	equal := must(NewSolver(SolverProblem{ // order equal to the tail index: the logarithmic case
		Arms:       []SolverArm{{Name: "a", Median: 5, Sigma: 0.5, StuckChance: 0.5, StuckScale: 20, StuckIndex: 1.5}},
		CutoffSecs: 300, FactorSigma: 0.3,
	}))
	assert.InEpsilon(t, numericalTimeMoment(equal.problem, 0, 1.5), equal.Moment(0, 1.5), 5e-4)
	for a := range s.Arms() {
		for _, order := range []float64{1, 1.5, 2} {
			assert.InEpsilon(t, numericalTimeMoment(s.problem, a, order), s.Moment(a, order), 5e-4,
				"arm %d, order %v; midpoints of 8,000 quantiles are good to about 2e-4", a, order)
		}
		assert.Equal(t, -s.Moment(a, 1), s.Mean(a))
	}
}

func TestSolverMomentsAreContinuousInTheirSpecialCases(t *testing.T) {
	at := func(index, tau float64) float64 {
		return must(NewSolver(SolverProblem{
			Arms:       []SolverArm{{Name: "a", Median: 5, Sigma: 0.5, StuckChance: 0.5, StuckScale: 20, StuckIndex: index}},
			CutoffSecs: 300, FactorSigma: tau,
		})).Moment(0, 1.5)
	}
	assert.InEpsilon(t, at(1.5, 0.3), at(1.5+1e-6, 0.3), 1e-5, "order and tail index equal")
	assert.InEpsilon(t, at(0.7, 0), at(0.7, 1e-7), 1e-5, "no factor of the instance")
	assert.InEpsilon(t, at(1.5, 0), at(1.5, 1e-7), 1e-5, "both")
}

// Values of an independent program (a midpoint sum over the factor in another
// language), rounded to four digits. The demo's text relies on the order: the
// fastest in the median is third in the mean.
func TestChoosingASolverHasTheDocumentedMeans(t *testing.T) {
	s := ChoosingASolver()
	want := []float64{-0.1322, -0.0586, -0.0872, -0.1553, -0.2317}
	for a, m := range want {
		assert.InDelta(t, m, s.Mean(a), 0.5e-4, s.Names()[a])
	}
	best, _ := Best(s)
	assert.Equal(t, "local-search", s.Names()[best])
	assert.Equal(t, []string{"quick-start", "local-search", "branch-and-cut", "constraint", "exhaustive"}, s.Names())
	assert.InDelta(t, 0.1487, MomentBound(s, 1.5), 0.5e-4)
	assert.Less(t, MomentBound(s, 1.5), 0.17, "the bound that the demo's experiment declares")
	assert.Equal(t, 300.0, s.CutoffSecs())
}
