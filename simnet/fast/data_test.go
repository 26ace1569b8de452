package fast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/dataset"
)

// from reads a scenario beside a file of data.
func from(t testing.TB, text, rows string) *simnet.Scenario {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	require.NoError(t, os.WriteFile(path, []byte(rows), 0o600))
	s, err := simnet.Read("test.yaml", []byte(text), simnet.Files{Data: func(_ string, o dataset.Options) (*dataset.Set, error) { return dataset.Load(path, o) }})
	require.NoError(t, err)
	return s
}

const table = "clinic,a,b\nnorth,1,0\nnorth,1,0\nnorth,0,0\nnorth,1,1\nsouth,0,1\nsouth,0,1\nsouth,0,1\nsouth,1,1\n"

const records = "clinic,arm,reward,propensity\nnorth,a,1,0.5\nnorth,b,0,0.5\nnorth,a,0,0.5\nsouth,b,1,0.5\nsouth,a,0,0.5\n"

const apart = head + `experiment:
  problem: {kind: arms, arms: [a, b]}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 8
environment: {kind: data, path: rows.csv, format: csv}
policies: [{name: uniform}, {name: ucb1}]
`

const joint = head + `experiment:
  problem: {kind: arms, arms: [a, b]}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination}
  privacy: {model: silo, unit: reward, epsilon: 4}
  rounds: {trigger: {decisions: 4}}
  horizon: 8
environment: {kind: data, path: rows.csv, format: csv}
nodes: {by: {column: clinic}}
learning: [federated, alone, nonPrivate]
`

func TestDataGiveTheSameBytesForAnyWorkersAndShards(t *testing.T) {
	once := func(text string) string {
		return strings.Replace(text, "format: csv", "format: csv, replacement: false", 1)
	}
	for name, row := range map[string][2]string{
		"lanes": {apart, table}, "lanes, each row once": {once(apart), table}, "lanes, replay": {apart, records},
		"federation": {joint, table}, "federation, each row once": {once(joint), table}, "federation, replay": {joint, records},
	} {
		t.Run(name, func(t *testing.T) {
			s := from(t, row[0], row[1])
			want := run(t, s, Options{Runs: 30, Seed: 7})
			assert.Equal(t, want.Encode(), run(t, s, Options{Runs: 30, Seed: 7, Parallel: 3, chunk: 4}).Encode())
			a := run(t, s, Options{Runs: 30, Seed: 7, Shard: Interval{0, 11}})
			b := run(t, s, Options{Runs: 30, Seed: 7, Shard: Interval{11, 30}})
			got, err := Merge([]Named{{"b", b}, {"a", a}})
			require.NoError(t, err)
			assert.Equal(t, want.Encode(), got.Encode())
			changed := from(t, row[0], strings.Replace(row[1], "south", "north", 1))
			assert.NotEqual(t, want.Digest(), run(t, changed, Options{Runs: 30, Seed: 7}).Digest(), "one changed row")
		})
	}
}

// A horizon of all rows without replacement has no luck in its rewards: uniform
// choices of one arm's column give its mean exactly.
func TestEachRowComesOnce(t *testing.T) {
	s := from(t, strings.Replace(apart, "format: csv", "format: csv, replacement: false", 1), table)
	w, err := plan(s, Options{Runs: 1, Seed: 1, Parallel: 1})
	require.NoError(t, err)
	require.NotZero(t, w.chunk)
	l := &lanes{env: newRewards(s.Nodes.Worlds[0]), record: s.Record, words: make([][tile]uint64, 3)}
	l.env.table, l.reward = s.Nodes.Worlds[0].(*environment.Table), noise.NewPhilox(key(5))
	l.deal()
	for lane := range l.words {
		sum, seen := 0.0, map[int32]bool{}
		for step := range int64(8) {
			sum += l.drawn(lane, step, 0)
			seen[l.order[lane][step]] = true
		}
		assert.Equal(t, 4.0, sum)
		assert.Len(t, seen, 8)
	}
	assert.NotEqual(t, l.order[0], l.order[1], "each run has its own order")
}

