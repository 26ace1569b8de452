package demo_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/simnet/dataset"
	"github.com/posse-dev/posse/simnet/demo"
)

// data is the folder of third parties' data sets, which the project does not ship.
func data(t *testing.T, set string) string {
	t.Helper()
	dir := os.Getenv("POSSE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "shared", "data")
	}
	if !filepath.IsAbs(dir) { // as seen from the top of the repository
		dir = filepath.Join("..", "..", dir)
	}
	path := filepath.Join(dir, filepath.FromSlash(set))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no data set at %s: set POSSE_DATA to the folder that holds %s", path, set)
	}
	return path
}

func TestRunTimesEndOnTheBestMeanAndNotOnTheBestMedian(t *testing.T) {
	if testing.Short() {
		t.Skip("plays the whole platform on 40,000 draws: run it without -short")
	}
	s := play(t, demo.Config{Data: data(t, "aslib/TSP-LION2015"), Format: dataset.ASlib, Seed: 3})
	holds(t, s)
	require.NotNil(t, s.Learning.FinalArm)
	assert.Equal(t, "eax.restart", *s.Learning.FinalArm, "lkh has the best median")
}

func TestAFewDozenClicksTeachNobody(t *testing.T) {
	s := play(t, demo.Config{Data: data(t, "obd/random/men"), Format: dataset.OpenBandit, Decisions: 8000, Seed: 3})
	holds(t, s)
	assert.Nil(t, s.Learning.FinalArm)
	assert.Contains(t, s.Words, "The arms that are left can't be told apart with this much data and privacy.")
}

func TestEachPatientComesOnce(t *testing.T) {
	s := play(t, demo.Config{Data: data(t, "warfarin"), Format: dataset.Warfarin, Seed: 3})
	holds(t, s)
	assert.Equal(t, 5528, s.Decisions)
	assert.Len(t, s.Nodes, 14)
}
