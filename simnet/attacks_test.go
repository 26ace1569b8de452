package simnet_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/audit"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/protocols/experiment"
)

// Every way out of a node is attacked here as package audit attacks: the bound on ε
// from below must stay under the experiment's claim while the way is whole, and rise
// above it when a known fault is planted. Each game calls something broken that is
// whole with a chance of at most 1e-6; the seeds are fixed.
const (
	attackConfidence = 1 - 1e-6
	attackPlays      = 2_000
)

// target is an experiment at one node, up to the guard: file, policy, layout, window.
type target struct {
	claim   float64 // the file's ε
	promise guard.Promise
	layout  statistics.Layout
	window  mechanisms.Window
	arm     mechanisms.Arm // one arm, of which all records here are
}

func aim(t *testing.T, privacy string) target {
	t.Helper()
	e, err := experiment.Read("attacked", []byte(strings.ReplaceAll(`
apiVersion: posse/v1
kind: Experiment
metadata: {name: attacked}
problem: {kind: arms, arms: [low, high]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {PRIVACY}
horizon: 100000
`, "PRIVACY", privacy)))
	require.NoError(t, err)
	shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	require.NoError(t, err)
	d, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	require.NoError(t, err)
	window, err := shared.Open(d)
	require.NoError(t, err)
	action, _, err := window.Choose(0, mechanisms.None{}, noise.NewSeeded(1))
	require.NoError(t, err)
	limit := e.Privacy.Params().Limit()
	return target{
		claim: e.Privacy.Epsilon.Float64(), layout: d.Layout, window: window, arm: action.(mechanisms.Arm),
		promise: guard.Promise{Unit: e.Privacy.Unit, Limit: limit, Layout: d.Layout},
	}
}

// keeper is the guard of a node that takes part, with nothing charged.
func (g target) keeper() *guard.Guard {
	keeper, err := guard.New(guard.Limits{User: g.promise.Limit, Experiment: g.promise.Limit})
	must(err)
	must(keeper.Open("attacked", g.promise))
	return keeper
}

// record is what a reward adds to the sums.
func (g target) record(x float64) []statistics.Increment {
	r, err := g.window.Record(nil, mechanisms.None{}, g.arm, mechanisms.Reward{X: x})
	must(err)
	return r
}

// sum is the cell of the arm that an adversary looks at.
func (g target) sum(s *statistics.Set) float64 { return float64(s.Block("sum")[g.arm]) }

// must ends a play that can't go on: plays return a number and nothing else.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func attack(t *testing.T, seed uint64, claim float64, plays int, whole, broken audit.View) {
	t.Helper()
	game := func(view audit.View, seed uint64) audit.Bound {
		b, err := audit.Game{Play: view, Plays: plays, Confidence: attackConfidence}.Run(noise.NewSeeded(seed))
		require.NoError(t, err)
		return b
	}
	b := game(whole, seed)
	assert.False(t, b.Violates(claim), "whole, yet above the claim of %v: %+v", claim, b)
	b = game(broken, seed+1000)
	assert.True(t, b.Violates(claim), "broken, and not seen to exceed the claim of %v: %+v", claim, b)
}

