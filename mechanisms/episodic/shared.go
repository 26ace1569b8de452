package episodic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Shared is an episodic policy for many nodes. A record is a whole episode: H visits,
// H moves and H clipped rewards, each of three blocks with Gaussian noise on every cell
// at a third of the record's ρ: Δ² is H for each (zero-out), or 2H, 2H and 4H
// (replace). Under silo each report takes the noise, under local each episode, on
// every cell whether it was visited or not.
// Source: private-learning 7.1 and 0.1.
type Shared struct {
	name     string
	settings mechanisms.Settings
	planner  Planner
	layout   statistics.Layout
	bits     uint8
	local    bool
	random   bool // policy optimisation
	bound    float64
	count    float64 // deviation of one release's noise in a cell of counts
	reward   float64 // and of rewards, in units of B
}

// NewValueIteration returns private-heavy-ucbvi. Settings need Episodes, a Moment or a
// Range, and under a privacy model a promise in ρ (δ > 0). Errors name the field.
func NewValueIteration(s mechanisms.Settings) (*Shared, error) {
	return newShared("private-heavy-ucbvi", s, false)
}

// NewPolicyOptimisation returns private-heavy-ucbpo, which acts at random.
func NewPolicyOptimisation(s mechanisms.Settings) (*Shared, error) {
	return newShared("private-heavy-ucbpo", s, true)
}

func newShared(name string, s mechanisms.Settings, random bool) (*Shared, error) {
	if s.Episodes == nil {
		return nil, missing("problem.states", name)
	}
	if s.Range == nil && s.Moment == nil {
		return nil, missing("reward.moment", name)
	}
	if err := s.Params.Only(name); err != nil {
		return nil, err
	}
	p := &Shared{name: name, settings: s, random: random, bits: 16}
	moment := s.Moment
	if moment == nil {
		if err := s.Range.Validate(); err != nil {
			return nil, err
		}
		p.bound = math.Max(math.Abs(s.Range.Low), math.Abs(s.Range.High))
		moment = &mechanisms.Moment{Order: 2, Bound: p.bound * p.bound}
	}
	var err error
	if p.planner, err = (Planner{Spec: *s.Episodes, Episodes: s.Horizon, Moment: *moment, Bonus: s.Bonus, Kappa: s.Kappa}).validate(); err != nil {
		return nil, err
	}
	if cells := p.planner.cells() * (s.Episodes.States + 2); cells > statistics.MaxCells {
		return nil, posse.OutOfRange("problem.states", fmt.Sprintf("%d cells", cells), fmt.Sprintf("at most %d", statistics.MaxCells), "take fewer states, actions or steps")
	}
	if err := p.setNoise(); err != nil {
		return nil, err
	}
	if p.bound == 0 {
		sd := p.reward
		if p.local {
			sd *= math.Sqrt(float64(s.Horizon))
		}
		p.bound = p.planner.BestBound(sd)
	}
	return p, nil
}

func missing(field, policy string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field,
		Message: fmt.Sprintf("%s: required by policy %s", field, policy), Hint: "declare " + field,
	}
}

