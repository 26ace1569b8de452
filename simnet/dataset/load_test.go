package dataset

import (
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// write puts files into a fresh folder and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// refused loads a set that must not load, and returns why.
func refused(t *testing.T, path string, options Options) *posse.Error {
	t.Helper()
	set, err := Load(path, options)
	require.Nil(t, set)
	var e *posse.Error
	require.True(t, errors.As(err, &e), "got %v", err)
	assert.Equal(t, posse.InvalidArgument, e.Code)
	assert.NotEmpty(t, e.Reason)
	return e
}

func TestASlibReadsPaddingQuotesCommentsAndCensoring(t *testing.T) {
	set, err := Load("testdata/races", Options{Format: ASlib, Nodes: 2})
	require.NoError(t, err)
	checkSet(t, set)
	assert.Equal(t, "RACES", set.Name)
	assert.Equal(t, []string{"fast", "slow, sure"}, set.Arms)
	assert.Equal(t, Reward{
		Meaning: "−(run time) ÷ 100 s", Low: -1, High: 0, Declared: true, Order: 1.5, Bound: 1, LargestMoment: set.Reward.LargestMoment,
	}, set.Reward)
	assert.True(t, set.Replacement)
	require.Len(t, set.Nodes, 2)
	hill, lake := set.Nodes[0], set.Nodes[1]
	assert.Equal(t, "hill", hill.ID)
	assert.Equal(t, []string{"lake"}, lake.Groups)
	assert.Equal(t, 0.5, hill.Share)
	assert.InDelta(t, -(0.1+1+1)/3, hill.World.Mean(0), 1e-12, "timeout and memout count as the cutoff")
	assert.InDelta(t, -(0.2+0.3+0)/3, hill.World.Mean(1), 1e-12)
	assert.InDelta(t, -(1+1+0.02)/3, lake.World.Mean(0), 1e-12, "so do ok after the cutoff, and a crash")
	assert.InDelta(t, -(0.5+0.995+1)/3, lake.World.Mean(1), 1e-12)
	assert.InDelta(t, (hill.World.Mean(0)+lake.World.Mean(0))/2, set.Mean(0), 1e-12)
	arm, mean := set.Best()
	assert.Equal(t, 1, arm)
	assert.Equal(t, set.Mean(1), mean)
}

func TestArmsCanBeChosenAndOrdered(t *testing.T) {
	set, err := Load("testdata/races", Options{Format: ASlib, Nodes: 1, Arms: []string{"slow, sure"}})
	require.NoError(t, err)
	assert.Equal(t, []string{"slow, sure"}, set.Arms)
	assert.InDelta(t, -(0.2+0.3+0+0.5+0.995+1)/6, set.Mean(0), 1e-12)
	e := refused(t, "testdata/races", Options{Format: ASlib, Arms: []string{"slow"}})
	assert.Equal(t, "arms[0]", e.Field)
	assert.Equal(t, "fast, slow, sure", e.Allowed)
}

func TestCSVAndJSONLOfTheSameDecisionsMakeTheSameWorlds(t *testing.T) {
	table, err := Load("testdata/visits", Options{Format: CSV})
	require.NoError(t, err)
	objects, err := Load("testdata/visits.jsonl", Options{Format: JSONL})
	require.NoError(t, err)
	for _, set := range []*Set{table, objects} {
		checkSet(t, set)
		assert.Equal(t, "visits", set.Name)
		assert.Equal(t, []string{"a", "b"}, set.Arms)
		require.Len(t, set.Nodes, 2)
		south := set.Nodes[0]
		assert.Equal(t, "south", south.ID)
		assert.Equal(t, 0.6, south.Share)
		assert.InDelta(t, (0*2+3*8)/10.0, south.World.Mean(0), 1e-12, "weighted by 1/propensity")
		assert.Equal(t, 2.0, south.World.Mean(1))
		assert.Equal(t, 1.0, set.Nodes[1].World.Mean(0))
		assert.False(t, set.Reward.Declared)
		assert.Equal(t, [2]float64{0, 3}, [2]float64{set.Reward.Low, set.Reward.High})
	}
	assert.Contains(t, strings.Join(objects.Done, " "), "1 decision left out, whose reward never came")
}

func TestCSVOfAllRewardsDividesByHashAndKeepsUsersTogether(t *testing.T) {
	var b strings.Builder
	b.WriteString("\xEF\xBB\xBFuser,low,high\r\n")
	for i := range 40 {
		for range 3 {
			b.WriteString("u" + string(rune('A'+i)) + ",")
			b.WriteString(thousands(i) + ",1\r\n")
		}
	}
	dir := write(t, map[string]string{"rows.csv": b.String()})
	set, err := Load(dir, Options{Format: CSV, Range: [2]float64{0, 40}})
	require.NoError(t, err)
	checkSet(t, set)
	assert.Equal(t, []string{"low", "high"}, set.Arms)
	assert.Equal(t, 19.5, set.Mean(0))
	assert.True(t, set.Reward.Declared)
	assert.Equal(t, 40.0, set.Reward.High)
	require.Len(t, set.Nodes, 8)
	for _, n := range set.Nodes {
		assert.Equal(t, 15, n.Rows, "five users of three rows")
		counts := map[float64]int{}
		table := n.World.(*environment.Table)
		for i := range table.Rows() {
			counts[table.Row(i).Reward(0)]++
		}
		assert.Len(t, counts, 5, "a user's rows are at one node")
	}
	some, err := Load(dir, Options{Format: CSV, Arms: []string{"high"}, Nodes: 3})
	require.NoError(t, err)
	assert.Equal(t, []string{"high"}, some.Arms)
	assert.Len(t, some.Nodes, 3)
}

func TestJSONLOfAllRewardsReadsTheArmsInTheirOrder(t *testing.T) {
	dir := write(t, map[string]string{"rows.jsonl": `{"rewards":{"z":1,"a":-2},"node":3}` + "\n" + `{"node":4,"rewards":{"a":0,"z":5e0}}` + "\n"})
	set, err := Load(dir, Options{Format: JSONL})
	require.NoError(t, err)
	checkSet(t, set)
	assert.Equal(t, []string{"z", "a"}, set.Arms)
	assert.Equal(t, 3.0, set.Mean(0))
	assert.Equal(t, -1.0, set.Mean(1))
	assert.Equal(t, []string{"node-3", "node-4"}, []string{set.Nodes[0].ID, set.Nodes[1].ID})
}

func TestUniformPropensityStandsInForAMissingOne(t *testing.T) {
	dir := write(t, map[string]string{"a.csv": "node,arm,reward\nx,a,1\nx,b,0\nx,a,3\n"})
	assert.Equal(t, "PROPENSITY_MISSING", refused(t, dir, Options{Format: CSV}).Reason)
	set, err := Load(dir, Options{Format: CSV, UniformPropensity: true})
	require.NoError(t, err)
	assert.Equal(t, 2.0, set.Mean(0))
}

func TestAnArmNeverShownAtANodeBorrowsTheRowsOfAll(t *testing.T) {
	dir := write(t, map[string]string{"a.csv": "node,arm,reward,propensity\nx,a,1,0.5\nx,b,4,0.5\ny,a,0,0.5\n"})
	set, err := Load(dir, Options{Format: CSV})
	require.NoError(t, err)
	assert.Equal(t, 4.0, set.Nodes[1].World.Mean(1))
	assert.Contains(t, strings.Join(set.Done, " "), "never shown at a node (1 pair")
	e := refused(t, dir, Options{Format: CSV, Arms: []string{"a", "b", "c"}})
	assert.Equal(t, "arms[2]", e.Field)
}

func TestGzipIsUnpackedAndTheHashIsOfEveryByte(t *testing.T) {
	plain, err := os.ReadFile("testdata/visits/visits.csv")
	require.NoError(t, err)
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	_, err = z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	dir := write(t, map[string]string{"visits.csv.gz": packed.String()})
	set, err := Load(dir, Options{Format: CSV})
	require.NoError(t, err)
	assert.Equal(t, 5, set.Rows)

	hash := func(text string) string {
		set, err := Load(write(t, map[string]string{"a.csv": text}), Options{Format: CSV})
		require.NoError(t, err)
		return set.SHA256
	}
	assert.Equal(t, hash(string(plain)), hash(string(plain)))
	assert.NotEqual(t, hash(string(plain)), hash(strings.Replace(string(plain), "he said", "she said", 1)), "a column that is not used")

	dir = write(t, map[string]string{"visits.csv.gz": packed.String()[:packed.Len()/2]})
	assert.Contains(t, refused(t, dir, Options{Format: CSV}).Message, "ends in the middle")
	dir = write(t, map[string]string{"visits.csv.gz": "no gzip"})
	assert.Contains(t, refused(t, dir, Options{Format: CSV}).Message, "no gzip")
}

// dealt draws every row of a set without replacement.
func dealt(set *Set) (all []environment.Instance) {
	src := noise.NewSeeded(3)
	for _, n := range set.Nodes {
		for range n.Rows {
			all = append(all, n.World.Draw(nil, src))
		}
	}
	return all
}

func TestEveryPatientComesOnce(t *testing.T) {
	dir := write(t, map[string]string{"warfarin.csv": "PharmGKB Subject ID,Therapeutic Dose of Warfarin\nPA0001-1,20.99\nPA0001-2,21\nPA0002-1,49\nPA0002-2,49.5\nPA0002-3,NA\n,\n"})
	set, err := Load(dir, Options{Format: Warfarin})
	require.NoError(t, err)
	sum := environment.Instance{0, 0, 0}
	for _, row := range dealt(set) {
		for a, x := range row {
			sum[a] += x
		}
	}
	assert.Equal(t, environment.Instance{-3, -2, -3}, sum, "21 and 49 are medium")
	for _, n := range set.Nodes {
		assert.Zero(t, n.World.(*environment.Deck).Left())
	}
}

func TestTooFewRowsForTheDefaultNumberOfNodesSaySo(t *testing.T) {
	dir := write(t, map[string]string{"short.csv": "a,b\n0,1\n1,0\n"})
	e := refused(t, dir, Options{Format: CSV})
	assert.Equal(t, [3]string{"nodes", "8, the default", "[1, 2]"}, [3]string{e.Field, e.Value, e.Allowed})
	assert.Equal(t, "8", refused(t, dir, Options{Format: CSV, Nodes: 8}).Value, "who gave the number knows it")
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name, field string
		options     Options
	}{
		{"no format", "format", Options{}},
		{"unknown format", "format", Options{Format: "excel"}},
		{"negative nodes", "nodes", Options{Format: CSV, Nodes: -1}},
		{"all rows may be bad", "maxRefused", Options{Format: CSV, MaxRefused: 1}},
		{"empty range", "range", Options{Format: CSV, Range: [2]float64{1, 1}}},
		{"arm twice", "arms[1]", Options{Format: CSV, Arms: []string{"a", "a"}}},
		{"more nodes than rows", "nodes", Options{Format: CSV, Nodes: 6}},
		{"more nodes than instances", "nodes", Options{Format: ASlib, Nodes: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "testdata/visits"
			if c.options.Format == ASlib {
				path = "testdata/races"
			}
			e := refused(t, path, c.options)
			assert.Equal(t, c.field, e.Field)
			assert.NotEmpty(t, e.Allowed)
		})
	}
}
