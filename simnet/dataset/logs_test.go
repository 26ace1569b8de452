package dataset

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// decisions are what a world of logged rows says of its arms: their means.
func means(s *Set) map[string]float64 {
	out := map[string]float64{}
	for a, name := range s.Arms {
		out[name] = s.Mean(a)
	}
	return out
}

func TestLogsOfVowpalWabbit(t *testing.T) {
	for name, row := range map[string]struct {
		format Format
		text   string
		want   map[string]float64
		rows   int
	}{
		"cb":                   {VW, "1:1.0:0.25 |\n2:-0.5:0.5 | a:1 b\n10:0:1 'tag | c\n", map[string]float64{"1": -1, "2": 0.5, "10": 0}, 3},
		"cb with other arms":   {VW, "1:1.0:0.25 2 3 | a\n2:0:0.5 1 3| b\n", map[string]float64{"1": -1, "2": 0}, 2},
		"adf":                  {VW, "shared | s\n| a\n0:-1:0.5 | b\n\nshared | s\n0:3:0.5 | a\n| b\n", map[string]float64{"1": -3, "2": 1}, 2},
		"adf without shared":   {VW, "| a\n0:-1:0.5 | b\n\n\n0:0:0.5 | a\n| b\n\n", map[string]float64{"1": 0, "2": 1}, 2},
		"adf, first is chosen": {VW, "0:2:0.5 | a\n| b\n\n| a\n0:0:0.5 | b", map[string]float64{"1": -2, "2": 0}, 2},
		"one of one":           {VW, "1:2:1 | a", map[string]float64{"1": -2}, 1},
		"dsjson": {DSJSON, `{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,"a":[2,1],"p":[0.8,0.2],"c":{"_multi":[{},{}]}}
{"_label_cost":0,"_labelIndex":0,"a":[1,2],"p":[0.5,0.5]}
{"_label_cost":-3,"a":[1,2],"p":[0.25,0.75]}
{"_skipLearn":true,"_label_cost":0,"_label_Action":7}
`, map[string]float64{"1": 1, "2": 1}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Load(write(t, map[string]string{"a." + string(row.format): row.text}), Options{Format: row.format, Nodes: 1})
			require.NoError(t, err)
			assert.Equal(t, row.rows, set.Rows)
			got := means(set)
			if name == "dsjson" { // propensities weigh: (0/0.5 + 3/0.25) / (1/0.5 + 1/0.25)
				row.want["1"] = 2
			}
			require.Len(t, got, len(row.want))
			for arm, mean := range row.want {
				assert.InDelta(t, mean, got[arm], 1e-12, arm)
			}
		})
	}
	set, err := Load(write(t, map[string]string{"a.vw": "10:0:1 |\n9:0:1 |\n"}), Options{Format: VW, Nodes: 1})
	require.NoError(t, err)
	assert.Equal(t, []string{"9", "10"}, set.Arms, "in the order of their numbers")
}

func TestBadLinesOfLogsAreNamed(t *testing.T) {
	event := `{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2}` + "\n"
	for name, row := range map[string]struct {
		format       Format
		text         string
		reason, says string
		line         int
	}{
		"probability 0":       {VW, "1:1:0.5 |\n1:1:0 |\n", "FIELD_OUT_OF_RANGE", "row 2", 2},
		"probability above 1": {VW, "1:1:0.5 |\n1:1:1.0000001 |\n", "FIELD_OUT_OF_RANGE", "row 2", 2},
		"no probability":      {VW, "1:1 |\n", "PROPENSITY_MISSING", "row 1", 1},
		"no bar":              {VW, "1:1:0.5 |\n1:1:0.5\n", "MALFORMED", "features", 2},
		"no label in cb":      {VW, "1:1:0.5 |\n2:1:0.5 |\n| a\n", "MALFORMED", "no label", 3},
		"action 0 in cb":      {VW, "0:1:0.5 |\n0:1:0.5 |\n", "MALFORMED", "from 1", 1},
		"cost":                {VW, "1:x:0.5 |\n", "MALFORMED", "cost", 1},
		"two labels":          {VW, "shared |\n0:1:0.5 |\n0:1:0.5 |\n", "MALFORMED", "two actions", 3},
		"none has a label":    {VW, "shared |\n|\n|\n\n", "MALFORMED", "no action", 1},
		"shared within":       {VW, "shared |\n|\nshared |\n", "MALFORMED", "shared", 3},
		"no object":           {DSJSON, event + "[1]\n", "MALFORMED", "row 2", 2},
		"cut":                 {DSJSON, event + event[:30], "MALFORMED", "middle", 2},
		"no cost":             {DSJSON, strings.Replace(event, `"_label_cost":-1,`, "", 1), "MALFORMED", "cost", 1},
		"no action":           {DSJSON, strings.Replace(event, `,"_label_Action":2`, "", 1), "MALFORMED", "chosen action", 1},
		"no dsjson chance":    {DSJSON, strings.Replace(event, `"_label_probability":0.8,`, "", 1), "PROPENSITY_MISSING", "row 1", 1},
		"text for a number":   {DSJSON, strings.Replace(event, `2}`, `"2"}`, 1), "MALFORMED", "row 1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := refused(t, write(t, map[string]string{"a." + string(row.format): row.text}), Options{Format: row.format, Nodes: 1})
			assert.Equal(t, row.reason, e.Reason, "%v", e)
			assert.Equal(t, row.line, e.Line)
			assert.Contains(t, e.Message, row.says)
		})
	}
	dir := write(t, map[string]string{"a.vw": "1:1:0.5 |\n"})
	assert.Equal(t, "FIELD_MISSING", refused(t, dir, Options{Format: VW, By: By{Column: "x"}}).Reason)
	assert.Equal(t, "by.prefix", refused(t, dir, Options{Format: VW, By: By{Prefix: 1}}).Field)
	dir = write(t, map[string]string{"a.vw": "1:1 |\n2:0 |\n"})
	set, err := Load(dir, Options{Format: VW, Nodes: 1, UniformPropensity: true})
	require.NoError(t, err)
	assert.Equal(t, 2, set.Rows)
}