func (p *Shared) setNoise() error {
	spec := p.planner.Spec
	shape := []int{spec.Steps, spec.States, spec.Actions}
	h := uint64(spec.Steps)
	private := p.settings.Privacy
	if private != nil && private.FractionBits >= 4 && private.FractionBits < 24 {
		p.bits = private.FractionBits
	}
	one := uint64(1) << p.bits
	p.layout = statistics.Layout{
		{Name: "visits", Shape: shape, Record: 1, L1: h, L2Squared: h, Claim: true},
		{Name: "moves", Shape: append(append([]int(nil), shape...), spec.States), Record: 1, L1: h, L2Squared: h},
		{Name: "rewards", Shape: shape, Scale: p.bits, Record: int64(one), L1: h * one, L2Squared: h * one * one},
	}
	if private == nil {
		return p.layout.Validate()
	}
	kind, relation := statistics.GaussianPerReport, private.Relation
	switch private.Model {
	case dp.Silo:
	case dp.Local:
		p.local = true
		kind, relation = statistics.GaussianPerRecord, dp.Replace
	default:
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: p.name, Allowed: "silo, local",
			Message: fmt.Sprintf("%s is not available under privacy.model %s", p.name, private.Model), Hint: "set privacy.model to silo or local",
		}
	}
	if private.Rho == nil || private.RecordRho().PicoRho < 3 {
		return posse.OutOfRange("privacy.delta", "0, or too small a promise", "above 0", p.name+" takes Gaussian noise, which needs delta")
	}
	third := dp.Spend{PicoRho: private.RecordRho().PicoRho / 3}
	for i := range p.layout {
		b := &p.layout[i]
		if relation == dp.Replace {
			b.L1, b.L2Squared = 2*b.L1, 2*b.L2Squared
			if b.Name == "rewards" {
				b.L2Squared *= 2
			}
		}
		law, err := noise.GaussianFor(new(big.Int).SetUint64(b.L2Squared), third)
		if err != nil {
			return err
		}
		var ok bool
		if b.Num, b.Den, ok = statistics.Variance(law.Sigma2()); !ok {
			return posse.OutOfRange("privacy.fractionBits", fmt.Sprint(p.bits), "a σ² below 2^64", "take fewer bits, or a larger epsilon")
		}
		b.Noise = kind
	}
	sd := func(b statistics.BlockSpec) float64 {
		return math.Sqrt(float64(b.Num)/float64(b.Den)) / math.Ldexp(1, int(b.Scale))
	}
	p.count, p.reward = math.Max(sd(p.layout[0]), sd(p.layout[1])), sd(p.layout[2])
	if p.local {
		p.layout = append(p.layout, statistics.BlockSpec{Name: "episodes", Shape: []int{1}, Record: 1, Claim: true})
	}
	return p.layout.Validate()
}

// Layout is the same for every descriptor of the experiment.
func (p *Shared) Layout() statistics.Layout { return p.layout }

// Dimension is the number of pairs of a state and an action: visits of all steps add up.
func (p *Shared) Dimension() int { return p.planner.pairs() }

// Information is the visits of each pair.
func (p *Shared) Information(_ mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	visits := claim.Block("visits")
	if len(visits) != p.planner.cells() {
		return statistics.Information{}, statistics.ErrShape
	}
	counts := make([]float64, p.planner.pairs())
	for i, v := range visits {
		counts[i%len(counts)] += float64(v)
	}
	for i := range counts {
		counts[i] = math.Max(0, counts[i])
	}
	return statistics.Counts(counts...), nil
}

// Check refuses negative counts of episodes: every other number takes noise.
func (p *Shared) Check(_ mechanisms.Descriptor, s *statistics.Set) error {
	if len(s.Block("visits")) != p.planner.cells() {
		return statistics.ErrShape
	}
	for _, n := range s.Block("episodes") {
		if n < 0 {
			return posse.OutOfRange("episodes", fmt.Sprint(n), "at least 0", "report what the window counted")
		}
	}
	return nil
}

// Estimates decodes a model.
func (p *Shared) Estimates(m mechanisms.Model) (Estimates, error) {
	cells, states := p.planner.cells(), p.planner.Spec.States
	e := Estimates{Visits: make([]float64, cells), Moves: make([]float64, cells*states), Rewards: make([]float64, cells), Bound: p.bound}
	times := 0.0
	for _, part := range m.Parts {
		visits, moves, rewards := part.Sum.Block("visits"), part.Sum.Block("moves"), part.Sum.Block("rewards")
		if len(visits) != cells || len(moves) != cells*states || len(rewards) != cells {
			return e, statistics.ErrShape
		}
		for i := range cells {
			e.Visits[i] += float64(visits[i])
			e.Rewards[i] += math.Ldexp(float64(rewards[i]), -int(p.bits)) * p.bound
		}
		for i, v := range moves {
			e.Moves[i] += float64(v)
		}
		if n := part.Sum.Block("episodes"); p.local && len(n) == 1 {
			times += math.Max(0, float64(n[0]))
		} else {
			times += float64(part.Releases)
		}
	}
	e.CountSD, e.RewardSD = p.count*math.Sqrt(times), p.reward*p.bound*math.Sqrt(times)
	return e, nil
}

// regrowth is by how much releases grow before a model is planned on anew.
const regrowth = 1.05

