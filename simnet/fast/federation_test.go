package fast

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
)

const hospitals = head + `experiment:
  problem: {kind: arms, arms: 3}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination}
  privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
  rounds: {trigger: {decisions: 200}}
  incentives: {payments: truthful, coverage: 0.6, reserve: 5, budget: 500, contribution: {minExplore: 2, maxExplore: 2}, schedule: {kind: fair-equal, grantsPerVersion: 1}}
  horizon: 4000
environment: {kind: bernoulli, means: [0.2, 0.5, 0.8]}
nodes: {sizes: [3, 2, 1], cost: [2, 1.5, 1]}
learning: [federated, alone, nonPrivate]
`

func TestAFederationsBytesDontDependOnWorkersShardsOrResumes(t *testing.T) {
	s := scenario(t, hospitals)
	want := run(t, s, Options{Runs: 9, Seed: 7})
	assert.Equal(t, want.Encode(), run(t, s, Options{Runs: 9, Seed: 7, Parallel: 3}).Encode())
	b := run(t, s, Options{Runs: 9, Seed: 7, Shard: Interval{4, 9}})
	a := run(t, s, Options{Runs: 9, Seed: 7, Shard: Interval{0, 4}})
	got, err := Merge([]Named{{"b", b}, {"a", a}})
	require.NoError(t, err)
	assert.Equal(t, want.Encode(), got.Encode())
	assert.NotEqual(t, want.Digest(), run(t, s, Options{Runs: 9, Seed: 8}).Digest())
}

func TestPrivacyAndLearningAloneCost(t *testing.T) {
	r := run(t, scenario(t, hospitals), Options{Runs: 30, Seed: 1, Parallel: 2}).Results()
	require.Len(t, r, 3)
	federated, alone, plain := r[0], r[1], r[2]
	assert.Equal(t, simnet.Federated, federated.Learning)
	assert.Greater(t, alone.Regret.Low, federated.Regret.High)
	assert.Greater(t, federated.Regret.Low, plain.Regret.High)
	assert.Greater(t, federated.Paid.Low, 0.0)
	assert.Equal(t, Estimate{}, *alone.Paid, "nobody is paid for learning alone")
	require.Len(t, federated.Nodes, 3)
	// regret and reward are two views of the same choices: 0.8 − regret/T, up to luck
	assert.InDelta(t, 0.8-federated.Regret.Mean/4000, federated.MeanReward.Mean, 0.006)
}

// A declared δ is not spent, and changes no decision.
func TestADeclaredDeltaChangesNothing(t *testing.T) {
	with := strings.Replace(hospitals, "epsilon: 1,", "epsilon: 1, delta: 1e-6,", 1)
	require.NotEqual(t, hospitals, with)
	o := Options{Runs: 2, Seed: 3}
	assert.Equal(t, run(t, scenario(t, hospitals), o).Results(), run(t, scenario(t, with), o).Results())
}

// Nodes alike lose nothing by pooling partial, and nodes that differ lose less by far than with one model for all.
func TestPoolingTakesTheBetterOfBoth(t *testing.T) {
	const clinics = head + `experiment:
  problem: {kind: arms, arms: 4}
  node: {pooling: POOLING}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination, params: {bonus: tuned, kappa: 0.25}}
  privacy: {model: silo, unit: reward, epsilon: 1}
  rounds: {trigger: {decisions: 400}}
  horizon: 20000
environment: {kind: bernoulli, means: [0.4, 0.5, 0.6, 0.7]}
nodes: {count: 4, skew: SKEW}
learning: [federated, alone]
`
	regret := func(pooling, skew string) (federated, alone Estimate) {
		text := strings.NewReplacer("POOLING", pooling, "SKEW", skew).Replace(clinics)
		r := run(t, scenario(t, text), Options{Runs: 40, Seed: 1, Parallel: 2}).Results()
		return r[0].Regret, r[1].Regret
	}
	shared, alone := regret("shared", "0")
	partial, same := regret("partial", "0")
	assert.Equal(t, alone, same, "one node has nobody to differ from: the same bytes")
	assert.Less(t, partial.Mean, 1.2*shared.Mean)
	assert.Less(t, partial.High, alone.Low)
	shared, alone = regret("shared", "0.25")
	partial, _ = regret("partial", "0.25")
	assert.Less(t, partial.High, shared.Low/3)
	assert.Less(t, partial.Mean, 1.2*alone.Mean)
}

