package budget

import (
	"errors"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// ErrExhausted is behind every refusal to charge: the limit would be exceeded.
var ErrExhausted = errors.New("privacy budget spent")

// ErrPermit is behind every refusal of a permit: it is the zero value, was used, or
// covers less than the release costs.
var ErrPermit = errors.New("no valid permit")

// Refusal tells the three amounts of a refused charge apart. It is behind the
// [posse.Error] that a charge returns ([errors.As] finds it). For a user's limit
// the amounts are data about her: they stay inside the node.
type Refusal struct {
	Whose string   // "the release", "the user in experiment X", "the user across all experiments"
	Limit dp.Spend // the whole limit
	Spent dp.Spend // before this charge
	Asked dp.Spend // by this charge, in the units of the limit
}

// Error says the three amounts in words.
func (r *Refusal) Error() string {
	return "limit of " + r.Whose + " is " + r.Limit.String() + ", spent " + r.Spent.String() +
		", asked now " + r.Asked.String()
}

// Unwrap returns [ErrExhausted].
func (r *Refusal) Unwrap() error { return ErrExhausted }

func exhausted(r Refusal) error {
	return &posse.Error{
		Code: posse.ResourceExhausted, Reason: "BUDGET_SPENT", Field: "privacy.epsilon",
		Value:   r.Asked.String() + " more, with " + r.Spent.String() + " spent",
		Allowed: "at most " + r.Limit.String() + " in all, " + r.Limit.Left(r.Spent).String() + " left",
		Message: "privacy budget of " + r.Whose + " is spent", Cause: &r,
		Hint: "nothing was charged or released; budgets are never refunded",
	}
}

func badPermit(why string) error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "PERMIT_REFUSED", Field: "permit", Value: why,
		Allowed: "a permit of a charge, once", Message: "release has no valid permit", Cause: ErrPermit,
	}
}
