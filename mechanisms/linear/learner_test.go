package linear

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/environment"
)

type learner = mechanisms.Learner[mechanisms.Features, mechanisms.Arm, mechanisms.Reward]

func flat(k, d int, horizon uint64) Problem {
	return Problem{Arms: k, Horizon: horizon, Features: mechanisms.FeatureSpec{Dimension: d}}
}

func tell(t *testing.T, p learner, x []float64, a int, y float64) {
	t.Helper()
	require.NoError(t, p.Observe(mechanisms.Round{T: 1}, mechanisms.Features{X: x}, mechanisms.Arm(a), mechanisms.Reward{X: y}))
}

func choose(t *testing.T, p learner, x []float64, src noise.Source) int {
	t.Helper()
	a, _, err := p.Choose(mechanisms.Round{T: 5}, mechanisms.Features{X: x}, src)
	require.NoError(t, err)
	return int(a)
}

// The factor, its updates, solutions and determinant against gonum's.
func TestTheFactorFollowsTheSums(t *testing.T) {
	for _, d := range []int{1, 2, 7, 20} {
		l, err := NewLinUCB(flat(1, d, 1000))
		require.NoError(t, err)
		gram := mat.NewSymDense(d, nil)
		for i := range d {
			gram.SetSym(i, i, 1)
		}
		src, b := noise.NewSeeded(uint64(d)), mat.NewVecDense(d, nil)
		for n := range 5*d + 3 {
			x := environment.Direction(nil, d, src)
			for i := range x {
				x[i] = math.Trunc(x[i]*(1<<factorBits)) / (1 << factorBits) // on the grid, so that both see the same
			}
			y := math.Trunc(noise.Float64(src)*(1<<factorBits)) / (1 << factorBits)
			tell(t, l, x, 0, y)
			v := mat.NewVecDense(d, x)
			gram.SymRankOne(gram, 1, v)
			b.AddScaledVec(b, y, v)

			var chol mat.Cholesky
			require.True(t, chol.Factorize(gram))
			var theta, z mat.VecDense
			require.NoError(t, chol.SolveVecTo(&theta, b))
			r := &l.each[0]
			for i := range d {
				require.InDelta(t, theta.AtVec(i), r.theta[i], 1e-12, "θ after %d records of %d features", n, d)
			}
			probe := environment.Direction(nil, d, src)
			require.NoError(t, chol.SolveVecTo(&z, mat.NewVecDense(d, probe)))
			require.InEpsilon(t, mat.Dot(&z, mat.NewVecDense(d, probe)), r.factor.forward(l.z, probe), 1e-10)
			require.InDelta(t, chol.LogDet(), r.factor.logDet(), 1e-9)
		}
	}
}

func TestAMatrixWithANegativeEigenvalueHasNoFactor(t *testing.T) {
	f := newTriangle(2)
	copy(f.cell, []float64{1, 2, 1})
	assert.False(t, f.factorise(f))
	copy(f.cell, []float64{math.NaN(), 0, 1})
	assert.False(t, f.factorise(f))
}

// With one-hot contexts and λ → 0 the regression of an arm is a mean for each feature.
func TestOneHotContextsGiveMeans(t *testing.T) {
	p := flat(2, 3, 1000)
	p.Params = mechanisms.Params{"lambda": 1e-9}
	l, err := NewLinUCB(p)
	require.NoError(t, err)
	hot := func(i int) []float64 { x := make([]float64, 3); x[i] = 1; return x }
	for _, y := range []float64{0.25, 0.5, 0.75, 1} {
		tell(t, l, hot(1), 0, y)
		tell(t, l, hot(2), 1, y/2)
	}
	assert.InDelta(t, 0.625, l.each[0].theta[1], 1e-8)
	assert.InDelta(t, 0.3125, l.each[1].theta[2], 1e-8)
	assert.Zero(t, l.each[0].theta[0])
	assert.InDelta(t, 0.25, l.each[0].factor.forward(l.z, hot(1)), 1e-8, "1/n")
}

func TestLinTSWithoutNoiseIsGreedy(t *testing.T) {
	for _, perArm := range []bool{false, true} {
		p := flat(2, 2, 1000)
		p.Features.PerArm = perArm
		p.Params = mechanisms.Params{"v": 0}
		l, err := NewLinTS(p)
		require.NoError(t, err)
		one, zero := []float64{1, 0}, []float64{0, 1}
		if perArm { // arm 0 has the first vector, arm 1 the second
			one, zero = []float64{1, 0, 0, 1}, []float64{0, 1, 1, 0}
		}
		tell(t, l, one, 1, 0.9) // without perArm: the second arm is good for one
		src := noise.NewSeeded(1)
		for range 100 {
			assert.Equal(t, 1, choose(t, l, one, src))
			if perArm {
				assert.Equal(t, 0, choose(t, l, zero, src), "what was learnt of a vector holds for every arm that has it")
			}
		}
	}
}

