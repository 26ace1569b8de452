package policytest

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// LearnerCase says how to exercise a [mechanisms.Policy]. New, Option and Feedback
// are required.
type LearnerCase struct {
	// New returns a fresh policy for a problem with so many options.
	New func(options int) (mechanisms.Policy, error)
	// Context of a decision; nil means [mechanisms.None].
	Context func(src noise.Source) mechanisms.Context
	// Option is the number of an action in [0, options), and Action the way back.
	Option func(mechanisms.Action) int
	Action func(option int) mechanisms.Action
	// Feedback is a valid feedback, u uniform on [0, 1); 0 and 1 give the two ends of
	// what is allowed.
	Feedback func(u float64) mechanisms.Feedback
	// Invalid feedback, and actions that the problem does not have.
	Invalid []mechanisms.Feedback
	Foreign []mechanisms.Action
	// Additive policies learn the same from any order of records.
	Additive bool
	// OwnChoices: the policy learns only from what it chose itself, so that a made-up
	// history teaches it little, and untried options are tried in order.
	OwnChoices bool
}

// Learner fails t for every rule that the policy breaks.
func Learner(t *testing.T, c LearnerCase) {
	t.Helper()
	report(t, CheckLearner(c))
}

// event is one thing that a policy is told.
type event struct {
	context  mechanisms.Context
	action   mechanisms.Action
	feedback mechanisms.Feedback
}

const (
	options = 4
	history = 400 // long enough for a first epoch of 64 pulls an arm to end
)

// CheckLearner returns the rules that the policy breaks.
func CheckLearner(c LearnerCase) []Violation {
	if c.Context == nil {
		c.Context = func(noise.Source) mechanisms.Context { return mechanisms.None{} }
	}
	var out violations
	played, ok := c.play(&out, options, history, 1, noise.Float64)
	if !ok {
		return out
	}
	c.replay(&out, played)
	c.order(&out, played)
	c.split(&out, played)
	c.refuse(&out, played)
	c.propensity(&out, played)
	c.relabel(&out)
	for _, corner := range []struct {
		options int
		draw    func(noise.Source) float64
	}{
		{1, noise.Float64},
		{options, func(noise.Source) float64 { return 0 }},
		{options, func(noise.Source) float64 { return 1 }},
		{options, func(noise.Source) float64 { return 0.5 }},
		{500, noise.Float64}, // more options than decisions
	} {
		c.play(&out, corner.options, history, 2, corner.draw)
	}
	return out
}

const (
	ruleAccepts    = "a policy chooses and learns for any number of options and any valid feedback"
	whyAccepts     = "one option, equal options, both ends of the range and a short horizon are real problems"
	ruleReplay     = "the same history gives the same state bytes and choices"
	whyReplay      = "a replayed or restored node must go on as if nothing had happened"
	ruleChoose     = "a choice does not change the policy"
	whyChoose      = "choices are lost in a crash, records are not"
	ruleOrder      = "records in any order give the same state"
	whyOrder       = "rewards come late and in any order"
	ruleSplit      = "the statistics of two halves of a history add up to those of the whole"
	whySplit       = "nodes learn apart and are merged by addition"
	ruleRefuse     = "invalid feedback is an error that names a field and changes nothing"
	whyRefuse      = "a half-learnt record would be counted twice when it is sent again"
	rulePropensity = "a propensity is 1, or the chance of the choice where it is logged, or 0 where it is not computed"
	whyPropensity  = "off-policy estimates divide by it"
	ruleRelabel    = "renaming the options renames the choices in law"
	whyRelabel     = "no option may be liked for its number"
)

