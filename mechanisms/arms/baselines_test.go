package arms

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

func tell(t *testing.T, p learner, a int, x float64) {
	t.Helper()
	require.NoError(t, p.Observe(mechanisms.Round{T: 1}, mechanisms.None{}, mechanisms.Arm(a), mechanisms.Reward{X: x}))
}

func choose(t *testing.T, p learner, at uint64) int {
	t.Helper()
	a, chance, err := p.Choose(mechanisms.Round{T: at, Logged: true}, mechanisms.None{}, noise.NewSeeded(at))
	require.NoError(t, err)
	assert.Greater(t, chance, 0.0)
	return int(a)
}

// The default γ, one step of the weights by hand, and a weight far beyond what exp takes.
func TestEXP3WeighsByTheInverseOfTheChance(t *testing.T) {
	p, err := NewEXP3(Problem{Arms: 4, Horizon: 10_000})
	require.NoError(t, err)
	assert.InDelta(t, math.Sqrt(4*math.Log(4)/((math.E-1)*10_000)), p.gamma, 1e-15)
	tell(t, p, 2, 1)
	want := p.gamma / (0.25 * 4)
	assert.InDelta(t, want, math.Ldexp(float64(p.weights[2]), -weightBits), 1e-7)
	tell(t, p, 2, 0.5)
	chance := (1-p.gamma)*math.Exp(want)/(math.Exp(want)+3) + p.gamma/4
	assert.InDelta(t, want+p.gamma*0.5/(chance*4), math.Ldexp(float64(p.weights[2]), -weightBits), 2e-7)

	p.weights[1] = 5000 << weightBits
	top, total := p.total()
	sum := 0.0
	for a := range 4 {
		sum += p.chance(a, top, total)
	}
	assert.InDelta(t, 1, sum, 1e-12)
	assert.InDelta(t, 1-p.gamma*3/4, p.chance(1, top, total), 1e-12)
	p.weights[1] = math.MaxInt64
	assert.Error(t, p.Observe(mechanisms.Round{T: 9}, mechanisms.None{}, 1, mechanisms.Reward{X: 1}), "a weight that would wrap")
}

func TestExploreThenCommitHearsNothingAfterwards(t *testing.T) {
	p, err := NewExploreThenCommit(Problem{Arms: 2, Horizon: 1000, Params: mechanisms.Params{"m": 2}})
	require.NoError(t, err)
	for _, x := range []float64{0.2, 0.4} {
		tell(t, p, 0, x)
		tell(t, p, 1, x+0.1)
	}
	before := p.Statistics().Encode()
	for range 50 {
		tell(t, p, 0, 1)
		assert.Equal(t, 1, choose(t, p, 50))
	}
	assert.Equal(t, before, p.Statistics().Encode())

	late, err := NewExploreThenCommit(Problem{Arms: 2, Horizon: 1000, Params: mechanisms.Params{"m": 2}})
	require.NoError(t, err)
	for range 9 {
		tell(t, late, 0, 1)
	}
	assert.Equal(t, []int64{2, 0}, late.n, "what an arm has beyond m is not compared")
	assert.Equal(t, 0, choose(t, late, 1))
	assert.Equal(t, 1, choose(t, late, 2), "the exploration goes on until everybody has m")

	standard, err := NewExploreThenCommit(Problem{Arms: 2, Horizon: 10_000})
	require.NoError(t, err)
	assert.Equal(t, int64(154), standard.each, "⌈¼·5000^(2/3)·(ln 10^4)^(1/3)⌉")
}

