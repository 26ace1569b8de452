package simnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet/dataset"
)

const visits = `apiVersion: posse/v1
kind: Scenario
metadata: {name: visits}
experiment:
  problem: {kind: arms, arms: [a, b]}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 12
environment: {kind: data, path: visits.csv, format: csv}
policies: [{name: uniform}]
`

const rows = "clinic,user,a,b\nnorth-1,u1,0,1\nnorth-1,u2,0,1\nnorth-2,u3,1,0\nsouth-1,u4,0.5,1\nsouth-1,u5,0,0.25\nsouth-1,v6,1,1\n" +
	"north-2,v7,0,1\nnorth-2,v8,0,1\nsouth-1,v9,0,1\nsouth-2,w1,0,1\nsouth-2,w2,0,1\nsouth-2,w3,0,1\n"

// folder holds a file and lets scenarios load from it.
func folder(t *testing.T, text string) Files {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "visits.csv"), []byte(text), 0o600))
	return Files{Data: func(path string, o dataset.Options) (*dataset.Set, error) {
		return dataset.Load(filepath.Join(dir, path), o)
	}}
}

func change(t *testing.T, text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func TestDataBecomeNodesAsTheScenarioSays(t *testing.T) {
	from := folder(t, rows)
	for name, row := range map[string]struct {
		nodes string
		ids   []string
		sizes []float64
	}{
		"one":            {"", []string{"node-1"}, []float64{1}},
		"column":         {"nodes: {by: {column: clinic}}\n", []string{"south-1", "north-2", "south-2", "north-1"}, []float64{4, 3, 3, 2}},
		"column, packed": {"nodes: {count: 2, by: {column: clinic}}\n", []string{"north-2-and-1-more", "south-1-and-1-more"}, []float64{6, 6}},
		"prefix":         {"nodes: {by: {prefix: 1}}\n", []string{"u", "v", "w"}, []float64{5, 4, 3}},
		"hash":           {"nodes: {count: 3, by: {hash: user}}\n", []string{"node-1", "node-2", "node-3"}, []float64{4, 4, 4}},
		"own sizes":      {"nodes: {sizes: [1, 9, 1], by: {prefix: 1}}\n", []string{"u", "v", "w"}, []float64{1, 9, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read("visits.yaml", []byte(visits+row.nodes), from)
			require.NoError(t, err)
			assert.Equal(t, row.ids, s.Nodes.IDs)
			require.Len(t, s.Nodes.Sizes, len(row.sizes))
			for j := range row.sizes {
				assert.InDelta(t, row.sizes[j]/row.sizes[0], s.Nodes.Sizes[j]/s.Nodes.Sizes[0], 1e-12)
			}
			assert.Equal(t, 12, s.Environment.Data.Rows)
		})
	}
}

func TestAScenarioHasOnlyTheDataThatItNames(t *testing.T) {
	digest := func(text, rows string) string {
		s, err := Read("visits.yaml", []byte(text), folder(t, rows))
		require.NoError(t, err)
		return s.Digest()
	}
	want := digest(visits, rows)
	assert.Equal(t, want, digest(visits, rows), "where the files lie is nothing to it")
	assert.NotEqual(t, want, digest(visits, change(t, rows, "u1,0,1", "u1,0.5,1")), "one changed row")
	assert.NotEqual(t, want, digest(change(t, visits, "format: csv", "format: csv, replacement: false"), rows))
	assert.NotEqual(t, want, digest(visits+"nodes: {by: {prefix: 1}}\n", rows))
}

func TestWhatDataCantDoIsSaidWithItsPlace(t *testing.T) {
	logged := "arm,reward,propensity\na,1,0.5\nb,0,0.5\n"
	for name, row := range map[string]struct {
		text, rows    string
		reason, field string
		file          string
		line          int
		says          string
	}{
		"bad row":            {visits, change(t, rows, "u3,1,0", "u3,many,0"), "MALFORMED", "a", "visits.csv", 4, "row 3"},
		"outside the range":  {visits, change(t, rows, "u3,1,0", "u3,1.5,0"), "REWARD_OUT_OF_RANGE", "a", "visits.csv", 4, "row 3"},
		"cut in half":        {visits, rows[:len(rows)-4], "MALFORMED", "", "visits.csv", 13, "middle of this row"},
		"no propensity":      {visits, "arm,reward\na,1\n", "PROPENSITY_MISSING", "propensity", "visits.csv", 1, ""},
		"no file":            {change(t, visits, "visits.csv", "other.csv"), rows, "FILE_NOT_FOUND", "data", "other.csv", 0, ""},
		"no such column":     {visits + "nodes: {by: {column: ward}}\n", rows, "FIELD_MISSING", "ward", "visits.csv", 1, ""},
		"too many nodes":     {visits + "nodes: {count: 99, by: {hash: user}}\n", rows, "FIELD_OUT_OF_RANGE", "nodes.count", "visits.yaml", 11, ""},
		"two ways":           {visits + "nodes: {count: 2, by: {hash: user, prefix: 1}}\n", rows, "FIELD_OUT_OF_RANGE", "nodes.by", "visits.yaml", 11, ""},
		"hash of no number":  {visits + "nodes: {by: {hash: user}}\n", rows, "FIELD_OUT_OF_RANGE", "nodes.count", "visits.yaml", 11, ""},
		"replay once":        {change(t, visits, "format: csv", "format: csv, replacement: false"), logged, "COMBINATION_REFUSED", "environment.replacement", "visits.yaml", 9, ""},
		"more than the rows": {change(t, visits, "format: csv", "format: csv, replacement: false", "horizon: 12", "horizon: 13"), rows, "COMBINATION_REFUSED", "experiment.horizon", "visits.yaml", 9, ""},
		"sizes of once":      {change(t, visits, "format: csv", "format: csv, replacement: false") + "nodes: {by: {prefix: 1}, sizes: [1, 1, 1]}\n", rows, "FIELD_NOT_APPLICABLE", "nodes.sizes", "visits.yaml", 11, ""},
		"skew":               {visits + "nodes: {skew: 0.1}\n", rows, "FIELD_NOT_APPLICABLE", "nodes.skew", "visits.yaml", 11, ""},
		"a path elsewhere":   {change(t, visits, "kind: data, path: visits.csv, format: csv", "kind: bernoulli, path: x, means: [0, 1]"), rows, "FIELD_NOT_APPLICABLE", "environment.path", "visits.yaml", 9, ""},
		"by elsewhere":       {change(t, visits, "kind: data, path: visits.csv, format: csv", "kind: bernoulli, means: [0, 1]") + "nodes: {by: {prefix: 1}}\n", rows, "FIELD_NOT_APPLICABLE", "nodes.by", "visits.yaml", 11, ""},
		"no path":            {change(t, visits, "path: visits.csv, ", ""), rows, "FIELD_MISSING", "environment.path", "visits.yaml", 9, ""},
		"an unknown key":     {change(t, visits, "format: csv", "format: csv, columns: {arms: x}"), rows, "UNKNOWN_FIELD", "environment.columns.arms", "visits.yaml", 9, ""},
		"other arms":         {change(t, visits, "[a, b]", "[a, c]"), rows, "FIELD_MISSING", "c", "visits.csv", 1, ""},
		"rewards below 0":    {change(t, visits, "format: csv", "format: warfarin"), rows, "FIELD_MISSING", "PharmGKB Subject ID", "visits.csv", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("visits.yaml", []byte(row.text), folder(t, row.rows))
			require.Error(t, err)
			p := posse.As(err).Problems[0]
			assert.Equal(t, [2]string{row.reason, row.field}, [2]string{p.Reason, p.Field}, "%v", err)
			assert.Equal(t, row.file, filepath.Base(p.File))
			if row.line > 0 {
				assert.Equal(t, row.line, p.Line)
			}
			assert.Contains(t, p.Message, row.says)
		})
	}
}