// Where arms share a regression a propensity is estimated: 1,000 draws are within
// 0.09 of the frequency of 20,000 (5.5 standard deviations).
func TestPropensitiesOfASharedRegressionAreEstimates(t *testing.T) {
	p := flat(3, 2, 1000)
	p.Features.PerArm = true
	l, err := NewLinTS(p)
	require.NoError(t, err)
	x := []float64{1, 0, 0, 1, 0.6, 0.8}
	tell(t, l, x, 0, 0.7)
	src, seen, stated := noise.NewSeeded(4), [3]float64{}, [3]float64{}
	for i := range 20_000 {
		a, chance, err := l.Choose(mechanisms.Round{T: 3, Logged: i < 50}, mechanisms.Features{X: x}, src)
		require.NoError(t, err)
		seen[a] += 1.0 / 20_000
		if i < 50 {
			stated[a] = chance
		}
	}
	for a, chance := range stated {
		assert.InDelta(t, seen[a], chance, 0.09, "arm %d", a)
	}
}

func TestTheWidthOfTheoryIsTheStatedOne(t *testing.T) {
	p := flat(2, 4, 1000)
	p.Bonus, p.Range, p.ParameterBound = "theory", &mechanisms.Range{Low: -2, High: 4}, 2
	p.Params = mechanisms.Params{"lambda": 2}
	l, err := NewLinUCB(p)
	require.NoError(t, err)
	// σ = 3 of 4, S = 2 of 4
	assert.InDelta(t, 0.75*math.Sqrt(4*math.Log((1+10.0/2)*1000))+math.Sqrt(2)*0.5, l.width(10), 1e-12)
}

// regret is the mean regret over runs on unit-sphere contexts.
func regret(t *testing.T, w environment.Contextual, make func(Problem) (learner, error), horizon uint64, runs int, perArm bool) (mean, se float64) {
	sum, squares := 0.0, 0.0
	for run := range runs {
		p := flat(w.Arms(), w.Dimension(), horizon)
		p.Features.PerArm = perArm
		l, err := make(p)
		require.NoError(t, err)
		src, lost := noise.NewSeeded(100+uint64(run)), 0.0
		var s environment.Situation
		for i := range horizon {
			s = w.Draw(s, src)
			round := mechanisms.Round{T: i + 1}
			a, _, err := l.Choose(round, mechanisms.Features{X: s.X}, src)
			require.NoError(t, err)
			if err := l.Observe(round, mechanisms.Features{X: s.X}, a, mechanisms.Reward{X: s.Rewards[a]}); err != nil {
				t.Fatal(err)
			}
			_, best := environment.BestGiven(w, s.X)
			lost += best - w.Mean(s.X, int(a))
		}
		sum += lost
		squares += lost * lost
	}
	n := float64(runs)
	mean = sum / n
	return mean, math.Sqrt((squares/n - mean*mean) / (n - 1))
}

type random struct{ learner }

func (r random) Choose(_ mechanisms.Round, _ mechanisms.Features, src noise.Source) (mechanisms.Arm, float64, error) {
	return mechanisms.Arm(noise.Uniform(3, src)), 1.0 / 3, nil
}

// Both beat a policy that knows nothing by more than 7 standard errors, false alarm
// at most 1e-6, and learn: the second half of the horizon costs less than the first.
func TestBothLearnOnTheUnitSphere(t *testing.T) {
	w, err := environment.NewLinear(0.5, environment.Coins{}, []float64{0.45, 0, 0, 0, 0}, []float64{0, 0.45, 0, 0, 0}, []float64{0, 0, -0.3, 0.3, 0})
	require.NoError(t, err)
	ucb := func(p Problem) (learner, error) { return NewLinUCB(p) }
	ts := func(p Problem) (learner, error) { return NewLinTS(p) }
	blind := func(p Problem) (learner, error) { l, err := NewLinUCB(p); return random{l}, err }
	const horizon, runs = 4000, 20
	mine := map[string]float64{}
	for name, make := range map[string]func(Problem) (learner, error){"ucb": ucb, "ts": ts, "planted": blind} {
		mean, se := regret(t, w, make, horizon, runs, false)
		none, seNone := regret(t, w, blind, horizon, runs, false)
		half, _ := regret(t, w, make, horizon/2, runs, false)
		t.Logf("%s: %.1f ± %.1f of %.1f ± %.1f, %.1f at half", name, mean, se, none, seNone, half)
		beats := none-mean > 7*math.Hypot(se, seNone)
		assert.Equal(t, name != "planted", beats && mean-half < 0.8*half, name)
		mine[name] = mean
	}
}