// The ways of silo: what a node releases of a leaf, for both units and both relations.
func TestAttackedReports(t *testing.T) {
	const (
		victim = byte(1)
		other  = byte(2)
	)
	for i, row := range []struct {
		privacy string
		records int     // that the victim brings, more than may teach where the unit is user
		absent  float64 // her reward in the other world
		replace bool    // else her records add nothing there
	}{
		{privacy: "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private", records: 5},
		{privacy: "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: public", records: 5, replace: true},
		{privacy: "model: silo, unit: reward, epsilon: 1, arrival: private", records: 1},
		{privacy: "model: silo, unit: reward, epsilon: 1, arrival: public", records: 1, replace: true},
	} {
		whole := aim(t, row.privacy)

		// leaf fills and releases one leaf: the victim's records as far as the guard lets them in, and one of somebody else.
		leaf := func(g target, keeper *guard.Guard, number uint64, records int, with, watched bool, src noise.Source) *statistics.Set {
			raw := g.layout.Empty()
			admit := func(user byte, x float64, adds bool) {
				teaches, _, err := keeper.Admit("attacked", number, [16]byte{user})
				must(err)
				if !teaches && watched || !adds {
					return
				}
				r := g.record(x)
				must(g.layout.Enforce(r))
				must(raw.Add(r))
			}
			admit(other, 0.5, true)
			for range records {
				if x := 1.0; with {
					admit(victim, x, true)
				} else {
					admit(victim, row.absent, row.replace)
				}
			}
			permit, _, err := keeper.Permit("attacked", number)
			must(err)
			out, err := g.layout.Release(raw, permit, src)
			must(err)
			return out
		}
		report := func(g target, watched bool) audit.View {
			return func(with bool, src noise.Source) float64 {
				return g.sum(leaf(g, g.keeper(), 0, row.records, with, watched, src))
			}
		}

		// halved is the target with half the noise, and a promise of twice as much: a guard that
		// kept to the file's would refuse it (see the next test).
		halved := whole
		halved.layout = append(statistics.Layout(nil), whole.layout...)
		for b := range halved.layout {
			if halved.layout[b].Noise == statistics.LaplacePerReport {
				halved.layout[b].Den *= 2
			}
		}
		halved.promise.Layout = halved.layout
		halved.promise.Limit.NanoEpsilon *= 2

		t.Run(row.privacy+", scale halved", func(t *testing.T) {
			attack(t, uint64(10*i), whole.claim, attackPlays, report(whole, true), report(halved, true))
		})
		if row.records > 1 {
			t.Run(row.privacy+", sensitivity forgotten", func(t *testing.T) {
				// five records of hers enter, whatever the guard says: the noise is for two
				attack(t, uint64(10*i+1), whole.claim, attackPlays, report(whole, true), report(whole, false))
			})
		}
		t.Run(row.privacy+", seed used again", func(t *testing.T) {
			difference := func(again bool) audit.View {
				return func(with bool, src noise.Source) float64 {
					keeper, first, second := whole.keeper(), src, src
					if again {
						seed := src.Uint64()
						first, second = noise.NewSeeded(seed), noise.NewSeeded(seed)
					}
					a := leaf(whole, keeper, 0, 1, with, true, first)
					b := leaf(whole, keeper, 1, 0, with, true, second)
					return whole.sum(a) - whole.sum(b)
				}
			}
			attack(t, uint64(10*i+2), whole.claim, attackPlays, difference(false), difference(true))
		})
	}
}

// A guard that keeps to the file's ε makes a layout of half the noise harmless: each
// record costs twice as much, so half as many enter; and a permit of the right noise
// opens no door for the wrong one.
func TestAGuardWithHalfTheNoiseKeepsTheClaim(t *testing.T) {
	g := aim(t, "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private")
	half := g
	half.layout = append(statistics.Layout(nil), g.layout...)
	for b := range half.layout {
		half.layout[b].Den *= 2
	}
	half.promise.Layout = half.layout
	taught := func(g target) (n int) {
		keeper := g.keeper()
		for range 5 {
			teaches, _, err := keeper.Admit("attacked", 0, [16]byte{1})
			require.NoError(t, err)
			if teaches {
				n++
			}
		}
		return n
	}
	assert.Equal(t, 2, taught(g))
	assert.Equal(t, 1, taught(half))

	keeper := g.keeper()
	_, _, err := keeper.Admit("attacked", 0, [16]byte{1})
	require.NoError(t, err)
	permit, _, err := keeper.Permit("attacked", 0)
	require.NoError(t, err)
	_, err = half.layout.Release(half.layout.Empty(), permit, noise.NewSeeded(1))
	assert.ErrorIs(t, err, budget.ErrPermit, "the permit is for half of what this release costs")
}

// The way of local: a record is randomised before the node keeps it.
func TestAttackedRecords(t *testing.T) {
	for i, row := range []struct {
		privacy string
		records int // of hers that may teach
	}{
		{"model: local, unit: reward, epsilon: 1", 1},
		{"model: local, unit: user, epsilon: 2, maxContributions: 2", 2},
	} {
		whole := aim(t, row.privacy)
		// sums is what the node keeps of a user's rewards.
		sums := func(g target, bring int, x float64, watched bool, src noise.Source) float64 {
			keeper, raw := g.keeper(), g.layout.Empty()
			for range bring {
				teaches, _, err := keeper.Admit("attacked", 0, [16]byte{1})
				must(err)
				if !teaches && watched {
					continue
				}
				permit, err := keeper.PermitRecord("attacked")
				must(err)
				r := g.record(x)
				must(g.layout.Randomise(r, permit, src))
				must(raw.Add(r))
			}
			return g.sum(raw)
		}
		view := func(g target, bring int, watched bool) audit.View {
			return func(with bool, src noise.Source) float64 {
				if with {
					return sums(g, bring, 1, watched, src)
				}
				return sums(g, bring, 0, watched, src)
			}
		}
		doubled := whole
		doubled.layout = append(statistics.Layout(nil), whole.layout...)
		for b := range doubled.layout {
			if doubled.layout[b].Noise == statistics.DuchiPerRecord {
				doubled.layout[b].Num *= 2
			}
		}
		doubled.promise.Layout = doubled.layout
		doubled.promise.Limit.NanoEpsilon *= 2
		bring := row.records
		if row.records > 1 {
			bring = 5 // more than may teach
			t.Run(row.privacy+", contributions not counted", func(t *testing.T) {
				attack(t, uint64(100+10*i), whole.claim, attackPlays, view(whole, bring, true), view(whole, bring, false))
			})
		}
		t.Run(row.privacy+", ε doubled", func(t *testing.T) {
			attack(t, uint64(101+10*i), whole.claim, attackPlays, view(whole, bring, true), view(doubled, bring, true))
		})
		t.Run(row.privacy+", seed used again", func(t *testing.T) {
			// the adversary's own record, of reward 1, is beside hers
			beside := func(again bool) audit.View {
				return func(with bool, src noise.Source) float64 {
					first, second := src, src
					if again {
						seed := src.Uint64()
						first, second = noise.NewSeeded(seed), noise.NewSeeded(seed)
					}
					hers := 0.0
					if with {
						hers = 1
					}
					return sums(whole, 1, hers, true, first) - sums(whole, 1, 1, true, second)
				}
			}
			attack(t, uint64(102+10*i), whole.claim, attackPlays, beside(false), beside(true))
		})
	}
}

