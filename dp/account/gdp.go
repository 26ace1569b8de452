package account

import (
	"math"

	"github.com/posse-dev/posse"
)

// GDPDelta returns the δ of a μ-GDP mechanism at ε, exactly but for rounding, from
// above. It is that of the continuous Gaussian with sensitivity over deviation μ;
// never use it for the discrete one, whose δ can be larger.
//
//	δ = Φ(−ε/μ + μ/2) − e^ε·Φ(−ε/μ − μ/2)
//
// μ in (0, 100], ε ≥ 0. Relative error about 1e-12·(1 + 1/μ), down to δ of 1e-300.
// Source: Balle and Wang 2018, Theorem 8; Dong, Roth, Su 2022, Corollary 2.13.
func GDPDelta(mu, epsilon float64) (float64, error) {
	if err := inRange("mu", mu, 0, 100); err != nil {
		return 0, err
	}
	if !(epsilon >= 0) || math.IsInf(epsilon, 0) {
		return 0, posse.OutOfRange("epsilon", float(epsilon), "[0, ∞)", "")
	}
	return math.Min(1, gdpDelta(mu, epsilon)*(1+up)), nil
}

func gdpDelta(mu, epsilon float64) float64 {
	a := -epsilon/mu + mu/2
	b := a - mu
	if a > 3 {
		return normalCDF(a) - math.Exp(epsilon+logNormalCDF(b))
	}
	// e^ε·φ(b) = φ(a), so δ = φ(a)·(Φ(a)/φ(a) − Φ(b)/φ(b)): no huge times tiny
	return math.Exp(-a*a/2) / math.Sqrt(2*math.Pi) * (mills(a) - mills(b))
}

// GDPEpsilon returns the least ε at which a μ-GDP mechanism is (ε, δ)-DP, rounded
// up; δ in (0, 1), μ in (0, 100]. 0 when δ(0) is small enough.
func GDPEpsilon(mu, delta float64) (float64, error) {
	if err := inRange("mu", mu, 0, 100); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	if gdpDelta(mu, 0) <= delta {
		return 0, nil
	}
	high := mu*mu/2 + mu*math.Sqrt(-2*math.Log(delta)) + 1
	e := leastTrue(0, high, func(epsilon float64) bool { return gdpDelta(mu, epsilon) <= delta })
	return e * (1 + up), nil
}

// GDPCompose returns √Σμᵢ², rounded up.
func GDPCompose(mus ...float64) (float64, error) {
	var sum float64
	for _, mu := range mus {
		if err := inRange("mu", mu, 0, 100); err != nil {
			return 0, err
		}
		sum += mu * mu
	}
	return math.Sqrt(sum) * (1 + up), nil
}

// leastTrue returns the least x in [low, high] where a monotone condition holds, to
// the last float; high is returned when it holds nowhere below.
func leastTrue(low, high float64, holds func(float64) bool) float64 {
	for range 2000 {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if holds(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// mills returns Φ(x)/φ(x).
func mills(x float64) float64 {
	if x > -25 {
		return normalCDF(x) * math.Sqrt(2*math.Pi) * math.Exp(x*x/2)
	}
	// Laplace's continued fraction, 1/(z + 1/(z + 2/(z + …))), z = −x ≥ 25
	z, f := -x, -x
	for k := 40.0; k >= 1; k-- {
		f = z + k/f
	}
	return 1 / f
}

// logNormalCDF returns ln Φ(x), to about 1e-14 relative.
func logNormalCDF(x float64) float64 {
	if x > -25 {
		return math.Log(normalCDF(x))
	}
	return math.Log(mills(x)) - x*x/2 - math.Log(2*math.Pi)/2
}

// normalMass returns Φ(b) − Φ(a) for a ≤ b without losing digits in either tail.
func normalMass(a, b float64) float64 {
	if a > 0 {
		a, b = -b, -a
	}
	return normalCDF(b) - normalCDF(a)
}
