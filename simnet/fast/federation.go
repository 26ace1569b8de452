package fast

import (
	"context"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
)

// federation is a scenario of several nodes, or of privacy: the same traffic goes
// through every policy and every way of learning.
type federation struct {
	scenario *simnet.Scenario
	key      [2]uint64
	seed     uint64
	gaps     [][]int64 // by node: what its best mean is above an arm's
	count    func(steps int64)
}

// nodesShown is up to how many nodes each has numbers of its own in the result.
const nodesShown = 1000

func planFederation(s *simnet.Scenario, o Options) (work, error) {
	f := &federation{scenario: s, key: key(o.Seed), seed: o.Seed, gaps: gapsOf(s.Nodes.Worlds), count: o.count}
	w := work{chunk: 1}
	nodes := s.Nodes.Count()
	for _, c := range s.Policies {
		for _, learning := range s.Learning {
			if _, err := shared(c.Experiment)(f.settings(c.Experiment, learning)); err != nil {
				return work{}, err
			}
			w.series = append(w.series,
				Series{Policy: c.Label, Learning: learning, Metric: Regret, Node: -1, Times: s.Record},
				Series{Policy: c.Label, Learning: learning, Metric: MeanReward, Node: -1},
				Series{Policy: c.Label, Learning: learning, Metric: Paid, Node: -1},
				Series{Policy: c.Label, Learning: learning, Metric: Versions, Node: -1})
			for j := range shown(nodes) {
				w.series = append(w.series,
					Series{Policy: c.Label, Learning: learning, Metric: MeanReward, Node: j},
					Series{Policy: c.Label, Learning: learning, Metric: Utility, Node: j})
			}
		}
	}
	w.play = f.play
	return w, nil
}

// shown is how many of the nodes have numbers of their own.
func shown(nodes int) int {
	if nodes > nodesShown {
		return 0
	}
	return nodes
}

func shared(e *experiment.Experiment) func(mechanisms.Settings) (mechanisms.Shared, error) {
	return func(m mechanisms.Settings) (mechanisms.Shared, error) {
		return catalogue.Default().Shared(e.Policy.Name, m)
	}
}

func (f *federation) settings(e *experiment.Experiment, learning simnet.Learning) mechanisms.Settings {
	m := e.Settings()
	if learning == simnet.NonPrivate {
		m.Privacy = nil
	}
	return m
}

// play plays whole runs. Decisions are counted as they are made, so that a run that
// takes long is seen to go on.
func (f *federation) play(ctx context.Context, runs Interval, cells []cell) error {
	var traffic arrivals
	drawn := newDrawn(f.scenario, f.key)
	for run := runs.From; run < runs.To; run++ {
		if drawn.run, traffic = run, drawn; f.once() {
			var err error
			if traffic, err = f.dealt(run); err != nil {
				return err
			}
		}
		at := 0
		for _, c := range f.scenario.Policies {
			for _, learning := range f.scenario.Learning {
				r := newRecorder(f, traffic)
				if err := f.learn(ctx, c.Experiment, learning, run, traffic, r); err != nil {
					return err
				}
				at += r.addTo(cells[at:])
				f.count(f.scenario.Horizon)
			}
		}
	}
	return nil
}

// once reports whether rows of data come once each.
func (f *federation) once() bool {
	d := f.scenario.Environment.Data
	return d != nil && !d.Replacement
}

// source is the noise of one learner of a run: 0 for all together, j+1 for node j.
func (f *federation) source(run uint64, learner int) noise.Source {
	p := noise.NewPhilox(f.key)
	p.Place(at(run, uint64(learner), 0, forNoise))
	return p
}

func (f *federation) learn(ctx context.Context, e *experiment.Experiment, learning simnet.Learning, run uint64, t arrivals, r *recorder) error {
	limit := dp.Spend{}
	if e.Privacy.Model != 0 {
		limit = e.Limit()
	}
	round := e.Rounds.Trigger.Decisions
	c := Config{Settings: f.settings(e, learning), Policy: shared(e), Limit: limit, Round: int(round), Source: f.source(run, 0), Observed: r.observe}
	c.Replaced = f.drawn(run, forChurn, f.scenario.Nodes.Churn, 0)
	if learning != simnet.Alone {
		c.Away = f.drawn(run, forPresence, f.scenario.Nodes.Availability, 1)
	}
	if learning != simnet.Alone {
		if learning == simnet.Federated && e.Incentives != nil {
			secret := f.source(run, 0).(*noise.Philox)
			secret.Place(at(run, 0, 0, forSchedule))
			c.Market = &Market{Rules: *e.Incentives, MinContributors: int(e.Rounds.MinContributors), Bids: bids(f.scenario.Nodes), Costs: f.scenario.Nodes.Costs}
			for i := range 4 {
				binary.LittleEndian.PutUint64(c.Market.Secret[8*i:], secret.Uint64())
			}
		}
		out, err := learn(c, t)
		r.paid, r.versions, r.utility = out.Paid, out.Versions, out.Utility
		return err
	}
	for j := range t.count() {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := learn(f.alone(c, e, j, t, run, r), one{t, j})
		if err != nil {
			return err
		}
		r.versions += out.Versions
	}
	return nil
}

