package robust

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/posse-dev/posse"
)

// Tail is what order statistics say about the tail of |x|: how fast P(|X| > x) falls.
// A tail index a means x^(−a): moments of order below a are finite. It reads raw
// observations and is not private.
type Tail struct {
	N, Zeros int // positive observations that were used, and zeros that were dropped
	K        int // the largest ones that the estimates rest on

	// Hill is 1/γ with γ the mean of ln(X_(n−i+1)/X_(n−k)); [Low, High] holds the
	// index with 95 % in the exact Pareto model. Source: Hill 1975.
	Hill, Low, High float64

	// Gamma is the moment estimator, above 0 for a heavy tail and below for one that
	// ends; SD is its asymptotic standard deviation, NaN below 0.
	// Source: Dekkers, Einmahl and de Haan 1989.
	Gamma, SD float64

	// Pickands estimates the same from three order statistics; it is shown and never
	// used. NaN where 4k > n or they are equal. Source: Pickands 1975.
	Pickands, PickandsSD float64

	// Stable: Hill's estimate stays in [Low, High] for every k from k/2 to 2k.
	Stable bool

	// Advice is the largest moment order in (1, 2] that can be relied on, 0 for none.
	Advice float64
}

// quantile of a 95 % interval.
var z95 = distuv.UnitNormal.Quantile(0.975)

// EstimateTail looks at the k largest of |x|; k = 0 takes ⌈2√n⌉, at most n/4. It
// needs 50 observations that are not 0, and k in [2, n−1]. Errors name the field
// and show no observation. Source: private-learning 2.
func EstimateTail(x []float64, k int) (Tail, error) {
	if err := observations(x, 1); err != nil {
		return Tail{}, err
	}
	var t Tail
	sorted := make([]float64, 0, len(x))
	for _, v := range x {
		if v == 0 {
			t.Zeros++
		} else {
			sorted = append(sorted, math.Abs(v))
		}
	}
	if t.N = len(sorted); t.N < 50 {
		return Tail{}, errTooFew(t.N, "at least 50 that are not 0")
	}
	slices.Sort(sorted)
	if t.K = k; k == 0 {
		t.K = min(int(math.Ceil(2*math.Sqrt(float64(t.N)))), t.N/4)
	}
	if t.K < 2 || t.K > t.N-1 {
		return Tail{}, posse.OutOfRange("k", fmt.Sprint(k), fmt.Sprintf("[2, %d]", t.N-1), "leave it out for 2√n")
	}
	sums := logSums(sorted)
	first, second := sums.moments(t.K)
	if !(first > 0) {
		return Tail{}, posse.OutOfRange("values", "the k+1 largest are equal", "observations that differ", "take a larger k")
	}
	root := math.Sqrt(float64(t.K))
	t.Hill = 1 / first
	t.Low = t.Hill / (1 + z95/root)
	t.High = math.Inf(1)
	if root > z95 {
		t.High = t.Hill / (1 - z95/root)
	}
	t.Gamma = first + 1 - 0.5/(1-first*first/second)
	t.SD = math.NaN()
	if t.Gamma >= 0 {
		t.SD = math.Sqrt((1 + t.Gamma*t.Gamma) / float64(t.K))
	}
	t.Pickands, t.PickandsSD = pickands(sorted, t.K)
	t.Stable = true
	for j := max(2, t.K/2); j <= min(2*t.K, t.N-1); j++ {
		if one, _ := sums.moments(j); !(one > 0 && 1/one >= t.Low && 1/one <= t.High) {
			t.Stable = false
		}
	}
	t.Advice = t.advice()
	return t, nil
}

// margin keeps the advised order away from one that may be infinite.
const margin = 0.05

func (t Tail) advice() float64 {
	light := t.Gamma < 0 || t.Gamma+z95*t.SD < 0.5-margin/2 // γ below ½ is an index above 2
	switch {
	case light || t.Low-margin > 2:
		return 2
	case t.Low <= 1+margin:
		return 0
	default:
		return math.Min(2, t.Low-margin)
	}
}

// prefix holds Σ ln X and Σ ln² X over the largest observations.
type prefix struct{ sorted, one, two []float64 }

func logSums(sorted []float64) prefix {
	p := prefix{sorted, make([]float64, len(sorted)+1), make([]float64, len(sorted)+1)}
	for i := range sorted {
		l := math.Log(sorted[len(sorted)-1-i])
		p.one[i+1], p.two[i+1] = p.one[i]+l, p.two[i]+l*l
	}
	return p
}

// moments returns M_1 and M_2, the means of ln(X_(n−i+1)/X_(n−k)) and of its square.
func (p prefix) moments(k int) (first, second float64) {
	n := len(p.sorted)
	base, count := math.Log(p.sorted[n-1-k]), float64(k)
	first = p.one[k]/count - base
	return first, p.two[k]/count - 2*base*p.one[k]/count + base*base
}

func pickands(sorted []float64, k int) (gamma, sd float64) {
	n := len(sorted)
	if 4*k > n {
		return math.NaN(), math.NaN()
	}
	a, b, c := sorted[n-k], sorted[n-2*k], sorted[n-4*k]
	if !(a > b && b > c) {
		return math.NaN(), math.NaN()
	}
	gamma = math.Log((a-b)/(b-c)) / math.Ln2
	spread := math.Abs(math.Pow(2, gamma)-1) * 2 * math.Ln2
	if spread == 0 { // γ → 0: the limit of γ/(2^γ − 1) is 1/ln 2
		return gamma, math.Sqrt(3) / (2 * math.Ln2 * math.Ln2 * math.Sqrt(float64(k)))
	}
	return gamma, math.Abs(gamma) * math.Sqrt(math.Pow(2, 2*gamma+1)+1) / (spread * math.Sqrt(float64(k)))
}
