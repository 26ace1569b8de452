package robust

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
)

// Catoni is the root θ of Σψ(α(x_i − θ)) = 0 with ψ(x) = sign(x)·ln(1 + |x| + x²/2)
// and α = √(2L/(n(s² + 2s²L/(n−2L)))), L = ln(1/δ), for a variance of at most s². The
// radius is 2√(s²L/n) where n > 4L, else +Inf; n ≤ 2L is an error.
// Source: Catoni 2012, proposition 2.4; Bubeck, Cesa-Bianchi and Lugosi 2013, lemma 3.
func Catoni(x []float64, variance, delta float64) (Estimate, error) {
	l, err := given(x, mechanisms.Moment{Order: 2, Bound: variance}, delta)
	if err != nil {
		return Estimate{}, err
	}
	n := float64(len(x))
	if n <= 2*l {
		return Estimate{}, errTooFew(len(x), fmt.Sprintf("n > 2·ln(1/δ) = %.4g", 2*l))
	}
	alpha := math.Sqrt(2 * l / (n * (variance + 2*variance*l/(n-2*l))))
	radius := math.Inf(1)
	if n > 4*l {
		radius = 2 * math.Sqrt(variance*l/n)
	}
	return Estimate{CatoniRoot(x, alpha, 2), radius}, nil
}

// CatoniOrder is Catoni's estimator for a central moment E|X − μ|^p ≤ m of order p
// below 2: ψ_p(x) = sign(x)·ln(1 + |x| + |x|^p/p) with the α and the radius of
// [CatoniRadius]. Source: private-learning 1 (derived there); the influence function
// is that of Bhatt, Fang, Li and Samorodnitsky 2022, section 2.
func CatoniOrder(x []float64, m mechanisms.Moment, delta float64) (Estimate, error) {
	l, err := given(x, m, delta)
	if err != nil {
		return Estimate{}, err
	}
	alpha, radius := CatoniRadius(m, float64(len(x)), l)
	return Estimate{CatoniRoot(x, alpha, m.Order), radius}, nil
}

// CatoniRadius returns α = (pL/(n(p−1)2^(p−1)m))^(1/p) and the smallest r with
// αr − ((2α)^p/(2p))·(m + r^p) ≥ L/n, +Inf where there is none.
// Source: private-learning 1.
func CatoniRadius(m mechanisms.Moment, n, l float64) (alpha, radius float64) {
	p := m.Order
	alpha = math.Pow(p*l/(n*(p-1)*math.Pow(2, p-1)*m.Bound), 1/p)
	c := math.Pow(2*alpha, p) / (2 * p)
	gain := func(r float64) float64 { return alpha*r - c*(m.Bound+math.Pow(r, p)) - l/n }
	high := math.Pow(alpha/(c*p), 1/(p-1)) // where the concave gain is largest
	if !(gain(high) >= 0) {
		return alpha, math.Inf(1)
	}
	low := 0.0
	for range 200 {
		middle := low + (high-low)/2
		if gain(middle) >= 0 {
			high = middle
		} else {
			low = middle
		}
	}
	return alpha, high
}

// CatoniRoot is the root of Catoni's score of order p in (1, 2] for a given α > 0 and
// at least one finite observation: safeguarded Newton steps to a relative 1e-12.
// Source: Catoni 2012, section 2.
func CatoniRoot(x []float64, alpha, p float64) float64 {
	low, high := slices.Min(x), slices.Max(x)
	theta := low + (high-low)/2
	slow := 0 // Newton steps that did not halve the bracket
	for range 200 {
		width := high - low
		if width <= 1e-12*math.Max(1, math.Abs(theta)) {
			break
		}
		score, slope := 0.0, 0.0
		for _, v := range x {
			s, d := influence(alpha*(v-theta), p)
			score += s
			slope += d
		}
		switch {
		case score > 0:
			low = theta
		case score < 0:
			high = theta
		default:
			return theta
		}
		next := theta + score/(alpha*slope)
		if math.Abs(next-theta) <= 1e-15*math.Abs(theta) {
			return theta
		}
		if slow++; high-low <= width/2 {
			slow = 0
		}
		if !(next > low && next < high) || slow >= 3 {
			next, slow = low+(high-low)/2, 0
		}
		theta = next
	}
	return theta
}

