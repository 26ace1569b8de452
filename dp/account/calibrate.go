package account

import (
	"math"
	"math/bits"

	"github.com/posse-dev/posse"
)

// GaussianSigma returns the smallest σ for which adding N(0, σ²) to a query of L2
// sensitivity s is (ε, δ)-DP.
//
//	Φ(s/2σ − εσ/s) − e^ε·Φ(−s/2σ − εσ/s) ≤ δ
//
// s > 0 in units of the query, ε in (0, 100], δ in (0, 1). In the unit of s, rounded
// up. Source: Balle and Wang 2018, Theorem 8 (analytic Gaussian mechanism).
func GaussianSigma(epsilon, delta, s float64) (float64, error) {
	if err := calibratable(epsilon, s); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	// δ falls with σ; σ = s·(1+√(2 ln(2/δ)))/ε·… is enough for any ε
	high := s * (math.Sqrt(2*math.Log(2/delta))/math.Min(epsilon, 1) + 2)
	sigma := leastTrue(s*1e-3, high, func(sigma float64) bool { return gdpDelta(s/sigma, epsilon) <= delta })
	return noiseOf(sigma*(1+5*up), epsilon) // more than composing it again rounds up
}

// noiseOf refuses noise so large that nobody can draw it.
func noiseOf(size, epsilon float64) (float64, error) {
	if !(size <= maxNoise) {
		return 0, posse.OutOfRange("epsilon", float(epsilon), "what noise of at most 1e15 gives at this delta and sensitivity", "ask for a larger epsilon")
	}
	return size, nil
}

// maxExactSigma bounds a discrete Gaussian of which δ is summed.
const maxExactSigma = 1e4

// DiscreteGaussianSigma returns the smallest σ found for which the discrete Gaussian,
// added to one integer of sensitivity s, is (ε, δ)-DP, by its exact δ; what it
// returns is checked itself, so it is never too small. s is a whole number in
// [1, 1000]; for vectors go by ρ: see [ZCDPRho], as for a σ above 1e4.
func DiscreteGaussianSigma(epsilon, delta, s float64) (float64, error) {
	if err := calibratable(epsilon, s); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	if s != math.Trunc(s) || s > 1000 {
		return 0, posse.OutOfRange("sensitivity", float(s), "whole numbers in [1, 1000]", "use rho for vectors")
	}
	if sigma, err := GaussianSigma(epsilon, delta, s); err != nil || sigma > maxExactSigma {
		return 0, posse.OutOfRange("epsilon", float(epsilon), "what a discrete Gaussian of sigma at most 1e4 gives at this delta and sensitivity",
			"ask for a larger epsilon, or take sigma = sensitivity/√(2ρ)")
	}
	fits := func(sigma float64) bool { return DiscreteGaussianDelta(sigma, s, epsilon) <= delta }
	high := s*(math.Sqrt(2*math.Log(2/delta))/math.Min(epsilon, 1)+2) + 1
	if !fits(high) {
		return 0, posse.OutOfRange("delta", float(delta), "what a discrete Gaussian of that size reaches", "")
	}
	sigma := leastTrueWithin(s*1e-2, high, 1e-12, fits)
	for range 100 { // a little more, so that composing it again is not above ε; δ need not fall with σ
		if sigma *= 1 + 20*up; fits(sigma) {
			return sigma, nil
		}
	}
	return high, nil
}

// DiscreteGaussianDelta returns the exact δ(ε) of the discrete Gaussian for a shift
// of s, Σ_x max(0, P(x) − e^ε·P(x+s)), rounded up. σ in (0, 1e5], s whole.
func DiscreteGaussianDelta(sigma, s, epsilon float64) float64 {
	reach := math.Ceil(38*sigma) + 1
	norm, sum := discreteGaussianNorm(sigma), 0.0
	// P(x)/P(x+s) = e^((2xs + s²)/2σ²) rises with x: the event is x > edge
	edge := (epsilon*2*sigma*sigma - s*s) / (2 * s)
	for x := reach; x > edge && x >= -reach-s; x-- {
		p := math.Exp(-x * x / (2 * sigma * sigma))
		sum += p * -math.Expm1(epsilon-(2*x*s+s*s)/(2*sigma*sigma))
	}
	return math.Min(1, sum/norm*(1+up))
}

// discreteGaussianNorm is Σ_x e^(−x²/2σ²).
func discreteGaussianNorm(sigma float64) float64 {
	if sigma > 4 { // by Poisson's summation formula, off by 2e^(−2π²σ²)
		return math.Sqrt(2*math.Pi) * sigma
	}
	norm := 1.0
	for x := math.Ceil(38*sigma) + 1; x >= 1; x-- {
		norm += 2 * math.Exp(-x*x/(2*sigma*sigma))
	}
	return norm
}

// LaplaceScale returns s/ε, the scale of Laplace or discrete Laplace noise that makes
// a query of L1 sensitivity s ε-DP, rounded up.
func LaplaceScale(epsilon, s float64) (float64, error) {
	if err := calibratable(epsilon, s); err != nil {
		return 0, err
	}
	return noiseOf(s/epsilon*(1+5*up), epsilon) // more than composing it again rounds up
}

// TreeLevels returns ⌊log₂ steps⌋ + 1, how many nodes of a binary tree over steps
// leaves one record touches; 0 for no steps.
func TreeLevels(steps uint64) int { return bits.Len64(steps) }

// TreeNoise returns the noise of each node of a binary tree over steps leaves whose
// whole output is (ε, δ)-DP for one record of sensitivity s: σ of the analytic
// Gaussian of sensitivity s·√levels, or for δ = 0 the Laplace scale levels·s/ε. A
// prefix of t leaves has popcount(t) times one node's variance. A user of m records
// multiplies s by m.
func TreeNoise(epsilon, delta, s float64, steps uint64) (float64, error) {
	if steps == 0 {
		return 0, posse.OutOfRange("steps", "0", "[1, ∞)", "")
	}
	levels := float64(TreeLevels(steps))
	if delta == 0 {
		return LaplaceScale(epsilon, s*levels)
	}
	return GaussianSigma(epsilon, delta, s*math.Sqrt(levels))
}

func calibratable(epsilon, s float64) error {
	if err := inRange("epsilon", epsilon, 0, 100); err != nil {
		return err
	}
	return inRange("sensitivity", s, 0, 1e9)
}
