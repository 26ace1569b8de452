package fast

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet"
)

func solvers(t *testing.T, nodes []float64, decisions int, seed uint64) *simnet.Traffic {
	t.Helper()
	world := environment.ChoosingASolver()
	var sources []simnet.Source
	for j, share := range nodes {
		sources = append(sources, simnet.Source{ID: string(rune('a' + j)), Share: share, World: world})
	}
	traffic, err := simnet.NewTraffic(sources, decisions, simnet.DefaultVisits(), seed)
	require.NoError(t, err)
	return traffic
}

func config(traffic *simnet.Traffic, private bool, seed uint64) Config {
	s := mechanisms.Settings{
		Kind: "arms", Arms: environment.ChoosingASolver().Names(), Horizon: uint64(traffic.Decisions()),
		Moment: &mechanisms.Moment{Order: 1.5, Bound: 0.17}, RoundDecisions: 1000,
	}
	if private {
		s.Privacy = &mechanisms.Privacy{
			Model: dp.Silo, Unit: dp.User, Relation: dp.ZeroOut, Epsilon: big.NewRat(1, 1), MaxContributions: 2, FractionBits: 16,
		}
	}
	return Config{
		Settings: s, Policy: func(s mechanisms.Settings) (mechanisms.Shared, error) { return arms.NewElimination(s) },
		Limit: dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}, Round: 1000, Source: noise.NewSeeded(seed),
	}
}

func gap(t *simnet.Traffic, mean float64) float64 {
	_, best := t.BestFixed()
	return (mean - t.Uniform()) / (best - t.Uniform())
}

// The demo's world. Its figures over 200 seeded runs: together with privacy 0.70
// to 0.93 of the gap, without 0.92 to 0.97; one run of each is held to less.
func TestLearningTogetherClosesTheGapAndPrivacyCostsSome(t *testing.T) {
	shares := []float64{28, 20, 15, 12, 9, 7, 5, 4}
	traffic := solvers(t, shares, 60_000, 1)
	private, err := Learn(config(traffic, true, 1), traffic)
	require.NoError(t, err)
	plain, err := Learn(config(traffic, false, 1), traffic)
	require.NoError(t, err)
	t.Logf("private %.3f plain %.3f", gap(traffic, private.Mean), gap(traffic, plain.Mean))
	assert.Greater(t, gap(traffic, private.Mean), 0.6)
	assert.Greater(t, gap(traffic, plain.Mean), gap(traffic, private.Mean))
	assert.Equal(t, "local-search", plain.Summary.Answer)
}

func TestTheSameSeedGivesTheSameOutcome(t *testing.T) {
	traffic := solvers(t, []float64{1, 1}, 8000, 3)
	a, err := Learn(config(traffic, true, 5), traffic)
	require.NoError(t, err)
	b, err := Learn(config(traffic, true, 5), traffic)
	require.NoError(t, err)
	assert.Equal(t, a, b)
	c, err := Learn(config(traffic, true, 6), traffic)
	require.NoError(t, err)
	assert.NotEqual(t, a.Summary, c.Summary)
}