func TestUnfitContextsAreRefusedAndNeverShown(t *testing.T) {
	l, err := NewLinUCB(flat(2, 2, 100))
	require.NoError(t, err)
	for name, x := range map[string][]float64{
		"none": nil, "too few": {0.1234}, "too many": {0, 0, 0.1234}, "NaN": {math.NaN(), 0.1234}, "infinite": {0.1234, math.Inf(1)}, "too long": {1.1234, 0},
	} {
		before := l.Statistics().Encode()
		for _, err := range []error{
			l.Observe(mechanisms.Round{T: 1}, mechanisms.Features{X: x}, 0, mechanisms.Reward{X: 1}),
			func() error {
				_, _, err := l.Choose(mechanisms.Round{T: 1}, mechanisms.Features{X: x}, nil)
				return err
			}(),
		} {
			var e *posse.Error
			require.True(t, errors.As(err, &e), name)
			assert.Contains(t, e.Field, "features", name)
			assert.NotContains(t, err.Error(), "1234", name)
		}
		assert.Equal(t, before, l.Statistics().Encode(), name)
	}
	p := flat(2, 2, 100)
	p.Features.Normalise, p.Features.Bound = true, 10
	l, err = NewLinUCB(p)
	require.NoError(t, err)
	tell(t, l, []float64{30, 40}, 0, 1)
	assert.InDelta(t, 0.6*0.8, math.Ldexp(float64(l.Statistics().Blocks[0].Sum[1]), -productBits), 1e-4, "scaled to norm 1")
	assert.NoError(t, l.Observe(mechanisms.Round{T: 1}, mechanisms.Features{X: []float64{10 * (1 + 1e-10), 0}}, 0, mechanisms.Reward{X: 1}))
}

func TestImpossibleProblemsNameTheField(t *testing.T) {
	change := func(f func(*Problem)) Problem { p := flat(2, 3, 100); f(&p); return p }
	for field, p := range map[string]Problem{
		"problem.arms":               change(func(p *Problem) { p.Arms = 0 }),
		"horizon":                    change(func(p *Problem) { p.Horizon = 1 << 40 }),
		"problem.features.dimension": change(func(p *Problem) { p.Features.Dimension = 1025 }),
		"problem.features.bound":     change(func(p *Problem) { p.Features.Bound = -1 }),
		"problem.parameterBound":     change(func(p *Problem) { p.ParameterBound = math.NaN() }),
		"reward.range":               change(func(p *Problem) { p.Range = &mechanisms.Range{Low: 1, High: 1} }),
		"policy.params.bonus":        change(func(p *Problem) { p.Bonus = "loose" }),
		"policy.params.lambda":       change(func(p *Problem) { p.Params = mechanisms.Params{"lambda": 0} }),
		"policy.params.temperature":  change(func(p *Problem) { p.Params = mechanisms.Params{"temperature": 0} }),
		"policy.params.kappa":        change(func(p *Problem) { p.Kappa = -1 }),
	} {
		_, err := NewLinUCB(p)
		var e *posse.Error
		require.True(t, errors.As(err, &e), field)
		assert.Equal(t, field, e.Field)
		if field != "policy.params.kappa" {
			_, err = NewLinTS(p)
			require.True(t, errors.As(err, &e), field)
			assert.Equal(t, field, e.Field)
		}
	}
	_, err := NewLinUCB(change(func(p *Problem) { p.Arms, p.Features.Dimension = 16384, 64 }))
	assert.ErrorContains(t, err, "numbers in all")
}

func TestChoosingAllocatesNothing(t *testing.T) {
	for _, perArm := range []bool{false, true} {
		p := flat(50, 16, 1000)
		p.Features.PerArm = perArm
		l, err := NewLinUCB(p)
		require.NoError(t, err)
		x := make([]float64, len(l.x))
		for i := range x {
			x[i] = 0.1
		}
		c := mechanisms.Features{X: x}
		assert.Zero(t, testing.AllocsPerRun(20, func() {
			a, _, _ := l.Choose(mechanisms.Round{T: 9}, c, nil)
			_ = l.Observe(mechanisms.Round{T: 9}, c, a, mechanisms.Reward{X: 1})
		}))
	}
}
