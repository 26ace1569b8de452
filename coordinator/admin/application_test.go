package admin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
)

const file = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [low, high]}
reward: {moment: {order: 1.5, bound: 8}}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, delta: 0, maxContributions: 2}
rounds: {trigger: {decisions: 2000}, deadline: 5s}
incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000, schedule: {kind: fair-equal}}
horizon: 100000
`

func read(t *testing.T, text string) *experiment.Experiment {
	e, err := experiment.Read("test.yaml", []byte(text))
	require.NoError(t, err)
	return e
}

func TestApplicationsCarryTheIntegersOfTheFile(t *testing.T) {
	a, err := admin.Application(read(t, file), nil, catalogue.Default(), 8)
	require.NoError(t, err)
	r := a.GetRules()
	assert.EqualValues(t, 2000, r.GetRoundDecisions())
	assert.EqualValues(t, 5000, r.GetDeadlineMs())
	assert.EqualValues(t, 10_000_000, r.GetReserveMicro())
	assert.EqualValues(t, 1_000_000_000, r.GetBudgetMicro())
	assert.EqualValues(t, 10, r.GetExploreVersions())
	assert.EqualValues(t, 50_000, r.GetRedrawEveryMs())
	assert.EqualValues(t, 1_000_000_000, r.GetLimitNanoEpsilon())
	assert.Equal(t, "truthful fair-equal user", r.GetPayments()+" "+r.GetSchedule()+" "+r.GetUnit())
	d, err := mechanisms.DecodeDescriptor(a.GetDescriptor_())
	require.NoError(t, err)
	assert.Zero(t, d.Version)
	again := read(t, string(a.GetFile()))
	assert.True(t, again.Equal(read(t, file)), "what is kept is the file with every default")
}

func TestApplicationsAreRefusedBeforeTheyAreCommitted(t *testing.T) {
	running := read(t, file)
	for name, row := range map[string]struct {
		file   string
		nodes  int
		reason string
		field  string
	}{
		"other arms":           {strings.Replace(file, "[low, high]", "[low, high, more]", 1), 8, "FIELD_IMMUTABLE", "problem.arms"},
		"a smaller budget":     {strings.Replace(file, "budget: 1000", "budget: 999", 1), 8, "FIELD_IMMUTABLE", "incentives.budget"},
		"a budget for nobody":  {strings.Replace(file, "budget: 1000", "budget: 1001", 1), 2000, "COMBINATION_REFUSED", "incentives.budget"},
		"a larger epsilon":     {strings.Replace(file, "epsilon: 1", "epsilon: 2", 1), 8, "FIELD_IMMUTABLE", "privacy.epsilon"},
		"another contribution": {strings.Replace(file, "maxContributions: 2", "maxContributions: 3", 1), 8, "FIELD_IMMUTABLE", "privacy.maxContributions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := admin.Application(read(t, row.file), running, catalogue.Default(), row.nodes)
			require.Error(t, err)
			assert.Equal(t, row.reason, posse.As(err).Reason)
			assert.Equal(t, row.field, posse.As(err).Field)
		})
	}
}

func TestTheTokenIsMadeOnceAndGuarded(t *testing.T) {
	dir := t.TempDir()
	first, err := admin.Token(dir)
	require.NoError(t, err)
	again, err := admin.Token(dir)
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Len(t, first, 32)
	require.NoError(t, os.Chmod(filepath.Join(dir, "admin.token"), 0o644))
	_, err = admin.Token(dir)
	require.Error(t, err)
	assert.Equal(t, "KEY_FILE_UNSAFE", posse.As(err).Reason)
	assert.NotContains(t, err.Error(), first)
}
