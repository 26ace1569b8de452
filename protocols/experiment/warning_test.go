package experiment

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

// replaced is the design's example with pairs of texts replaced.
func replaced(t *testing.T, pairs ...string) string {
	t.Helper()
	text := dosing
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestWarningsSayWhatAValidFileMayBeWrongAbout(t *testing.T) {
	const quiet = "delta: 1e-6, "
	rows := []struct {
		name  string
		text  string
		where Deployment
		want  []string // fields of the warnings, in order
		part  string   // of the last one
	}{
		{"nothing to say", replaced(t, quiet, ""), Deployment{}, nil, ""},
		{"delta that is not spent", dosing, Deployment{}, []string{"privacy.delta"}, "not spent"},
		{"delta for few users", replaced(t, "1e-6", "1e-3"), Deployment{Users: 101}, []string{"privacy.delta", "privacy.delta"}, "101 users"},
		{"delta at its limit", replaced(t, "1e-6", "1e-3"), Deployment{Users: 100}, []string{"privacy.delta"}, "not spent"},
		{"epsilon above 10", replaced(t, quiet, "", "epsilon: 1,", "epsilon: 10.1,"), Deployment{}, []string{"privacy.epsilon"}, "little protection"},
		{"epsilon of 10", replaced(t, quiet, "", "epsilon: 1,", "epsilon: 10,"), Deployment{}, nil, ""},
		{"raw", replaced(t, quiet, "", "horizon:", "node: {localModel: raw}\nhorizon:"), Deployment{}, []string{"node.localModel", "node.localModel"}, "changes nothing"},
		{"pooling", replaced(t, quiet, "", "horizon:", "node: {pooling: partial}\nhorizon:"), Deployment{}, []string{"node.pooling"}, "reach their limit sooner"},
		{
			"bold pooling", replaced(t, quiet, "", "horizon:", "node: {pooling: partial}\nhorizon:", "robust-elimination}", "robust-elimination, params: {kappa: 0.09}}"),
			Deployment{},
			[]string{"node.pooling", "node.pooling"},
			"",
		},
		{
			"pooling on a range", replaced(t, quiet, "", "horizon:", "node: {pooling: partial}\nhorizon:", "{moment: {order: 1.5, bound: 8}}", "{range: [0, 1]}"),
			Deployment{},
			[]string{"node.pooling", "node.pooling"},
			"",
		},
		{"public arrival with users", replaced(t, quiet, "arrival: public, "), Deployment{}, []string{"privacy.arrival"}, "came and was answered"},
		{"users who come back", replaced(t, "unit: user, epsilon: 1, delta: 1e-6, maxContributions: 10", "unit: reward, epsilon: 1"), Deployment{Users: 5000}, []string{"privacy.unit"}, "comes back"},
		// 64·4·3 = 768 decisions are the first epoch of three or four nodes
		{"small rounds", replaced(t, quiet, "", "decisions: 2000", "decisions: 191"), Deployment{Nodes: 4}, []string{"rounds.trigger.decisions"}, "first epoch of 768"},
		{"rounds of a quarter of an epoch", replaced(t, quiet, "", "decisions: 2000", "decisions: 192"), Deployment{Nodes: 3, Users: 10}, []string{"incentives.coverage"}, "3 equal nodes"},
		{"small rounds without quotas", replaced(t, quiet, "", "decisions: 2000", "decisions: 1", "robust-elimination", "uniform"), Deployment{Nodes: 4}, nil, ""},
		{"coverage of eight at 0.9", replaced(t, quiet, "", "coverage: 0.7", "coverage: 0.9"), Deployment{Nodes: 8}, []string{"incentives.coverage"}, "8 equal nodes"},
		{"coverage of eight at 7/8", replaced(t, quiet, "", "coverage: 0.7", "coverage: 0.875"), Deployment{Nodes: 8}, nil, ""},
		// (19/20)^3 = 0.857: the example of incentives 1.1
		{"threshold of twenty at 0.9", replaced(t, quiet, "", "coverage: 0.7", "threshold: 0.9"), Deployment{Nodes: 20}, []string{"incentives.threshold"}, "20 equal nodes"},
		{"threshold of twenty at 0.85", replaced(t, quiet, "", "coverage: 0.7", "threshold: 0.85"), Deployment{Nodes: 20}, nil, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var fields []string
			warnings := read(t, row.text).Warnings(row.where)
			for _, w := range warnings {
				fields = append(fields, w.Field)
			}
			require.Equal(t, row.want, fields)
			if len(warnings) > 0 {
				assert.Contains(t, warnings[len(warnings)-1].Message, row.part)
			}
		})
	}
}

