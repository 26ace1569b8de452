package robust

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
)

// Clipping is the public ledger of a sum of records clipped to ±B, of which a
// part may carry noise: what is needed, beside the noisy sum itself, for a mean
// and its radius. Ledgers of reports at different bounds add up. The zero value
// is an empty ledger.
type Clipping struct {
	N         float64 // records
	Bias      float64 // Σ n·B^(1−p), times c_v·u an upper bound of the clipping bias
	Variance  float64 // Σ n·B^(2−p), times u an upper bound of the variance
	Max       float64 // largest B
	Rounding  float64 // Σ n·B·2^(−f−1), the most that fixed point rounding moves the sum
	Scale2    float64 // Σ b² over independent Laplace noises of scale b
	ScaleMax  float64 // largest b
	Gaussian  float64 // Σ σ² over independent Gaussian noises
	Hoeffding float64 // Σ n·(B·C)² over records randomised to ±B·C one by one
}

// Add enters n records clipped to ±bound and stored with the given fraction bits.
func (c *Clipping) Add(n, bound float64, m mechanisms.Moment, fractionBits uint8) {
	if n <= 0 {
		return
	}
	c.N += n
	c.Bias += n * math.Pow(bound, 1-m.Order)
	c.Variance += n * math.Pow(bound, 2-m.Order)
	c.Max = math.Max(c.Max, bound)
	c.Rounding += n * bound * math.Ldexp(1, -int(fractionBits)-1)
}

// AddLaplace enters releases independent Laplace noises of the given scale, in
// the reward's unit.
func (c *Clipping) AddLaplace(releases, scale float64) {
	c.Scale2 += releases * scale * scale
	if releases > 0 {
		c.ScaleMax = math.Max(c.ScaleMax, scale)
	}
}

// BiasConstant is c_v = v^v/(1+v)^(1+v), the largest (x−1)/x^p over x ≥ 1, with
// p = 1+v: E|X| beyond a bound B is at most c_v·u·B^(−v). Source: private-learning 1.1.
func BiasConstant(order float64) float64 {
	v := order - 1
	return math.Pow(v, v) / math.Pow(order, order)
}

// Radius returns the half-width r such that |mean − μ| > r has probability at
// most 4·exp(−l), two for each side: the sampling and the noise term fail with
// exp(−l) each.
//
//	r = c_v·u·bias/n + √(2·u·var·l)/n + 2·Bmax·l/(3n) + noise/n
//	noise = 2·√(l·Σb²) + bmax·l + √(2·l·Σσ²)        (one Laplace alone: b·l)
//
// Records that were randomised one by one (Hoeffding > 0) replace the second and
// third term by √(2·l·Σ(B·C)²)/n. It is +Inf while the ledger is empty.
// Source: private-learning 1.2, 1.3 and 4.
func (c Clipping) Radius(m mechanisms.Moment, l float64) float64 {
	if c.N <= 0 {
		return math.Inf(1)
	}
	r := BiasConstant(m.Order)*m.Bound*c.Bias + c.Rounding
	if c.Hoeffding > 0 {
		r += math.Sqrt(2 * l * c.Hoeffding)
	} else {
		r += math.Sqrt(2*m.Bound*c.Variance*l) + 2*c.Max*l/3
	}
	return (r + c.NoiseRadius(l)) / c.N
}

// BoundedRadius is the radius where every record lies in ±B by declaration, so
// that nothing is clipped: Hoeffding's √(2·l·n)·B in place of bias and variance.
func (c Clipping) BoundedRadius(l float64) float64 {
	if c.N <= 0 {
		return math.Inf(1)
	}
	r := c.Rounding
	if c.Hoeffding > 0 {
		r += math.Sqrt(2 * l * c.Hoeffding)
	} else {
		r += c.Max * math.Sqrt(2*l*c.N)
	}
	return (r + c.NoiseRadius(l)) / c.N
}

// NoiseRadius is how far the noises together may take the sum, each side with
// probability exp(−l): the last term of [Clipping.Radius] before it is divided.
func (c Clipping) NoiseRadius(l float64) float64 {
	n := math.Sqrt(2 * l * c.Gaussian)
	if c.Scale2 == 0 {
		return n
	}
	if c.Scale2 == c.ScaleMax*c.ScaleMax {
		return n + c.ScaleMax*l
	}
	return n + 2*math.Sqrt(l*c.Scale2) + c.ScaleMax*l
}

// Noise is how the sum of an epoch will be noised, per unit of the bound B: the
// scales grow with B, since the sensitivity does.
type Noise struct {
	Releases float64 // independent noises
	Scale    float64 // each Laplace of scale Scale·B; 0: none
	Sigma    float64 // each Gaussian of deviation Sigma·B; 0: none
	Local    float64 // C of a per-record randomiser whose output is ±B·C; 0: none
}

// BestBound returns the B in [lo, hi] that minimises the radius of n records
// clipped to ±B. The radius is convex in ln B (a sum of exponentials), so a
// golden section finds it, to 1e-9 in ln B. It is a function of public numbers
// only and may go into a descriptor. n, l, lo and hi are positive, lo < hi; m is
// valid. Source: private-learning 1.2.
func BestBound(m mechanisms.Moment, n, l float64, noise Noise, lo, hi float64) float64 {
	f := func(x float64) float64 {
		b := math.Exp(x)
		var c Clipping
		c.Add(n, b, m, 62)
		c.AddLaplace(noise.Releases, noise.Scale*b)
		c.Gaussian = noise.Releases * noise.Sigma * noise.Sigma * b * b
		c.Hoeffding = n * noise.Local * noise.Local * b * b
		return c.Radius(m, l)
	}
	const golden = 0.6180339887498949 // (√5 − 1)/2
	a, b := math.Log(lo), math.Log(hi)
	x, y := b-golden*(b-a), a+golden*(b-a)
	fx, fy := f(x), f(y)
	for b-a > 1e-9 {
		if fx <= fy {
			b, y, fy = y, x, fx
			x = b - golden*(b-a)
			fx = f(x)
		} else {
			a, x, fx = x, y, fy
			y = a + golden*(b-a)
			fy = f(y)
		}
	}
	return math.Exp((a + b) / 2)
}

// ValidateMoment refuses orders outside (1, 2] and bounds outside (0, 1e12].
func ValidateMoment(m mechanisms.Moment) error {
	if !(m.Order > 1 && m.Order <= 2) {
		return posse.OutOfRange("reward.moment.order", fmt.Sprint(m.Order), "(1, 2]", "2 means a finite variance, 1.5 a heavier tail")
	}
	if !(m.Bound > 0 && m.Bound <= 1e12) {
		return posse.OutOfRange("reward.moment.bound", fmt.Sprint(m.Bound), "(0, 1e12]", "declare a bound on E|X|^order")
	}
	return nil
}
