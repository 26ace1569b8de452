package stattest

import (
	"math"
	"slices"
	"strconv"

	"github.com/posse-dev/posse"
)

// rounding is how far a computed distribution function may fall from one float to
// the next: erfc is good to a few units in the last place.
const rounding = 1e-12

// KolmogorovSmirnov tests whether a sample comes from the law with distribution
// function cdf.
//
//	D = sup |F_n − F|,  p-value ≤ 2·exp(−2nD²)
//
// The bound is that of Dvoretzky, Kiefer, Wolfowitz with Massart's constant (1990),
// valid for every n and for laws with atoms, so the false alarm is at most the
// stated one. cdf is called at the sample's values (and, for atoms, must be the
// right-continuous one; the left limit is taken at the float below). NaN is an
// error.
func KolmogorovSmirnov(sample []float64, cdf func(float64) float64, alarm float64) (Result, error) {
	if err := checkAlarm(alarm); err != nil {
		return Result{}, err
	}
	if len(sample) == 0 {
		return Result{}, posse.OutOfRange("sample", "0 values", "at least 1", "")
	}
	sorted := slices.Clone(sample)
	slices.Sort(sorted)
	if math.IsNaN(sorted[0]) { // NaN sorts first
		return Result{}, posse.OutOfRange("sample", "not a number", "numbers", "")
	}
	n := float64(len(sorted))
	var d, last float64
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		at, below := cdf(sorted[i]), cdf(math.Nextafter(sorted[i], math.Inf(-1)))
		if !(at >= 0 && at <= 1 && below >= 0 && below <= at+rounding && last <= at+rounding) {
			return Result{}, posse.OutOfRange("cdf", float(at), "[0, 1], not falling", "at value "+strconv.Itoa(i))
		}
		d = max(d, math.Abs(float64(j)/n-at), math.Abs(float64(i)/n-below))
		i, last = j, at
	}
	return Result{"kolmogorov-smirnov", d, min(1, 2*math.Exp(-2*n*d*d)), alarm}, nil
}
