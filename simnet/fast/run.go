package fast

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet"
)

// Options say how a scenario is run. None of them but Runs, Seed, Shard and Own can
// change a bit of the result.
type Options struct {
	Runs     uint64   // of the whole, > 0
	Seed     uint64   //
	Parallel int      // workers, > 0
	Shard    Interval // the runs to do; its zero value means all
	Resume   *State   // finished runs of an earlier process; nil: none
	// Own are policies beside the scenario's: anything that is a [Learner].
	Own []Own
	// Steps counts decisions that were simulated, of all policies. It is read while
	// the engine runs; nil: nobody asks.
	Steps *atomic.Int64
	// Save receives the state after each finished chunk, and must be done with it when
	// it returns. Calls don't overlap. nil: nobody keeps it.
	Save func(*State) error
	// Learners drives Learners where there is a batch form, to compare the two.
	Learners bool
	// chunk is the number of runs that a worker takes at once; 0: the engine's choice.
	chunk uint64
}

// dealtMost bounds the rows that one worker holds in the orders of its lanes.
const dealtMost = 1 << 24

// Own is a policy that no catalogue knows.
type Own struct {
	Label string
	New   func(mechanisms.Settings) (Learner, error)
}

// lanesMost is the most runs that one worker plays in lockstep, lanesLeast the
// fewest that are worth it.
const (
	lanesMost  = 64
	lanesLeast = 8
)

// Steps returns the decisions that a complete run of the shard simulates.
func Steps(s *simnet.Scenario, o Options) int64 {
	shard := o.shard()
	n := int64(0)
	for _, p := range s.All() {
		n += p.Horizon * int64((len(p.Policies)+len(o.Own))*len(p.Learning))
	}
	return int64(shard.To-shard.From) * n
}

func (o Options) shard() Interval {
	if o.Shard == (Interval{}) {
		return Interval{0, o.Runs}
	}
	return o.Shard
}