// Plan plans on a model where enough was released since the plan before.
func (p *Shared) Plan(before mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: p.layout, Epoch: before.Epoch + 1}
	released := uint64(0)
	for _, part := range m.Parts {
		released += part.Releases
	}
	if before.Plan == nil {
		d.Plan = p.first().encode()
		return d, nil
	}
	now, err := p.decode(before.Plan)
	if err != nil {
		return d, err
	}
	if released == 0 || now.releases > 0 && float64(released) < regrowth*float64(now.releases) {
		return before, nil
	}
	e, err := p.Estimates(m)
	if err != nil {
		return d, err
	}
	if p.random {
		seen := 0.0
		for _, v := range e.Visits[:p.planner.pairs()] { // an episode visits one pair in its first step
			seen += v
		}
		weight := math.Max(0, math.Min(seen-now.seen, float64(p.planner.Episodes)))
		p.planner.Improve(e, now.logits, weight)
		now.seen = math.Max(now.seen, seen)
	} else {
		table, _ := p.planner.Greedy(e)
		now.table = []byte(table)
	}
	now.releases = released
	if d.Plan = now.encode(); bytes.Equal(d.Plan, before.Plan) {
		return before, nil
	}
	return d, nil
}

// scattered mixes a number's bits (the finaliser of SplitMix64), so that tables of
// different slots differ in every entry. It is public and hides nothing.
func scattered(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// first knows nothing: [window.Choose] explores until something was released.
func (p *Shared) first() plan {
	spec := p.planner.Spec
	if p.random {
		return plan{logits: make([]float64, p.planner.cells())}
	}
	return plan{table: make([]byte, spec.Steps*spec.States)}
}

// Summary says how much was released; a policy has no one mean.
func (p *Shared) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s := mechanisms.Summary{Epoch: d.Epoch, Bonus: p.planner.Bonus}
	if s.Bonus == "tuned" {
		s.Bonus = fmt.Sprintf("tuned κ %g (no guarantee)", p.planner.Kappa)
	}
	for _, part := range m.Parts {
		s.Released += part.Releases
	}
	return s, nil
}

// Open reads the plan of a descriptor of this experiment.
func (p *Shared) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	now, err := p.decode(d.Plan)
	if err != nil {
		return nil, err
	}
	return window{p, now}, nil
}

// window is a node's half between two reports.
type window struct {
	p   *Shared
	now plan
}

// Choose answers an episode with a table. Before anything was released, the slot
// scatters the actions; policy optimisation draws each entry, and the propensity is that of the
// whole table.
func (w window) Choose(slot uint64, c mechanisms.Context, src noise.Source) (mechanisms.Action, float64, error) {
	if _, ok := c.(mechanisms.None); !ok {
		return nil, 0, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "no context")
	}
	spec := w.p.planner.Spec
	table := make([]byte, spec.Steps*spec.States)
	if !w.p.random {
		copy(table, w.now.table)
		if w.now.releases == 0 {
			for i := range table {
				table[i] = byte(scattered(slot*uint64(len(table))+uint64(i)) % uint64(spec.Actions))
			}
		}
		return mechanisms.Table(table), 1, nil
	}
	chances, p := make([]float64, spec.Actions), 1.0
	for i := range table {
		softmax(chances, w.now.logits[i*spec.Actions:(i+1)*spec.Actions])
		u, a := noise.Float64(src), 0
		for ; a < spec.Actions-1; a++ {
			if u -= chances[a]; u < 0 {
				break
			}
		}
		table[i] = byte(a)
		p *= chances[a]
	}
	return mechanisms.Table(table), math.Max(p, math.SmallestNonzeroFloat64), nil
}

// Slots is zero: visits depend on users.
func (w window) Slots(uint64, uint64) (*statistics.Set, error) { return w.p.layout.Empty(), nil }

// Record adds an episode up. It must follow its table.
func (w window) Record(dst []statistics.Increment, c mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	if _, ok := c.(mechanisms.None); !ok {
		return dst, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "no context")
	}
	table, ok := a.(mechanisms.Table)
	if !ok {
		return dst, mechanisms.ErrMismatch("action", fmt.Sprintf("%T", a), "a table")
	}
	e, ok := f.(mechanisms.Trajectory)
	if !ok {
		return dst, mechanisms.ErrMismatch("feedback", fmt.Sprintf("%T", f), "a trajectory")
	}
	spec := w.p.planner.Spec
	if err := w.p.follows(table, e); err != nil {
		return dst, err
	}
	values := make([]int64, spec.Steps)
	for h := range spec.Steps {
		r := e.Rewards[h]
		if limit := w.p.settings.Range; limit != nil {
			var err error
			if r, err = limit.Clipped(r, w.p.settings.Clip); err != nil {
				return dst, err
			}
		} else if math.IsNaN(r) || math.IsInf(r, 0) {
			return dst, mechanisms.ErrRewardNotFinite()
		}
		q, err := statistics.FixedPoint(r, w.p.bound, w.p.bits)
		if err != nil {
			return dst, err
		}
		values[h] = q
	}
	cell := func(h int) int { return (h*spec.States+e.States[h])*spec.Actions + e.Actions[h] }
	w.p.each(0, 1, func(h, at int) (int64, bool) { return 1, at == cell(h) }, &dst)
	w.p.each(1, spec.States, func(h, at int) (int64, bool) { return 1, at == cell(h)*spec.States+e.States[h+1] }, &dst)
	w.p.each(2, 1, func(h, at int) (int64, bool) { return values[h], at == cell(h) }, &dst)
	if w.p.local {
		dst = append(dst, statistics.Increment{Block: 3, Value: 1})
	}
	return dst, nil
}

