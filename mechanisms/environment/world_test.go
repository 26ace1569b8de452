package environment

import (
	"errors"
	"math"
	"testing"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// must unwraps a constructor whose arguments the test knows to be right.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// worlds are one of every kind, with every moment of order 1.5 finite.
func worlds() map[string]World {
	return map[string]World{
		"bernoulli": must(NewBernoulli(0.2, 0.8)),
		"gaussian":  must(NewGaussian([]float64{-1, 0, 3}, []float64{1, 2, 0.5})),
		"pareto":    must(NewPareto(4.5, 1, 2)),
		"student t": must(NewStudentT(5, 0, -2)),
		"lognormal": must(NewLognormal([]float64{1, 3}, []float64{0.5})),
		"solver":    ChoosingASolver(),
		"table":     must(NewTable([][]float64{{0, 1}, {-2, 3}, {4, 5}})),
		"logged": must(NewLogged(2, []Record{
			{Arm: 0, Reward: 1, Propensity: 0.5}, {Arm: 0, Reward: -3, Propensity: 0.1}, {Arm: 1, Reward: 2, Propensity: 1}, {Arm: 1, Reward: 0.5, Propensity: 0.3},
		})),
	}
}

func TestWorldsRepeatAnInstanceFromTheSameSeed(t *testing.T) {
	for name, w := range worlds() {
		t.Run(name, func(t *testing.T) {
			first, again, other := w.Draw(nil, noise.NewSeeded(1)), w.Draw(nil, noise.NewSeeded(1)), 0
			require.Len(t, first, w.Arms())
			assert.Equal(t, first, again)
			for seed := range uint64(20) {
				if got := w.Draw(nil, noise.NewSeeded(seed)); !assert.ObjectsAreEqual(first, got) {
					other++
				}
			}
			assert.Positive(t, other, "twenty other seeds drew the same instance")
		})
	}
}

func TestDrawReusesTheMemoryItIsGiven(t *testing.T) {
	for name, w := range worlds() {
		t.Run(name, func(t *testing.T) {
			into, src := make(Instance, w.Arms()), noise.NewSeeded(1)
			got := w.Draw(into, src)
			assert.Same(t, &into[0], &got[0])
			assert.Equal(t, got[0], got.Reward(0))
			assert.Zero(t, testing.AllocsPerRun(20, func() { w.Draw(into, src) }))
		})
	}
}

func TestAWrongOrderPanics(t *testing.T) {
	for name, w := range worlds() {
		for _, order := range []float64{0, -1, 8.5, math.NaN()} {
			assert.Panics(t, func() { w.Moment(0, order) }, "%s, order %v", name, order)
		}
	}
}

func TestBestUniformAndBoundAgreeWithTheArms(t *testing.T) {
	w := must(NewGaussian([]float64{-1, 2, 2, 0}, []float64{1}))
	arm, mean := Best(w)
	assert.Equal(t, 1, arm, "ties go to the first")
	assert.Equal(t, 2.0, mean)
	assert.Equal(t, 0.75, UniformMean(w))
	assert.InEpsilon(t, 5.0, MomentBound(w, 2), 1e-9)
}

func TestConstructorsNameTheFieldAndItsRange(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	solver := func(change func(*SolverProblem)) error {
		p := SolverProblem{Arms: []SolverArm{{Name: "a", Median: 1, Sigma: 1, StuckScale: 1, StuckIndex: 1}}, CutoffSecs: 10}
		_, err := NewSolver(p)
		require.NoError(t, err)
		change(&p)
		_, err = NewSolver(p)
		return err
	}
	err1 := func(_ any, err error) error { return err }
	for _, c := range []struct {
		name, field string
		err         error
	}{
		{"no arm", "environment.means", err1(NewBernoulli())},
		{"probability above 1", "environment.means[1]", err1(NewBernoulli(0.5, 1.1))},
		{"probability not a number", "environment.means[0]", err1(NewBernoulli(nan))},
		{"infinite mean", "environment.means[1]", err1(NewGaussian([]float64{0, inf}, []float64{1}))},
		{"zero deviation", "environment.deviations[0]", err1(NewGaussian([]float64{0}, []float64{0}))},
		{"deviations of another length", "environment.deviations", err1(NewGaussian([]float64{0, 1, 2}, []float64{1, 1}))},
		{"no deviation", "environment.deviations", err1(NewGaussian([]float64{0, 1, 2}, nil))},
		{"Pareto without a mean", "environment.shape", err1(NewPareto(1, 1))},
		{"Pareto of a negative mean", "environment.means[0]", err1(NewPareto(2, -1))},
		{"t without a mean", "environment.degrees", err1(NewStudentT(1, 0))},
		{"t shifted to infinity", "environment.means[0]", err1(NewStudentT(2, inf))},
		{"lognormal mean zero", "environment.means[0]", err1(NewLognormal([]float64{0}, []float64{1}))},
		{"lognormal sigma 11", "environment.sigmas[0]", err1(NewLognormal([]float64{1}, []float64{11}))},
		{"no solver", "environment.arms", solver(func(p *SolverProblem) { p.Arms = nil })},
		{"cutoff zero", "environment.cutoff", solver(func(p *SolverProblem) { p.CutoffSecs = 0 })},
		{"factor below zero", "environment.factorSigma", solver(func(p *SolverProblem) { p.FactorSigma = -1 })},
		{"chance 2", "environment.arms[0].stuckChance", solver(func(p *SolverProblem) { p.Arms[0].StuckChance = 2 })},
		{"median 0", "environment.arms[0].median", solver(func(p *SolverProblem) { p.Arms[0].Median = 0 })},
		{"index 0", "environment.arms[0].stuckIndex", solver(func(p *SolverProblem) { p.Arms[0].StuckIndex = 0 })},
		{"no name", "environment.arms[0].name", solver(func(p *SolverProblem) { p.Arms[0].Name = "" })},
		{"same name twice", "environment.arms[1].name", solver(func(p *SolverProblem) { p.Arms = append(p.Arms, p.Arms[0]) })},
		{"no rows", "environment.rows", err1(NewTable(nil))},
		{"rows of no arms", "environment.rows[0]", err1(NewTable([][]float64{{}}))},
		{"short row", "environment.rows[1]", err1(NewTable([][]float64{{1, 2}, {1}}))},
		{"row not a number", "environment.rows[0][1]", err1(NewTable([][]float64{{1, nan}}))},
		{"row too large", "environment.rows[0][0]", err1(NewTable([][]float64{{-1e31}}))},
		{"no arms logged", "environment.arms", err1(NewLogged(0, nil))},
		{"arm never logged", "environment.arms[1]", err1(NewLogged(2, []Record{{Arm: 0, Propensity: 1}}))},
		{"logged arm outside", "environment.records[0].arm", err1(NewLogged(1, []Record{{Arm: 1, Propensity: 1}}))},
		{"propensity zero", "environment.records[0].propensity", err1(NewLogged(1, []Record{{}}))},
		{"propensity above 1", "environment.records[0].propensity", err1(NewLogged(1, []Record{{Propensity: 1.0000001}}))},
		{"logged reward infinite", "environment.records[0].reward", err1(NewLogged(1, []Record{{Propensity: 1, Reward: inf}}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e *posse.Error
			require.True(t, errors.As(c.err, &e), "got %v", c.err)
			assert.Equal(t, c.field, e.Field)
			assert.NotEmpty(t, e.Allowed)
			assert.Equal(t, posse.InvalidArgument, e.Code)
		})
	}
}

func TestConstructorsKeepNoReferenceToTheirArguments(t *testing.T) {
	means, rows := []float64{0.5, 0.6}, [][]float64{{1, 2}}
	b, table := must(NewBernoulli(means...)), must(NewTable(rows))
	means[0], rows[0][0] = 0.9, 9
	assert.Equal(t, 0.5, b.Mean(0))
	assert.Equal(t, 1.0, table.Row(0).Reward(0))
}

func TestMomentsObeyLyapunovAndScaling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.Float64Range(-50, 50).Draw(t, "mean")
		s := rapid.Float64Range(0.01, 20).Draw(t, "deviation")
		p := rapid.Float64Range(0.2, 4).Draw(t, "order")
		g := must(NewGaussian([]float64{m, 2 * m}, []float64{s, 2 * s}))
		lower, upper := math.Pow(g.Moment(0, p), 1/p), math.Pow(g.Moment(0, p+0.5), 1/(p+0.5))
		if lower > upper*(1+1e-9) {
			t.Fatalf("norm of order %v is %v, above that of a larger order, %v", p, lower, upper)
		}
		if got, want := g.Moment(1, p), math.Pow(2, p)*g.Moment(0, p); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("twice the reward has moment %v, want %v", got, want)
		}
	})
}
