package budget

import (
	"strconv"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Kind is the composition theorem by which a filter adds up. The zero value is not
// valid.
type Kind uint8

const (
	// Pure adds ε: Σε ≤ limit. It takes spends of pure ε only.
	Pure Kind = iota + 1
	// ZCDP adds ρ and δ: Σρ ≤ limit and Σδ ≤ limit. A spend of pure ε enters as
	// ρ = ε²/2, rounded up (Whitehouse et al. 2023; Feldman and Zrnic 2021).
	ZCDP
	// Renyi adds Rényi divergence at one order: see [NewRenyiFilter].
	Renyi
)

// String returns "pure", "zcdp" or "renyi".
func (k Kind) String() string {
	switch k {
	case Pure:
		return "pure"
	case ZCDP:
		return "zcdp"
	case Renyi:
		return "renyi"
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Filter is a limit and what was charged against it. It is valid under fully
// adaptive composition: each next spend, and whether there is one, may depend on
// all that was released before. Charging costs the same however much was charged.
// Safe for concurrent use; the zero value is not valid, use [NewFilter].
type Filter struct {
	rule  rule
	whose string

	mu    sync.Mutex
	spent dp.Spend
}

// NewFilter returns a filter with nothing spent. whose names the owner of the limit
// in refusals ("the release", "experiment dosing"). The limit of [Pure] has an ε
// and no ρ and δ; that of [ZCDP] a ρ, no ε, and any δ.
func NewFilter(kind Kind, limit dp.Spend, whose string) (*Filter, error) {
	r, err := newRule(kind, limit)
	if err != nil {
		return nil, err
	}
	return &Filter{rule: r, whose: whose}, nil
}

// Charge records a spend and returns the permit for it, or records nothing and
// returns an error: behind it is [ErrExhausted] when the limit would be exceeded.
// A spend of nothing, or one whose kind the filter cannot add, is an error too: a
// release that costs nothing is a bug.
func (f *Filter) Charge(spend dp.Spend) (Permit, error) {
	cost, err := f.rule.cost(spend)
	if err != nil {
		return Permit{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next, ok := f.rule.add(f.spent, cost)
	if !ok {
		return Permit{}, exhausted(Refusal{Whose: f.whose, Limit: f.rule.limit, Spent: f.spent, Asked: cost})
	}
	f.spent = next
	return newPermit(spend), nil
}

// Check returns the error that Charge would return, and records nothing. Between
// a check and a charge of a filter that others use, anything may happen.
func (f *Filter) Check(spend dp.Spend) error {
	cost, err := f.rule.cost(spend)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.rule.add(f.spent, cost); !ok {
		return exhausted(Refusal{Whose: f.whose, Limit: f.rule.limit, Spent: f.spent, Asked: cost})
	}
	return nil
}

// Cost returns what spend would cost, in the units of the limit.
func (f *Filter) Cost(spend dp.Spend) (dp.Spend, error) { return f.rule.cost(spend) }

// Restore records a spend of before a restart, as it was given to Charge, with no
// permit and no refusal: what lies beyond the limit is kept, so that a lowered
// limit or a doubled record never gives budget back.
func (f *Filter) Restore(spend dp.Spend) error {
	cost, err := f.rule.cost(spend)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spent = addSaturated(f.spent, cost)
	return nil
}

// Spent returns what was charged, in the units of the limit.
func (f *Filter) Spent() dp.Spend {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spent
}

// Remaining returns what is left, in the units of the limit.
func (f *Filter) Remaining() dp.Spend { return f.rule.limit.Left(f.Spent()) }

// rule is a limit and its arithmetic, without state.
type rule struct {
	kind  Kind
	limit dp.Spend
	order uint64 // of a Rényi rule
}

func newRule(kind Kind, limit dp.Spend) (rule, error) {
	bad := func(allowed string) (rule, error) {
		return rule{}, posse.OutOfRange("limit", limit.String(), allowed, "")
	}
	switch kind {
	case Pure:
		if limit.NanoEpsilon == 0 || limit.PicoRho != 0 || limit.AttoDelta != 0 {
			return bad("for a pure filter: an ε above 0, no ρ, no δ")
		}
	case ZCDP:
		if limit.PicoRho == 0 || limit.NanoEpsilon != 0 {
			return bad("for a zcdp filter: a ρ above 0, no ε")
		}
	default:
		return rule{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "privacy.filter",
			Value: kind.String(), Allowed: "pure, zcdp", Message: "privacy.filter is not one of its words",
			Hint: "for a Rényi order use NewRenyiFilter, for Gaussian noise on reals NewGaussianFilter",
		}
	}
	return rule{kind: kind, limit: limit}, nil
}

// ruleOf returns the rule that a limit fits: pure when it has an ε, else zCDP.
func ruleOf(limit dp.Spend) (rule, error) {
	if limit.NanoEpsilon > 0 {
		return newRule(Pure, limit)
	}
	return newRule(ZCDP, limit)
}

// cost returns spend in the units of the limit.
func (r rule) cost(spend dp.Spend) (dp.Spend, error) {
	refuse := func(allowed, hint string) (dp.Spend, error) {
		return dp.Spend{}, posse.OutOfRange("spend", spend.String(), allowed, hint)
	}
	if spend.Zero() {
		return refuse("above nothing", "a release that costs nothing is a bug")
	}
	switch r.kind {
	case Pure:
		if spend.PicoRho != 0 || spend.AttoDelta != 0 {
			return refuse("pure ε in a pure filter", "use a zcdp filter for Gaussian noise")
		}
		return spend, nil
	case ZCDP:
		return spend.ZCDP()
	case Renyi:
		if spend.AttoDelta != 0 {
			return refuse("ε or ρ, without a δ, in a Rényi filter", "use a zcdp filter")
		}
		return renyiCost(spend, r.order)
	}
	return refuse("a spend of a valid filter", "use NewFilter")
}

// add returns spent + cost if that is within the limit.
func (r rule) add(spent, cost dp.Spend) (dp.Spend, bool) {
	next, err := spent.Add(cost)
	if err != nil || next.Exceeds(r.limit) {
		return dp.Spend{}, false
	}
	return next, true
}

// addSaturated adds, and stays at the largest value where the sum does not fit:
// nothing can be charged there in any case.
func addSaturated(a, b dp.Spend) dp.Spend {
	add := func(x, y uint64) uint64 {
		if s := x + y; s >= x {
			return s
		}
		return ^uint64(0)
	}
	return dp.Spend{
		NanoEpsilon: add(a.NanoEpsilon, b.NanoEpsilon),
		PicoRho:     add(a.PicoRho, b.PicoRho),
		AttoDelta:   add(a.AttoDelta, b.AttoDelta),
	}
}