// An arm is dropped at the first full pass at which the intervals part, and not before.
func TestSuccessiveEliminationDropsWhenIntervalsPart(t *testing.T) {
	p, err := NewSuccessiveElimination(Problem{Arms: 2, Horizon: 100})
	require.NoError(t, err)
	radius := func(n float64) float64 { return math.Sqrt(math.Log(4*2*n*n*100) / (2 * n)) }
	n := 1
	for ; 2*radius(float64(n)) > 1; n++ {
		tell(t, p, 0, 0)
		tell(t, p, 1, 1)
		assert.Len(t, p.active, 2, "after %d", n)
	}
	tell(t, p, 1, 1)
	assert.Len(t, p.active, 2, "half a pass")
	tell(t, p, 0, 0)
	assert.Equal(t, []int{1}, p.active)
	tell(t, p, 0, 1) // late
	assert.Equal(t, 1, choose(t, p, 7))

	// one arm far ahead: passes end when the other catches up, one by one
	ahead, err := NewSuccessiveElimination(Problem{Arms: 2, Horizon: 100})
	require.NoError(t, err)
	for range 10 * n {
		tell(t, ahead, 1, 1)
	}
	assert.Equal(t, int64(0), ahead.pass)
	for ahead.pass < 3 {
		tell(t, ahead, 0, 0.9)
	}
	assert.Equal(t, int64(3), ahead.n[0])
}

func TestParametersThatAPolicyDoesNotHaveAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		make   func(Problem) (learner, error)
		params mechanisms.Params
		field  string
	}{
		"none of them":      {ucb1, mechanisms.Params{"alpha": 1}, "policy.params.alpha"},
		"another's":         {exp3, mechanisms.Params{"m": 1}, "policy.params.m"},
		"gamma of 0":        {exp3, mechanisms.Params{"gamma": 0}, "policy.params.gamma"},
		"gamma above 1":     {exp3, mechanisms.Params{"gamma": 1.5}, "policy.params.gamma"},
		"m that is no m":    {commit, mechanisms.Params{"m": math.NaN()}, "policy.params.m"},
		"the federated one": {func(p Problem) (learner, error) { return NewRobustElimination(p) }, mechanisms.Params{"m": 1}, "policy.params.m"},
	} {
		_, err := row.make(Problem{Arms: 2, Horizon: 10, Params: row.params})
		var e *posse.Error
		require.True(t, errors.As(err, &e), name)
		assert.Equal(t, row.field, e.Field, name)
	}
}

// What parameters do: a decaying ε stops exploring, a cold softmax is greedy, c widens
// KL-UCB, and σ Thompson sampling.
func TestParametersOfBaselines(t *testing.T) {
	with := func(params mechanisms.Params) Problem { return Problem{Arms: 2, Horizon: 1000, Params: params} }
	constant := must(NewEpsilonGreedy(with(mechanisms.Params{"epsilon": 0.4})))
	decaying := must(NewEpsilonGreedy(with(mechanisms.Params{"decay": 1, "c": 2, "d": 0.5})))
	assert.Equal(t, 0.4, constant.exploration(1_000_000))
	assert.Equal(t, 1.0, decaying.exploration(16))
	assert.InDelta(t, 2*2/(0.25*64), decaying.exploration(64), 1e-15)

	cold := must(NewSoftmax(with(mechanisms.Params{"tau": 1e-6})))
	kl, wide := must(NewKLUCB(with(nil))), must(NewKLUCB(with(mechanisms.Params{"c": 10})))
	narrow := must(NewThompsonGaussian(with(mechanisms.Params{"sigma": 1e-6})))
	for _, p := range []learner{cold, kl, wide, narrow} {
		for i := range 30 {
			tell(t, p, 0, 0.6)
			if i < 8 {
				tell(t, p, 1, 0.4)
			}
		}
	}
	for i := range uint64(50) {
		assert.Equal(t, 0, choose(t, cold, 100+i))
		assert.Equal(t, 0, choose(t, narrow, 100+i))
	}
	assert.Equal(t, 0, choose(t, kl, 3), "ln 3 over 8 pulls reaches less than 0.6")
	assert.Equal(t, 1, choose(t, wide, 100))
	for name, err := range map[string]error{
		"epsilon": second(NewEpsilonGreedy(with(mechanisms.Params{"epsilon": 2}))), "tau": second(NewSoftmax(with(mechanisms.Params{"tau": 0}))),
		"c": second(NewKLUCB(with(mechanisms.Params{"c": -1}))), "sigma": second(NewThompsonGaussian(with(mechanisms.Params{"sigma": 0}))),
	} {
		assert.ErrorContains(t, err, "policy.params."+name)
	}
}

func second[T any](_ T, err error) error { return err }