// Run simulates the scenario. When ctx ends it returns the finished runs with the
// context's error: Resume goes on from there. Errors of policies are returned as
// they are.
func Run(ctx context.Context, s *simnet.Scenario, o Options) (*State, error) {
	if o.Runs < 1 || o.Runs > maxRuns || o.Parallel < 1 {
		return nil, posse.OutOfRange("runs", fmt.Sprint(o.Runs), "[1, 1e7]", "")
	}
	work, err := plan(s, o)
	if err != nil {
		return nil, err
	}
	st := newState(s, work.series, o.Runs, o.Seed, o.shard())
	if o.Resume != nil {
		if err := o.Resume.continues(st); err != nil {
			return nil, err
		}
		st = o.Resume
	}
	todo := st.missing(work.chunk)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var guard sync.Mutex
	var workers sync.WaitGroup
	for range min(o.Parallel, max(1, len(todo))) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(todo) {
					return
				}
				cells := make([]cell, len(st.cells))
				err := work.play(ctx, todo[i], cells)
				if err == nil {
					guard.Lock()
					st.add(todo[i], cells)
					if o.Save != nil {
						err = o.Save(st)
					}
					guard.Unlock()
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if !st.Complete() {
		return st, context.Cause(ctx)
	}
	return st, nil
}

// continues refuses to go on with what another simulation began.
func (s *State) continues(want *State) error {
	if s.Scenario == want.Scenario && s.Seed == want.Seed && s.Runs == want.Runs && s.Shard == want.Shard {
		return nil
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "RESUME_FOREIGN", Field: "--out", Message: "the folder holds another simulation: its scenario, seed, runs or shard differ",
		Hint: "choose another folder with --out",
	}
}

// missing cuts the runs that are not done into chunks.
func (s *State) missing(chunk uint64) []Interval {
	var out []Interval
	at := s.Shard.From
	cut := func(to uint64) {
		for ; at < to; at = min(to, at+chunk) {
			out = append(out, Interval{at, min(to, at+chunk)})
		}
	}
	for _, d := range s.Done {
		cut(d.From)
		at = d.To
	}
	cut(s.Shard.To)
	return out
}

// work is a scenario ready to be played in chunks of runs.
type work struct {
	series []Series
	chunk  uint64
	play   func(ctx context.Context, runs Interval, cells []cell) error
}

// plan makes one work of all points of a sweep: a chunk plays its runs at every point.
func plan(s *simnet.Scenario, o Options) (work, error) {
	if len(s.Points) == 0 {
		return planPoint(s, o)
	}
	all := work{chunk: maxRuns}
	var points []work
	for i, point := range s.Points {
		w, err := planPoint(point, o)
		if err != nil {
			return work{}, err
		}
		for _, x := range w.series {
			x.Point = i
			all.series = append(all.series, x)
		}
		all.chunk = min(all.chunk, w.chunk)
		points = append(points, w)
	}
	if o.chunk == 0 { // a stopped simulation loses little
		all.chunk = min(all.chunk, max(1, lanesMost/uint64(len(points)), min(lanesLeast, all.chunk)))
	}
	all.play = func(ctx context.Context, runs Interval, cells []cell) error {
		for _, w := range points {
			n := cellsOf(w.series)
			if err := w.play(ctx, runs, cells[:n]); err != nil {
				return err
			}
			cells = cells[n:]
		}
		return nil
	}
	return all, nil
}

// planPoint chooses between lanes of learners and the platform's private federation.
func planPoint(s *simnet.Scenario, o Options) (work, error) {
	if s.Nodes.Count() > 1 || s.Private() {
		if len(o.Own) > 0 {
			return work{}, posse.OutOfRange("policies", "a policy of one's own", "one node and no privacy", "a shared policy enters by the catalogue")
		}
		return planFederation(s, o)
	}
	contestants, err := contestants(s, o.Own)
	if err != nil {
		return work{}, err
	}
	w := work{chunk: o.lanes()}
	for _, c := range contestants {
		w.series = append(w.series, Series{Policy: c.label, Learning: simnet.Federated, Metric: Regret, Node: -1, Times: s.Record})
	}
	env := newRewards(s.Nodes.Worlds[0])
	if d := s.Environment.Data; d != nil && !d.Replacement {
		env.table = s.Nodes.Worlds[0].(*environment.Table)
		w.chunk = max(1, min(w.chunk, dealtMost/uint64(env.table.Rows())))
	}
	w.play = func(ctx context.Context, runs Interval, cells []cell) error {
		n := int(runs.To - runs.From)
		l := &lanes{
			env: env, record: s.Record, first: runs.From, words: make([][tile]uint64, n),
			reward: noise.NewPhilox(key(o.Seed)), choice: noise.NewPhilox(key(o.Seed)),
		}
		l.deal()
		for _, c := range contestants {
			p, err := c.player(n, o.Learners)
			if err != nil {
				return err
			}
			if p.batch != nil && env.thresholds != nil {
				for x := range p.ends {
					if p.ends[x], err = p.batch.Encode(float64(x)); err != nil {
						return err
					}
				}
			}
			l.players = append(l.players, p)
		}
		return l.play(ctx, func(policy, point int, regret int64) {
			cells[policy*len(s.Record)+point].add(regret)
		}, o.count)
	}
	return w, nil
}

// contestant is a policy that plays by itself.
type contestant struct {
	label string
	make  func() (Learner, error)
	batch func(lanes int) (mechanisms.Batch, error) // nil: there is no such form
}

// player makes the policy in n lanes.
func (c contestant) player(n int, plain bool) (player, error) {
	p := player{regret: make([]int64, n)}
	if c.batch == nil || plain {
		for range n {
			l, err := c.make()
			if err != nil {
				return p, err
			}
			p.learners = append(p.learners, l)
		}
		return p, nil
	}
	var err error
	if p.batch, err = c.batch(n); err != nil {
		return p, err
	}
	p.act, p.x = make([]uint16, n), make([]int64, n)
	return p, nil
}

// contestants are the scenario's policies and those of one's own. Each is made once
// here, so that settings that it refuses are refused before anything is simulated.
func contestants(s *simnet.Scenario, own []Own) ([]contestant, error) {
	var out []contestant
	for _, p := range s.Policies {
		entry, err := catalogue.Default().Find(p.Experiment.Policy.Name)
		if err != nil {
			return nil, err
		}
		settings := p.Experiment.Settings()
		c := contestant{label: p.Label}
		if entry.Batch != nil {
			c.batch = func(lanes int) (mechanisms.Batch, error) { return entry.Batch(settings, lanes) }
		}
		c.make = func() (Learner, error) {
			made, err := entry.Learner(settings)
			if err != nil {
				return nil, err
			}
			l, ok := mechanisms.Typed[mechanisms.None, mechanisms.Arm, mechanisms.Reward](made)
			if !ok {
				return nil, mechanisms.ErrMismatch("policy.name", entry.Name, "a policy of arms")
			}
			return l, nil
		}
		out = append(out, c)
	}
	for _, p := range own {
		settings := s.Policies[0].Experiment.Settings()
		out = append(out, contestant{label: p.Label, make: func() (Learner, error) { return p.New(settings) }})
	}
	for _, c := range out {
		if _, err := c.make(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o Options) count(steps int64) {
	if o.Steps != nil {
		o.Steps.Add(steps)
	}
}

// lanes is how many runs one worker takes at once: 64, and fewer where there would
// not be four chunks a worker.
func (o Options) lanes() uint64 {
	if o.chunk > 0 {
		return o.chunk
	}
	shard := o.shard()
	return min(lanesMost, max(lanesLeast, (shard.To-shard.From)/(4*uint64(o.Parallel))))
}
