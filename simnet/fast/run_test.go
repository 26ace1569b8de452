package fast

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet"
)

func scenario(t testing.TB, text string) *simnet.Scenario {
	t.Helper()
	s, err := simnet.Read("test.yaml", []byte(text), simnet.Files{})
	require.NoError(t, err)
	return s
}

const head = "apiVersion: posse/v1\nkind: Scenario\nmetadata: {name: test}\n"

const three = head + `experiment:
  problem: {kind: arms, arms: 3}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 300
environment: {kind: bernoulli, means: [0.2, 0.5, 0.7]}
policies: [{name: ucb1}, {name: thompson-beta}, {name: uniform}]
`

const normal = head + `experiment:
  problem: {kind: arms, arms: 2}
  reward: {range: [-2, 2], clip: true}
  privacy: {model: none}
  horizon: 101
environment: {kind: gaussian, means: [0, 0.5], variances: [1]}
policies: [{name: thompson-gaussian}, {name: ucb1}]
`

func run(t testing.TB, s *simnet.Scenario, o Options) *State {
	t.Helper()
	if o.Parallel == 0 {
		o.Parallel = 1
	}
	st, err := Run(context.Background(), s, o)
	require.NoError(t, err)
	return st
}

func TestWorkersAndChunksChangeNoByte(t *testing.T) {
	for name, text := range map[string]string{"bernoulli": three, "gaussian": normal} {
		t.Run(name, func(t *testing.T) {
			s := scenario(t, text)
			want := run(t, s, Options{Runs: 100, Seed: 7})
			for _, o := range []Options{{Parallel: 2}, {Parallel: 5}, {chunk: 1}, {Parallel: 3, chunk: 7}, {chunk: 100}, {Learners: true}, {Learners: true, chunk: 9, Parallel: 2}} {
				o.Runs, o.Seed = 100, 7
				got := run(t, s, o)
				assert.Equal(t, want.Digest(), got.Digest(), "%+v", o)
				assert.Equal(t, want.Encode(), got.Encode())
			}
			assert.NotEqual(t, want.Digest(), run(t, s, Options{Runs: 100, Seed: 8}).Digest(), "another seed")
			assert.NotEqual(t, want.Digest(), run(t, s, Options{Runs: 101, Seed: 7}).Digest(), "one more run")
		})
	}
}

func TestTilesAreNotSeen(t *testing.T) {
	s := scenario(t, three)
	dense := scenario(t, three+"record: [1, 2, 3, 17, 29, 100, 101, 299, 300]\n")
	a, b := run(t, s, Options{Runs: 20, Seed: 1}).Results(), run(t, dense, Options{Runs: 20, Seed: 1}).Results()
	for i := range a {
		assert.Equal(t, a[i].Regret, b[i].Regret)
	}
}

func TestShardsInAnyOrderGiveTheWhole(t *testing.T) {
	s := scenario(t, three)
	want := run(t, s, Options{Runs: 50, Seed: 3})
	shards := []Named{
		{"third", run(t, s, Options{Runs: 50, Seed: 3, Shard: Interval{33, 50}})},
		{"first", run(t, s, Options{Runs: 50, Seed: 3, Shard: Interval{0, 11}})},
		{"second", run(t, s, Options{Runs: 50, Seed: 3, Shard: Interval{11, 33}})},
	}
	for i := range shards { // through their files
		again, err := DecodeState(shards[i].Name, shards[i].State.Encode())
		require.NoError(t, err)
		shards[i].State = again
	}
	got, err := Merge(shards)
	require.NoError(t, err)
	assert.Equal(t, want.Encode(), got.Encode())

	foreign := run(t, s, Options{Runs: 50, Seed: 4, Shard: Interval{11, 33}})
	overlap := run(t, s, Options{Runs: 50, Seed: 3, Shard: Interval{10, 33}})
	for name, row := range map[string]struct {
		shards []Named
		reason string
		says   []string
	}{
		"none":      {nil, "FIELD_MISSING", nil},
		"missing":   {shards[:2], "SHARD_MISSING", []string{"runs 11 to 32"}},
		"last":      {shards[1:], "SHARD_MISSING", []string{"runs 33 to 49"}},
		"doubled":   {append([]Named{shards[0]}, shards...), "SHARD_DOUBLED", []string{"third"}},
		"overlap":   {[]Named{shards[1], {"wide", overlap}, shards[0]}, "SHARD_DOUBLED", []string{"first", "wide"}},
		"foreign":   {[]Named{shards[0], shards[1], {"stranger", foreign}}, "SHARD_FOREIGN", []string{"stranger"}},
		"unstarted": {[]Named{{"idle", newState(s, want.Series, 50, 3, Interval{0, 50})}}, "SHARD_MISSING", []string{"idle"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Merge(row.shards)
			var e *posse.Error
			require.True(t, errors.As(err, &e))
			assert.Equal(t, row.reason, e.Reason)
			for _, text := range row.says {
				assert.Contains(t, e.Message, text)
			}
		})
	}
}

