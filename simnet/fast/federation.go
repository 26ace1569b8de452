package fast

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
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
	gaps     []int64
	count    func(steps int64)
}

func planFederation(s *simnet.Scenario, o Options) (work, error) {
	world := s.Environment.World()
	if cells := s.Horizon * int64(world.Arms()); cells > maxCells {
		return work{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "LIMIT_EXCEEDED", Field: "experiment.horizon", Value: fmt.Sprint(s.Horizon),
			Allowed: fmt.Sprintf("[1, %d]", maxCells/int64(world.Arms())),
			Message: "the traffic of one run would not fit into memory", Hint: "lower the horizon",
		}
	}
	f := &federation{scenario: s, key: key(o.Seed), seed: o.Seed, gaps: newRewards(world).gaps, count: o.count}
	w := work{chunk: 1}
	nodes := s.Nodes.Count()
	for _, c := range s.Policies {
		for _, learning := range s.Learning {
			if _, err := shared(c.Experiment)(f.settings(c.Experiment, learning)); err != nil {
				return work{}, err
			}
			w.series = append(w.series,
				Series{c.Label, learning, Regret, -1, len(s.Record)},
				Series{c.Label, learning, MeanReward, -1, 1},
				Series{c.Label, learning, Paid, -1, 1},
				Series{c.Label, learning, Versions, -1, 1})
			for j := range nodes {
				w.series = append(w.series, Series{c.Label, learning, MeanReward, j, 1})
			}
		}
	}
	w.play = f.play
	return w, nil
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
	var sources []simnet.Source
	for j, size := range f.scenario.Nodes.Sizes {
		sources = append(sources, simnet.Source{ID: fmt.Sprintf("node-%d", j+1), Share: size, World: f.scenario.Environment.World()})
	}
	seed := binary.LittleEndian.AppendUint64([]byte("posse/sim/v1 traffic"), f.seed)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(seed, run))
	return simnet.NewTraffic(sources, int(f.scenario.Horizon), simnet.DefaultVisits(), binary.LittleEndian.Uint64(sum[:]))
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
	if learning != simnet.Alone {
		if learning == simnet.Federated && e.Incentives != nil {
			secret := f.source(run, 0).(*noise.Philox)
			secret.Place(at(run, 0, 0, forSchedule))
			c.Market = &Market{Rules: *e.Incentives, MinContributors: int(e.Rounds.MinContributors), Costs: f.scenario.Nodes.Costs}
			for i := range 4 {
				binary.LittleEndian.PutUint64(c.Market.Secret[8*i:], secret.Uint64())
			}
		}
		out, err := Learn(c, t)
		r.paid, r.versions = out.Paid, out.Versions
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
	c.Settings.Horizon = uint64(max(n.Len(), len(f.gaps)))
	c.Settings.RoundDecisions = uint64(every)
	c.Round, c.Source = int(every), f.source(run, j+1)
	c.Observed = func(_ int, slot uint64, arm mechanisms.Arm) { r.observe(j, slot, arm) }
	return c
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
	gaps     []int64
	traffic  *simnet.Traffic
	regret   []int64   // by point
	due      [][]int64 // by node and point: its decisions by then
	sums     []int64   // by node: regret so far
	next     []int     // by node: the first point that it has not reached
	rewards  []float64
	paid     incentives.Credits
	versions int
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
	r.sums[node] += r.gaps[arm]
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
	for j, x := range r.rewards {
		cells[n+3+j].add(count(x / float64(r.traffic.Nodes[j].Len())))
	}
	return n + 3 + len(r.rewards)
}
