package fast

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
)

// maxCells bounds the traffic of one run, which is held in memory: horizon × arms,
// eight bytes each.
const maxCells = 100_000_000

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
	arms := s.Nodes.Worlds[0].Arms()
	if cells := s.Horizon * int64(arms); cells > maxCells {
		return work{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "LIMIT_EXCEEDED", Field: "experiment.horizon", Value: fmt.Sprint(s.Horizon),
			Allowed: fmt.Sprintf("[1, %d]", maxCells/int64(arms)),
			Message: "the traffic of one run would not fit into memory", Hint: "lower the horizon",
		}
	}
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
	for run := runs.From; run < runs.To; run++ {
		traffic, err := f.traffic(run)
		if err != nil {
			return err
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

// traffic draws who comes and what every arm would give her. It is a function of
// seed and run alone.
func (f *federation) traffic(run uint64) (*simnet.Traffic, error) {
	n := f.scenario.Nodes
	seed := binary.LittleEndian.AppendUint64([]byte("posse/sim/v1 traffic"), f.seed)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(seed, run))
	draws := binary.LittleEndian.Uint64(sum[:])
	sources := make([]simnet.Source, n.Count())
	for j, world := range n.Worlds {
		sources[j] = simnet.Source{ID: "node-" + strconv.Itoa(j+1), Share: n.Sizes[j], World: world}
	}
	if d := f.scenario.Environment.Data; d != nil && !d.Replacement {
		for j := range sources {
			sources[j].World = environment.NewDeck(n.Worlds[j].(*environment.Table))
		}
		return simnet.DealTraffic(sources, int(f.scenario.Horizon), draws)
	}
	return simnet.NewTraffic(sources, int(f.scenario.Horizon), simnet.DefaultVisits(), draws)
}

// source is the noise of one learner of a run: 0 for all together, j+1 for node j.
func (f *federation) source(run uint64, learner int) noise.Source {
	p := noise.NewPhilox(f.key)
	p.Place(at(run, uint64(learner), 0, forNoise))
	return p
}

func (f *federation) learn(ctx context.Context, e *experiment.Experiment, learning simnet.Learning, run uint64, t *simnet.Traffic, r *recorder) error {
	limit := dp.Spend{}
	if e.Privacy.Model != 0 {
		limit = e.Privacy.Params().Limit()
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
		out, err := Learn(c, t)
		r.paid, r.versions, r.utility = out.Paid, out.Versions, out.Utility
		return err
	}
	for j, n := range t.Nodes {
		if err := ctx.Err(); err != nil {
			return err
		}
		out, err := Learn(f.alone(c, e, j, n, run, r), &simnet.Traffic{Arms: t.Arms, Nodes: []simnet.Stream{whole(n)}})
		if err != nil {
			return err
		}
		r.versions += out.Versions
	}
	return nil
}

// alone is one node by itself: the same policy, guarantee and users, with its share
// of the horizon and of a round's decisions.
func (f *federation) alone(c Config, e *experiment.Experiment, j int, n simnet.Stream, run uint64, r *recorder) Config {
	every := max(1, int64(float64(e.Rounds.Trigger.Decisions)*n.Share+0.5))
	c.Settings.Horizon = uint64(max(n.Len(), len(f.gaps[j])))
	c.Settings.RoundDecisions = uint64(every)
	c.Round, c.Source = int(every), f.source(run, j+1)
	if all := c.Replaced; all != nil {
		c.Replaced = func(_ int, round uint64) bool { return all(j, round) }
	}
	c.Observed = func(_ int, slot uint64, arm mechanisms.Arm) { r.observe(j, slot, arm) }
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

// whole is a node's stream as all of the traffic.
func whole(n simnet.Stream) simnet.Stream {
	n.Share = 1
	return n
}

// recorder adds up what one way of learning brings in one run. A curve's point at t
// is the regret when every node has made its share of t decisions, rounded down: so
// it does not depend on an order between nodes, which have none.
type recorder struct {
	gaps     [][]int64
	traffic  *simnet.Traffic
	regret   []int64   // by point
	due      [][]int64 // by node and point: its decisions by then
	sums     []int64   // by node: regret so far
	next     []int     // by node: the first point that it has not reached
	rewards  []float64
	paid     incentives.Credits
	versions int
	utility  []incentives.Credits // by node; nil: nobody is paid
}

func newRecorder(f *federation, t *simnet.Traffic) *recorder {
	record, horizon := f.scenario.Record, f.scenario.Horizon
	r := &recorder{
		gaps: f.gaps, traffic: t, regret: make([]int64, len(record)), due: make([][]int64, len(t.Nodes)),
		sums: make([]int64, len(t.Nodes)), next: make([]int, len(t.Nodes)), rewards: make([]float64, len(t.Nodes)),
	}
	for j, n := range t.Nodes {
		for _, at := range record {
			r.due[j] = append(r.due[j], at*int64(n.Len())/horizon) // below 1e16: maxCells
		}
		for r.next[j] < len(record) && r.due[j][r.next[j]] == 0 {
			r.next[j]++
		}
	}
	return r
}

func (r *recorder) observe(node int, slot uint64, arm mechanisms.Arm) {
	r.sums[node] += r.gaps[node][arm]
	r.rewards[node] += r.traffic.Nodes[node].Reward(int(slot), int(arm))
	for p := r.next[node]; p < len(r.regret) && r.due[node][p] == int64(slot)+1; p++ {
		r.regret[p] += r.sums[node]
		r.next[node]++
	}
}

// addTo adds the run to the cells of its series, and returns how many these are.
func (r *recorder) addTo(cells []cell) int {
	for p, x := range r.regret {
		cells[p].add(x)
	}
	n := len(r.regret)
	total := 0.0
	for _, x := range r.rewards {
		total += x
	}
	cells[n].add(count(total / float64(r.traffic.Decisions())))
	cells[n+1].add(count(float64(r.paid) / float64(incentives.Credit)))
	cells[n+2].add(count(float64(r.versions)))
	n += 3
	for j := range shown(len(r.rewards)) {
		cells[n].add(count(r.rewards[j] / float64(r.traffic.Nodes[j].Len())))
		earned := 0.0
		if r.utility != nil {
			earned = float64(r.utility[j]) / float64(incentives.Credit)
		}
		cells[n+1].add(count(earned))
		n += 2
	}
	return n
}