func TestAStoppedSimulationGoesOnToTheSameBytes(t *testing.T) {
	s := scenario(t, three)
	want := run(t, s, Options{Runs: 40, Seed: 2})
	ctx, stop := context.WithCancel(t.Context())
	saved, saves := []byte(nil), 0
	_, err := Run(ctx, s, Options{Runs: 40, Seed: 2, Parallel: 2, chunk: 3, Save: func(st *State) error {
		if saves++; saves == 4 {
			saved = st.Encode()
			stop()
		}
		return nil
	}})
	require.ErrorIs(t, err, context.Canceled)
	st, err := DecodeState("resume", saved)
	require.NoError(t, err)
	require.False(t, st.Complete())
	require.NotEmpty(t, st.Done)
	assert.Equal(t, want.Encode(), run(t, s, Options{Runs: 40, Seed: 2, Resume: st}).Encode())

	st, err = DecodeState("resume", saved)
	require.NoError(t, err)
	_, err = Run(t.Context(), s, Options{Runs: 40, Seed: 9, Parallel: 1, Resume: st})
	assert.Equal(t, "RESUME_FOREIGN", posse.As(err).Reason)
}

func TestDamagedStatesAreRefused(t *testing.T) {
	data := run(t, scenario(t, three), Options{Runs: 3, Seed: 1}).Encode()
	for _, n := range []int{0, 1, len(data) / 2, len(data) - 3} {
		_, err := DecodeState("x", data[:n])
		assert.Equal(t, "STATE_DAMAGED", posse.As(err).Reason, "cut to %d", n)
	}
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1
		_, err := DecodeState("x", bad)
		assert.Error(t, err, "byte %d", i)
	}
}

func FuzzDecodeState(f *testing.F) {
	f.Add(run(f, scenario(f, three), Options{Runs: 3, Seed: 1}).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := DecodeState("x", data); err == nil && !bytes.Equal(s.Encode(), data) {
			t.Fatal("accepted bytes that are not canonical")
		}
	})
}

// Ten runs are what they are, whatever is simulated beside them.
func TestPoliciesMeetTheSameLuck(t *testing.T) {
	s := scenario(t, three)
	var alone *simnet.Scenario
	for i, name := range []string{"ucb1", "thompson-beta", "uniform"} {
		alone = scenario(t, head+"experiment:\n  problem: {kind: arms, arms: 3}\n  reward: {range: [0, 1]}\n  privacy: {model: none}\n  horizon: 300\nenvironment: {kind: bernoulli, means: [0.2, 0.5, 0.7]}\npolicies: [{name: "+name+"}]\n")
		assert.Equal(t, run(t, s, Options{Runs: 30, Seed: 5}).Results()[i], run(t, alone, Options{Runs: 30, Seed: 5}).Results()[0])
	}
}

// The thresholds say what the environment says, at their very edge.
func TestThresholdsAreTheEnvironments(t *testing.T) {
	src := noise.NewPhilox([2]uint64{1, 2})
	for _, mean := range []float64{0, 1, 0.5, 0.1888888889, 1e-300, 0.9999999999999999, 1.0 / 3} {
		w, err := environment.NewBernoulli(mean)
		require.NoError(t, err)
		limit := threshold(mean)
		for range 1000 {
			word := src.Uint64()
			if limit > 0 && word%2 == 0 {
				word = (limit - 1 + word>>1%2) << 11
			}
			assert.Equal(t, (float64(word>>11)+0.5)*0x1p-53 < w.Mean(0), word>>11 < limit)
		}
	}
}

// The curve is the mechanism's: the same engine with the mechanism's code broken
// gives another one.
func TestABrokenMechanismMovesTheCurve(t *testing.T) {
	s := scenario(t, three)
	own := func(m mechanisms.Settings) (Learner, error) {
		return arms.NewUCB1(arms.Problem{Arms: len(m.Arms), Horizon: m.Horizon, Range: m.Range})
	}
	st := run(t, s, Options{Runs: 50, Seed: 1, Own: []Own{{"same", own}, {"broken", func(m mechanisms.Settings) (Learner, error) {
		l, err := own(m)
		return forgetful{l}, err
	}}}})
	r := st.Results()
	assert.Equal(t, r[0].Curve, r[3].Curve, "ucb1 is ucb1, from the catalogue or not")
	assert.Greater(t, r[4].Regret.Low, r[0].Regret.High)
}

// forgetful is a policy that learns from every second reward only that it was 0.
type forgetful struct{ Learner }

func (f forgetful) Observe(r mechanisms.Round, c mechanisms.None, a mechanisms.Arm, x mechanisms.Reward) error {
	if r.T%2 == 0 {
		x.X = 0
	}
	return f.Learner.Observe(r, c, 2-a, x)
}