func TestEveryFieldOfDataDoesSomething(t *testing.T) {
	logged := "action,click,p,visitor\na,1,0.5,u\nb,0,,v\na,x,0.5,u\nb,1,0.5,v\n"
	text := change(t, visits, "format: csv", "format: csv, columns: {arm: action, reward: click, propensity: p, user: visitor}, uniformPropensity: true, maxRefused: 0.3")
	s, err := Read("visits.yaml", []byte(text), folder(t, logged))
	require.NoError(t, err)
	assert.Equal(t, 3, s.Environment.Data.Rows)
	assert.InDelta(t, 1, s.Nodes.Worlds[0].Mean(0), 1e-12)
	for _, field := range []string{"uniformPropensity: true, ", ", maxRefused: 0.3", "reward: click, "} {
		_, err := Read("visits.yaml", []byte(change(t, text, field, "")), folder(t, logged))
		assert.Error(t, err, "without %s", field)
	}
}

func TestSkewMovesEachNodesMeansOnceAndForAll(t *testing.T) {
	text := change(t, together, "[0.2, 0.7]", "[0.3, 0.6]")
	read := func(nodes string) *Scenario {
		s, err := Read("x", []byte(change(t, text, "nodes: {", "nodes: {"+nodes)), nowhere)
		require.NoError(t, err)
		return s
	}
	skewed, plain := read("skew: 0.2, "), read("")
	var moved []float64
	for _, w := range skewed.Nodes.Worlds {
		for a, mean := range []float64{0.3, 0.6} {
			moved = append(moved, w.Mean(a)-mean)
			assert.InDelta(t, mean, w.Mean(a), 0.2)
		}
	}
	for i, x := range moved {
		assert.NotContains(t, moved[:i], x)
	}
	assert.Same(t, plain.Nodes.Worlds[0].(*environment.Bernoulli), plain.Nodes.Worlds[1].(*environment.Bernoulli))
	assert.NotEqual(t, plain.Digest(), skewed.Digest())
	_, err := Read("x", []byte(change(t, text, "nodes: {", "nodes: {skew: 3, ")), nowhere)
	assert.Equal(t, "nodes.skew", posse.As(err).Field)
}

