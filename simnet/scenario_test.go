package simnet

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/simnet/dataset"
)

const small = `apiVersion: posse/v1
kind: Scenario
metadata: {name: small}
experiment:
  problem: {kind: arms, arms: [a, b]}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 1000
environment: {kind: bernoulli, means: [0.2, 0.7]}
policies: [{name: ucb1}, {name: thompson-beta, label: ts}]
`

const together = `apiVersion: posse/v1
kind: Scenario
metadata: {name: together}
experiment:
  problem: {kind: arms, arms: [a, b]}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination}
  privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
  rounds: {trigger: {decisions: 100}}
  horizon: 4000
environment: {kind: bernoulli, means: [0.2, 0.7]}
nodes: {sizes: [3, 1], cost: [1.5, 0.25]}
learning: [federated, alone, nonPrivate]
`

var nowhere = Files{}

func TestAScenarioIsReadWithItsDefaults(t *testing.T) {
	s, err := Read("small.yaml", []byte(small), nowhere)
	require.NoError(t, err)
	assert.Equal(t, "ucb1", s.Policies[0].Label)
	assert.Equal(t, "ts", s.Policies[1].Label)
	assert.Equal(t, "thompson-beta", s.Policies[1].Experiment.Policy.Name)
	assert.Nil(t, s.Policies[0].Experiment.Settings().Privacy)
	assert.Equal(t, []int64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}, s.Record)
	assert.EqualValues(t, 100, s.Runs)
	assert.EqualValues(t, 1, s.Seed)
	assert.Equal(t, 1, s.Nodes.Count())
	assert.InDelta(t, 0.7, s.Nodes.Worlds[0].Mean(1), 1e-15)

	s, err = Read("together.yaml", []byte(together), nowhere)
	require.NoError(t, err)
	assert.Equal(t, []Learning{Federated, Alone, NonPrivate}, s.Learning)
	assert.Equal(t, []float64{3, 1}, s.Nodes.Sizes)
	assert.EqualValues(t, 1_500_000, s.Nodes.Costs[0])
	assert.True(t, s.Private())
}

func TestTheTemplateAndTheExamplesAreValid(t *testing.T) {
	_, err := Read("init", Template(), nowhere)
	require.NoError(t, err)
	files, err := os.ReadDir("../examples/sim")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".yaml") {
			continue
		}
		t.Run(f.Name(), func(t *testing.T) { example(t, f.Name()) })
	}
}

// example reads a scenario of examples/sim; without its data the test is skipped.
func example(t *testing.T, name string) *Scenario {
	t.Helper()
	data, err := os.ReadFile("../examples/sim/" + name)
	require.NoError(t, err)
	s, err := Read(name, data, Files{Data: func(path string, o dataset.Options) (*dataset.Set, error) {
		set, err := dataset.Load(filepath.Join(cmp.Or(os.Getenv("POSSE_DATA"), "../../shared/data"), path), o)
		if err != nil && posse.As(err).Reason == "FILE_NOT_FOUND" {
			t.Skipf("no data: set POSSE_DATA to the folder that holds %s", path)
		}
		return set, err
	}})
	assert.NoError(t, err, name)
	return s
}

func TestAScenarioMayNameTheFileOfItsExperiment(t *testing.T) {
	file := []byte(`apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing}
problem: {kind: arms, arms: [a, b]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: silo, unit: reward, epsilon: 1}
horizon: 1000
`)
	text := "apiVersion: posse/v1\nkind: Scenario\nmetadata: {name: x}\nexperiment: dosing.yaml\nenvironment: {kind: bernoulli, means: [0.2, 0.7]}\n"
	open := func(path string) ([]byte, error) {
		if path != "dosing.yaml" {
			return nil, os.ErrNotExist
		}
		return file, nil
	}
	s, err := Read("x.yaml", []byte(text), Files{Open: open})
	require.NoError(t, err)
	assert.Equal(t, "robust-elimination", s.Policies[0].Label)
	s, err = Read("x.yaml", []byte(text+"policies: [{name: uniform}]\n"), Files{Open: open})
	require.NoError(t, err)
	assert.Equal(t, "uniform", s.Policies[0].Experiment.Policy.Name)

	_, err = Read("x.yaml", []byte(strings.Replace(text, "dosing", "other", 1)), Files{Open: open})
	assert.Equal(t, "FILE_NOT_FOUND", posse.As(err).Reason)
	file = []byte(strings.Replace(string(file), "epsilon: 1", "epsilon: 99", 1))
	_, err = Read("x.yaml", []byte(text), Files{Open: open})
	assert.Equal(t, "dosing.yaml", posse.As(err).File, "the problem is in the other file")
	assert.Equal(t, 7, posse.As(err).Line)
}

