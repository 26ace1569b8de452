package continual

import (
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/noise"
)

// shiftSlack is what the buffers of a BLT add to the rounding of a shift: 2^−10 of a
// grid unit. Source: private-learning 3.1.
const shiftSlack = 1.0 / (1 << 10)

// Sensitivity returns Δ_C: how far one unit of ℓ2 sensitivity Δ (its records may lie
// in one leaf of the stream) moves the whole sequence of noises that explains the
// same output. Trees: Δ·√levels. Toeplitz designs round each increment, which moves
// every coordinate of the cells by less than one more in each later leaf:
// Δ·‖column‖ + √(cells·(T−1)). Source: private-learning 3.1.
func (d Design) Sensitivity(delta float64, cells int) float64 {
	if d.levels > 0 {
		return delta * math.Sqrt(float64(d.levels))
	}
	slack := 1.0
	if d.Mechanism == BLT {
		slack += shiftSlack
	}
	return delta*math.Sqrt(d.norm2) + slack*math.Sqrt(float64(cells)*float64(d.Horizon-1))
}

// GaussianLaw returns the discrete Gaussian of each z for which the whole stream
// costs at most s.PicoRho: σ² = Δ_C²/(2ρ), rounded up. delta2 is Δ², the squared ℓ2
// sensitivity of one unit in grid units.
func (d Design) GaussianLaw(delta2 uint64, cells int, s dp.Spend) (noise.DiscreteGaussian, error) {
	if delta2 == 0 || cells < 1 {
		return noise.DiscreteGaussian{}, posse.OutOfRange("sensitivity", fmt.Sprintf("%d squared, in %d cells", delta2, cells), "at least 1 in at least one cell", "")
	}
	if d.levels > 0 {
		return noise.GaussianFor(new(big.Int).Mul(new(big.Int).SetUint64(delta2), big.NewInt(int64(d.levels))), s)
	}
	shift := d.Sensitivity(math.Sqrt(float64(delta2)), cells) * (1 + 1e-12) // more than its rounding
	square, _ := big.NewFloat(math.Ceil(shift * shift * (1 + 1e-12))).Int(nil)
	return noise.GaussianFor(square, s)
}

// LaplaceLaw returns the discrete Laplace of each z for which the whole stream costs
// at most s.NanoEpsilon: scale levels·Δ1/ε. Trees and fresh noise only.
func (d Design) LaplaceLaw(delta1 uint64, s dp.Spend) (noise.DiscreteLaplace, error) {
	if d.levels == 0 {
		return noise.DiscreteLaplace{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "privacy.continual", Value: string(d.Mechanism),
			Allowed: "tree", Message: "Laplace noise needs a tree: the ℓ1 sensitivity of the others grows with the horizon", Hint: "use tree, or give delta > 0",
		}
	}
	if delta1 > math.MaxUint64/uint64(d.levels) {
		return noise.DiscreteLaplace{}, posse.OutOfRange("sensitivity", fmt.Sprint(delta1), "levels times it below 2^63", "")
	}
	return noise.LaplaceFor(delta1*uint64(d.levels), s)
}

// Event is the whole stream's cost as one release, for package account: the law's
// parameter (σ or the scale, in grid units) and Δ_C, or levels·Δ1.
func (d Design) Event(law noise.Law, delta float64, cells int) (account.Event, error) {
	switch l := law.(type) {
	case noise.DiscreteGaussian:
		sigma2, _ := l.Sigma2().Float64()
		// the sequence of shifts is no whole number of units: as an event of the real law
		return account.Event{Mechanism: account.ZeroConcentrated, Rho: sq(d.Sensitivity(delta, cells)) / (2 * sigma2) * (1 + 1e-12)}, nil
	case noise.DiscreteLaplace:
		num, den := l.Scale()
		return account.Event{Mechanism: account.PureDP, Epsilon: delta * float64(d.levels) * float64(den) / float64(num) * (1 + 1e-12)}, nil
	default:
		return account.Event{}, posse.OutOfRange("law", fmt.Sprintf("%T", law), "a discrete Gaussian or Laplace law", "")
	}
}

func sq(x float64) float64 { return x * x }
