package policytest

import (
	"bytes"
	"errors"
	"math/bits"
	"reflect"
	"testing"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// SharedCase says how to exercise a [mechanisms.Shared] under a privacy model. New,
// Relation and Feedback are required.
type SharedCase struct {
	New func() (mechanisms.Shared, error)
	// Relation is the one that the layout's sensitivities are stated in.
	Relation dp.Relation
	// Context of a decision; nil means [mechanisms.None].
	Context func(src noise.Source) mechanisms.Context
	// Feedback is a valid feedback, u uniform on [0, 1); 0 and 1 give the two records
	// that are furthest apart, and from nothing.
	Feedback func(u float64) mechanisms.Feedback
	// Invalid feedback, and actions that the problem does not have.
	Invalid []mechanisms.Feedback
	Foreign []mechanisms.Action
	// Quiet and Plain are the policy with noise that is practically zero and without
	// any; nil where there is no such limit (randomised records stay signs).
	Quiet, Plain func() (mechanisms.Shared, error)
}

// Shared fails t for every rule that the policy breaks.
func Shared(t *testing.T, c SharedCase) {
	t.Helper()
	report(t, CheckShared(c))
}

const (
	ruleWorks    = "a shared policy plans, opens and summarises every version"
	whyWorks     = "a round that can't be planned is lost for everybody"
	ruleLayout   = "every descriptor has the experiment's one valid layout"
	whyLayout    = "a node compares it, so that a leader can't weaken the noise"
	rulePure     = "Plan is a function of its arguments"
	whyPure      = "whoever leads, replays or audits must get the same bytes, and no record may reach a plan"
	ruleEncode   = "descriptors and models survive their encoding"
	whyEncode    = "they cross the network and the log as bytes"
	ruleSlots    = "public slots add up over adjoining ranges and touch no block that takes noise"
	whySlots     = "a leaf's public part is computed from its slot numbers alone"
	ruleDue      = "where slots are counted, equal public parts mean equal actions"
	whyDue       = "a count of slots stands for the choices that were made in them"
	ruleSlot     = "a choice depends on the descriptor, the slot, the context and the source"
	whySlot      = "another user's outcome must not reach it"
	ruleBound    = "no two neighbouring records are further apart than the layout says"
	whyBound     = "the charge is computed from these numbers: a broken bound breaks the promise"
	ruleTight    = "some neighbouring records are as far apart as the layout says, to 1 %"
	whyTight     = "a loose bound wastes noise"
	rulePublic   = "public blocks do not depend on feedback"
	whyPublic    = "they take no noise"
	ruleOneSign  = "a block that is randomised record by record gets one number from every record"
	whyOneSign   = "a number more or less would say what the record was"
	ruleInvalid  = "invalid feedback is an error that names a field, and adds nothing"
	whyInvalid   = "the decision stays open and the reward can be sent again"
	ruleInfo     = "information has the policy's dimension, and claims of another shape are refused"
	whyInfo      = "the auction adds offers up, and they come from strangers"
	ruleCheck    = "what honest windows release passes the check, whole and as a claim"
	whyCheck     = "a node that is refused for nothing has spent its users' budget for nothing"
	ruleEnded    = "what has ended stays ended"
	whyEnded     = "nodes stop reporting and never start again"
	ruleNoNoise  = "with hardly any noise the policy chooses as it does without"
	whyNoNoise   = "noise must be the only difference"
	sharedRounds = 12
	perRound     = 120 // decisions of each node
	sharedNodes  = 2
)

// CheckShared returns the rules that the policy breaks.
func CheckShared(c SharedCase) []Violation {
	if c.Context == nil {
		c.Context = func(noise.Source) mechanisms.Context { return mechanisms.None{} }
	}
	var out violations
	p, err := c.New()
	if err != nil {
		out.add(ruleWorks, whyWorks, "New: %v", err)
		return out
	}
	steps, ok := c.walk(&out, p, noise.NewSeeded(11))
	if !ok {
		return out
	}
	c.plans(&out, p, steps)
	for _, s := range steps {
		w, err := p.Open(s.descriptor)
		if err != nil {
			out.add(ruleWorks, whyWorks, "Open of version %d: %v", s.descriptor.Version, err)
			return out
		}
		c.slots(&out, p.Layout(), w)
		c.encodings(&out, s)
	}
	w, _ := p.Open(steps[0].descriptor)
	c.records(&out, p.Layout(), w)
	c.claims(&out, p, steps[0].descriptor)
	c.limit(&out)
	return out
}

// step is a version: the model, and what was planned on it.
type step struct {
	model      mechanisms.Model
	descriptor mechanisms.Descriptor
	actions    []mechanisms.Action // of the decisions under the descriptor
}

// walk learns some rounds: each node decides, and its records, with the noise of
// the layout, are added to the model.
func (c SharedCase) walk(out *violations, p mechanisms.Shared, src noise.Source) ([]step, bool) {
	layout := p.Layout()
	if err := layout.Validate(); err != nil {
		out.add(ruleLayout, whyLayout, "%v", err)
		return nil, false
	}
	var steps []step
	var before mechanisms.Descriptor
	var model mechanisms.Model
	draw := noise.NewSeeded(12)
	for version := range uint64(sharedRounds) {
		model.Version = version
		d, err := p.Plan(before, model, sharedNodes)
		if err != nil {
			out.add(ruleWorks, whyWorks, "Plan of version %d: %v", version, err)
			return nil, false
		}
		if _, err := p.Summary(model, d); err != nil {
			out.add(ruleWorks, whyWorks, "Summary of version %d: %v", version, err)
		}
		w, err := p.Open(d)
		if err != nil {
			out.add(ruleWorks, whyWorks, "Open of version %d: %v", version, err)
			return nil, false
		}
		now := step{model: clone(model), descriptor: d}
		sum := layout.Empty()
		for node := range sharedNodes {
			released, err := c.leaf(w, layout, version*perRound, draw, src, &now.actions)
			if err != nil {
				out.add(ruleWorks, whyWorks, "a leaf of node %d under version %d: %v", node, version, err)
				return nil, false
			}
			if err := errors.Join(p.Check(d, released), p.Check(d, layout.Claim(released))); err != nil {
				out.add(ruleCheck, whyCheck, "node %d under version %d: %v", node, version, err)
			}
			if err := sum.Merge(released); err != nil {
				out.add(ruleWorks, whyWorks, "adding up: %v", err)
				return nil, false
			}
		}
		model.Parts = append(model.Parts, mechanisms.Part{Descriptor: d, Releases: sharedNodes, Sum: sum})
		steps, before = append(steps, now), d
	}
	return steps, true
}

// leaf is one node's window: its records, its slots, and the layout's own noise.
func (c SharedCase) leaf(w mechanisms.Window, layout statistics.Layout, first uint64, draw, src noise.Source, actions *[]mechanisms.Action) (*statistics.Set, error) {
	set, err := w.Slots(first, perRound)
	if err != nil {
		return nil, err
	}
	for slot := first; slot < first+perRound; slot++ {
		context := c.Context(draw)
		a, _, err := w.Choose(slot, context, draw)
		if err != nil {
			return nil, err
		}
		*actions = append(*actions, a)
		record, err := w.Record(nil, context, a, c.Feedback(noise.Float64(draw)))
		if err != nil {
			return nil, err
		}
		if err := layout.Enforce(record); err != nil {
			return nil, err
		}
		if err := set.Add(record); err != nil {
			return nil, err
		}
	}
	for i, b := range layout {
		var law noise.Law
		switch b.Noise {
		case statistics.LaplacePerReport:
			law, err = noise.NewDiscreteLaplace(b.Num, b.Den)
		case statistics.GaussianPerReport:
			law, err = noise.NewDiscreteGaussian(b.Num, b.Den)
		default:
			continue
		}
		if err == nil {
			err = noise.Add(set.Blocks[i].Sum, law, src)
		}
		if err != nil {
			return nil, err
		}
	}
	return set, nil
}

func clone(m mechanisms.Model) mechanisms.Model {
	out := mechanisms.Model{Version: m.Version}
	for _, p := range m.Parts {
		out.Parts = append(out.Parts, mechanisms.Part{Descriptor: p.Descriptor, Releases: p.Releases, Sum: p.Sum.Clone()})
	}
	return out
}

// plans asks for every plan again: of the same policy, of a fresh one, and with the
// steps backwards, so that nothing of one call can help another.
func (c SharedCase) plans(out *violations, p mechanisms.Shared, steps []step) {
	fresh, err := c.New()
	if err != nil {
		return
	}
	ended := false
	for i := range steps {
		i = len(steps) - 1 - i
		s := steps[i]
		var before mechanisms.Descriptor
		if i > 0 {
			before = steps[i-1].descriptor
		}
		bytesBefore := s.model.Encode()
		for _, policy := range []mechanisms.Shared{p, fresh} {
			d, err := policy.Plan(before, s.model, sharedNodes)
			if err != nil || !bytes.Equal(d.Encode(), s.descriptor.Encode()) {
				out.add(rulePure, whyPure, "another plan for version %d (error %v)", i, err)
			}
		}
		if !bytes.Equal(bytesBefore, s.model.Encode()) {
			out.add(rulePure, whyPure, "planning version %d changed the model", i)
		}
		if s.descriptor.Version != s.model.Version && !bytes.Equal(s.descriptor.Encode(), before.Encode()) { // kept as it was
			out.add(rulePure, whyPure, "a new plan on version %d says version %d", s.model.Version, s.descriptor.Version)
		}
		if !reflect.DeepEqual(s.descriptor.Layout, p.Layout()) {
			out.add(ruleLayout, whyLayout, "version %d has another layout", i)
		}
	}
	for i, s := range steps {
		if ended && !s.descriptor.Ended {
			out.add(ruleEnded, whyEnded, "version %d goes on", i)
		}
		ended = s.descriptor.Ended
	}
}

func (c SharedCase) encodings(out *violations, s step) {
	raw := s.descriptor.Encode()
	d, err := mechanisms.DecodeDescriptor(raw)
	if err != nil || !bytes.Equal(d.Encode(), raw) {
		out.add(ruleEncode, whyEncode, "the descriptor of version %d (error %v)", s.descriptor.Version, err)
	}
	raw = s.model.Encode()
	m, err := mechanisms.DecodeModel(raw)
	if err != nil || !bytes.Equal(m.Encode(), raw) {
		out.add(ruleEncode, whyEncode, "the model of version %d (error %v)", s.model.Version, err)
	}
}

func (c SharedCase) slots(out *violations, layout statistics.Layout, w mechanisms.Window) {
	draw := noise.NewSeeded(13)
	for range 20 {
		first, a, b := noise.Uniform(1000, draw), noise.Uniform(50, draw), noise.Uniform(50, draw)
		one, err1 := w.Slots(first, a)
		two, err2 := w.Slots(first+a, b)
		whole, err3 := w.Slots(first, a+b)
		if err := errors.Join(err1, err2, err3); err != nil {
			out.add(ruleWorks, whyWorks, "Slots: %v", err)
			return
		}
		if !layout.Fits(one) || one.Merge(two) != nil || !bytes.Equal(one.Encode(), whole.Encode()) {
			out.add(ruleSlots, whySlots, "[%d, %d) and [%d, %d) do not add up", first, first+a, first+a, first+a+b)
			return
		}
		for i, b := range layout {
			for _, v := range whole.Blocks[i].Sum {
				if v < 0 || b.Noise != statistics.Public && v != 0 {
					out.add(ruleSlots, whySlots, "block %q has %d", b.Name, v)
				}
			}
		}
	}
	context := c.Context(noise.NewSeeded(14))
	known := map[string]mechanisms.Action{}
	for slot := range uint64(64) {
		a, chance, err := w.Choose(slot, context, noise.NewSeeded(slot))
		again, _, err2 := w.Choose(slot, context, noise.NewSeeded(slot))
		if err != nil || err2 != nil || a != again || !(chance > 0 && chance <= 1) {
			out.add(ruleSlot, whySlot, "slot %d: %v then %v, propensity %v, errors %v, %v", slot, a, again, chance, err, err2)
			return
		}
		public, err := w.Slots(slot, 1)
		if err != nil || public.Zero() {
			continue
		}
		part := string(public.Encode())
		if was, seen := known[part]; seen && was != a {
			out.add(ruleDue, whyDue, "slot %d: %v, where an equal public part meant %v", slot, a, was)
		}
		known[part] = a
	}
}

// records tries 10^4 random neighbouring records and the furthest ones.
func (c SharedCase) records(out *violations, layout statistics.Layout, w mechanisms.Window) {
	draw := noise.NewSeeded(15)
	reached := make([]uint64, len(layout))
	for i := range 10_000 {
		slot, context := noise.Uniform(1000, draw), c.Context(draw)
		a, _, err := w.Choose(slot, context, draw)
		if err != nil {
			return // reported by slots
		}
		u, v := noise.Float64(draw), noise.Float64(draw)
		switch i % 10 {
		case 0:
			u, v = 0, 1
		case 1:
			u, v = 1, 0
		}
		one, err1 := w.Record(nil, context, a, c.Feedback(u))
		two, err2 := w.Record(nil, context, a, c.Feedback(v))
		if err := errors.Join(err1, err2, layout.Enforce(one), layout.Enforce(two)); err != nil {
			out.add(ruleBound, whyBound, "a record was refused: %v", err)
			return
		}
		c.neighbours(out, layout, one, two, reached)
	}
	for k, b := range layout {
		if b.Noise == statistics.LaplacePerReport && reached[k]*100 < b.L1*99 {
			out.add(ruleTight, whyTight, "block %q: %d of %d was the most that two records differed", b.Name, reached[k], b.L1)
		}
		if b.Noise == statistics.GaussianPerReport && reached[k]*100 < b.L2Squared*98 { // squared: 1 % of the norm
			out.add(ruleTight, whyTight, "block %q: %d of %d was the most that two records differed, squared", b.Name, reached[k], b.L2Squared)
		}
	}
}

// neighbours measures two records of one decision against each block's bound: one
// against the other where a record is replaced, else each against nothing.
func (c SharedCase) neighbours(out *violations, layout statistics.Layout, one, two []statistics.Increment, reached []uint64) {
	for k, b := range layout {
		x, y := cells(one, k), cells(two, k)
		switch b.Noise {
		case statistics.Public:
			if !reflect.DeepEqual(x, y) || c.Relation == dp.ZeroOut && len(x) > 0 {
				out.add(rulePublic, whyPublic, "block %q: %v and %v (%s)", b.Name, x, y, c.Relation)
			}
			continue
		case statistics.GaussianPerRecord:
			if !sameKeys(x, y) {
				out.add(ruleOneSign, whyOneSign, "block %q: other cells for another record", b.Name)
			}
		case statistics.DuchiPerRecord:
			if len(x) != 1 || len(y) != 1 || !sameKeys(x, y) {
				out.add(ruleOneSign, whyOneSign, "block %q: %d and %d numbers", b.Name, len(x), len(y))
			}
			continue
		}
		pairs := [][2]map[int]int64{{x, nil}, {y, nil}}
		if c.Relation == dp.Replace {
			pairs = [][2]map[int]int64{{x, y}}
		}
		for _, p := range pairs {
			l1, l2 := apart(p[0], p[1])
			if l1 > b.L1 || l2 > b.L2Squared {
				out.add(ruleBound, whyBound, "block %q: L1 %d of %d, L2 squared %d of %d", b.Name, l1, b.L1, l2, b.L2Squared)
			}
			if b.Noise == statistics.LaplacePerReport {
				reached[k] = max(reached[k], l1)
			} else {
				reached[k] = max(reached[k], l2)
			}
		}
	}
}

func cells(record []statistics.Increment, block int) map[int]int64 {
	out := map[int]int64{}
	for _, inc := range record {
		if inc.Block == block {
			out[inc.Cell] += inc.Value
		}
	}
	return out
}

func sameKeys(x, y map[int]int64) bool {
	for k := range x {
		if _, ok := y[k]; !ok {
			return false
		}
	}
	return len(x) == len(y)
}

// apart is the L1 and the squared L2 distance of two records, the latter saturated.
func apart(x, y map[int]int64) (l1, l2 uint64) {
	difference := map[int]int64{}
	for k, v := range x {
		difference[k] += v
	}
	for k, v := range y {
		difference[k] -= v
	}
	for _, v := range difference {
		size := uint64(max(v, -v))
		l1 += size
		high, low := bits.Mul64(size, size)
		sum, carry := bits.Add64(l2, low, 0)
		if l2 = sum; high|carry != 0 {
			return l1, 1<<64 - 1
		}
	}
	return l1, l2
}

func (c SharedCase) claims(out *violations, p mechanisms.Shared, d mechanisms.Descriptor) {
	w, err := p.Open(d)
	if err != nil {
		return
	}
	context := c.Context(noise.NewSeeded(16))
	a, _, err := w.Choose(0, context, noise.NewSeeded(16))
	if err != nil {
		return
	}
	try := func(a mechanisms.Action, f mechanisms.Feedback) {
		var e *posse.Error
		record, err := w.Record(nil, context, a, f)
		if err == nil || len(record) > 0 || !errors.As(err, &e) || e.Field == "" {
			out.add(ruleInvalid, whyInvalid, "%T %v for %T %v: error %v, %d numbers", f, f, a, a, err, len(record))
		}
	}
	for _, f := range c.Invalid {
		try(a, f)
	}
	for _, foreign := range c.Foreign {
		try(foreign, c.Feedback(0.5))
	}
	layout := p.Layout()
	info, err := p.Information(d, layout.Claim(layout.Empty()))
	if err != nil || info.Dimension() != p.Dimension() {
		out.add(ruleInfo, whyInfo, "dimension %d of %d (error %v)", info.Dimension(), p.Dimension(), err)
	}
	if _, err := p.Information(d, &statistics.Set{}); err == nil {
		out.add(ruleInfo, whyInfo, "an empty claim was taken")
	}
}

// limit compares the choices of a policy with hardly any noise and of one without.
func (c SharedCase) limit(out *violations) {
	if c.Quiet == nil || c.Plain == nil {
		return
	}
	quiet, err1 := c.Quiet()
	plain, err2 := c.Plain()
	if err := errors.Join(err1, err2); err != nil {
		out.add(ruleNoNoise, whyNoNoise, "New: %v", err)
		return
	}
	one, ok := c.walk(out, quiet, noise.NewSeeded(17))
	two, ok2 := c.walk(out, plain, noise.NewSeeded(18))
	if !ok || !ok2 {
		return
	}
	for i := range one {
		if !reflect.DeepEqual(one[i].actions, two[i].actions) {
			out.add(ruleNoNoise, whyNoNoise, "the choices under version %d differ", i)
			return
		}
	}
}
