package robust

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
)

// Estimate is a mean of heavy-tailed observations with a radius: the true mean is
// more than Radius above it with probability at most δ, and as often below it. For
// two sides at once take δ/2. Radius is +Inf where no bound is known.
//
// Estimates read raw observations and have no finite sensitivity, [Truncated] and
// clipping aside: they are for a node's own numbers and for simulations, and are
// never released.
type Estimate struct{ Mean, Radius float64 }

// Mean is the arithmetic mean, without a radius: under heavy tails it has none of
// use.
func Mean(x []float64) (Estimate, error) {
	if err := observations(x, 1); err != nil {
		return Estimate{}, err
	}
	return Estimate{average(x), math.Inf(1)}, nil
}

// Clipped is the mean of clip(x, ±bound) with the radius of [Clipping.Radius] for
// rewards with E|X|^p ≤ u: bias, sampling and no noise. It is what [Clipping] sums,
// for one who has the observations.
func Clipped(x []float64, bound float64, m mechanisms.Moment, delta float64) (Estimate, error) {
	l, err := given(x, m, delta)
	if err != nil {
		return Estimate{}, err
	}
	if !(bound > 0) || math.IsInf(bound, 1) {
		return Estimate{}, posse.OutOfRange("bound", fmt.Sprint(bound), "(0, ∞)", "clip at a positive bound")
	}
	var ledger Clipping
	ledger.Add(float64(len(x)), bound, m, 62)
	clipped := make([]float64, len(x))
	for i, v := range x {
		clipped[i] = math.Max(-bound, math.Min(bound, v))
	}
	return Estimate{average(clipped), ledger.Radius(m, l)}, nil
}

// Truncated is (1/n)·Σ x_i·1{|x_i| ≤ B_i} with B_i = (u·i/L)^(1/p), i = 1..n, for
// rewards with the raw moment E|X|^p ≤ u and L = ln(1/δ); n stays the denominator.
// The radius is 4·u^(1/p)·(L/n)^(v/p). It depends on the order of x.
// Source: Bubeck, Cesa-Bianchi and Lugosi 2013, lemma 1.
func Truncated(x []float64, m mechanisms.Moment, delta float64) (Estimate, error) {
	l, err := given(x, m, delta)
	if err != nil {
		return Estimate{}, err
	}
	kept := make([]float64, len(x))
	for i, v := range x {
		if math.Abs(v) <= TruncationLevel(m, float64(i+1), l) {
			kept[i] = v
		}
	}
	return Estimate{average(kept), 4 * HeavyRadius(m, float64(len(x)), l)}, nil
}

// TruncationLevel is B = (u·i/L)^(1/p), where the i-th observation of [Truncated] is
// cut. Source: Bubeck, Cesa-Bianchi and Lugosi 2013, section 2.
func TruncationLevel(m mechanisms.Moment, i, l float64) float64 {
	return math.Pow(m.Bound*i/l, 1/m.Order)
}

// HeavyRadius is u^(1/p)·(L/n)^(v/p), the order of every radius here.
// Source: Bubeck, Cesa-Bianchi and Lugosi 2013, assumption 1.
func HeavyRadius(m mechanisms.Moment, n, l float64) float64 {
	return math.Pow(m.Bound, 1/m.Order) * math.Pow(l/n, (m.Order-1)/m.Order)
}

// MedianOfMeans is the median of the means of k blocks (observation i is in block
// i mod k; the mean of the middle two where k is even) with
// k = ⌊min(8·ln(e^(1/8)/δ), n/2)⌋, at least 1. m bounds the central moment
// E|X − μ|^p. The radius is (12·m)^(1/p)·(16·ln(e^(1/8)/δ)/n)^(v/p).
// Source: Bubeck, Cesa-Bianchi and Lugosi 2013, lemma 2.
func MedianOfMeans(x []float64, m mechanisms.Moment, delta float64) (Estimate, error) {
	l, err := given(x, m, delta)
	if err != nil {
		return Estimate{}, err
	}
	n := float64(len(x))
	k := max(1, int(math.Min(8*(l+0.125), n/2)))
	means := make([]float64, k)
	for b := range means {
		count := 0.0
		for i := b; i < len(x); i += k {
			count++
			means[b] += (x[i] - means[b]) / count
		}
	}
	slices.Sort(means)
	radius := math.Pow(12*m.Bound, 1/m.Order) * math.Pow(16*(l+0.125)/n, (m.Order-1)/m.Order)
	return Estimate{means[(k-1)/2]/2 + means[k/2]/2, radius}, nil
}

// Trimmed is the mean of what is left after ⌈share·n⌉ observations are dropped at
// each end, share in [0, 0.5). It has no radius.
func Trimmed(x []float64, share float64) (Estimate, error) {
	if err := observations(x, 1); err != nil {
		return Estimate{}, err
	}
	if !(share >= 0 && share < 0.5) {
		return Estimate{}, posse.OutOfRange("trim", fmt.Sprint(share), "[0, 0.5)", "0.1 is the default")
	}
	drop := int(math.Ceil(share * float64(len(x))))
	if 2*drop >= len(x) {
		return Estimate{}, errTooFew(len(x), fmt.Sprintf("more than %d, of which trimming leaves one", 2*drop))
	}
	sorted := slices.Sorted(slices.Values(x))
	return Estimate{average(sorted[drop : len(x)-drop]), math.Inf(1)}, nil
}

// average is the mean by Welford's recurrence, which can't overflow where the mean
// does not.
func average(x []float64) float64 {
	mean := 0.0
	for i, v := range x {
		mean += v/float64(i+1) - mean/float64(i+1)
	}
	return mean
}

// given validates what most estimators take and returns L = ln(1/δ).
func given(x []float64, m mechanisms.Moment, delta float64) (float64, error) {
	if err := observations(x, 1); err != nil {
		return 0, err
	}
	if !(m.Order > 1 && m.Order <= 2) {
		return 0, posse.OutOfRange("order", fmt.Sprint(m.Order), "(1, 2]", "2 means a finite variance, 1.5 a heavier tail")
	}
	if !(m.Bound > 0) || math.IsInf(m.Bound, 1) {
		return 0, posse.OutOfRange("bound", fmt.Sprint(m.Bound), "(0, ∞)", "give a bound on the moment")
	}
	return confidence(delta)
}

func confidence(delta float64) (float64, error) {
	if !(delta > 0 && delta < 1) {
		return 0, posse.OutOfRange("delta", fmt.Sprint(delta), "(0, 1)", "0.05 fails one time in twenty")
	}
	return -math.Log(delta), nil
}

// observations refuses fewer than least numbers, and any that is not finite, by its
// place: no observation is ever shown.
func observations(x []float64, least int) error {
	if len(x) < least {
		return errTooFew(len(x), fmt.Sprintf("at least %d", least))
	}
	for i, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return posse.OutOfRange(fmt.Sprintf("values[%d]", i), "(withheld)", "a finite number", "remove it")
		}
	}
	return nil
}

func errTooFew(n int, need string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "values", Value: fmt.Sprintf("%d observations", n),
		Allowed: need, Message: "too few observations", Hint: "collect more, or ask for less confidence",
	}
}