// Two halves whose best arms differ: each node is measured by its own best, so that
// learning together costs what the difference is.
func TestRegretIsAgainstEachNodesOwnBest(t *testing.T) {
	s := from(t, joint, table)
	gaps := gapsOf(s.Nodes.Worlds)
	unit := int64(1) << 32
	assert.ElementsMatch(t, [][]int64{{0, unit / 2}, {unit * 3 / 4, 0}}, gaps)
}

func TestEveryFieldOfNodesMovesTheResult(t *testing.T) {
	text := strings.Replace(hospitals, "[0.2, 0.5, 0.8]", "[0.4, 0.5, 0.6]", 1)
	digest := func(nodes string) *State {
		return run(t, scenario(t, strings.Replace(text, "nodes: {", "nodes: {"+nodes, 1)), Options{Runs: 8, Seed: 1, Parallel: 2})
	}
	plain := digest("")
	for _, nodes := range []string{"availability: 0.5, ", "churn: 0.2, ", "honesty: 1.3, ", "skew: 0.05, "} {
		assert.NotEqual(t, plain.Results()[0], digest(nodes).Results()[0], nodes)
	}
	assert.Equal(t, plain.Digest(), digest("availability: 1, churn: 0, honesty: [1, 1, 1], skew: 0, ").Digest(), "the defaults")
	away := digest("availability: 0, ").Results()
	assert.Zero(t, away[0].Versions.Mean, "nobody can be reached")
	assert.Equal(t, plain.Results()[1].Regret, away[1].Regret, "who learns alone need not be reached")
}

// Utility is what is paid less true costs, which are not what was bid.
func TestUtilityIsPaymentsLessTrueCosts(t *testing.T) {
	earned := func(nodes string) (paid, utility float64) {
		r := run(t, scenario(t, strings.Replace(hospitals, "cost: [2, 1.5, 1]", nodes, 1)), Options{Runs: 10, Seed: 1, Parallel: 2}).Results()[0]
		for _, n := range r.Nodes {
			utility += n.Utility.Mean
		}
		return r.Paid.Mean, utility
	}
	paid, utility := earned("cost: 1.5")
	same, less := earned("cost: 3, honesty: 0.5")
	assert.Positive(t, paid-utility)
	assert.Equal(t, paid, same, "the same bids are paid the same")
	assert.InDelta(t, 2*(paid-utility), same-less, 1e-6, "and cost twice as much")
}

func TestASweepIsItsPointsOneByOne(t *testing.T) {
	for name, text := range map[string]string{
		"lanes":      three + "sweep: {experiment.horizon: [100, 300]}\n",
		"federation": strings.Replace(hospitals, "learning: [federated, alone, nonPrivate]", "sweep: {experiment.privacy.epsilon: [0.5, 4]}", 1),
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario(t, text)
			all := run(t, s, Options{Runs: 12, Seed: 3})
			assert.Equal(t, all.Encode(), run(t, s, Options{Runs: 12, Seed: 3, Parallel: 3, chunk: 5}).Encode())
			results := all.Results()
			for i, point := range s.Points {
				one := run(t, point, Options{Runs: 12, Seed: 3}).Results()
				for k := range one {
					got := results[i*len(one)+k]
					assert.Equal(t, point.At[0], got.Point[0].Value)
					got.Point = nil
					assert.Equal(t, one[k], got)
				}
			}
			again, err := DecodeState("x", all.Encode())
			require.NoError(t, err)
			assert.Equal(t, results, again.Results())
			assert.Equal(t, Steps(s, Options{Runs: 12}), int64(12)*(s.Points[0].Horizon+s.Points[1].Horizon)*int64(len(s.Policies)))
		})
	}
}
