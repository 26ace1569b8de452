package robust

import (
	"math"

	"github.com/posse-dev/posse/mechanisms"
)

// Counted is the mergeable mean of one cell (an arm, or a state and action) whose
// count is noisy as well: everything in it adds up over reports, and n and s are
// integers, so that merging is associative and commutative to the last bit. Where
// quotas are public the count is exact and CountNoise stays zero.
// Source: private-learning 1.3.
type Counted struct {
	N        int64    // Σ noisy counts
	Sum      float64  // Σ over reports of noisy clipped sums, in the reward's unit
	Baseline float64  // Σ n·m₀ over reports with a public baseline m₀, added back
	Ledger   Clipping // of the sums, with the noisy counts for records
	// CountNoise is the ledger of the counts' noise: Scale2, ScaleMax and Gaussian.
	CountNoise Clipping
}

// Report is one report's part of a cell.
type Report struct {
	Count        int64   // released count
	Sum          int64   // released sum, in units of 2^−FractionBits·Bound
	Bound        float64 // B of its descriptor
	Baseline     float64 // m₀ of its descriptor
	FractionBits uint8
	// SumScale and CountScale are the scales of Laplace noise, SumSigma2 and
	// CountSigma2 the variances of Gaussian noise; sums in units of Bound.
	SumScale, CountScale, SumSigma2, CountSigma2 float64
}

// Add enters a report.
func (c *Counted) Add(r Report, m mechanisms.Moment) {
	c.N += r.Count
	c.Sum += float64(math.Ldexp(float64(r.Sum), -int(r.FractionBits)) * r.Bound)
	c.Baseline += float64(r.Count) * r.Baseline
	c.Ledger.Add(float64(r.Count), r.Bound, m, r.FractionBits)
	if r.SumScale > 0 {
		c.Ledger.AddLaplace(1, r.SumScale*r.Bound)
	}
	c.Ledger.Gaussian += r.SumSigma2 * r.Bound * r.Bound
	if r.CountScale > 0 {
		c.CountNoise.AddLaplace(1, r.CountScale)
	}
	c.CountNoise.Gaussian += r.CountSigma2
}

// Merge adds another cell's reports.
func (c *Counted) Merge(o Counted) {
	c.N += o.N
	c.Sum += o.Sum
	c.Baseline += o.Baseline
	c.Ledger.merge(o.Ledger)
	c.CountNoise.merge(o.CountNoise)
}

func (c *Clipping) merge(o Clipping) {
	c.N += o.N
	c.Bias += o.Bias
	c.Variance += o.Variance
	c.Max = math.Max(c.Max, o.Max)
	c.Rounding += o.Rounding
	c.Scale2 += o.Scale2
	c.ScaleMax = math.Max(c.ScaleMax, o.ScaleMax)
	c.Gaussian += o.Gaussian
	c.Hoeffding += o.Hoeffding
}

// Mean is (s + Σ n·m₀)/max(n, 1). Source: private-learning 1.3.
func (c Counted) Mean() float64 { return (c.Sum + c.Baseline) / math.Max(1, float64(c.N)) }

// CountError is E_n: the count is off by more with probability at most exp(−l) on a
// side. Source: private-learning 1.3.
func (c Counted) CountError(l float64) float64 { return c.CountNoise.NoiseRadius(l) }

// Radius is the half-width around [Counted.Mean]: the ledger's, with n⁻ = max(1, n −
// E_n) in every denominator, and |mean|·E_n/n⁻ more, since numerator and denominator
// disagree by up to E_n records. It fails with 6·exp(−l): 4 of [Clipping.Radius] and
// 2 of the count. +Inf while n⁻ is 1 and counts are noisy, as then nothing is known.
// Source: private-learning 1.3.
func (c Counted) Radius(m mechanisms.Moment, l float64) float64 {
	e := c.CountError(l)
	if e == 0 {
		return c.Ledger.Radius(m, l)
	}
	n := float64(c.N) - e
	if n <= 1 {
		return math.Inf(1)
	}
	// biases and variances count the records that there may be, up to n + E_n
	more := c.Ledger
	share := (float64(c.N) + e) / math.Max(1, c.Ledger.N)
	more.Bias *= share
	more.Variance *= share
	more.Rounding *= share
	return more.Radius(m, l)*c.Ledger.N/n + math.Abs(c.Mean())*e/n
}

// Pair encodes one record (1, y), y = q/2^f in [−1, 1], for pure ε: the two numbers
// (1 + y)/2 and (1 − y)/2 in units of 2^−(f+1). Their ℓ1 norm is 1 instead of 2, so
// each takes half the Laplace variance; their sums' sum is the count and their
// difference the clipped reward. Source: private-learning 1.3 (derived there).
func Pair(q int64, f uint8) (plus, minus int64) {
	one := int64(1) << f
	return one + q, one - q
}

// Unpair returns the count, in units of 2^−(f+1), and the sum, in units of 2^−f, of
// two (noisy) sums of [Pair].
func Unpair(plus, minus int64) (count, sum2 int64) { return plus + minus, plus - minus }
