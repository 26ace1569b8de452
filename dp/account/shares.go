package account

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
)

// SharedGaussianRho returns the ρ of the sum of n independent discrete Gaussians of
// parameter σ² each, added to an integer vector of dimension d and squared L2
// sensitivity sensitivity2. The sum is not a discrete Gaussian of nσ², and
// Δ²/(2nσ²) is too small for it.
//
//	ρ = ε²/2,  ε = min(√(Δ²/(nσ²) + τd/2), Δ/(√n·σ) + τ√d)
//	τ = 10·Σ_{k=1}^{n−1} exp(−2π²σ²k/(k+1))
//
// n counts the honest parties only, since others can subtract their own noise. σ²
// at least 0.75: below that the correction is most of the answer; use more fraction
// bits. Rounded up. Source: Kairouz, Liu, Steinke 2021, Theorem 1 of the discrete
// Gaussian for federated learning.
func SharedGaussianRho(n uint64, sigma2, sensitivity2 float64, d uint64) (float64, error) {
	if n < 1 || n > 1e6 {
		return 0, posse.OutOfRange("honest", strconv.FormatUint(n, 10), "[1, 1e6]", "")
	}
	if !(sigma2 >= 0.75 && sigma2 <= 1e30) {
		return 0, posse.OutOfRange("sigma2", float(sigma2), "[0.75, 1e30] a share", "use more fraction bits")
	}
	if err := inRange("sensitivity2", sensitivity2, 0, 1e30); err != nil {
		return 0, err
	}
	if d < 1 || d > 1e9 {
		return 0, posse.OutOfRange("dimension", strconv.FormatUint(d, 10), "[1, 1e9]", "")
	}
	return sharedGaussianRho(float64(n), sigma2, sensitivity2, float64(d)) * (1 + up), nil
}

func sharedGaussianRho(n, sigma2, sensitivity2, d float64) float64 {
	t := shareTau(n, sigma2)
	square := sensitivity2 / (n * sigma2)
	e := math.Min(math.Sqrt(square+t*d/2), math.Sqrt(square)+t*math.Sqrt(d))
	return e * e / 2
}

// shareTau is by how much a sum of n shares is not a discrete Gaussian.
func shareTau(n, sigma2 float64) (sum float64) {
	for k := 1.0; k < n; k++ {
		sum += math.Exp(-2 * math.Pi * math.Pi * sigma2 * k / (k + 1))
	}
	return 10 * sum
}