// market runs the hospitals' policy with a market that the row changes.
//
// Its arms are close, so that a dozen rounds are needed.
func market(t *testing.T, change func(*experiment.Incentives, []incentives.Credits)) Outcome {
	t.Helper()
	s := scenario(t, strings.Replace(hospitals, "[0.2, 0.5, 0.8]", "[0.4, 0.5, 0.6]", 1))
	e := s.Policies[0].Experiment
	traffic := newDrawn(s, key(5))
	rules, costs := *e.Incentives, append([]incentives.Credits(nil), s.Nodes.Costs...)
	change(&rules, costs)
	out, err := learn(Config{
		Settings: e.Settings(), Policy: shared(e), Limit: e.Privacy.Params().Limit(), Round: 200, Source: noise.NewSeeded(1),
		Market: &Market{Rules: rules, MinContributors: 1, Bids: costs, Costs: costs},
	}, traffic)
	require.NoError(t, err)
	return out
}

func TestTheAuctionAndItsBudgetAreReal(t *testing.T) {
	asIs := market(t, func(*experiment.Incentives, []incentives.Credits) {})
	assert.Positive(t, asIs.Paid)
	dear := market(t, func(_ *experiment.Incentives, costs []incentives.Credits) {
		for j := range costs {
			costs[j] = 6 * incentives.Credit // above the reserve: nobody is bought
		}
	})
	assert.Zero(t, dear.Paid)
	assert.Zero(t, dear.Versions)
	poor := market(t, func(r *experiment.Incentives, _ []incentives.Credits) { r.Budget = 10 * incentives.Credit })
	assert.LessOrEqual(t, poor.Paid, 10*incentives.Credit)
	assert.Less(t, poor.Versions, asIs.Versions)
	everyone := market(t, func(r *experiment.Incentives, _ []incentives.Credits) {
		r.Schedule = experiment.Schedule{Kind: "everyone"}
	})
	assert.NotEqual(t, everyone.Nodes, asIs.Nodes, "late grants change what nodes do")
}

// With everybody bought and granted at once, a market is no market.
func TestAMarketThatBuysAllIsNoMarket(t *testing.T) {
	with := market(t, func(r *experiment.Incentives, _ []incentives.Credits) {
		*r = experiment.Incentives{Payments: "none", Schedule: experiment.Schedule{Kind: "everyone"}}
	})
	s := scenario(t, strings.Replace(hospitals, "[0.2, 0.5, 0.8]", "[0.4, 0.5, 0.6]", 1))
	e := s.Policies[0].Experiment
	traffic := newDrawn(s, key(5))
	without, err := learn(Config{Settings: e.Settings(), Policy: shared(e), Limit: e.Privacy.Params().Limit(), Round: 200, Source: noise.NewSeeded(1)}, traffic)
	require.NoError(t, err)
	assert.Equal(t, without, with)
}

// Unsold leaves stay on offer: what a node released early is bought later, and the
// model has it then.
func TestUnsoldLeavesStayOnOffer(t *testing.T) {
	s := scenario(t, hospitals)
	e := s.Policies[0].Experiment
	settings := e.Settings()
	settings.Privacy = nil
	traffic := newDrawn(s, key(5))
	policy, err := arms.NewSharedUniform(settings)
	require.NoError(t, err)
	// needs more sellers than sell in most rounds: what is not sold waits
	rules := *e.Incentives
	out, err := learn(Config{
		Settings: settings, Policy: func(mechanisms.Settings) (mechanisms.Shared, error) { return policy, nil }, Round: 200, Source: noise.NewSeeded(1),
		Market: &Market{Rules: rules, MinContributors: 1, Bids: s.Nodes.Costs, Costs: s.Nodes.Costs},
	}, traffic)
	require.NoError(t, err)
	sold := uint64(0)
	for _, o := range out.Summary.Options {
		sold += o.Count
	}
	assert.Equal(t, uint64(4000), sold, "nothing is lost, though one or two of three sell in a round")
	assert.Greater(t, out.Summary.Released, uint64(2*out.Versions), "some bought offers had several leaves")
}
