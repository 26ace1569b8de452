package audit

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/stattest"
)

// LowerBound returns an ε such that, if the mechanism were (ε', δ)-DP for any
// smaller ε', what was seen would have a chance below 1 − confidence.
//
//	ε = ln((p − δ)/p'),  p, p' one-sided Clopper–Pearson bounds at (1 − confidence)/2
//
// The event happened k times in n plays with the unit and kOther in n without. It
// must have been chosen before these plays were looked at. 0 when nothing is shown.
// n in [1, 2^40], δ in [0, 1), confidence in (0.5, 1).
func LowerBound(k, kOther, n uint64, delta, confidence float64) (float64, error) {
	if n == 0 || n > 1<<40 || k > n || kOther > n {
		return 0, posse.OutOfRange("plays", strconv.FormatUint(n, 10), "[1, 2^40], no fewer than events", "")
	}
	if err := checkClaim(delta, confidence); err != nil {
		return 0, err
	}
	alpha := (1 - confidence) / 2
	p := stattest.LowerBound(k, n, alpha)*(1-1e-9) - delta // the beta quantiles are good to 1e-10
	q := math.Min(1, stattest.UpperBound(kOther, n, alpha)*(1+1e-9))
	if p <= q {
		return 0, nil
	}
	return math.Log(p / q), nil
}

// OneRun returns the lower bound on ε of a single run in which each of m canaries
// was in or out by its own fair coin, an adversary guessed guesses of the coins and
// abstained on the others, and right guesses were right.
//
//	p-value = min(1, β + 2mδ·α),  β = P(Bin(r, q) ≥ v),  q = e^ε/(1+e^ε),
//	α = max_{i=1..v} P(v > Bin(r, q) ≥ v − i)/i
//
// The largest ε whose p-value is below 1 − confidence; 0 when there is none. The
// canaries are the privacy units. Source: Steinke, Nasr, Jagielski 2023, Theorem 5.2.
func OneRun(m, guesses, right uint64, delta, confidence float64) (float64, error) {
	if m == 0 || m > 1e7 || guesses > m || right > guesses {
		return 0, posse.OutOfRange("canaries", strconv.FormatUint(m, 10), "right ≤ guesses ≤ m ≤ 1e7, m ≥ 1", "")
	}
	if err := checkClaim(delta, confidence); err != nil {
		return 0, err
	}
	rejected := func(epsilon float64) bool { return oneRunPValue(m, guesses, right, delta, epsilon) < 1-confidence }
	return largestRejected(50, 1e-10, rejected), nil
}

func oneRunPValue(m, r, v uint64, delta, epsilon float64) float64 {
	q := 1 / (1 + math.Exp(-epsilon))
	beta := stattest.UpperTail(v, r, q)
	if delta == 0 || v == 0 {
		return math.Min(1, beta)
	}
	// the sums P(v > Bin ≥ v−i) add one term a step
	lg := func(x uint64) float64 { g, _ := math.Lgamma(float64(x) + 1); return g }
	logQ, logRest := math.Log(q), -epsilon+math.Log(q)
	var sum, alpha float64
	for i := uint64(1); i <= v; i++ {
		k := v - i
		sum += math.Exp(lg(r) - lg(k) - lg(r-k) + float64(k)*logQ + float64(r-k)*logRest)
		alpha = math.Max(alpha, sum/float64(i))
	}
	return math.Min(1, beta+2*float64(m)*delta*alpha)
}

// OneRunGDP is OneRun for the hypothesis that the mechanism is μ-GDP: the largest μ
// that is rejected. It is weak where guesses fail together; use many canaries.
// Source: Mahloujifar, Melis, Chaudhuri 2024, the authors' procedure for two choices.
func OneRunGDP(m, guesses, right uint64, confidence float64) (float64, error) {
	if m == 0 || m > 1e7 || guesses > m || guesses == 0 || right > guesses {
		return 0, posse.OutOfRange("canaries", strconv.FormatUint(m, 10), "right ≤ guesses ≤ m ≤ 1e7, guesses ≥ 1", "")
	}
	if err := checkClaim(0, confidence); err != nil {
		return 0, err
	}
	rejected := func(mu float64) bool {
		tau := 1 - confidence
		h := tau * float64(guesses-right) / float64(m)
		r := tau * float64(right) / float64(m)
		for i := int64(right) - 1; i >= 0; i-- {
			next := math.Max(h, tradeOff(r, mu))
			r += float64(i) / float64(guesses-uint64(i)) * (next - h)
			h = next
		}
		return r+h > float64(guesses)/float64(m)
	}
	return largestRejected(20, 1e-9, rejected), nil
}

// largestRejected returns, to width and from below, the largest parameter in
// [0, high) that is rejected, where all smaller ones are; 0 when none is.
func largestRejected(high, width float64, rejected func(float64) bool) float64 {
	if !rejected(0) {
		return 0
	}
	low := 0.0
	for high-low > width {
		if mid := (low + high) / 2; rejected(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// tradeOff is Φ(Φ⁻¹(r) − μ).
func tradeOff(r, mu float64) float64 {
	if r <= 0 {
		return 0
	}
	if r >= 1 {
		return 1
	}
	quantile := -math.Sqrt2 * math.Erfcinv(2*r)
	return math.Erfc(-(quantile-mu)/math.Sqrt2) / 2
}

func checkClaim(delta, confidence float64) error {
	if !(delta >= 0 && delta < 1) {
		return posse.OutOfRange("delta", strconv.FormatFloat(delta, 'g', -1, 64), "[0, 1)", "")
	}
	if !(confidence > 0.5 && confidence < 1) {
		return posse.OutOfRange("confidence", strconv.FormatFloat(confidence, 'g', -1, 64), "(0.5, 1)", "")
	}
	return nil
}
