package forecast_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/forecast"
)

const file = `apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, medium, high]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
rounds: {trigger: {decisions: 400}}
incentives: {reserve: 10, budget: 1000}
horizon: 20000
`

// question is the file with words replaced, in pairs.
func question(t *testing.T, nodes int, words ...string) forecast.Question {
	t.Helper()
	e, err := experiment.Read("dosing.yaml", []byte(strings.NewReplacer(words...).Replace(file)))
	require.NoError(t, err)
	return forecast.Question{Experiment: e, Nodes: nodes, Effect: forecast.DefaultEffect}
}

func forecasts(t *testing.T, q forecast.Question) forecast.Forecast {
	t.Helper()
	f, err := forecast.Make(t.Context(), q)
	require.NoError(t, err)
	return f
}

func TestMoreEpsilonOrMoreNodesAreWorthWhatTheyAreInLife(t *testing.T) {
	q := question(t, 8)
	f := forecasts(t, q)
	assert.Equal(t, f, forecasts(t, q), "a question has one answer")
	assert.True(t, f.Learns)
	assert.EqualValues(t, 20_000, f.Decisions)
	assert.Greater(t, f.Closed.Low, f.Alone.High, "eight nodes are better together")
	assert.Greater(t, f.Closed.Mean, 0.5)
	assert.Less(t, f.Closed.High, 1.0)
	assert.Less(t, forecasts(t, question(t, 8, "epsilon: 1", "epsilon: 0.2")).Closed.High, f.Closed.Low, "a smaller epsilon costs")
	one := forecasts(t, question(t, 1))
	assert.InDelta(t, one.Closed.Mean, one.Alone.Mean, 0.1, "one node is alone")
	large := question(t, 8)
	large.Effect = 0.3
	assert.Greater(t, forecasts(t, large).Closed.Low, f.Closed.High, "a larger effect is found sooner")
	clock := forecasts(t, question(t, 8, "decisions: 400", "every: 1h"))
	assert.True(t, clock.Learns, "rounds on a clock are played, too")
}

// What is said to be enough is enough: the same question, asked with it, has a better answer.
func TestWhatItWouldTakeIsEnough(t *testing.T) {
	if testing.Short() {
		t.Skip("plays some millions of decisions: run it without -short")
	}
	short := []string{"20000", "2000", "400", "40"}
	f := forecasts(t, question(t, 4, append(short, "epsilon: 1", "epsilon: 0.05")...))
	require.False(t, f.Learns)
	assert.Less(t, f.Closed.Low, forecast.Learns)
	require.Positive(t, f.NeededEpsilon)
	enough := forecasts(t, question(t, 4, append(short, "epsilon: 1", "epsilon: "+number(f.NeededEpsilon))...))
	assert.True(t, enough.Learns)
	half := forecasts(t, question(t, 4, append(short, "epsilon: 1", "epsilon: "+number(f.NeededEpsilon/2))...))
	assert.False(t, half.Learns, "and half of it is not")
	require.Positive(t, f.NeededDecisions)
	longer := question(t, 4, "epsilon: 1", "epsilon: 0.05", "20000", number(float64(f.NeededDecisions)), "400", number(float64(f.NeededDecisions)/50))
	assert.True(t, forecasts(t, longer).Learns)

	never := forecasts(t, question(t, 4, append(short, "robust-elimination", "uniform")...))
	assert.False(t, never.Learns)
	assert.Zero(t, never.NeededEpsilon, "nothing helps who does not learn")
	assert.Zero(t, never.NeededDecisions)
	assert.InDelta(t, 0, never.Closed.Mean, 0.05)
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func TestQuestionsWithoutAnAnswerAreRefused(t *testing.T) {
	for field, change := range map[string]func(*forecast.Question){
		"nodes":  func(q *forecast.Question) { q.Nodes = 0 },
		"effect": func(q *forecast.Question) { q.Effect = 0.5 },
	} {
		q := question(t, 2)
		change(&q)
		_, err := forecast.Make(t.Context(), q)
		assert.Equal(t, field, posse.As(err).Field)
		assert.NotEmpty(t, posse.As(err).Allowed)
	}
	_, err := forecast.Make(t.Context(), question(t, 2, "[low, medium, high]", "[low]"))
	assert.Equal(t, "problem.arms", posse.As(err).Field)
}
