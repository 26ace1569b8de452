package decision

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
)

func actions(t *rapid.T) mechanisms.Action {
	if rapid.Bool().Draw(t, "pair") {
		return mechanisms.Pair{First: rapid.IntRange(0, 1<<20).Draw(t, "first"), Second: rapid.IntRange(0, 1<<20).Draw(t, "second")}
	}
	return mechanisms.Arm(rapid.IntRange(0, 1<<20).Draw(t, "arm"))
}

func TestAStoredDecisionComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &pending{
			at: rapid.Int64().Draw(t, "at"), leaf: rapid.Uint64().Draw(t, "leaf"), slot: rapid.Uint64().Draw(t, "slot"),
			version: rapid.Uint64().Draw(t, "version"), teaches: rapid.Bool().Draw(t, "teaches"), action: actions(t), context: mechanisms.None{},
			mark: [8]byte{2},
		}
		if x := rapid.SliceOf(rapid.Float64()).Draw(t, "context"); len(x) > 0 {
			p.context = mechanisms.Features{X: x}
		}
		got, err := decodePending(p.encode())
		require.NoError(t, err)
		require.Equal(t, p, got)

		p.rewarded = true
		got, err = decodePending(p.encode())
		require.NoError(t, err)
		require.Equal(t, mechanisms.None{}, got.context, "the context goes with the reward")

		r := &repeat{
			until: p.at, sequence: p.slot, asked: p.mark,
			answer: Decision{Action: p.action, Propensity: rapid.Float64Range(0, 1).Draw(t, "propensity"), Version: p.version, Leaf: p.leaf, Teaches: p.teaches},
		}
		back, err := decodeRepeat(r.encode())
		require.NoError(t, err)
		require.Equal(t, r, back)
	})
}

func FuzzDecodePending(f *testing.F) {
	f.Add((&pending{action: mechanisms.Arm(3), context: mechanisms.None{}}).encode())
	f.Add((&pending{action: mechanisms.Pair{First: 1, Second: 2}, context: mechanisms.Features{X: []float64{1}}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := decodePending(data); err == nil && !p.rewarded {
			again, err := decodePending(p.encode())
			require.NoError(t, err)
			assert.Equal(t, p.encode(), again.encode())
		}
	})
}

func FuzzDecodeRepeat(f *testing.F) {
	f.Add((&repeat{answer: Decision{Action: mechanisms.Arm(3)}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeRepeat(data); err == nil {
			assert.Equal(t, data, r.encode())
		}
	})
}

func FuzzDecodeLeaf(f *testing.F) {
	e, err := experiment.Read("x.yaml", []byte("{apiVersion: posse/v1, kind: Experiment, metadata: {name: x}, problem: {kind: arms, arms: [a, b]}, "+
		"reward: {range: [0, 1]}, policy: {name: uniform}, privacy: {model: silo, unit: reward, epsilon: 1}, horizon: 1000}"))
	require.NoError(f, err)
	shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	require.NoError(f, err)
	d, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	require.NoError(f, err)
	whole := &leaf{number: 1, first: 2, slots: 3, quota: 4, descriptor: d, own: d, raw: d.Layout.Empty()}
	_, err = decodeLeaf(whole.encode(), shared)
	require.NoError(f, err)
	f.Add(whole.encode())
	f.Add(whole.encode()[:60])
	apart := *whole
	apart.own.Plan = append([]byte(nil), d.Plan[:len(d.Plan)-4]...) // the first arm alone
	l, err := decodeLeaf(apart.encode(), shared)
	require.NoError(f, err)
	require.Equal(f, apart.own.Encode(), l.own.Encode())
	require.Equal(f, d.Encode(), l.descriptor.Encode())
	f.Add(apart.encode())
	f.Add(make([]byte, 36))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := decodeLeaf(data, shared); err == nil {
			assert.Equal(t, data, l.encode())
		}
	})
}