// The way of offers: what is claimed is a part of the released bytes, so it is no
// second release. Under public quotas it is the number of slots and says nothing of
// rewards: planted is a claim that counts the rewards that came.
func TestAttackedOffers(t *testing.T) {
	g := aim(t, "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private")
	offer := func(rewarded bool) audit.View {
		return func(with bool, src noise.Source) float64 {
			keeper, raw := g.keeper(), g.layout.Empty()
			came := int64(0)
			for user := range byte(3) {
				_, _, err := keeper.Admit("attacked", 0, [16]byte{user})
				must(err)
				if user == 0 && !with {
					continue // decided like the others, and never came back
				}
				came++
				must(raw.Add(g.record(1)))
			}
			public, err := g.window.Slots(0, 3)
			must(err)
			must(raw.Merge(public))
			permit, _, err := keeper.Permit("attacked", 0)
			must(err)
			out, err := g.layout.Release(raw, permit, src)
			must(err)
			claim := g.layout.Claim(out)
			if rewarded {
				claim.Block("count")[g.arm] = came
			}
			view := 0.0
			for _, n := range claim.Block("count") {
				view = 10*view + float64(n)
			}
			return view
		}
	}
	// the offer's counts alone are worth nothing to the adversary: any claim above 0 holds
	attack(t, 200, 0.01, 500, offer(false), offer(true))

	// and its bytes are the same with and without her, whatever the noise was
	bytes := map[string]bool{}
	for seed := range uint64(20) {
		raw := g.layout.Empty()
		if seed%2 == 0 {
			must(raw.Add(g.record(1)))
		}
		keeper := g.keeper()
		_, _, err := keeper.Admit("attacked", 0, [16]byte{1})
		require.NoError(t, err)
		permit, _, err := keeper.Permit("attacked", 0)
		require.NoError(t, err)
		out, err := g.layout.Release(raw, permit, noise.NewSeeded(seed))
		require.NoError(t, err)
		bytes[fmt.Sprintf("%x", g.layout.Claim(out).Encode())] = true
	}
	assert.Len(t, bytes, 1)
}

// Whoever sees only how many bytes a report and an offer have learns nothing: numbers
// have a fixed width. Planted is the width that each number needs.
func TestAttackedSizes(t *testing.T) {
	g := aim(t, "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private")
	size := func(varying bool) audit.View {
		return func(with bool, src noise.Source) float64 {
			keeper, raw := g.keeper(), g.layout.Empty()
			for user := range byte(40) { // enough that her records are seen beside the noise
				for range 2 {
					_, _, err := keeper.Admit("attacked", 0, [16]byte{user})
					must(err)
					if with {
						must(raw.Add(g.record(1)))
					}
				}
			}
			permit, _, err := keeper.Permit("attacked", 0)
			must(err)
			out, err := g.layout.Release(raw, permit, src)
			must(err)
			if !varying {
				return float64(len(out.Encode()) + len(g.layout.Claim(out).Encode()))
			}
			bytes := 0
			for _, x := range out.Block("sum") {
				bytes += len(binary.AppendVarint(nil, x))
			}
			return float64(bytes)
		}
	}
	// forty users at once, so that the planted width shows: still nothing is seen of the real one
	attack(t, 400, 0.01, 500, size(false), size(true))
}
