package stattest

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
)

// Mean tests whether the mean of n independent values with known standard
// deviation sd is mean.
//
//	z = (average − mean)·√n/sd,  p-value = erfc(|z|/√2)
//
// It rests on the central limit: the number of values must be large enough for
// their tails (1,000 for laws with exponential tails at 1e-6). n ≥ 100, sd > 0.
func Mean(average, mean, sd float64, n uint64, alarm float64) (Result, error) {
	if err := checkAlarm(alarm); err != nil {
		return Result{}, err
	}
	if n < 100 {
		return Result{}, posse.OutOfRange("n", strconv.FormatUint(n, 10), "[100, ∞)", "")
	}
	if !(sd > 0) || math.IsInf(sd, 0) {
		return Result{}, posse.OutOfRange("sd", float(sd), "(0, ∞)", "")
	}
	z := (average - mean) * math.Sqrt(float64(n)) / sd
	if math.IsNaN(z) {
		return Result{}, posse.OutOfRange("average", "not a number", "numbers", "")
	}
	return Result{"mean", z, math.Erfc(math.Abs(z) / math.Sqrt2), alarm}, nil
}

// Variance tests whether the mean square of n independent values of mean zero is
// variance, given their true fourth moment: a [Mean] test of the squares.
func Variance(meanSquare, variance, fourth float64, n uint64, alarm float64) (Result, error) {
	r, err := Mean(meanSquare, variance, math.Sqrt(fourth-variance*variance), n, alarm)
	r.Name = "variance"
	return r, err
}
