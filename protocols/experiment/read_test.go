package experiment

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const dosing = `apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing, description: Which of three doses}
problem: {kind: arms, arms: [low, medium, high]}
reward: {moment: {order: 1.5, bound: 8}}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, delta: 1e-6, maxContributions: 10}
rounds: {trigger: {decisions: 2000}, deadline: 5s}
incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000, schedule: {kind: fair-equal}}
horizon: 100000
`

func TestTheDesignsExampleIsReadWithItsDefaults(t *testing.T) {
	e, err := Read("dosing.yaml", []byte(dosing))
	require.NoError(t, err)
	assert.Equal(t, []string{"low", "medium", "high"}, e.Problem.Arms)
	t.Logf("%s", e.Canonical())
	again, err := Read("again", e.Canonical())
	require.NoError(t, err)
	assert.Equal(t, e, again)
}
