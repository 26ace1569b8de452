package schedule

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	posse "github.com/posse-dev/posse"
)

// Pearson returns the correlation of two equally long series of finite numbers, and
// whether there is one: a constant series has none, and gets no NaN.
func Pearson(x, y []float64) (float64, bool) {
	if len(x) != len(y) || len(x) < 2 || constant(x) || constant(y) {
		return 0, false
	}
	r := stat.Correlation(x, y, nil)
	return min(1, max(-1, r)), !math.IsNaN(r)
}

// Spearman returns the correlation of the ranks, ties at their mean rank, under the
// conditions of [Pearson].
func Spearman(x, y []float64) (float64, bool) { return Pearson(ranks(x), ranks(y)) }

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	out := make([]float64, len(x))
	for from := 0; from < len(order); {
		to := from + 1 // what is not a number equals nothing, itself included
		for to < len(order) && x[order[to]] == x[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to-1) / 2
		}
		from = to
	}
	return out
}

// Gini returns the inequality of n ≥ 1 non-negative numbers, 0 when all are equal and
// (n − 1)/n when one has everything; all zeros are equal.
//
//	G = Σ_ij |x_i − x_j| / (2 n² x̄)
func Gini(x []float64) (float64, error) {
	sorted := slices.Sorted(slices.Values(x))
	sum, weighted := 0.0, 0.0
	for i, v := range sorted {
		if !(v >= 0) || math.IsInf(v, 1) {
			return 0, posse.OutOfRange("values", "negative or not finite", "[0, ∞)", "")
		}
		sum += v
		weighted += float64(2*(i+1)-len(sorted)-1) * v
	}
	if len(sorted) == 0 {
		return 0, posse.OutOfRange("values", "none", "at least one", "")
	}
	if sum == 0 {
		return 0, nil
	}
	return weighted / (float64(len(sorted)) * sum), nil
}

// Envy counts ordered pairs in which i's contribution is above j's by more than two
// standard errors of their difference, and yet i was granted fewer versions than j by
// more than chance explains: with equal chances each of their unequal grants favours
// either with probability ½, so it takes a difference above 4.9·√(grants of both),
// passed with probability below 1e-6 (normal tail). Slices are of one length.
func Envy(contributions, standardErrors []float64, grants []int) (int, error) {
	n := len(contributions)
	if len(standardErrors) != n || len(grants) != n {
		return 0, posse.OutOfRange("grants", fmt.Sprintf("%d and %d", len(standardErrors), len(grants)), fmt.Sprintf("one for each of %d nodes", n), "")
	}
	pairs := 0
	for i := range n {
		for j := range n {
			error2 := standardErrors[i]*standardErrors[i] + standardErrors[j]*standardErrors[j]
			if contributions[i]-contributions[j] > 2*math.Sqrt(error2) &&
				float64(grants[j]-grants[i]) > 4.9*math.Sqrt(float64(grants[i]+grants[j])) {
				pairs++
			}
		}
	}
	return pairs, nil
}
