package schedule

import (
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
)

// Kind is the name of a schedule in an experiment file.
type Kind string

// The schedules. All but FairEqualKind and Everyone are for comparison.
const (
	FairEqualKind Kind = "fair-equal"
	Everyone      Kind = "everyone"      // every version to every node
	Proportional  Kind = "proportional"  // chances in proportion to contributions
	LeaveOneOut   Kind = "leave-one-out" // fair-equal on contributions v(N) − v(N∖i), which the caller gives
	Random        Kind = "random"        // k of n, whoever it is
	Reverse       Kind = "reverse"       // fair-equal with the order of contributions turned round
	Softmax       Kind = "softmax"       // successive draws with chances e^(ψ̃/κ), as published; no floor
)

// Probabilities returns each node's chance of a version under a schedule; they sum to
// p.Grants, or to n for Everyone. Contributions and errors are those of [FairEqual].
func Probabilities(kind Kind, contributions []float64, p Params) ([]float64, error) {
	relative, err := normalise(contributions, p)
	if err != nil {
		return nil, err
	}
	n := len(relative)
	switch kind {
	case FairEqualKind, LeaveOneOut:
		return FairEqual(contributions, p)
	case Everyone:
		return slices.Repeat([]float64{1}, n), nil
	case Random:
		return slices.Repeat([]float64{float64(p.Grants) / float64(n)}, n), nil
	case Proportional:
		for i, psi := range relative {
			// A node worth nothing weighs e^-690, about the least float: nothing, until
			// all others are certain.
			relative[i] = math.Log(max(psi, 1e-300))
		}
		return fill(relative, p), nil
	case Reverse:
		for i, psi := range relative {
			relative[i] = -psi / p.Equality
		}
		shift := slices.Max(relative)
		for i := range relative {
			relative[i] -= shift
		}
		return fill(relative, p), nil
	case Softmax:
		weights := make([]float64, n)
		for i, psi := range relative {
			weights[i] = math.Exp((psi - 1) / p.Equality)
		}
		return Successive(weights, p.Grants)
	default:
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "kind", Value: string(kind),
			Allowed: "fair-equal, everyone, proportional, leave-one-out, random, reverse, softmax", Message: "there is no such schedule",
		}
	}
}