// each appends a block's numbers: every cell under local, else what was visited.
func (p *Shared) each(block, width int, value func(h, at int) (int64, bool), dst *[]statistics.Increment) {
	per := p.planner.pairs() * width
	for h := range p.planner.Spec.Steps {
		for at := h * per; at < (h+1)*per; at++ {
			if v, hit := value(h, at); hit {
				*dst = append(*dst, statistics.Increment{Block: block, Cell: at, Value: v})
			} else if p.local {
				*dst = append(*dst, statistics.Increment{Block: block, Cell: at})
			}
		}
	}
}

// follows refuses a trajectory of another size, or that did not follow its table. It
// names the step and shows no reward.
func (p *Shared) follows(t mechanisms.Table, e mechanisms.Trajectory) error {
	spec := p.planner.Spec
	if len(t) != spec.Steps*spec.States {
		return posse.OutOfRange("action", fmt.Sprintf("a table of %d entries", len(t)), fmt.Sprint(spec.Steps*spec.States), "send the decision's own table")
	}
	if len(e.States) != spec.Steps+1 || len(e.Actions) != spec.Steps || len(e.Rewards) != spec.Steps {
		return posse.OutOfRange("trajectory", fmt.Sprintf("%d states, %d actions, %d rewards", len(e.States), len(e.Actions), len(e.Rewards)),
			fmt.Sprintf("%d, %d and %d", spec.Steps+1, spec.Steps, spec.Steps), "send the whole episode")
	}
	for h, s := range e.States {
		if s < 0 || s >= spec.States {
			return posse.OutOfRange(fmt.Sprintf("trajectory.states[%d]", h), fmt.Sprint(s), fmt.Sprintf("[0, %d]", spec.States-1), "")
		}
		if h < spec.Steps && e.Actions[h] != int(t[h*spec.States+s]) || h == 0 && s != spec.Initial {
			return posse.OutOfRange(fmt.Sprintf("trajectory.actions[%d]", h), "another action or start", "what the table says", "an episode follows its decision")
		}
	}
	return nil
}

// plan is what a descriptor says to its own policy.
type plan struct {
	releases uint64
	table    []byte
	seen     float64   // episodes that logits stand for
	logits   []float64 // of policy optimisation
}

var errPlan = errors.New("the plan of the episodic policy is malformed")

func (p plan) encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, p.releases)
	if p.logits == nil {
		return append(out, p.table...)
	}
	out = binary.LittleEndian.AppendUint64(out, math.Float64bits(p.seen))
	for _, l := range p.logits {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(l))
	}
	return out
}

// decode reads a plan; it comes from the network.
func (p *Shared) decode(data []byte) (plan, error) {
	spec := p.planner.Spec
	want := 8 + spec.Steps*spec.States
	if p.random {
		want = 16 + 8*p.planner.cells()
	}
	if len(data) != want {
		return plan{}, errPlan
	}
	now := plan{releases: binary.LittleEndian.Uint64(data)}
	if !p.random {
		now.table = bytes.Clone(data[8:])
		for _, a := range now.table {
			if int(a) >= spec.Actions {
				return plan{}, errPlan
			}
		}
		return now, nil
	}
	now.seen = math.Float64frombits(binary.LittleEndian.Uint64(data[8:]))
	now.logits = make([]float64, p.planner.cells())
	for i := range now.logits {
		now.logits[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[16+8*i:]))
		if math.IsNaN(now.logits[i]) || math.IsInf(now.logits[i], 0) || math.IsNaN(now.seen) {
			return plan{}, errPlan
		}
	}
	return now, nil
}