// visit is a row of a table.
type visit struct {
	Node  string   `parquet:"node,dict"`
	Quick *float64 `parquet:"quick,optional"`
	Sure  int64    `parquet:"sure"`
}

func columns[T any](t *testing.T, rows []T) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, parquet.Write(&out, rows))
	return out.String()
}

func TestParquetIsReadAsCSVIs(t *testing.T) {
	half := 0.5
	text := columns(t, []visit{{"a", &half, 1}, {"b", &half, 0}, {"a", &half, 0}})
	set, err := Load(write(t, map[string]string{"v.parquet": text}), Options{Format: Parquet})
	require.NoError(t, err)
	same, err := Load(write(t, map[string]string{"v.csv": "node,quick,sure\na,0.5,1\nb,0.5,0\na,0.5,0\n"}), Options{Format: CSV})
	require.NoError(t, err)
	assert.Equal(t, same.Arms, set.Arms)
	assert.Equal(t, same.Nodes, set.Nodes)
	assert.Equal(t, same.Done, set.Done)
	assert.NotEqual(t, same.SHA256, set.SHA256)

	e := refused(t, write(t, map[string]string{"v.parquet": columns(t, []visit{{"a", &half, 1}, {"b", nil, 0}})}), Options{Format: Parquet})
	assert.Contains(t, e.Message, "row 2")
	assert.Equal(t, "quick", e.Field)
	for _, n := range []int{0, 3, len(text) / 2, len(text) - 1} {
		e := refused(t, write(t, map[string]string{"v.parquet": text[:n]}), Options{Format: Parquet})
		assert.Equal(t, "MALFORMED", e.Reason, "cut to %d bytes", n)
		assert.Contains(t, e.Message, "cut off")
	}
	type nested struct {
		A []float64 `parquet:"a,list"`
	}
	e = refused(t, write(t, map[string]string{"v.parquet": columns(t, []nested{{[]float64{1}}})}), Options{Format: Parquet})
	assert.Contains(t, e.Message, "nested")
}

func TestZstdIsUnpacked(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	packed := z.EncodeAll([]byte("a,b\n1,0\n0,1\n"), nil)
	set, err := Load(write(t, map[string]string{"v.csv.zst": string(packed)}), Options{Format: CSV, Nodes: 1})
	require.NoError(t, err)
	assert.Equal(t, 2, set.Rows)
	for _, n := range []int{1, len(packed) - 2} {
		e := refused(t, write(t, map[string]string{"v.csv.zst": string(packed[:n])}), Options{Format: CSV, Nodes: 1})
		assert.Equal(t, "MALFORMED", e.Reason)
	}
}

// Damaged bytes give a set or an error of ours, and never a panic. A fuzzer gets nowhere
// here: what the library does first is not the same twice.
func TestDamagedParquetIsRefused(t *testing.T) {
	half := 0.5
	text := columns(t, []visit{{"a", &half, 1}, {"b", nil, 0}})
	path := filepath.Join(t.TempDir(), "v.parquet")
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		bad := []byte(text)
		for range 1 + r.IntN(6) {
			switch i := r.IntN(len(bad)); r.IntN(3) {
			case 0:
				bad[i] = byte(r.Uint32())
			case 1:
				bad = slices.Delete(bad, i, min(len(bad), i+r.IntN(9)))
			default:
				bad = slices.Insert(bad, i, byte(r.Uint32()))
			}
		}
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		if _, err := Load(path, Options{Format: Parquet, Nodes: 1, MaxRefused: 0.5}); err != nil {
			mustBeOurs(t, err)
		}
	}
}

// FuzzVW and FuzzDSJSON: any bytes give a set that keeps its promises, or an error of ours.
func FuzzVW(f *testing.F) {
	f.Add("1:1.0:0.25 |\n2:-0.5:0.5 | a:1 b\n")
	f.Add("shared | s\n| a\n0:-1:0.5 | b\n\nshared | s\n0:3:0.5 | a\n| b\n")
	fuzzLoad(f, VW, "f.vw")
}

func FuzzDSJSON(f *testing.F) {
	f.Add(`{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,"a":[2,1],"p":[0.8,0.2]}`)
	fuzzLoad(f, DSJSON, "f.dsjson")
}
