package episodic

import (
	"math"
	"slices"
)

// Consistent turns the noisy counts a of one cell's next states, and the noisy count
// total of the cell, each off by at most e/4, into counts x + e/(2S) that are positive
// and add up: x ≥ 0 minimises max|x − a| subject to |Σx − total| ≤ e/4. It writes them
// over a and returns their sum, Σx + e/2, which is at least the true count and at
// most e above it. It is exact, by the shift s of least magnitude with
// |Σmax(0, a + s) − total| ≤ e/4: x = max(0, a + s); x = 0 where total < −e/4 (an event
// that the bound excludes). O(S·ln S).
// Source: Qiao and Wang 2023, section 3.1 (the programme); private-learning 7.2 (the
// closed form).
func Consistent(a []float64, total, e float64) (sum float64) {
	shift(a, total, e)
	for i, x := range a {
		sum += x
		a[i] = x + e/(2*float64(len(a)))
	}
	return sum + e/2
}

// shift writes x over a.
func shift(a []float64, total, e float64) {
	f := 0.0
	for _, x := range a {
		f += math.Max(0, x)
	}
	target := f
	switch {
	case total < -e/4:
		clear(a)
		return
	case f > total+e/4:
		target = total + e/4
	case f < total-e/4:
		target = total - e/4
	}
	s := 0.0
	if target != f {
		s = level(a, target)
	}
	for i, x := range a {
		a[i] = math.Max(0, x+s)
	}
}

// level is the s with Σmax(0, a + s) = target ≥ 0: among the k largest a it is
// (target − Σ)/k, for the k at which the next one stays below 0.
func level(a []float64, target float64) float64 {
	sorted := slices.Clone(a)
	slices.SortFunc(sorted, func(x, y float64) int {
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	sum := 0.0
	for k, x := range sorted {
		sum += x
		s := (target - sum) / float64(k+1)
		if k+1 == len(sorted) || sorted[k+1]+s <= 0 {
			return s
		}
	}
	return 0
}
