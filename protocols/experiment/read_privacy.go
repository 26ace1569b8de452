package experiment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/posse-dev/posse/dp"
)

// mustDecimal reads a constant of this package.
func mustDecimal(text string) Decimal {
	d, err := ParseDecimal(text)
	if err != nil {
		panic("experiment: the constant " + text + " is " + err.Error())
	}
	return d
}

// privacy reads everything but the arrival, whose default waits for the policy.
// Values that were bad are left 0.
func (b *block) privacy() Privacy {
	out := Privacy{FractionBits: 16, MaxContributions: 1}
	if b.node == nil {
		return out
	}
	out.Model = b.model()
	if out.Model == 0 && b.r.embeds && b.without() {
		return Privacy{FractionBits: 16, MaxContributions: 1}
	}
	if word := b.word("unit"); word != "" {
		out.Unit, _ = dp.ParseUnit(word)
	}
	out.Epsilon, _ = b.decimal("epsilon")
	out.Delta, _ = b.decimal("delta")
	switch {
	case out.Unit == dp.Reward:
		b.notApplicable("maxContributions", "privacy.unit: user")
	case out.Unit == dp.User && !b.has("maxContributions"):
		b.missing("maxContributions", "with privacy.unit: user")
	default:
		if n, ok := b.integer("maxContributions"); ok {
			out.MaxContributions = n
		}
	}
	if out.Model == dp.Local {
		b.notApplicable("mechanism", "privacy.model: silo")
	} else {
		out.Mechanism = b.wordOr("mechanism", "auto")
		if out.Mechanism == "discrete-gaussian" && out.Delta.Sign() == 0 {
			b.refuse("delta", "0", "(0, 1e-3]", "Gaussian noise needs delta > 0: use discrete-laplace", "leave privacy.mechanism out")
		}
	}
	if n, ok := b.integer("fractionBits"); ok {
		out.FractionBits = uint8(n) // [4, 40]
	}
	return out
}

// model reads privacy.model; none is a word of scenarios.
func (b *block) model() dp.Model {
	if b.saysNone() {
		if b.r.embeds {
			return 0
		}
		b.refuse("model", "none", "local | silo", "none runs only in posse sim", "use silo to trust each node with its own users")
		return 0
	}
	word := b.word("model")
	if word == "" {
		return 0
	}
	model, err := dp.ParseModel(word)
	if err != nil {
		panic("experiment: the field table holds the model " + word)
	}
	return model
}

func (b *block) saysNone() bool {
	e := b.entry("model")
	return e != nil && e.value != nil && e.value.kind == stringValue && e.value.text == "none"
}

// without reports whether there is no privacy at all, and refuses what would then do
// nothing.
func (b *block) without() bool {
	if !b.saysNone() {
		return false
	}
	for _, e := range b.node.entries {
		if e.key != "model" {
			b.notApplicable(e.key, "privacy.model: local | silo")
		}
	}
	return true
}

// mechanismFor refuses a noise that the policy's releases don't take. Each record
// enters one release here, where discrete Laplace has by far the lower variance
// (private-learning 5.7: 2 against 17.9 at ε = 1, δ = 1e-6).
func (b *block) mechanismFor(p Privacy, policy string) {
	if p.Mechanism == "discrete-gaussian" && p.Delta.Sign() > 0 {
		b.refuse("mechanism", p.Mechanism, "auto | discrete-laplace",
			"discrete-gaussian is not available for "+policy+": each record enters one release, where discrete-laplace adds less noise",
			"leave privacy.mechanism out")
	}
}

// arrival reads whether it may be known that a decision was rewarded.
func (b *block) arrival(p *Privacy, spec policySpec, known bool) {
	if b.node == nil || p.Model == 0 {
		return
	}
	byDefault := PrivateArrival
	if known && spec.quota && p.Unit == dp.Reward {
		byDefault = PublicArrival
	}
	p.Arrival = Arrival(b.wordOr("arrival", string(byDefault)))
}

// policyInModel refuses a policy that no release of this version can feed under
// the privacy model.
func (b *block) policyInModel(spec policySpec, model dp.Model) {
	if slices.Contains(spec.Models, model) {
		return
	}
	hint := fmt.Sprintf("use %s", strings.Join(policiesUnder(model), " or "))
	if len(spec.Models) == 0 {
		hint = "it needs private running sums, which only simulations have without privacy; " + hint
	}
	b.refuse("name", spec.Name, strings.Join(policiesUnder(model), " | "),
		fmt.Sprintf("%s is not available under privacy.model %s", spec.Name, model), hint)
}