// play lets a fresh policy decide and learn, and returns what it learnt from.
func (c LearnerCase) play(out *violations, options, n int, seed uint64, draw func(noise.Source) float64) ([]event, bool) {
	p, err := c.New(options)
	if err != nil {
		out.add(ruleAccepts, whyAccepts, "New(%d): %v", options, err)
		return nil, false
	}
	src := noise.NewSeeded(seed)
	var played []event
	for t := range n {
		context := c.Context(src)
		a, _, err := p.Choose(mechanisms.Round{T: uint64(t) + 1}, context, src)
		if err != nil {
			out.add(ruleAccepts, whyAccepts, "Choose in round %d of %d options: %v", t+1, options, err)
			return nil, false
		}
		if at := c.Option(a); at < 0 || at >= options {
			out.add(ruleAccepts, whyAccepts, "Choose gave option %d of %d", at, options)
			return nil, false
		}
		e := event{context, a, c.Feedback(draw(src))}
		if err := p.Observe(mechanisms.Round{T: uint64(t) + 1}, e.context, e.action, e.feedback); err != nil {
			out.add(ruleAccepts, whyAccepts, "Observe in round %d of %d options: %v", t+1, options, err)
			return nil, false
		}
		played = append(played, e)
	}
	return played, true
}

// learn tells a fresh policy a history.
func (c LearnerCase) learn(out *violations, told []event) (mechanisms.Policy, bool) {
	p, err := c.New(options)
	for t, e := range told {
		if err == nil {
			err = p.Observe(mechanisms.Round{T: uint64(t) + 1}, e.context, e.action, e.feedback)
		}
	}
	if err != nil {
		out.add(ruleAccepts, whyAccepts, "learning a history: %v", err)
	}
	return p, err == nil
}

// state is the policy's bytes: what adds up, and what does not.
func state(p mechanisms.Policy) []byte {
	local, err := p.Local()
	if err != nil {
		return []byte(err.Error())
	}
	return append(p.Statistics().Encode(), local...)
}

func (c LearnerCase) replay(out *violations, played []event) {
	points := noise.NewSeeded(3)
	for range 20 {
		n := int(noise.Uniform(uint64(len(played)), points))
		a, ok := c.learn(out, played[:n])
		b, ok2 := c.learn(out, played[:n])
		if !ok || !ok2 {
			return
		}
		before := state(a)
		if !bytes.Equal(before, state(b)) {
			out.add(ruleReplay, whyReplay, "after %d records the states differ", n)
		}
		one, two := noise.NewSeeded(uint64(n)), noise.NewSeeded(uint64(n))
		for t := range uint64(20) {
			context := c.Context(noise.NewSeeded(t))
			x, _, _ := a.Choose(mechanisms.Round{T: uint64(n) + t + 1}, context, one)
			y, _, _ := b.Choose(mechanisms.Round{T: uint64(n) + t + 1}, context, two)
			if x != y {
				out.add(ruleReplay, whyReplay, "after %d records the choices differ for the same source", n)
			}
		}
		if !bytes.Equal(before, state(a)) {
			out.add(ruleChoose, whyChoose, "the state changed after %d records and 20 choices", n)
		}
	}
}

func (c LearnerCase) order(out *violations, played []event) {
	if !c.Additive {
		return
	}
	whole, ok := c.learn(out, played)
	if !ok {
		return
	}
	src := noise.NewSeeded(4)
	for range 3 {
		shuffled := append([]event(nil), played...)
		for i := len(shuffled) - 1; i > 0; i-- {
			j := noise.Uniform(uint64(i)+1, src)
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		}
		other, ok := c.learn(out, shuffled)
		if ok && !bytes.Equal(state(whole), state(other)) {
			out.add(ruleOrder, whyOrder, "a shuffled history of %d records gave other bytes", len(played))
		}
	}
}

func (c LearnerCase) split(out *violations, played []event) {
	if !c.Additive {
		return
	}
	whole, ok := c.learn(out, played)
	for _, at := range []int{0, 1, len(played) / 3, len(played)} {
		one, ok1 := c.learn(out, played[:at])
		two, ok2 := c.learn(out, played[at:])
		if !ok || !ok1 || !ok2 {
			return
		}
		sum := one.Statistics().Clone()
		if err := sum.Merge(two.Statistics()); err != nil || !bytes.Equal(sum.Encode(), whole.Statistics().Encode()) {
			out.add(ruleSplit, whySplit, "split after %d of %d records: other sums (error %v)", at, len(played), err)
		}
	}
}

