package simnet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/audit"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/protocols/experiment"
)

// federation is two nodes that learn an experiment together over some rounds: each
// decides by the last version and releases a leaf through its guard, the sums are
// merged and planned as a coordinator does. It is played anew for each play.
type federation struct {
	target
	shared mechanisms.Shared
	slots  uint64 // of a node in a round
	rounds int
	bug    string
}

// seen is what one play shows from outside of the nodes.
type seen struct {
	reports []*statistics.Set // of the canary's node, by round
	model   mechanisms.Model
	summary mechanisms.Summary
	taught  int // records of the canary's node that were learnt from: nobody outside may know
}

// play lets the canary, user 1 of node 0, come in the first decisions of each round
// with the best rewards, or never with any.
func (f federation) play(with bool, src noise.Source) (out seen) {
	const canary = byte(1)
	d, err := f.shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 2)
	must(err)
	keepers := []*guard.Guard{f.keeper(), f.keeper()}
	for round := range uint64(f.rounds) {
		window, err := f.shared.Open(d)
		must(err)
		sum := d.Layout.Empty()
		for node, keeper := range keepers {
			raw := d.Layout.Empty()
			first := round * f.slots
			for slot := first; slot < first+f.slots; slot++ {
				action, _, err := window.Choose(slot, mechanisms.None{}, src)
				must(err)
				isCanary := node == 0 && slot-first < 3
				user, x := [16]byte{byte(slot), 1}, 0.25 // others come once
				if isCanary {
					user, x = [16]byte{canary}, 1
				}
				teaches, _, err := keeper.Admit("attacked", round, user)
				must(err)
				if !teaches && f.bug != "budget ignored" || isCanary && !with {
					continue
				}
				if node == 0 {
					out.taught++
				}
				r, err := window.Record(nil, mechanisms.None{}, action, mechanisms.Reward{X: x})
				must(err)
				must(raw.Add(r))
			}
			public, err := window.Slots(first, f.slots)
			must(err)
			must(raw.Merge(public))
			permit, _, err := keeper.Permit("attacked", round)
			must(err)
			keeper.Released("attacked", round)
			noised, err := d.Layout.Release(raw, permit, src)
			must(err)
			if node == 0 {
				out.reports = append(out.reports, noised)
			}
			must(sum.Merge(noised))
		}
		last := len(out.model.Parts) - 1
		if last < 0 || out.model.Parts[last].Descriptor.Digest() != d.Digest() {
			out.model.Parts = append(out.model.Parts, mechanisms.Part{Descriptor: d, Sum: d.Layout.Empty()})
			last++
		}
		out.model.Parts[last].Releases += 2
		must(out.model.Parts[last].Sum.Merge(sum))
		out.model.Version++
		d, err = f.shared.Plan(d, out.model, 2)
		must(err)
	}
	out.summary, err = f.shared.Summary(out.model, d)
	must(err)
	return out
}

// views are the vantages' scores: the canary's rewards move sums up, and what is
// published after them.
var vantages = []string{"reader of the log", "other node", "outsider", "reader of the first round"}

func (f federation) views(with bool, src noise.Source) []float64 {
	out := f.play(with, src)
	var log, model, published float64
	for _, r := range out.reports {
		for _, x := range r.Block("sum") {
			log += float64(x)
		}
	}
	for _, p := range out.model.Parts {
		for _, x := range p.Sum.Block("sum") {
			model += float64(x)
		}
	}
	for _, o := range out.summary.Options { // what the page shows: who is alive, means, counts
		if o.Alive {
			published++
		}
		published += o.Mean * 10
	}
	if f.bug == "teaching users counted" {
		published = float64(out.taught)
	}
	first := out.reports[0].Block("sum") // she may teach twice, and comes three times in it
	return []float64{log, model, published, float64(first[0] + first[1])}
}

// Nobody outside the canary's node finds her by more than ε, over all rounds
// together, and with more records than she may give.
func TestACanaryHidesInAFederation(t *testing.T) {
	g := aim(t, "model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private")
	e, err := experiment.Read("attacked", []byte(`
apiVersion: posse/v1
kind: Experiment
metadata: {name: attacked}
problem: {kind: arms, arms: [low, high]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2, arrival: private}
rounds: {trigger: {decisions: 16}}
horizon: 100
`))
	require.NoError(t, err)
	shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	require.NoError(t, err)
	g.promise.Layout = shared.Layout()
	for i, row := range []struct {
		bug   string
		found string // the vantage that sees it
	}{{"", ""}, {"budget ignored", vantages[0]}, {"teaching users counted", vantages[2]}} {
		f := federation{g, shared, 8, 3, row.bug}
		bounds, err := audit.Canary{
			Vantages: vantages, Play: f.views, Plays: 2_000, Confidence: attackConfidence,
		}.Run(noise.NewSeeded(uint64(300 + i)))
		require.NoError(t, err)
		for name, b := range bounds {
			t.Logf("%q from the %s: ε at least %.3f (%s)", row.bug, name, b.Epsilon, b.Event)
			if name == row.found {
				assert.True(t, b.Violates(g.claim), "%q and not found: %+v", row.bug, b)
			} else if row.bug == "" {
				assert.False(t, b.Violates(g.claim), "%s: %+v", name, b)
			}
		}
	}
}
