package forecast

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// Question is what a forecast is asked.
type Question struct {
	Experiment *experiment.Experiment // with a privacy model; of problem.kind arms, K ≥ 2
	Nodes      int                    // alike, of equal traffic; in [1, MaxNodes]
	// Effect is how far the best arm's mean is above the average of all arms' means, in
	// (0, 0.5): a share of the range's width, or of the best arm's mean under a moment.
	Effect float64
}

// Limits of a question, and of the time that an answer takes.
const (
	MaxNodes      = 1000
	DefaultEffect = 0.1

	decisionsMost = 1_000_000  // of one run; longer horizons are played so far
	cellsMost     = 20_000_000 // decisions × arms of one run
	decisionsAll  = 400_000    // of all runs of one answer, about
	cellsAll      = 50_000_000 // decisions × arms of all runs
	runsLeast     = 4
	runsMost      = 20
	doublings     = 6 // how far a forecast looks for what would be enough
)

// Learns is the share of the gap that an experiment must close, with 95 % confidence,
// to be said to learn. A bold policy that drops arms on noise alone closes a third of
// the gap on average, now all of it and now less than nothing: its band is wide.
const Learns = 0.2

// seed is that of all forecasts: a question has one answer.
const seed = 20_260_101

// Forecast is what an experiment is expected to bring. Shares are of the gap between
// choosing at random (0) and always choosing the best arm (1), over all decisions:
// learning itself costs some of it.
type Forecast struct {
	Nodes     int           `json:"nodes"`
	Effect    float64       `json:"effect"`
	Decisions int64         `json:"decisions"` // that were played, at most the horizon
	Runs      uint64        `json:"runs"`
	Closed    fast.Estimate `json:"closed"` // by all together, with its 95 % band
	Alone     fast.Estimate `json:"alone"`  // by each alone
	Learns    bool          `json:"learns"`
	// Decisions or epsilon that would be enough to learn, the other as it is; 0 where not
	// even the largest that was tried is. Both are 0 where the experiment learns.
	NeededDecisions int64   `json:"neededDecisions,omitempty"`
	NeededEpsilon   float64 `json:"neededEpsilon,omitempty"`
}

// Make plays the experiment, some runs of at most a million decisions each, and where it
// does not learn looks for the least of twice, four times … as many decisions and of
// twice, four times … the epsilon with which it would. Nodes are alike, always there,
// and bid two fifths of the reserve; users come once or twice.
func Make(ctx context.Context, q Question) (Forecast, error) {
	if err := q.check(); err != nil {
		return Forecast{}, err
	}
	f, err := q.play(ctx, q.Experiment, simnet.Federated, simnet.Alone)
	if err != nil || f.Learns {
		return f, err
	}
	enough := func(e *experiment.Experiment) (bool, error) {
		longer, err := q.play(ctx, e, simnet.Federated)
		return longer.Learns && longer.Decisions == e.Horizon, err
	}
	for i := range doublings {
		e := times(q.Experiment, int64(2)<<i)
		if e.Horizon > q.most() {
			break
		}
		if ok, err := enough(e); err != nil {
			return f, err
		} else if ok {
			f.NeededDecisions = e.Horizon
			break
		}
	}
	if q.Experiment.Horizon > q.most() {
		return f, nil // what is played of it is no measure of the rest
	}
	for i := range doublings {
		e, ok := louder(q.Experiment, int64(2)<<i)
		if !ok {
			break
		}
		if ok, err := enough(e); err != nil {
			return f, err
		} else if ok {
			f.NeededEpsilon = e.Privacy.Epsilon.Float64()
			break
		}
	}
	return f, nil
}

