package experiment

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

func TestARunningExperimentTakesChangesOfMutableFieldsOnly(t *testing.T) {
	rows := []struct {
		line  int
		text  string
		field string // empty: the change is taken
	}{
		{5, "  description: Another text", ""},
		{5, "", ""},
		{26, "  epsilon: 0.5", ""},
		{34, "    decisions: 500", ""},
		{34, "    every: 1h", ""},
		{35, "  deadline: 10s", ""},
		{36, "  minContributors: 3", ""},
		{41, "  reserve: 20", ""},
		{42, "  budget: 2000", ""},
		{52, "    redrawEvery: 1m", ""},
		{4, "  name: other", "metadata.name"},
		{6, "horizon: 100001", "horizon"},
		{8, "  localModel: raw", "node.localModel"},
		{8, "  pooling: partial", "node.pooling"},
		{11, "  arms: [low, medium, higher]", "problem.arms"},
		{14, "    order: 1.6", "reward.moment.order"},
		{16, "  deadline: 25h", "reward.deadline"},
		{21, "    kappa: 0.2", "policy.params.kappa"},
		{26, "  epsilon: 1.1", "privacy.epsilon"},
		{27, "  delta: 0", "privacy.delta"},
		{28, "  maxContributions: 11", "privacy.maxContributions"},
		{29, "  arrival: public", "privacy.arrival"},
		{31, "  fractionBits: 17", "privacy.fractionBits"},
		{37, "  maxRecords: 9999", "rounds.maxRecords"},
		{40, "  coverage: 0.8", "incentives.coverage"},
		{42, "  budget: 999.999999", "incentives.budget"},
		{43, "  bids: public", "incentives.bids"},
		{46, "    maxExplore: 11", "incentives.contribution.maxExplore"},
		{50, "    grantsPerVersion: 5", "incentives.schedule.grantsPerVersion"},
		{50, "", "incentives.schedule.grantsPerVersion"},
	}
	running := read(t, everyField)
	before := string(running.Canonical())
	for _, row := range rows {
		t.Run(row.text, func(t *testing.T) {
			file := read(t, edited(row.line, row.text))
			next, err := Reapply(running, file)
			assert.Equal(t, before, string(running.Canonical()), "the running one is not touched")
			if row.field == "" {
				require.NoError(t, err)
				assert.Equal(t, string(file.Canonical()), string(next.Canonical()))
				return
			}
			require.Error(t, err)
			assert.Nil(t, next)
			p := posse.As(err)
			assert.Equal(t, "FIELD_IMMUTABLE", p.Reason)
			assert.Equal(t, posse.FailedPrecondition, p.Code)
			assert.Equal(t, row.field, p.Field)
		})
	}
}

func TestIncentivesCanNeitherComeNorGo(t *testing.T) {
	with := read(t, dosing)
	without := read(t, dosing[:strings.Index(dosing, "incentives:")]+"horizon: 100000\n")
	for _, pair := range [][2]*Experiment{{with, without}, {without, with}} {
		_, err := Reapply(pair[0], pair[1])
		require.Error(t, err)
		for _, p := range posse.As(err).Problems {
			assert.Contains(t, p.Field, "incentives.")
		}
	}
}

func TestStoredDefaultsOutliveTheFieldThatTheyCameFrom(t *testing.T) {
	running := read(t, dosing)
	require.EqualValues(t, 10, running.Incentives.MaxExplore)
	file := read(t, strings.Replace(dosing, "decisions: 2000", "decisions: 1000", 1))
	require.EqualValues(t, 20, file.Incentives.MaxExplore, "of a new experiment")
	next, err := Reapply(running, file)
	require.NoError(t, err)
	assert.EqualValues(t, 10, next.Incentives.MaxExplore)
	assert.EqualValues(t, 20, file.Incentives.MaxExplore, "the file's own value is not touched")
	assert.EqualValues(t, 1000, next.Rounds.Trigger.Decisions)
}

func TestTheSameFileAppliedAgainChangesNothing(t *testing.T) {
	for _, text := range []string{dosing, everyField} {
		e := read(t, text)
		next, err := Reapply(e, read(t, text))
		require.NoError(t, err)
		assert.True(t, e.Equal(next))
	}
}
