package demo

import (
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// laboratory reads examples/sim/demo.yaml.
func laboratory(t *testing.T) *simnet.Scenario {
	t.Helper()
	text, err := os.ReadFile("../../examples/sim/demo.yaml")
	require.NoError(t, err)
	s, err := simnet.Read("demo.yaml", text, simnet.Files{})
	require.NoError(t, err)
	return s
}

func TestTheLaboratoryHasTheDemosExperimentAndNodes(t *testing.T) {
	s, c := laboratory(t), Config{Seed: 1}
	scene, err := newScene(c)
	require.NoError(t, err)
	e := *s.Policies[0].Experiment
	e.Name, e.Description = scene.experiment.Name, scene.experiment.Description
	assert.Equal(t, string(scene.experiment.Canonical()), string(e.Canonical()))
	require.Len(t, s.Nodes.Sizes, len(scene.traffic.Nodes))
	total := 0.0
	for _, size := range s.Nodes.Sizes {
		total += size
	}
	for j, n := range scene.traffic.Nodes {
		assert.InDelta(t, n.Share, s.Nodes.Sizes[j]/total, 1e-12)
		assert.Equal(t, scene.costs[j], s.Nodes.Costs[j])
	}
}

// deviations is how many standard deviations of single runs a value is from their mean.
func deviations(x float64, e fast.Estimate, runs int) float64 {
	sd := (e.High - e.Low) / 2 / 1.96 * math.Sqrt(float64(runs))
	return math.Abs(x-e.Mean) / sd
}

// What the real platform gets lies where the laboratory says. Its noise has no seed, so
// meanReward is random: six deviations, estimated from 40 runs, are passed once in two
// million normal runs (Student's t with 39 degrees of freedom). The rest has fixed
// seeds.
func TestTheDemoLiesWhereTheLaboratorySays(t *testing.T) {
	if testing.Short() {
		t.Skip("three whole demos")
	}
	const runs = 40
	st, err := fast.Run(t.Context(), laboratory(t), fast.Options{Runs: runs, Seed: 1, Parallel: runtime.GOMAXPROCS(0)})
	require.NoError(t, err)
	results := map[simnet.Learning]fast.PolicyResult{}
	for _, r := range st.Results() {
		results[r.Learning] = r
	}
	for seed := range uint64(3) {
		d, err := New(Config{Dir: t.TempDir(), Now: time.Now, Seed: seed + 1})
		require.NoError(t, err)
		s, err := d.Run(t.Context())
		require.NoError(t, d.Close())
		require.NoError(t, err)
		got := s.Learning
		assert.Less(t, deviations(got.MeanReward, *results[simnet.Federated].MeanReward, runs), 6.0, "seed %d, together", seed+1)
		assert.Less(t, deviations(got.Baselines.NonPrivate, *results[simnet.NonPrivate].MeanReward, runs), 6.0, "seed %d, without privacy", seed+1)
		for j, alone := range got.Baselines.Alone {
			assert.Less(t, deviations(alone, results[simnet.Alone].Nodes[j].MeanReward, runs), 6.0, "seed %d, node %d alone", seed+1, j+1)
		}
		// the yardstick tells one experiment from another
		assert.Greater(t, deviations(got.MeanReward, *results[simnet.Alone].MeanReward, runs), 6.0, "seed %d, together is not alone", seed+1)
		assert.Greater(t, deviations(got.Baselines.Alone[7], results[simnet.Federated].Nodes[7].MeanReward, runs), 6.0, "seed %d, alone is not together", seed+1)
	}
}
