package environment

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// The values of private-learning 9.
func TestRiverSwimHasTheStatedValues(t *testing.T) {
	for _, row := range []struct {
		states, steps              int
		best, right, left, uniform float64
	}{
		{6, 20, 3.3972639591508393, 3.396636976154226, 0.1, 0.0437890},
		{4, 10, 1.8543520362562496, 1.8532720928203121, 0.05, 0.0838152},
		{3, 6, 1.3683562, 1.36752, 0.03, 0.1491947},
	} {
		m := must(NewRiverSwim(row.states, row.steps, Exact{}))
		_, best := m.Best()
		assert.InDelta(t, row.best, best, 6e-8)
		all := func(a byte) mechanisms.Table {
			table := make([]byte, row.states*row.steps)
			for i := range table {
				table[i] = a
			}
			return mechanisms.Table(table)
		}
		assert.InDelta(t, row.right, m.Value(all(1)), 6e-8)
		assert.InDelta(t, row.left, m.Value(all(0)), 1e-12)
		assert.InDelta(t, row.uniform, m.RandomValue(func(int, int, int) float64 { return 0.5 }), 6e-8)
	}
}

// Played episodes average to the exact value: 20,000 within 5.5 standard deviations.
func TestEpisodesAverageToTheirValue(t *testing.T) {
	src := noise.NewSeeded(4)
	worlds := map[string]*MDP{
		"river": must(NewRiverSwim(4, 10, Exact{})), "chain": must(NewChain(3, 2, 6, Exact{})), "random": must(NewRandomMDP(4, 3, 5, Exact{}, src)),
		"dosing": must(NewDosing(8, Exact{})), "queue": must(NewQueue(4, 8, Exact{})), "heavy": must(NewDosing(8, ParetoFactor{Shape: 3})),
	}
	for name, m := range worlds {
		table, best := m.Best()
		sum, squares := 0.0, 0.0
		const n = 20_000
		var e mechanisms.Trajectory
		for range n {
			e = m.Play(e, table, src)
			total := 0.0
			for _, r := range e.Rewards {
				total += r
			}
			sum += total / n
			squares += total * total / n
		}
		assert.Len(t, e.States, m.steps+1, name)
		assert.InDelta(t, best, sum, 5.5*math.Sqrt((squares-sum*sum)/n)+1e-9, name)
		spec := m.Spec()
		worst := m.Value(mechanisms.Table(make([]byte, spec.States*spec.Steps)))
		assert.Less(t, worst, best+1e-12, name)
	}
	assert.InEpsilon(t, ParetoFactor{Shape: 2.5}.Moment(1), 1, 1e-12, "the factor keeps means")
	assert.True(t, math.IsInf(ParetoFactor{Shape: 1.5}.Moment(1.5), 1))
	assert.InDelta(t, 6.55, must(NewRiverSwim(3, 6, ParetoFactor{Shape: 1.55})).MomentBound(1.5), 0.01)
	assert.InDelta(t, 10.76, must(NewRiverSwim(3, 6, ParetoFactor{Shape: 2.05})).MomentBound(2), 0.01)
}

func TestImpossibleMDPsAreRefused(t *testing.T) {
	next, mean := empty(2, 2)
	for _, row := range next {
		for a := range row {
			row[a][0] = 1
		}
	}
	check := func(change func()) error { change(); _, err := NewMDP(3, 0, next, mean, Exact{}); return err }
	require.NoError(t, check(func() {}))
	assert.ErrorContains(t, check(func() { mean[1][0] = 2 }), "environment.rewards[1][0]")
	mean[1][0] = 0
	assert.ErrorContains(t, check(func() { next[1][1][0] = 0.5 }), "environment.transitions[1][1]")
	next[1][1][0] = 1
	assert.Error(t, check(func() { mean = mean[:1] }))
	for _, f := range []func() error{
		func() error { _, err := NewRiverSwim(0, 3, Exact{}); return err },
		func() error { _, err := NewRiverSwim(3, 0, Exact{}); return err },
		func() error { _, err := NewDosing(3, nil); return err },
	} {
		assert.Error(t, f())
	}
}
