package budget

import (
	"math"
	"slices"
	"strconv"

	"github.com/posse-dev/posse"
)

// SplitRule says how a user's budget goes to tasks of unequal size.
type SplitRule string

// The rules; each is an exponent μ of the size.
const (
	SplitUniform  SplitRule = "uniform"  // μ = 0: every task the same
	SplitRecords  SplitRule = "records"  // μ = −1/2: each record counts the same
	SplitTasks    SplitRule = "tasks"    // μ = −3/4: each task counts the same
	SplitExponent SplitRule = "exponent" // μ as given, at most 0
)

// Split divides a user's budget over the tasks (experiments, arms) that she meets.
//
//	c_i = √β·n_i^μ/√(Σ n_j^{2μ}),  so Σ c_i² = β
//
// Task i is released from Σ over users of c_i·x with one noise for all. Sizes must
// be public or already privatised; one below 1 counts as 1. β > 0 bounds, for each
// user, Σ over tasks of (Σ of her weights in the task)²: with k records in a task,
// each has c_i/k, not c_i/√k, since her records may all point the same way.
// Weights are rounded down, so that Σ c² ≤ β. exponent is looked at with
// [SplitExponent] only. No tasks, β ≤ 0 and μ > 0 are errors.
// Source: Krichene et al. 2023 (ICML), with the optimal exponents of that objective.
func Split(sizes map[string]float64, beta float64, rule SplitRule, exponent float64) (map[string]float64, error) {
	if len(sizes) == 0 {
		return nil, posse.OutOfRange("tasks", "none", "at least one task", "")
	}
	if !(beta > 0) || math.IsInf(beta, 0) {
		return nil, posse.OutOfRange("budget", strconv.FormatFloat(beta, 'g', -1, 64), "(0, ∞)", "")
	}
	var mu float64
	switch rule {
	case SplitUniform:
	case SplitRecords, "":
		mu = -0.5
	case SplitTasks:
		mu = -0.75
	case SplitExponent:
		if mu = exponent; !(mu <= 0) || math.IsInf(mu, 0) {
			return nil, posse.OutOfRange("exponent", strconv.FormatFloat(mu, 'g', -1, 64), "(-∞, 0]", "")
		}
	default:
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "rule", Value: strconv.Quote(string(rule)),
			Allowed: "uniform, records, tasks, exponent", Message: "rule is not one of its words",
		}
	}
	names := make([]string, 0, len(sizes))
	smallest := math.Inf(1)
	for name, n := range sizes {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, posse.OutOfRange("tasks."+name, "not a finite number", "finite numbers", "")
		}
		names = append(names, name)
		smallest = math.Min(smallest, math.Max(1, n))
	}
	slices.Sort(names) // a sum of floats depends on its order
	weight := func(name string) float64 {
		return math.Pow(math.Max(1, sizes[name])/smallest, mu) // at most 1, the largest is 1
	}
	var squares float64
	for _, name := range names {
		squares += weight(name) * weight(name)
	}
	// more than the rounding of len(names) terms and of the root
	scale := math.Sqrt(beta/squares) * (1 - float64(len(names)+8)*0x1p-52)
	out := make(map[string]float64, len(names))
	for _, name := range names {
		out[name] = scale * weight(name)
	}
	return out, nil
}