func TestGrantsFollowTheNumberOfNodes(t *testing.T) {
	rows := []struct {
		schedule string
		nodes    int
		grants   int
		floor    *big.Rat
	}{
		{"{kind: fair-equal}", 1, 1, big.NewRat(1, 20)},
		{"{kind: fair-equal}", 2, 1, big.NewRat(1, 20)},
		{"{kind: fair-equal}", 8, 3, big.NewRat(1, 20)},
		{"{kind: fair-equal}", 10, 4, big.NewRat(1, 20)},
		{"{kind: fair-equal, grantsPerVersion: 4, floor: 0.2}", 8, 4, big.NewRat(1, 5)},
		{"{kind: fair-equal, grantsPerVersion: 4}", 3, 3, big.NewRat(1, 20)},
		{"{kind: fair-equal, grantsPerVersion: 1}", 40, 1, big.NewRat(1, 40)},
	}
	for _, row := range rows {
		e := read(t, strings.Replace(dosing, "{kind: fair-equal}", row.schedule, 1))
		grants, floor := e.Incentives.Schedule.ForNodes(row.nodes)
		assert.Equal(t, row.grants, grants, row)
		assert.Equal(t, row.floor.RatString(), floor.RatString(), row)
		assert.NoError(t, e.CheckNodes(row.nodes))
	}
}

func TestWhatCantRunAtSoManyNodesIsRefused(t *testing.T) {
	e := read(t, strings.Replace(dosing, "{kind: fair-equal}", "{kind: fair-equal, grantsPerVersion: 2, floor: 0.2}", 1))
	require.NoError(t, e.CheckNodes(10))
	err := e.CheckNodes(11)
	require.Error(t, err)
	assert.Equal(t, "incentives.schedule.floor", posse.As(err).Field)
	assert.Contains(t, err.Error(), "11 nodes")
	assert.Contains(t, err.Error(), "2 grants")

	e = read(t, dosing)
	require.NoError(t, e.CheckNodes(1000), "a credit for each")
	err = e.CheckNodes(1001)
	require.Error(t, err)
	assert.Equal(t, "incentives.budget", posse.As(err).Field)
	assert.Equal(t, "COMBINATION_REFUSED", posse.As(err).Reason)
	assert.Contains(t, err.Error(), "pays no round at 1001 nodes")

	e = read(t, replaced(t, "incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000, schedule: {kind: fair-equal}}\n", ""))
	assert.NoError(t, e.CheckNodes(1_000_000), "nobody is paid")
}

func TestValidateWritesTheDocumentOfTheContract(t *testing.T) {
	valid, err := Validate("dosing.yaml", []byte(dosing), Deployment{})
	require.NoError(t, err)
	text, err := json.Marshal(valid)
	require.NoError(t, err)
	var document struct {
		Valid      bool
		Problems   []map[string]any
		Warnings   []map[string]any
		Experiment map[string]any
	}
	require.NoError(t, json.Unmarshal(text, &document))
	assert.True(t, document.Valid)
	assert.NotNil(t, document.Problems)
	assert.Empty(t, document.Problems)
	assert.Len(t, document.Warnings, 1)
	assert.Equal(t, "168h0m0s", document.Experiment["reward"].(map[string]any)["deadline"], "defaults are shown")

	bad, err := Validate("dosing.yaml", []byte(replaced(t, "epsilon: 1,", "epsilon: 0,", "horizon: 100000", "horizon: 2")), Deployment{})
	require.Error(t, err)
	text, err = json.Marshal(bad)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &document))
	assert.False(t, document.Valid)
	assert.Nil(t, document.Experiment)
	require.Len(t, document.Problems, 2)
	assert.Equal(t, map[string]any{
		"reason": "FIELD_OUT_OF_RANGE", "field": "privacy.epsilon", "value": "0", "allowed": "(0, 20]",
		"message": "privacy.epsilon is out of range", "file": "dosing.yaml", "line": 7.0, "column": 45.0,
		"hint": "use 1 for a first try; smaller is more private",
	}, document.Problems[0])
	assert.Equal(t, "horizon", document.Problems[1]["field"])

	few, err := Validate("f", []byte(dosing), Deployment{Nodes: 1001})
	require.Error(t, err)
	assert.False(t, few.Valid)
	assert.Equal(t, "incentives.budget", few.Problems[0].Field)
}
