package schedule

import (
	"fmt"
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
)

// Quotas rounds probabilities that sum to grants to integers of 2^-32 that sum to
// exactly grants·2^32, each at most 2^32. Probabilities are given in the order of the
// nodes' ids.
//
//	q_i = ⌊π_i·2^32⌋, then one unit more for the largest fractions, ties to the smaller id
//
// A sum that floats pushed over the target gives units back the other way round. It is
// an error when a probability is outside [0, 1] or the sum is off by more than 1e-9.
// Source: spec/incentives.md 2.4.
func Quotas(probabilities []float64, grants int) ([]uint64, error) {
	sum := 0.0
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return nil, posse.OutOfRange(fmt.Sprintf("probabilities[%d]", i), fmt.Sprint(p), "[0, 1]", "")
		}
		sum += p
	}
	if grants < 0 || grants > len(probabilities) || math.Abs(sum-float64(grants)) > 1e-9*float64(max(1, grants)) {
		return nil, posse.OutOfRange("probabilities", fmt.Sprint(sum), fmt.Sprintf("a sum of %d, in [0, %d]", grants, len(probabilities)), "")
	}
	quotas := make([]uint64, len(probabilities))
	fractions := make([]float64, len(probabilities))
	byFraction := make([]int, len(probabilities))
	missing := int64(grants) << 32
	for i, p := range probabilities {
		whole := math.Floor(p * float64(One)) // exact: a power of two
		quotas[i], fractions[i], byFraction[i] = uint64(whole), p*float64(One)-whole, i
		missing -= int64(whole)
	}
	slices.SortStableFunc(byFraction, func(a, b int) int {
		switch {
		case fractions[a] > fractions[b]:
			return -1
		case fractions[a] < fractions[b]:
			return 1
		default:
			return a - b
		}
	})
	for missing > 0 {
		for _, i := range byFraction {
			if missing > 0 && quotas[i] < One {
				quotas[i]++
				missing--
			}
		}
	}
	for missing < 0 {
		for _, i := range slices.Backward(byFraction) {
			if missing < 0 && quotas[i] > 0 {
				quotas[i]--
				missing++
			}
		}
	}
	return quotas, nil
}
