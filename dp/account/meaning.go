package account

import (
	"math"

	"github.com/posse-dev/posse"
)

// Meaning says what an (ε, δ) promises one person in terms of what somebody who sees
// everything released could find out about her. All are upper bounds.
type Meaning struct {
	// OddsFactor is e^ε: by how much what is released may shift anybody's odds that
	// she was in (but for a chance of δ).
	OddsFactor float64 `json:"oddsFactor"`
	// MembershipGuessAtMost is the chance of guessing right whether she was in, from
	// even odds: (e^ε + δ)/(1 + e^ε).
	MembershipGuessAtMost float64 `json:"membershipGuessAtMost"`
	// TruePositiveAtMost is the share of members found by a test that wrongly names
	// one in twenty of those who are not: min(1, e^ε·f + δ, 1 − e^(−ε)(1 − δ − f)),
	// f = 0.05.
	TruePositiveAtMost float64 `json:"falsePositive5pct_truePositiveAtMost"`
}

// Explain returns the meaning of a guarantee; ε in [0, 100], δ in [0, 1).
func Explain(epsilon, delta float64) (Meaning, error) {
	if !(epsilon >= 0 && epsilon <= 100) {
		return Meaning{}, posse.OutOfRange("epsilon", float(epsilon), "[0, 100]", "")
	}
	if !(delta >= 0 && delta < 1) {
		return Meaning{}, posse.OutOfRange("delta", float(delta), "[0, 1)", "")
	}
	const f = 0.05
	e := math.Exp(epsilon)
	return Meaning{
		OddsFactor:            e * (1 + up),
		MembershipGuessAtMost: math.Min(1, (1+delta/e)/(1+1/e)*(1+up)),
		TruePositiveAtMost:    math.Min(1, math.Min(e*f+delta, 1-(1-delta-f)/e)*(1+up)),
	}, nil
}