func TestWhatIsWrongIsNamedWithItsPlace(t *testing.T) {
	for name, row := range map[string]struct {
		old, new      string
		reason, field string
		line          int
	}{
		"unknown field":         {"policies:", "polices:", "UNKNOWN_FIELD", "polices", 10},
		"unknown embedded":      {"horizon: 1000", "horizon: 1000\n  horizont: 3", "UNKNOWN_FIELD", "experiment.horizont", 9},
		"newer version":         {"posse/v1", "posse/v2", "FIELD_UNKNOWN_VALUE", "apiVersion", 1},
		"an experiment":         {"kind: Scenario", "kind: Experiment", "FIELD_UNKNOWN_VALUE", "kind", 2},
		"one mean too few":      {"[0.2, 0.7]", "[0.2]", "FIELD_OUT_OF_RANGE", "environment", 9},
		"a mean above 1":        {"[0.2, 0.7]", "[0.2, 1.7]", "FIELD_OUT_OF_RANGE", "environment.means[1]", 9},
		"no means":              {", means: [0.2, 0.7]", "", "FIELD_MISSING", "environment.means", 9},
		"a shape for bernoulli": {"kind: bernoulli,", "kind: bernoulli, shape: 2,", "FIELD_NOT_APPLICABLE", "environment.shape", 9},
		"privacy beside none":   {"{model: none}", "{model: none, epsilon: 1}", "FIELD_NOT_APPLICABLE", "experiment.privacy.epsilon", 7},
		"unknown policy":        {"name: ucb1", "name: ucb2", "FIELD_UNKNOWN_VALUE", "policies[0].name", 10},
		"two of one name":       {"name: ucb1", "name: ucb1, label: ts", "FIELD_OUT_OF_RANGE", "policies[1].label", 10},
		"kappa for ucb1":        {"name: ucb1", "name: ucb1, params: {kappa: 1}", "FIELD_NOT_APPLICABLE", "policies[0].params.kappa", 10},
		"not private":           {"{model: none}", "{model: silo, unit: reward, epsilon: 1}", "COMBINATION_REFUSED", "policies[0].name", 10},
		"alone with one node":   {"policies:", "learning: [alone]\npolicies:", "FIELD_NOT_APPLICABLE", "learning", 10},
		"record out of order":   {"policies:", "record: [5, 3]\npolicies:", "FIELD_OUT_OF_RANGE", "record", 10},
		"no runs":               {"policies:", "runs: 0\npolicies:", "FIELD_OUT_OF_RANGE", "runs", 10},
		"a run and a half":      {"policies:", "runs: 1.5\npolicies:", "FIELD_OUT_OF_RANGE", "runs", 10},
		"sizes and count":       {"policies:", "nodes: {count: 3, sizes: [1, 2]}\npolicies:", "FIELD_OUT_OF_RANGE", "nodes.sizes", 10},
		"an alias":              {"metadata: {name: small}", "metadata: &m {name: small}", "YAML_FEATURE", "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, small, row.old)
			_, err := Read("small.yaml", []byte(strings.Replace(small, row.old, row.new, 1)), nowhere)
			var e *posse.Error
			require.True(t, errors.As(err, &e))
			at := e
			for _, p := range e.Problems {
				if p.Reason == row.reason && p.Field == row.field {
					at = p
				}
			}
			assert.Equal(t, row.reason, at.Reason, "%v", e.Problems)
			assert.Equal(t, row.field, at.Field)
			assert.Equal(t, row.line, at.Line)
			assert.Equal(t, "small.yaml", at.File)
		})
	}
}

func TestTheDigestIsOfWhatIsSimulatedAndNotOfItsText(t *testing.T) {
	digest := func(text string) string {
		s, err := Read("x", []byte(text), nowhere)
		require.NoError(t, err)
		return s.Digest()
	}
	assert.Equal(t, digest(small), digest("# a comment\n"+small+"runs: 7\nseed: 9\n"))
	for _, change := range [][2]string{{"0.7", "0.71"}, {"1000", "1001"}, {"label: ts", "label: t"}, {"[0, 1]", "[0, 2]"}} {
		assert.NotEqual(t, digest(small), digest(strings.Replace(small, change[0], change[1], 1)), change[1])
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(together))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read("x", data, nowhere)
		if (s == nil) == (err == nil) {
			t.Fatal("neither a scenario nor an error")
		}
	})
}
