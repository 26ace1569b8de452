package account

import (
	"math"

	"github.com/posse-dev/posse/dp"
)

// orders are the whole Rényi orders at which sampled curves are evaluated: all up to
// 64, then four to a doubling up to 2^14 (each costs as many terms as its value).
func orders() []float64 {
	var list []float64
	for a := 2.0; a <= 64; a++ {
		list = append(list, a)
	}
	for i := 1; i <= 32; i++ {
		list = append(list, math.Ceil(64*math.Pow(2, float64(i)/4)))
	}
	return list
}

// rdp returns the Rényi divergence bound of one event at order a > 1; false where no
// curve is known: ρ-zCDP has one. Sampled events have one at whole orders only; under
// Poisson sampling the continuous Gaussian alone.
func (e Event) rdp(a float64) (float64, bool) {
	if e.Sampling < 1 && e.Neighbours == dp.Replace {
		if a != math.Trunc(a) {
			return math.Inf(1), true
		}
		return e.withoutReplacementRDP(a), true
	}
	if e.Sampling < 1 {
		if e.Mechanism != Gaussian || a != math.Trunc(a) {
			return math.Inf(1), e.Mechanism == Gaussian
		}
		return sampledGaussianRDP(e.Sampling, e.Sigma/e.Sensitivity, a), true
	}
	switch e.Mechanism {
	case Gaussian, DiscreteGaussian, ZeroConcentrated:
		rho, _ := e.rho()
		return a * rho, true
	case Laplace:
		return laplaceRDP(e.Sensitivity/e.Scale, a), true
	case DiscreteLaplace:
		return discreteLaplaceRDP(e.Sensitivity, e.Scale, a), true
	}
	return responseRDP(e.Epsilon, a), true // randomised response dominates every ε-DP mechanism
}

// laplaceRDP is 1/(a−1)·ln(a/(2a−1)·e^((a−1)t) + (a−1)/(2a−1)·e^(−at)), t = Δ/b
// (Mironov 2017, Proposition 6).
func laplaceRDP(t, a float64) float64 {
	return logAdd(math.Log(a/(2*a-1))+(a-1)*t, math.Log((a-1)/(2*a-1))-a*t) / (a - 1)
}

// responseRDP is 1/(a−1)·ln(p^a(1−p)^(1−a) + (1−p)^a·p^(1−a)), p = e^ε/(1+e^ε)
// (Mironov 2017, Proposition 5).
func responseRDP(epsilon, a float64) float64 {
	logP, logQ := -math.Log1p(math.Exp(-epsilon)), -epsilon-math.Log1p(math.Exp(-epsilon))
	return logAdd(a*logP+(1-a)*logQ, a*logQ+(1-a)*logP) / (a - 1)
}

// discreteLaplaceRDP sums P(x)^a·P(x−Δ)^(1−a) over the integers: two geometric tails
// and the points between 0 and Δ.
func discreteLaplaceRDP(delta, scale, a float64) float64 {
	rate := 1 / scale
	logC := math.Log(math.Tanh(rate / 2)) // (1−p)/(1+p)
	// x ≤ 0: ratio e^(Δ·rate); x ≥ Δ: e^(−Δ·rate); 0 < x < Δ: e^((Δ−2x)·rate)
	tail := -math.Log1p(-math.Exp(-rate)) // ln 1/(1−p)
	sum := logAdd(logC+tail+(a-1)*delta*rate, logC+tail-delta*rate-(a-1)*delta*rate)
	if delta > 1 {
		// Σ_{x=1}^{Δ−1} e^(−x·rate + (a−1)(Δ−2x)·rate): geometric with ratio e^(−(2a−1)·rate)
		step := (2*a - 1) * rate
		first := (a-1)*delta*rate - step
		sum = logAdd(sum, logC+first+math.Log(-math.Expm1(-(delta-1)*step))-math.Log(-math.Expm1(-step)))
	}
	return sum / (a - 1)
}

