package dataset

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// real loads one of the sets that are not part of the project, or skips.
func real(t *testing.T, path string, format Format) *Set {
	t.Helper()
	root := os.Getenv("POSSE_DATA")
	if root == "" {
		root = filepath.Join("..", "shared", "data")
	}
	if !filepath.IsAbs(root) { // as seen from the top of the repository
		root = filepath.Join("..", "..", root)
	}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		t.Skipf("no data set at %s: set POSSE_DATA to the folder that holds %s", filepath.Join(root, path), path)
	}
	set, err := Load(filepath.Join(root, path), Options{Format: format})
	require.NoError(t, err)
	assert.Zero(t, set.Refused)
	assert.Len(t, set.SHA256, 64)
	checkSet(t, set)
	for _, line := range set.Done {
		t.Log(line)
	}
	for _, n := range set.Nodes {
		best, mean := environment.Best(n.World)
		t.Logf("%-28s share %.3f rows %6d best %-14s %.4f uniform %.4f", n.ID, n.Share, n.Rows, set.Arms[best], mean, environment.UniformMean(n.World))
	}
	best, mean := set.Best()
	t.Logf("best %s %.5f, largest moment %.4f of bound %g", set.Arms[best], mean, set.Reward.LargestMoment, set.Reward.Bound)
	return set
}

// checkSet checks what holds for every set.
func checkSet(t *testing.T, set *Set) {
	t.Helper()
	var share float64
	rows, ids := 0, map[string]bool{}
	for _, n := range set.Nodes {
		assert.Regexp(t, `^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`, n.ID)
		assert.False(t, ids[n.ID], "two nodes are called %s", n.ID)
		assert.Equal(t, len(set.Arms), n.World.Arms())
		share, rows, ids[n.ID] = share+n.Share, rows+n.Rows, true
	}
	assert.InDelta(t, 1, share, 1e-9)
	assert.Equal(t, set.Rows, rows)
	assert.LessOrEqual(t, set.Reward.LargestMoment, set.Reward.Bound, "the declared moment must hold")
	src := noise.NewSeeded(1)
	for _, n := range set.Nodes {
		for a, x := range n.World.Draw(nil, src) {
			assert.True(t, x >= set.Reward.Low && x <= set.Reward.High, "a reward of arm %d is outside the range", a)
		}
		if deck, ok := n.World.(*environment.Deck); ok {
			deck.Reset()
		}
	}
}

// medianAndMean returns the median and mean run time of an arm over all rows.
func medianAndMean(t *testing.T, set *Set, arm string, cutoffSecs float64) (median, mean float64) {
	t.Helper()
	a := slices.Index(set.Arms, arm)
	require.GreaterOrEqual(t, a, 0, "no arm %s", arm)
	var secs []float64
	for _, n := range set.Nodes {
		table := n.World.(*environment.Table)
		for i := range table.Rows() {
			secs = append(secs, -table.Row(i).Reward(a)*cutoffSecs)
		}
	}
	slices.Sort(secs)
	for _, s := range secs {
		mean += s / float64(len(secs))
	}
	return (secs[(len(secs)-1)/2] + secs[len(secs)/2]) / 2, mean
}

// The figures are those of the README beside the data.
func TestRunTimesAreThoseOfTheREADME(t *testing.T) {
	for _, c := range []struct {
		set, arm     string
		cutoffSecs   float64
		median, mean float64
	}{
		{"TSP-LION2015", "lkh", 3600, 13.3, 309.8},
		{"TSP-LION2015", "eax.restart", 3600, 26.4, 64.8},
		{"TSP-LION2015", "eax", 3600, 21.7, 1156.7},
		{"BNSL-2016", "ilp-162", 7200, 29.6, 1233.1},
		{"BNSL-2016", "ilp-141", 7200, 36.4, 1157.5},
	} {
		t.Run(c.set+" "+c.arm, func(t *testing.T) {
			set := real(t, "aslib/"+c.set, ASlib)
			median, mean := medianAndMean(t, set, c.arm, c.cutoffSecs)
			assert.InDelta(t, c.median, median, 0.0501)
			assert.InDelta(t, c.mean, mean, 0.0501)
		})
	}
}

func TestTravellingSalesmen(t *testing.T) {
	set := real(t, "aslib/TSP-LION2015", ASlib)
	assert.Equal(t, "TSP-LION2015", set.Name)
	assert.Equal(t, []string{"eax", "eax.restart", "lkh", "lkh.restart"}, set.Arms)
	assert.Equal(t, 31_060, set.Rows)
	var ids []string
	for _, n := range set.Nodes {
		ids = append(ids, n.ID)
	}
	assert.ElementsMatch(t, []string{"rue-2000", "rue-1500-a", "rue-1500-b", "rue-1000-a", "rue-1000-b", "tsplib", "vlsi", "national"}, ids)
	best, _ := set.Best()
	assert.Equal(t, "eax.restart", set.Arms[best])
	assert.InDelta(t, math.Sqrt(9980.0/80), set.Nodes[0].Share/set.Nodes[7].Share, 1e-9, "rue-2000 over national")
}

func TestBayesianNetworks(t *testing.T) {
	set := real(t, "aslib/BNSL-2016", ASlib)
	assert.Len(t, set.Arms, 8)
	assert.Equal(t, 1179, set.Rows)
	require.Len(t, set.Nodes, 8)
	families := 0
	for _, n := range set.Nodes {
		families += len(n.Groups)
	}
	assert.Equal(t, 45, families)
	assert.Equal(t, []string{"synth"}, set.Nodes[0].Groups)
}

func TestIndustrialSatisfiability(t *testing.T) {
	set := real(t, "aslib/SAT12-INDU", ASlib)
	assert.Len(t, set.Arms, 31)
	assert.Equal(t, 1167, set.Rows)
	assert.Len(t, set.Nodes, 8)
}

func TestDoses(t *testing.T) {
	set := real(t, "warfarin", Warfarin)
	assert.Equal(t, []string{"low", "medium", "high"}, set.Arms)
	assert.Equal(t, 5528, set.Rows)
	assert.False(t, set.Replacement)
	require.Len(t, set.Nodes, 14)
	assert.Equal(t, "pa1522", set.Nodes[0].ID)
	for a, share := range []float64{0.270, 0.612, 0.118} {
		assert.InDelta(t, share, 1+set.Mean(a), 0.0005, set.Arms[a])
	}
	var right float64
	for _, i := range dealt(set) {
		assert.Equal(t, -2.0, i[0]+i[1]+i[2], "one class is right")
		right += 1 + i.Reward(1)
	}
	assert.Equal(t, 3382.0, right, "every patient once")
}

func TestClicks(t *testing.T) {
	for _, c := range []struct {
		path         string
		arms, clicks int
	}{
		{"obd/random/men", 34, 46},
		{"obd/random/women", 46, 46},
		{"obd/bts/men", 34, 69},
		{"obd/bts/women", 46, 46},
	} {
		t.Run(c.path, func(t *testing.T) {
			set := real(t, c.path, OpenBandit)
			assert.Equal(t, 10_000, set.Rows)
			require.Len(t, set.Arms, c.arms)
			assert.Equal(t, "item-0", set.Arms[0])
			assert.Len(t, set.Nodes, 8)
			assert.Contains(t, set.Done[0], countOf(c.clicks, "click"))
			assert.Contains(t, set.Name, filepath.Base(filepath.Dir(c.path)))
		})
	}
}