func (q Question) check() error {
	switch {
	case q.Nodes < 1 || q.Nodes > MaxNodes:
		return posse.OutOfRange("nodes", fmt.Sprint(q.Nodes), fmt.Sprintf("[1, %d]", MaxNodes), "")
	case q.Experiment.Problem.Kind != "arms" || len(q.Experiment.Problem.Arms) < 2:
		return posse.OutOfRange("problem.arms", fmt.Sprint(len(q.Experiment.Problem.Arms)), "at least 2 arms", "with one there is nothing to learn")
	}
	return checkEffect(q.Effect)
}

// most is how many decisions of one run are played.
func (q Question) most() int64 {
	return min(decisionsMost, cellsMost/int64(len(q.Experiment.Problem.Arms)))
}

// play runs an experiment in the fast engine.
func (q Question) play(ctx context.Context, e *experiment.Experiment, ways ...simnet.Learning) (Forecast, error) {
	f := Forecast{Nodes: q.Nodes, Effect: q.Effect, Decisions: min(e.Horizon, q.most())}
	world, scale, err := assumed(e, q.Effect)
	if err != nil {
		return f, err
	}
	played := *e
	played.Horizon = f.Decisions
	if played.Rounds.Trigger.Decisions == 0 { // a clock: as many rounds as the default makes
		played.Rounds.Trigger = experiment.Trigger{Decisions: max(1, f.Decisions/50)}
	}
	f.Runs = uint64(min(max(decisionsAll/f.Decisions, runsLeast), runsMost, max(runsLeast, cellsAll/(f.Decisions*int64(len(e.Problem.Arms))))))
	cost := incentives.Credits(0)
	if e.Incentives != nil {
		cost = e.Incentives.Reserve * 2 / 5
	}
	alike := func(x float64) []float64 { return slices.Repeat([]float64{x}, q.Nodes) }
	s := &simnet.Scenario{
		Name: "forecast", Policies: []simnet.Contestant{{Label: e.Policy.Name, Experiment: &played}}, Learning: ways,
		Environment: simnet.Environment{Kind: "forecast"},
		Nodes: simnet.Nodes{
			Sizes: alike(1), Costs: slices.Repeat([]incentives.Credits{cost}, q.Nodes), Honesty: alike(1), Availability: alike(1), Churn: alike(0),
			Worlds: slices.Repeat([]environment.World{world}, q.Nodes),
		},
		Horizon: f.Decisions, Record: []int64{f.Decisions}, Runs: int64(f.Runs), Seed: seed,
	}
	state, err := fast.Run(ctx, s, fast.Options{Runs: f.Runs, Seed: seed, Parallel: runtime.GOMAXPROCS(0)})
	if err != nil {
		return f, err
	}
	most := scale * q.Effect * float64(f.Decisions)
	closed := func(r fast.Estimate) fast.Estimate {
		return fast.Estimate{Mean: 1 - r.Mean/most, Low: 1 - r.High/most, High: 1 - r.Low/most}
	}
	for _, r := range state.Results() {
		if r.Learning == simnet.Alone {
			f.Alone = closed(r.Regret)
		} else {
			f.Closed = closed(r.Regret)
		}
	}
	f.Learns = f.Closed.Low >= Learns
	return f, nil
}

// times is the experiment with a longer horizon, in as many rounds.
func times(e *experiment.Experiment, factor int64) *experiment.Experiment {
	out := *e
	if e.Horizon > math.MaxInt64/factor || e.Rounds.Trigger.Decisions > math.MaxInt64/factor {
		out.Horizon = math.MaxInt64
		return &out
	}
	out.Horizon *= factor
	out.Rounds.Trigger.Decisions *= factor
	return &out
}

// louder is the experiment with a larger epsilon, if there may be such a one.
func louder(e *experiment.Experiment, factor int64) (*experiment.Experiment, bool) {
	out := *e
	epsilon, err := experiment.ParseDecimal(new(big.Rat).Mul(e.Privacy.Epsilon.Rat(), big.NewRat(factor, 1)).FloatString(40))
	out.Privacy.Epsilon = epsilon
	return &out, err == nil && epsilon.Float64() <= 20
}