// influence is ψ_p and its derivative. Source: Catoni 2012, equation 2.2.
func influence(x, p float64) (psi, slope float64) {
	a := math.Abs(x)
	if a > 1e100 { // |x|^p could overflow; the other terms are below its rounding
		psi, slope = p*math.Log(a)-math.Log(p), p/a
	} else {
		power := math.Pow(a, p)
		psi = math.Log1p(a + power/p)
		slope = 1.0
		if a > 0 {
			slope = (1 + power/a) / (1 + a + power/p)
		}
	}
	return math.Copysign(psi, x), slope
}

// Huber is the root θ of Σ max(−τ, min(τ, x_i − θ)) = 0, the middle of the roots
// where there are several. τ = 0 takes s√(n/L) for a variance of at most s². With
// a variance the radius is the smallest r with r/τ − (s² + r²)/τ² ≥ L/n, +Inf where
// there is none: the clipped score is between −ln(1 − x + x²) and ln(1 + x + x²), so
// Catoni's argument holds for it. With the default τ and large n that is 2s√(L/n).
// A variance of 0 means that none is known, and needs τ.
// Source: Huber 1964; Sun, Zhou and Fan 2020; the radius is derived here after
// Catoni 2012.
func Huber(x []float64, tau, variance, delta float64) (Estimate, error) {
	if err := observations(x, 1); err != nil {
		return Estimate{}, err
	}
	l, err := confidence(delta)
	if err != nil {
		return Estimate{}, err
	}
	if !(variance >= 0) || math.IsInf(variance, 1) {
		return Estimate{}, posse.OutOfRange("variance", fmt.Sprint(variance), "[0, ∞)", "give a bound on the variance, or tau")
	}
	n := float64(len(x))
	if tau == 0 {
		tau = math.Sqrt(variance * n / l)
	}
	if !(tau > 0) || math.IsInf(tau, 1) {
		return Estimate{}, posse.OutOfRange("tau", fmt.Sprint(tau), "(0, ∞)", "give tau, or a bound on the variance")
	}
	radius := math.Inf(1)
	if root := 1 - 4*(variance/(tau*tau)+l/n); variance > 0 && root >= 0 {
		radius = tau * (1 - math.Sqrt(root)) / 2
	}
	return Estimate{huberRoot(x, tau), radius}, nil
}

// huberRoot finds the segment between two kinks x_i ± τ in which the score, which is
// linear there, meets 0.
func huberRoot(x []float64, tau float64) float64 {
	kinks := make([]float64, 0, 2*len(x))
	for _, v := range x {
		kinks = append(kinks, v-tau, v+tau)
	}
	slices.Sort(kinks)
	// counts at θ: observations beyond τ to the right less those to the left, those
	// within, and the sum of these less θ each
	at := func(theta float64) (beyond, within int, sum float64) {
		for _, v := range x {
			switch off := v - theta; {
			case off >= tau:
				beyond++
			case off <= -tau:
				beyond--
			default:
				within++
				sum += off
			}
		}
		return beyond, within, sum
	}
	score := func(theta float64) float64 { beyond, _, sum := at(theta); return tau*float64(beyond) + sum }
	slack := 1e-12 * tau
	// the first kink from which on the score is at most 0, and the last to which it is at least 0
	right, _ := slices.BinarySearchFunc(kinks, 0.0, func(k, _ float64) int { return sign(score(k) <= slack) })
	left, _ := slices.BinarySearchFunc(kinks, 0.0, func(k, _ float64) int { return sign(score(k) < -slack) })
	if left > right { // kinks at which the score is 0
		return kinks[right]/2 + kinks[left-1]/2
	}
	low, high := kinks[max(right-1, 0)], kinks[min(right, len(kinks)-1)]
	middle := low/2 + high/2
	beyond, within, sum := at(middle)
	if within == 0 {
		return middle
	}
	return math.Max(low, math.Min(high, middle+(tau*float64(beyond)+sum)/float64(within)))
}

// sign orders a sorted sequence of no and yes for a binary search for the first yes.
func sign(yes bool) int {
	if yes {
		return 1
	}
	return -1
}