func TestASweepIsEveryCombination(t *testing.T) {
	text := small + "sweep:\n  experiment.horizon: [500, 1000]\n  environment.means: [[0.1, 0.2], [0.3, 0.4], [0.2, 0.7]]\n"
	s, err := Read("x.yaml", []byte(text), nowhere)
	require.NoError(t, err)
	assert.Equal(t, []string{"experiment.horizon", "environment.means"}, s.Axes)
	require.Len(t, s.Points, 6)
	assert.Equal(t, []string{"500", "[0.3, 0.4]"}, s.Points[1].At)
	assert.Equal(t, []int64{500, 1000}, []int64{s.Points[0].Horizon, s.Points[5].Horizon})
	plain, err := Read("x.yaml", []byte(small), nowhere)
	require.NoError(t, err)
	assert.Equal(t, plain.Digest(), s.Points[5].Digest(), "a point is the scenario with its values written in")
	assert.NotEqual(t, plain.Digest(), s.Digest())
	assert.Len(t, plain.All(), 1)

	for name, row := range map[string]struct{ sweep, reason, says string }{
		"no field":       {"{experiment.horizont: [1, 2]}", "UNKNOWN_FIELD", "experiment.horizont"},
		"no value":       {"{experiment.horizon: []}", "FIELD_OUT_OF_RANGE", "at least one value"},
		"no list":        {"{experiment.horizon: 4}", "FIELD_OUT_OF_RANGE", "list"},
		"a value twice":  {"{experiment.horizon: [5, 5]}", "FIELD_OUT_OF_RANGE", "twice"},
		"a bad value":    {"{experiment.horizon: [1000, -1]}", "FIELD_OUT_OF_RANGE", "experiment.horizon"},
		"runs":           {"{runs: [1, 2]}", "FIELD_OUT_OF_RANGE", "sweep"},
		"an absent item": {"\n  policies[7].label: [x]", "UNKNOWN_FIELD", "policies has no item 7"},
		"too many":       {"{experiment.horizon: " + many(200) + ", environment.means: " + many(51) + "}", "FIELD_OUT_OF_RANGE", "sweep"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("x.yaml", []byte(small+"sweep: "+row.sweep+"\n"), nowhere)
			require.Error(t, err)
			p := posse.As(err).Problems[0]
			assert.Equal(t, row.reason, p.Reason, "%v", err)
			assert.Contains(t, p.Message, row.says)
			assert.GreaterOrEqual(t, p.Line, 11)
		})
	}
}

func many(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i+2))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
