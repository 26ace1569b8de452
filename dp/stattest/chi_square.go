package stattest

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
	"gonum.org/v1/gonum/mathext"
)

// leastExpected is the smallest expected count of a cell: below it the statistic
// is not near enough to its limit law for a false alarm of 1e-6.
const leastExpected = 20

// ChiSquare tests whether counts come from a law with the given cell
// probabilities (Pearson's test).
//
//	X² = Σ (count − n·p)²/(n·p),  p-value = P(χ²(cells−1) ≥ X²)
//
// probabilities sum to 1 within 1e-9. Neighbouring cells are pooled from both ends
// and in between until each has an expected count of at least 20; fewer than two
// cells after that is an error.
func ChiSquare(counts []uint64, probabilities []float64, alarm float64) (Result, error) {
	if err := checkAlarm(alarm); err != nil {
		return Result{}, err
	}
	if len(counts) != len(probabilities) || len(counts) < 2 {
		return Result{}, posse.OutOfRange("counts", strconv.Itoa(len(counts)), "as many as probabilities, at least 2", "")
	}
	var n uint64
	var sum float64
	for i, p := range probabilities {
		if !(p >= 0 && p <= 1) {
			return Result{}, posse.OutOfRange("probabilities", float(p), "[0, 1]", "")
		}
		n += counts[i]
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		return Result{}, posse.OutOfRange("probabilities", float(sum), "a sum of 1", "")
	}
	var observed, expected []float64
	var o, e float64
	for i, p := range probabilities {
		o += float64(counts[i])
		e += float64(n) * p
		if e >= leastExpected {
			observed, expected = append(observed, o), append(expected, e)
			o, e = 0, 0
		}
	}
	if len(expected) > 0 { // the rest joins the last cell
		observed[len(observed)-1] += o
		expected[len(expected)-1] += e
	}
	if len(expected) < 2 {
		return Result{}, posse.OutOfRange("counts", strconv.FormatUint(n, 10), "enough for two cells of 20", "draw more")
	}
	var x2 float64
	for i := range expected {
		d := observed[i] - expected[i]
		x2 += d * d / expected[i]
	}
	return Result{"chi-square", x2, mathext.GammaIncRegComp(float64(len(expected)-1)/2, x2/2), alarm}, nil
}
