package stattest

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
	"gonum.org/v1/gonum/mathext"
)

// Binomial tests whether k successes in n trials come from the success chance p:
// twice the smaller exact tail. n ≥ 1, k ≤ n, p in [0, 1].
func Binomial(k, n uint64, p, alarm float64) (Result, error) {
	if err := checkAlarm(alarm); err != nil {
		return Result{}, err
	}
	if n == 0 || k > n {
		return Result{}, posse.OutOfRange("k", strconv.FormatUint(k, 10), "[0, n], n ≥ 1", "")
	}
	if !(p >= 0 && p <= 1) {
		return Result{}, posse.OutOfRange("p", float(p), "[0, 1]", "")
	}
	tail := min(UpperTail(k, n, p), 1-UpperTail(k+1, n, p))
	if float64(k) < float64(n)*p { // take the small tail without a difference
		tail = UpperTail(n-k, n, 1-p)
	}
	return Result{"binomial", float64(k) / float64(n), min(1, 2*tail), alarm}, nil
}

// UpperTail returns P(Bin(n, p) ≥ k), by the incomplete beta function, to about
// 1e-12 relative.
func UpperTail(k, n uint64, p float64) float64 {
	switch {
	case k == 0:
		return 1
	case k > n:
		return 0
	case p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	return mathext.RegIncBeta(float64(k), float64(n-k)+1, p)
}

// LowerBound returns the one-sided Clopper–Pearson bound: the chance is at least
// this with confidence 1 − alarm after k successes in n trials. 0 for k = 0.
func LowerBound(k, n uint64, alarm float64) float64 {
	if k == 0 {
		return 0
	}
	return mathext.InvRegIncBeta(float64(k), float64(n-k)+1, alarm)
}

// UpperBound is the bound on the other side: the chance is at most this with
// confidence 1 − alarm. 1 for k = n.
func UpperBound(k, n uint64, alarm float64) float64 {
	if k >= n {
		return 1
	}
	// 1 − LowerBound of the failures, which keeps its digits near 0 the other way round
	if k == 0 {
		return -math.Expm1(math.Log(alarm) / float64(n))
	}
	return mathext.InvRegIncBeta(float64(k)+1, float64(n-k), 1-alarm)
}
