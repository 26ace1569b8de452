package dataset

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// loadCSV reads a table of one's own.
func loadCSV(in *input) (*Set, error) {
	path, err := in.find(".csv", "")
	if err != nil {
		return nil, err
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d, err := newDelimited(f, f.name)
	if err != nil {
		return nil, err
	}
	o := newOwn(in, f.name)
	layout, err := o.layout(d.header)
	if err != nil {
		return nil, err
	}
	if err := eachRow(in, f.name, d.next, func(fields []string, at place) *posse.Error {
		return o.addFields(fields, layout, at)
	}); err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	return o.build()
}

// own collects the rows of CSV, Parquet and JSONL, and of logs: formats whose columns are one's own.
type own struct {
	in     *input
	b      *builder
	arms   *namedArms
	low    float64 // of the rewards so far
	high   float64
	cells  int
	noNode bool // some row had no node
	nodes  bool // some row had one

	numbered bool // arms are called by their numbers
}

func newOwn(in *input, file string) *own {
	name := unpacked(filepath.Base(file))
	return &own{
		in: in, arms: &namedArms{in: in, index: map[string]int{}}, low: math.Inf(1), high: math.Inf(-1),
		b: &builder{
			in: in, name: strings.TrimSuffix(name, filepath.Ext(name)), thing: "node in the data", things: "nodes in the data",
			reward: Reward{Meaning: "as written in the data", Low: in.options.Range[0], High: in.options.Range[1]},
		},
	}
}

// declared says whether the range of rewards is known without the data.
func (o *own) declared() bool { return o.in.options.Range != [2]float64{} }

// layout is where in a CSV row things are; −1 where they are not.
type layout struct {
	arm, reward, propensity, node, user int
	arms                                []int // columns of potential rewards, in the order of the arms
}

// layout finds out from the header what kind of rows follow.
func (o *own) layout(d header) (layout, error) {
	c := o.in.columns
	l := layout{arm: -1, reward: -1, propensity: -1, node: -1, user: -1}
	for _, f := range []struct {
		name     string
		at       *int
		required bool
	}{
		{c.node, &l.node, o.in.options.By.Column != ""},
		{c.User, &l.user, o.in.options.By.Hash != ""},
		{c.Arm, &l.arm, false},
		{c.Reward, &l.reward, d.has(c.Arm)},
		{c.Propensity, &l.propensity, false},
	} {
		if !f.required && (f.name == "" || !d.has(f.name)) {
			continue
		}
		var err error
		if *f.at, err = d.column(f.name); err != nil {
			return l, err
		}
	}
	if l.arm >= 0 {
		o.b.logged = true
		if l.propensity < 0 && !o.in.options.UniformPropensity {
			_, refusal := parsePropensity("", c.Propensity, place{file: d.file, line: 1})
			return l, refusal
		}
		return l, nil
	}
	o.b.arms = slices.Clone(o.in.options.Arms)
	if len(o.b.arms) == 0 {
		for i, name := range d.names {
			if name != "" && i != l.node && i != l.user {
				o.b.arms = append(o.b.arms, name)
			}
		}
	}
	for _, name := range o.b.arms {
		i, err := d.column(name)
		if err != nil {
			return l, err
		}
		l.arms = append(l.arms, i)
	}
	if len(l.arms) == 0 {
		return l, place{file: d.file, line: 1}.malformed("no column can be an arm", "arm, reward and propensity, or a column an arm", "")
	}
	return l, nil
}

// addFields takes one CSV row.
func (o *own) addFields(fields []string, l layout, at place) *posse.Error {
	get := func(i int) string {
		if i < 0 {
			return ""
		}
		return strings.TrimSpace(fields[i])
	}
	node, user := get(l.node), get(l.user)
	if l.node >= 0 && isMissing(node) {
		return at.bad("MALFORMED", o.in.columns.node, "the node is missing", "", "a name", "")
	}
	if isMissing(user) {
		user = ""
	}
	if user == "" && o.in.options.By.Hash != "" {
		return o.in.options.divided(nil, "", at)
	}
	if !o.b.logged {
		rewards := make([]float64, len(l.arms))
		for i, column := range l.arms {
			x, refusal := o.reward(get(column), o.b.arms[i], at)
			if refusal != nil {
				return refusal
			}
			rewards[i] = x
		}
		return o.addRewards(node, user, rewards, at)
	}
	x, refusal := o.reward(get(l.reward), o.in.columns.Reward, at)
	if refusal != nil {
		return refusal
	}
	p, refusal := o.propensity(get(l.propensity), at)
	if refusal != nil {
		return refusal
	}
	return o.addLogged(node, user, get(l.arm), x, p, at)
}

// reward reads a reward.
func (o *own) reward(text, column string, at place) (float64, *posse.Error) {
	hint := ""
	if len(o.in.options.Arms) == 0 && !o.b.logged {
		hint = "every column but node and user is taken for an arm: name the arms to leave others out"
	}
	if isMissing(text) {
		return 0, at.bad("MALFORMED", column, "the reward is missing", "", "a finite number", hint)
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, at.bad("MALFORMED", column, "the reward is no number", "not a number", "a finite number", hint)
	}
	return x, o.checkReward(x, column, at)
}

// checkReward refuses rewards that are not finite or outside the declared range.
func (o *own) checkReward(x float64, column string, at place) *posse.Error {
	if isInf(x) || x != x {
		return at.bad("REWARD_NOT_FINITE", column, "the reward is not a finite number", "", "a finite number", "")
	}
	if math.Abs(x) > environment.MaxReward {
		return at.bad("REWARD_OUT_OF_RANGE", column, "the reward is too large to sum", "",
			formatInterval(-environment.MaxReward, environment.MaxReward), "")
	}
	if o.declared() && !(x >= o.b.reward.Low && x <= o.b.reward.High) {
		return at.bad("REWARD_OUT_OF_RANGE", column, "the reward is outside the declared range", "",
			formatInterval(o.b.reward.Low, o.b.reward.High), "")
	}
	return nil
}

// propensity reads a propensity; a missing one is 1 where logging was uniform,
// since only ratios of propensities matter.
func (o *own) propensity(text string, at place) (float64, *posse.Error) {
	if isMissing(text) && o.in.options.UniformPropensity {
		return 1, nil
	}
	return parsePropensity(text, o.in.columns.Propensity, at)
}

// addRewards takes a row with the rewards of all arms.
func (o *own) addRewards(node, user string, rewards []float64, at place) *posse.Error {
	if o.cells += len(rewards); o.cells > maxCells {
		return at.bad("LIMIT_EXCEEDED", "", "there are too many rewards", "", "at most "+thousands(maxCells), "")
	}
	for _, x := range rewards {
		o.seen(x)
	}
	o.add(node, user, sample{rewards: rewards}, at)
	return nil
}

// addLogged takes a logged decision.
func (o *own) addLogged(node, user, arm string, reward, propensity float64, at place) *posse.Error {
	if isMissing(arm) {
		return at.bad("MALFORMED", o.in.columns.Arm, "the arm is missing", "", "a name", "")
	}
	i, refusal := o.arms.of(arm, o.in.columns.Arm, at)
	if refusal != nil {
		return refusal
	}
	o.seen(reward)
	o.add(node, user, sample{record: environment.Record{Arm: i, Reward: reward, Propensity: propensity}}, at)
	return nil
}

// seen widens the range of rewards so far.
func (o *own) seen(x float64) {
	o.low, o.high = min(o.low, x), max(o.high, x)
}

// add gives a sample its group and unit. Rows without a user are units of their
// own.
func (o *own) add(node, user string, s sample, at place) {
	if o.nodes = o.nodes || node != ""; node == "" {
		o.noNode = true
	}
	if s.unit = strings.Clone(user); user == "" {
		o.b.anonymous = true
		s.unit = "row " + strconv.Itoa(at.row)
	}
	s.group = strings.Clone(node)
	o.b.samples = append(o.b.samples, s)
}

// build finishes the set.
func (o *own) build() (*Set, error) {
	b := o.b
	if b.logged {
		b.arms = o.arms.names
		if o.numbered && len(o.in.options.Arms) == 0 {
			b.sortArms("")
		}
	}
	if o.nodes && o.noNode {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "MALFORMED", Field: o.in.columns.node, File: o.in.path,
			Message: "some rows name a node and others don't", Allowed: "a node in every row, or in none",
		}
	}
	if !o.nodes {
		b.byHash, b.nodes = true, 8
	}
	b.reward.Declared = o.declared()
	if !b.reward.Declared && len(b.samples) > 0 {
		b.reward.Low, b.reward.High = o.low, o.high
		b.say("The range of rewards was taken from the rows: declare a public one before relying on a guarantee.")
	}
	if b.logged {
		b.say("%s: %s of %s, replayed by rejection: a decision draws logged rows with replacement until one shows the chosen arm%s.",
			b.name, countOf(len(b.samples), "logged decision"), countOf(len(b.arms), "arm"), b.acceptance())
	} else {
		b.say("%s: %s with the rewards of %s.", b.name, countOf(len(b.samples), "row"), countOf(len(b.arms), "arm"))
	}
	return b.build()
}

func formatInterval(low, high float64) string {
	return "[" + strconv.FormatFloat(low, 'g', -1, 64) + ", " + strconv.FormatFloat(high, 'g', -1, 64) + "]"
}
