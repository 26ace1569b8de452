package experiment

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Arms of a problem: what this version runs by default, and the hard limit of the
// format. Source: experiment-file 2.
const (
	armsMax     = 1024
	armsHardMax = 16384
	armNameMax  = 64
)

const rewardDeadlineDefault = 168 * time.Hour

func (b *block) problem() Problem {
	problem := b.child("problem")
	defer problem.end()
	if problem.node == nil {
		return Problem{}
	}
	return Problem{Kind: problem.word("kind"), Arms: problem.arms()}
}

// arms reads a list of names, or their number.
func (b *block) arms() []string {
	e := b.entry("arms")
	switch {
	case e == nil:
		b.missing("arms", "")
		return nil
	case e.value == nil:
		return nil
	case e.value.kind == numberValue:
		return b.numberedArms(e.value)
	case e.value.kind != listValue:
		b.wrongType("arms", "a list of names or a number", e.value)
		return nil
	}
	if !b.armsFit(int64(len(e.value.items)), e.value) {
		return nil
	}
	seen := map[string]bool{}
	var arms []string
	for i, item := range e.value.items {
		if item == nil {
			continue // reported where it was read
		}
		key := fmt.Sprintf("arms[%d]", i)
		if item.kind != stringValue {
			b.wrongType(key, stringValue.String(), item)
			continue
		}
		name := item.text
		switch {
		case name == "" || utf8.RuneCountInString(name) > armNameMax || !printable(name):
			b.outOfRange(key, item, "problem."+key+" must be 1 to 64 printable characters")
		case seen[name]:
			b.outOfRange(key, item, fmt.Sprintf("duplicate arm %q", name))
		}
		seen[name] = true
		arms = append(arms, name)
	}
	return arms
}

func (b *block) numberedArms(n *node) []string {
	d, ok := b.number("arms", n, parseInterval("[1, "+strconv.Itoa(armsHardMax)+"]"))
	if !ok {
		return nil
	}
	count, whole := d.Int64()
	if !whole {
		b.outOfRange("arms", n, "problem.arms must be a whole number of arms")
		return nil
	}
	if !b.armsFit(count, n) {
		return nil
	}
	arms := make([]string, count)
	for i := range arms {
		arms[i] = "arm-" + strconv.Itoa(i+1)
	}
	return arms
}

func (b *block) armsFit(count int64, n *node) bool {
	switch {
	case count >= 1 && count <= armsMax:
		return true
	case count > armsMax && count <= armsHardMax:
		b.r.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "LIMIT_EXCEEDED", Field: "problem.arms",
			Value: strconv.FormatInt(count, 10), Allowed: "[1, 1024]",
			Message: "problem.arms is above the limit of 1,024 arms, which is built into this version",
		}, n.line, n.column)
	default:
		p := posse.OutOfRange("problem.arms", fmt.Sprintf("%d arms", count), b.r.field(join(b.path, "arms")).Range, "")
		b.r.report(p, n.line, n.column)
	}
	return false
}

func printable(text string) bool {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func (b *block) reward() Reward {
	out := Reward{Deadline: rewardDeadlineDefault}
	reward := b.child("reward")
	defer reward.end()
	if reward.node == nil {
		return out
	}
	if reward.has("range") {
		out.Range = reward.rewardRange()
		out.Clip, _ = reward.boolean("clip")
	} else {
		reward.notApplicable("clip", "reward.range")
	}
	if reward.has("moment") {
		out.Moment = reward.moment()
	}
	reward.conflict("range", "moment")
	if !reward.has("range") && !reward.has("moment") {
		reward.r.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "reward.range",
			Message: "reward.range: required, or reward.moment: the noise is scaled to one of them",
			Hint:    "write range: [0, 1], or moment: {order: 1.5, bound: 8} for heavy tails",
		}, reward.line, reward.column)
	}
	if d, ok := reward.duration("deadline"); ok {
		out.Deadline = d
	}
	return out
}

func (b *block) rewardRange() *Range {
	n := b.value("range", listValue)
	if n == nil {
		return nil
	}
	if len(n.items) != 2 {
		b.outOfRange("range", n, fmt.Sprintf("reward.range must have two numbers, got %d", len(n.items)))
		return nil
	}
	var bounds [2]Decimal
	for i, item := range n.items {
		key := fmt.Sprintf("range[%d]", i)
		if item == nil {
			return nil
		}
		if item.kind != numberValue {
			b.wrongType(key, numberValue.String(), item)
			return nil
		}
		d, ok := b.number(key, item, parseInterval("[-1e12, 1e12]"))
		if !ok {
			return nil
		}
		bounds[i] = d
	}
	if bounds[0].Cmp(bounds[1]) >= 0 {
		b.outOfRange("range", n, "reward.range: the first number must be below the second")
		return nil
	}
	return &Range{Low: bounds[0], High: bounds[1]}
}

func (b *block) moment() *Moment {
	moment := b.child("moment")
	defer moment.end()
	if moment.node == nil {
		return nil
	}
	for _, key := range []string{"order", "bound"} {
		if !moment.has(key) {
			moment.missing(key, "with reward.moment")
		}
	}
	order, _ := moment.decimal("order")
	bound, _ := moment.decimal("bound")
	return &Moment{Order: order, Bound: bound}
}

// policy reads the policy's block and refuses what the privacy model or the
// guarantee rules out. A model of 0 is a bad one, already reported.
func (b *block) policy(model dp.Model) Policy {
	if b.node == nil {
		return Policy{}
	}
	out := Policy{Name: b.word("name"), Guarantee: b.wordOr("guarantee", "none") == "required"}
	spec, known := policyNamed(out.Name)
	if known && model != 0 {
		b.policyInModel(spec, model)
	}
	params := b.child("params")
	defer params.end()
	if !known || !spec.bonus {
		params.notApplicable("bonus", "robust-elimination")
		params.notApplicable("kappa", "robust-elimination")
		return out
	}
	byDefault := "tuned"
	if out.Guarantee {
		byDefault = "tight"
	}
	out.Bonus = params.wordOr("bonus", byDefault)
	if out.Bonus == "tuned" && out.Guarantee {
		b.refuse("guarantee", "required", "none", "tuned bonuses have no guarantee", "use policy.params.bonus: tight, or leave policy.guarantee out")
	}
	if out.Bonus != "tuned" {
		params.notApplicable("kappa", "policy.params.bonus: tuned")
		return out
	}
	out.Kappa = mustDecimal("0.1")
	if model == dp.Local {
		out.Kappa = mustDecimal("0.25")
	}
	if kappa, ok := params.decimal("kappa"); ok {
		out.Kappa = kappa
	}
	return out
}