// alone is one node by itself: the same policy, guarantee and users, with its share
// of the horizon and of a round's decisions.
func (f *federation) alone(c Config, e *experiment.Experiment, j int, t arrivals, run uint64, r *recorder) Config {
	every := max(1, int64(float64(e.Rounds.Trigger.Decisions)*t.share(j)+0.5))
	c.Settings.Horizon = uint64(max(t.decisions(j), len(f.gaps[j])))
	c.Settings.RoundDecisions = uint64(every)
	c.Round, c.Source = int(every), f.source(run, j+1)
	if all := c.Replaced; all != nil {
		c.Replaced = func(_ int, round uint64) bool { return all(j, round) }
	}
	c.Observed = func(_ int, slot uint64, arm mechanisms.Arm, x float64) { r.observe(j, slot, arm, x) }
	return c
}

// bids are what nodes ask: their true costs, times what their honesty makes of them.
func bids(n simnet.Nodes) []incentives.Credits {
	out := make([]incentives.Credits, n.Count())
	for j, c := range n.Costs {
		out[j] = incentives.Credits(math.RoundToEven(float64(c) * n.Honesty[j])) // below 1e14 millionths
	}
	return out
}

// drawn says of a node and a round whether an event of the node's chance is on the
// side that is not usual; nil where it never is.
func (f *federation) drawn(run uint64, p purpose, chance []float64, usual float64) func(int, uint64) bool {
	if !slices.ContainsFunc(chance, func(x float64) bool { return x != usual }) {
		return nil
	}
	src := noise.NewPhilox(f.key)
	return func(node int, round uint64) bool {
		src.Place(at(run, uint64(node), round, p))
		return (noise.Float64(src) < chance[node]) != (usual == 1)
	}
}

// recorder adds up what one way of learning brings in one run. A curve's point at t
// is the regret when every node has made its share of t decisions, rounded down: so
// it does not depend on an order between nodes, which have none.
type recorder struct {
	gaps     [][]int64
	traffic  arrivals
	record   []int64
	horizon  int64
	regret   []int64 // by point
	nodes    []recorded
	paid     incentives.Credits
	versions int
	utility  []incentives.Credits // by node; nil: nobody is paid
}

// recorded is what a node brought so far.
type recorded struct {
	regret  int64
	rewards float64
	due     int64 // the decision at which it reaches the next point
	next    int   // that point
}

func newRecorder(f *federation, t arrivals) *recorder {
	r := &recorder{gaps: f.gaps, traffic: t, record: f.scenario.Record, horizon: f.scenario.Horizon, regret: make([]int64, len(f.scenario.Record)), nodes: make([]recorded, t.count())}
	for j := range r.nodes {
		r.nodes[j].next = -1
		r.advance(j, 0)
	}
	return r
}

// advance finds the next point of a node that made so many decisions.
func (r *recorder) advance(node int, made int64) {
	n, all := &r.nodes[node], int64(r.traffic.decisions(node))
	for n.next++; n.next < len(r.record); n.next++ {
		high, low := bits.Mul64(uint64(r.record[n.next]), uint64(all))
		due, _ := bits.Div64(high, low, uint64(r.horizon)) // at most all
		if n.due = int64(due); n.due > made {
			return
		}
		if made > 0 { // two points at one decision
			r.regret[n.next] += n.regret
		}
	}
	n.due = -1
}

func (r *recorder) observe(node int, slot uint64, arm mechanisms.Arm, x float64) {
	n := &r.nodes[node]
	n.regret += r.gaps[node][arm]
	n.rewards += x
	if made := int64(slot) + 1; made == n.due {
		r.regret[n.next] += n.regret
		r.advance(node, made)
	}
}

// addTo adds the run to the cells of its series, and returns how many these are.
func (r *recorder) addTo(cells []cell) int {
	for p, x := range r.regret {
		cells[p].add(x)
	}
	n := len(r.regret)
	total := 0.0
	for _, x := range r.nodes {
		total += x.rewards
	}
	cells[n].add(count(total / float64(r.horizon)))
	cells[n+1].add(count(float64(r.paid) / float64(incentives.Credit)))
	cells[n+2].add(count(float64(r.versions)))
	n += 3
	for j := range shown(len(r.nodes)) {
		cells[n].add(count(r.nodes[j].rewards / float64(r.traffic.decisions(j))))
		earned := 0.0
		if r.utility != nil {
			earned = float64(r.utility[j]) / float64(incentives.Credit)
		}
		cells[n+1].add(count(earned))
		n += 2
	}
	return n
}