func (c LearnerCase) refuse(out *violations, played []event) {
	p, ok := c.learn(out, played)
	if !ok {
		return
	}
	before := state(p)
	try := func(what any, a mechanisms.Action, f mechanisms.Feedback) {
		err := p.Observe(mechanisms.Round{T: uint64(len(played)) + 1}, played[0].context, a, f)
		var e *posse.Error
		switch {
		case err == nil:
			out.add(ruleRefuse, whyRefuse, "%T %v was accepted", what, what)
		case !errors.As(err, &e) || e.Field == "":
			out.add(ruleRefuse, whyRefuse, "%T %v: the error names no field: %v", what, what, err)
		case !bytes.Equal(before, state(p)):
			out.add(ruleRefuse, whyRefuse, "%T %v changed the state", what, what)
		}
	}
	for _, f := range c.Invalid {
		try(f, played[0].action, f)
	}
	for _, a := range c.Foreign {
		try(a, a, c.Feedback(0.5))
	}
}

// propensity holds the logged chances of one state to the frequencies of 20,000
// choices: 5.5 standard deviations each way, a false alarm of 4e-8 an option.
func (c LearnerCase) propensity(out *violations, played []event) {
	const draws = 20_000
	for _, n := range []int{0, options + 1, len(played)} {
		p, ok := c.learn(out, played[:n])
		if !ok {
			return
		}
		src := noise.NewSeeded(uint64(n) + 5)
		var seen [options]int
		logged := [options]float64{}
		for i := range draws {
			// the propensity of a state is logged a few times an option: it may cost more than the choice
			round := mechanisms.Round{T: uint64(n) + 1, Logged: i < 200}
			a, chance, err := p.Choose(round, played[0].context, src)
			if err != nil {
				out.add(ruleAccepts, whyAccepts, "Choose: %v", err)
				return
			}
			at := c.Option(a)
			seen[at]++
			if math.IsNaN(chance) || chance < 0 || chance > 1 || round.Logged && chance == 0 {
				out.add(rulePropensity, whyPropensity, "%v for option %d after %d records (logged: %v)", chance, at, n, round.Logged)
				return
			}
			if round.Logged {
				logged[at] = chance
			}
		}
		for at, chance := range logged {
			if chance == 0 {
				continue // not among the first 200 choices
			}
			spread := math.Sqrt(chance * (1 - chance) / draws)
			if got := float64(seen[at]) / draws; math.Abs(got-chance) > 5.5*spread+2e-6 {
				out.add(rulePropensity, whyPropensity, "option %d after %d records: %.4f stated, %.4f of %d choices", at, n, chance, got, draws)
			}
		}
	}
}

// relabel tells one policy a history and another the same with the options renamed,
// and compares how often they choose: six standard deviations of the difference.
func (c LearnerCase) relabel(out *violations) {
	if c.OwnChoices {
		return
	}
	const draws = 10_000
	names := [options]int{2, 0, 3, 1}
	var plain, renamed []event
	src := noise.NewSeeded(6)
	for i := range history {
		context, at := c.Context(src), i%options
		f := c.Feedback(noise.Float64(src) * float64(at+1) / options) // options differ, and no two are equal
		plain = append(plain, event{context, c.Action(at), f})
		renamed = append(renamed, event{context, c.Action(names[at]), f})
	}
	one, ok := c.learn(out, plain)
	two, ok2 := c.learn(out, renamed)
	if !ok || !ok2 {
		return
	}
	var first, second [options]float64
	for i := range uint64(draws) {
		round := mechanisms.Round{T: history + i + 1}
		a, _, err := one.Choose(round, plain[0].context, src)
		b, _, err2 := two.Choose(round, plain[0].context, src)
		if err != nil || err2 != nil {
			out.add(ruleAccepts, whyAccepts, "Choose: %v, %v", err, err2)
			return
		}
		first[c.Option(a)]++
		second[c.Option(b)]++
	}
	for at, name := range names {
		if math.Abs(first[at]-second[name]) > 6*math.Sqrt(first[at]+second[name]+1) {
			out.add(ruleRelabel, whyRelabel, "option %d was chosen %v times of %d, and %v times under another number", at, first[at], draws, second[name])
		}
	}
}