// sampledGaussianRDP is 1/(a−1)·ln(1 + A), A = Σ_{k≥2} C(a,k)(1−q)^(a−k)q^k·(e^((k²−k)/2σ²) − 1),
// for whole a ≥ 2 (Mironov, Talwar, Zhang 2019, section 3.3; the 1 of each k is taken
// out, so that a small A keeps its digits).
func sampledGaussianRDP(q, sigma, a float64) float64 {
	logQ, logRest := math.Log(q), math.Log1p(-q)
	sum := math.Inf(-1)
	for k := 2.0; k <= a; k++ {
		x := (k*k - k) / (2 * sigma * sigma)
		sum = logAdd(sum, logChoose(a, k)+k*logQ+(a-k)*logRest+x+math.Log(-math.Expm1(-x)))
	}
	return logOnePlus(sum) / (a - 1) * sumsUp
}

// sumsUp covers the error of a sum over k whose terms hold differences of ln Γ.
const sumsUp = 1 + 1e-10

func logChoose(a, k float64) float64 {
	x, _ := math.Lgamma(a + 1)
	y, _ := math.Lgamma(k + 1)
	z, _ := math.Lgamma(a - k + 1)
	return x - y - z
}

// logOnePlus is ln(1 + e^x).
func logOnePlus(x float64) float64 {
	if x > 40 {
		return x
	}
	return math.Log1p(math.Exp(x))
}

// withoutReplacementRDP is, for whole a ≥ 2, with γ = m/n and ε(j) of the whole mechanism,
//
//	1/(a−1)·ln(1 + γ²·C(a,2)·min(4(e^ε(2) − 1), e^ε(2)·min(2, (e^ε(∞) − 1)²))
//	             + Σ_{j=3}^a γ^j·C(a,j)·e^((j−1)ε(j))·min(2, (e^ε(∞) − 1)^j))
//
// (Wang, Balle, Kasiviswanathan 2019, Theorem 9).
func (e Event) withoutReplacementRDP(a float64) float64 {
	gamma := math.Log(e.Sampling)
	whole := e
	whole.Sampling = 1
	logMost := math.Inf(1) // ln(e^ε(∞) − 1)
	if pure, ok := whole.pure(); ok {
		logMost = math.Log(math.Expm1(pure))
	}
	two, _ := whole.rdp(2)
	sum := 2*gamma + logChoose(a, 2) + math.Min(math.Log(4)+math.Log(math.Expm1(two)), two+math.Min(math.Ln2, 2*logMost))
	for j := 3.0; j <= a; j++ {
		r, _ := whole.rdp(j)
		sum = logAdd(sum, j*gamma+logChoose(a, j)+(j-1)*r+math.Min(math.Ln2, j*logMost))
	}
	return logOnePlus(sum) / (a - 1) * sumsUp
}

func logAdd(x, y float64) float64 {
	if x < y {
		x, y = y, x
	}
	if math.IsInf(y, -1) {
		return x
	}
	return x + math.Log1p(math.Exp(y-x))
}

// rdpEpsilon is the least ε of the composed curve, rounded up: over all orders where
// it has a formula, over the listed ones where some event has whole orders only;
// false when some event has no curve.
func rdpEpsilon(events []Event, delta float64) (float64, bool) {
	sampled, linear := false, true
	for _, e := range events {
		if _, ok := e.rdp(2); !ok {
			return 0, false
		}
		sampled = sampled || e.Sampling < 1
		linear = linear && (e.Mechanism == Gaussian || e.Mechanism == DiscreteGaussian || e.Mechanism == ZeroConcentrated)
	}
	logDelta := math.Log(delta)
	at := func(x float64) float64 { // x = ln(a − 1)
		a := 1 + math.Exp(x)
		if sampled {
			a = math.Round(a)
			x = math.Log(a - 1)
		}
		var r float64
		for _, e := range events {
			one, _ := e.rdp(a)
			r += float64(e.Count) * one
		}
		return rdpToEpsilon(r, x, logDelta)
	}
	best := math.Inf(1)
	switch {
	case sampled:
		for _, a := range orders() {
			best = math.Min(best, at(math.Log(a-1)))
		}
	case linear:
		_, best = minimise(-25, 60, at)
	default:
		_, best = minimise(-4, 40, at) // nearer to order 1 a curve's logarithm loses its digits
	}
	if math.IsInf(best, 1) || math.IsNaN(best) {
		return 0, false
	}
	return math.Max(0, best+math.Abs(best)*1e-11), true // the sums above are good to 1e-12
}
