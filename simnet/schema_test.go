package simnet

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// schema compiles what [Schema] says with somebody else's validator.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("scenario.json", document))
	out, err := c.Compile("scenario.json")
	require.NoError(t, err)
	return out
}

func valid(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return s.Validate(document)
}

func TestTheSchemaTakesWhatTheReaderTakes(t *testing.T) {
	s := schema(t)
	texts := map[string]string{"template": string(Template()), "small": small, "together": together, "visits": visits}
	texts["swept"] = change(t, small, "  horizon: 1000\n", "") + "sweep: {experiment.horizon: [500, 1000], environment: [{kind: bernoulli, means: [0.5, 1]}]}\n"
	files, err := os.ReadDir("../examples/sim")
	require.NoError(t, err)
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".yaml") {
			data, err := os.ReadFile("../examples/sim/" + f.Name())
			require.NoError(t, err)
			texts[f.Name()] = string(data)
		}
	}
	for name, text := range texts {
		assert.NoError(t, valid(t, s, text), name)
	}
}

func TestTheSchemaRefusesWhatOneFieldCantBe(t *testing.T) {
	s := schema(t)
	for _, pair := range [][2]string{
		{"policies:", "polices:"},
		{"posse/v1", "posse/v2"},
		{"kind: Scenario", "kind: Experiment"},
		{"horizon: 1000", "horizon: 0"},
		{"horizon: 1000", "horizon: 1.5"},
		{"name: ucb1", "name: ucb2"},
		{"means: [0.2, 0.7]", "means: [x]"},
		{"range: [0, 1]", "range: [0]"},
		{"{model: none}", "{model: nobody}"},
		{"policies:", "runs: 0\npolicies:"},
		{"policies:", "learning: [together]\npolicies:"},
		{"policies:", "nodes: {count: 0}\npolicies:"},
		{"policies:", "sweep: {runs: 3}\npolicies:"},
		{"metadata: {name: small}", "metadata: {}"},
		{"policies:", "nodes: {availability: 1.5}\npolicies:"},
	} {
		assert.Error(t, valid(t, s, change(t, small, pair[0], pair[1])), pair[1])
	}
}
