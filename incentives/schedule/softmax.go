package schedule

import (
	"fmt"
	"math"

	posse "github.com/posse-dev/posse"
)

// Successive returns each node's probability of being among k drawn one after the
// other without replacement, in proportion to positive weights. In the race form node
// i arrives at an exponential time of rate w_i and the first k win:
//
//	P_i = ∫ w_i e^(−w_i t) P[fewer than k of the others arrive before t] dt
//
// taken by the trapezoid rule in ln t, which converges exponentially for this smooth
// integrand; the count of the others is Poisson-binomial, O(nk) a point. Weights so
// far apart that a node weighs less than 1e-15 of the k heaviest lose accuracy, never
// the sum. Source: spec/incentives.md 2.4; the draw is that of arXiv 2306.05764.
func Successive(weights []float64, k int) ([]float64, error) {
	n := len(weights)
	if k < 1 || k > n {
		return nil, posse.OutOfRange("grantsPerVersion", fmt.Sprint(k), fmt.Sprintf("[1, %d]", n), "")
	}
	least, most := math.Inf(1), 0.0
	for i, w := range weights {
		if !(w > 0) || math.IsInf(w, 1) {
			return nil, posse.OutOfRange(fmt.Sprintf("weights[%d]", i), fmt.Sprint(w), "a positive finite number", "raise the equality")
		}
		least, most = min(least, w), max(most, w)
	}
	out := make([]float64, n)
	if k == n {
		for i := range out {
			out[i] = 1
		}
		return out, nil
	}
	const step = 0.05
	// Before e^-40 of the fastest mean nobody arrives; after 800 of the slowest everybody has.
	low, high := -40-math.Log(most), math.Log(800)-math.Log(least)
	others := make([]float64, k)
	for u := low; u <= high; u += step {
		t := math.Exp(u)
		for i, w := range weights {
			density := w * t * math.Exp(-w*t) * step
			if density == 0 {
				continue
			}
			out[i] += density * fewerThan(k, weights, i, t, others)
		}
	}
	return out, nil
}

// fewerThan returns the probability that fewer than k of the nodes other than skip
// arrive before t. scratch has k entries.
func fewerThan(k int, weights []float64, skip int, t float64, scratch []float64) float64 {
	clear(scratch)
	scratch[0] = 1
	for j, w := range weights {
		if j == skip {
			continue
		}
		arrived := -math.Expm1(-w * t)
		for c := k - 1; c > 0; c-- {
			scratch[c] = scratch[c]*(1-arrived) + scratch[c-1]*arrived
		}
		scratch[0] *= 1 - arrived
	}
	sum := 0.0
	for _, x := range scratch {
		sum += x
	}
	return sum
}
