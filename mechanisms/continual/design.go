package continual

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
)

// Mechanism is a way to correlate noise.
type Mechanism string

// The mechanisms, spelled as in privacy.continual; Fresh is a tree of one level.
const (
	Fresh      Mechanism = "fresh" // each leaf its own noise
	Tree       Mechanism = "tree"
	SquareRoot Mechanism = "sqrt"
	BLT        Mechanism = "blt" // buffered linear Toeplitz
)

// MaxHorizon bounds the leaves of a stream.
const MaxHorizon = 1 << 20

// Design is a mechanism for a stream of at most Horizon leaves: the unit lower
// triangular matrix C with y = C⁻¹z for fresh noise z. Variances are in units of
// Δ²/(2ρ) for Gaussian noise, so that one release of everything has 1, and of
// 2Δ1²/ε² for Laplace noise. Use a constructor; the zero value is not valid.
// Source: private-learning 3.1.
type Design struct {
	Mechanism Mechanism
	Horizon   uint64
	Arity     uint64 // of a tree; Horizon + 1 for Fresh
	levels    int    // of a tree

	// Toeplitz mechanisms: C_k in 2^−columnBits, nil for BLT, whose C_k is
	// Σ ω_j·θ_j^(k−1), in 2^−coefficientBits.
	column       []int64
	theta, omega []uint64

	norm2   float64   // ‖column‖² of C
	inverse []float64 // Σ_{k≤t} b_k², b the first column of the prefix sums of C⁻¹
	inside  []float64 // first column of C⁻¹
}

// The fixed points of C: rounded once, so that every machine draws the same and the
// column's norm is that of the numbers in use. 20 bits of the square root's f_k cost
// nothing that can be seen, and leave its sums room in 64 bits.
const (
	columnBits      = 20
	coefficientBits = 40
)

func checkHorizon(horizon uint64) error {
	if horizon < 1 || horizon > MaxHorizon {
		return posse.OutOfRange("horizon", fmt.Sprint(horizon), fmt.Sprintf("[1, %d] leaves", MaxHorizon), "a leaf is a report, not a record")
	}
	return nil
}

// NewFresh returns the design that adds independent noise to each leaf: C = I. The
// noise of a prefix of t leaves varies by t.
func NewFresh(horizon uint64) (Design, error) {
	d, err := NewTree(horizon, horizon+1)
	d.Mechanism = Fresh
	return d, err
}

// NewTree returns the tree of the given arity b ≥ 2: a leaf is in as many nodes as T
// has digits in base b, and a prefix of t leaves is a sum of as many nodes as t's
// digits add up to. Its noise varies by digits(T)·digitSum(t) for Gaussian noise and
// digits(T)²·digitSum(t) for Laplace noise. Source: Dwork, Naor, Pitassi and
// Rothblum 2010, theorem 4.1 (b = 2); private-learning 3.1.
func NewTree(horizon, arity uint64) (Design, error) {
	if err := checkHorizon(horizon); err != nil {
		return Design{}, err
	}
	if arity < 2 {
		return Design{}, posse.OutOfRange("arity", fmt.Sprint(arity), "at least 2", "2 is the binary tree")
	}
	return Design{Mechanism: Tree, Horizon: horizon, Arity: arity, levels: digits(horizon, arity)}, nil
}

// NewSquareRoot returns the square root of the counting matrix: C_k = f_k with
// f_0 = 1, f_k = f_(k−1)·(1 − 1/(2k)). The noise of a prefix of t leaves varies by
// S_T·S_t, S_t = Σ_{k<t} f_k², about (ln T)²/π². It keeps all earlier increments.
// Source: Fichtenberger, Henzinger and Upadhyay 2023, theorem 1.
func NewSquareRoot(horizon uint64) (Design, error) {
	if err := checkHorizon(horizon); err != nil {
		return Design{}, err
	}
	d := Design{Mechanism: SquareRoot, Horizon: horizon, column: make([]int64, horizon)}
	f := 1.0
	for k := range d.column {
		if k > 0 {
			f *= 1 - 1/(2*float64(k))
		}
		d.column[k] = int64(math.RoundToEven(math.Ldexp(f, columnBits)))
	}
	return d.measure(), nil
}

// fixed rounds a coefficient in [0, 2^20) to 2^−coefficientBits.
func fixed(x float64) uint64 { return uint64(math.RoundToEven(math.Ldexp(x, coefficientBits))) }

// coefficient is C_k of a Toeplitz mechanism, k < Horizon.
func (d Design) coefficients() []float64 {
	out := make([]float64, d.Horizon)
	if d.column != nil {
		for k, c := range d.column {
			out[k] = math.Ldexp(float64(c), -columnBits)
		}
		return out
	}
	out[0] = 1
	power := make([]float64, len(d.theta))
	for j, w := range d.omega {
		power[j] = math.Ldexp(float64(w), -coefficientBits)
	}
	for k := 1; k < len(out); k++ {
		for j, t := range d.theta {
			out[k] += power[j]
			power[j] *= math.Ldexp(float64(t), -coefficientBits)
		}
	}
	return out
}

// measure fills in norm and inverse of a Toeplitz mechanism: b is the first column of
// the prefix sums of C⁻¹, so that a prefix of t leaves varies by ‖column‖²·Σ_{k<t} b_k².
// O(T·d) for BLT; O(T²) for others but the square root, whose b is C itself.
func (d Design) measure() Design {
	c := d.coefficients()
	for _, x := range c {
		d.norm2 += x * x
	}
	d.inside = make([]float64, len(c))
	d.inverse = make([]float64, len(c)+1)
	sum, squares := 0.0, 0.0
	buffers := make([]float64, len(d.theta))
	for k := range c {
		switch {
		case k == 0:
			d.inside[k] = 1
		case d.column == nil: // the recurrence of a stream whose z is 1, 0, 0, ...
			for j := range buffers {
				d.inside[k] -= math.Ldexp(float64(d.omega[j]), -coefficientBits) * buffers[j]
			}
		default: // (1 − x)^(1/2): the rounding of f_k moves a variance by less than 1e-5 of it
			d.inside[k] = d.inside[k-1] * (1 - 1.5/float64(k))
		}
		for j, t := range d.theta {
			buffers[j] = math.Ldexp(float64(t), -coefficientBits)*buffers[j] + d.inside[k]
		}
		sum += d.inside[k]
		squares += sum * sum
		d.inverse[k+1] = squares
	}
	return d
}

// Variance is that of the noise of a prefix of t ≤ Horizon leaves; exact for real
// noise, to 1e-5 for the square root. Rounding adds at most S_t/12 squared grid units to a Toeplitz mechanism.
func (d Design) Variance(t uint64, pure bool) float64 {
	if d.levels > 0 {
		l := float64(d.levels)
		if pure {
			l *= l
		}
		return l * float64(digitSum(t, d.Arity))
	}
	if pure {
		return math.Inf(1) // its ℓ1 sensitivity grows like √T: nobody uses it
	}
	return d.norm2 * d.inverse[t]
}

// Mean and largest variance over all prefixes.
func (d Design) spread(pure bool) (mean, most float64) {
	if d.levels > 0 {
		l := float64(d.levels)
		if pure {
			l *= l
		}
		return l * digitSums(d.Horizon, d.Arity) / float64(d.Horizon), l * float64(largestDigitSum(d.Horizon, d.Arity))
	}
	for t := uint64(1); t <= d.Horizon; t++ {
		v := d.Variance(t, pure)
		mean += v / float64(d.Horizon)
		most = math.Max(most, v)
	}
	return mean, most
}

// SubsetVariance is the variance of the noise of Σ x_t over leaves t in a set that
// may have holes: increasing numbers from 1. A version that bought some leaves of
// several streams adds up their subset variances. O(T·|set|) for Toeplitz designs.
// Source: private-learning 3.1, variance over several streams and holes.
func (d Design) SubsetVariance(leaves []uint64, pure bool) (float64, error) {
	last := uint64(0)
	for _, t := range leaves {
		if t <= last || t > d.Horizon {
			return 0, posse.OutOfRange("leaves", fmt.Sprint(t), fmt.Sprintf("increasing numbers in [1, %d]", d.Horizon), "")
		}
		last = t
	}
	if d.levels > 0 {
		taken := make(map[uint64]bool, len(leaves))
		for _, t := range leaves {
			taken[t] = true
		}
		count := 0.0
		for s := uint64(1); s <= last; s++ { // z_s is in y_s, and taken back at the end of its parent
			if taken[s] != taken[d.parentEnd(s)] {
				count++
			}
		}
		l := float64(d.levels)
		if pure {
			l *= l
		}
		return l * count, nil
	}
	if pure {
		return math.Inf(1), nil
	}
	total := 0.0
	for s := uint64(1); s <= last; s++ {
		a := 0.0
		for _, t := range leaves {
			if t >= s {
				a += d.inside[t-s]
			}
		}
		total += a * a
	}
	return d.norm2 * total, nil
}

// parentEnd is the leaf at which the node that leaf s completes is replaced by its
// parent: the next multiple of the parent's size.
func (d Design) parentEnd(s uint64) uint64 {
	size := d.Arity
	for s%size == 0 {
		size *= d.Arity
	}
	return (s/size + 1) * size
}

// digits is how many digits t ≥ 1 has in base b.
func digits(t, b uint64) int {
	n := 0
	for ; t > 0; t /= b {
		n++
	}
	return n
}

func digitSum(t, b uint64) uint64 {
	sum := uint64(0)
	for ; t > 0; t /= b {
		sum += t % b
	}
	return sum
}

// digitSums is Σ digitSum(t) over t in [1, n], digit by digit: the digit of weight w
// runs through 0..b−1 in each full period b·w.
func digitSums(n, b uint64) float64 {
	total := 0.0
	for w := uint64(1); w <= n; w *= b {
		full, rest := (n+1)/(b*w), (n+1)%(b*w)
		total += float64(full) * float64(w) * float64(b) * float64(b-1) / 2
		whole := rest / w // digits 0..whole−1 occur w times more, whole occurs rest mod w times
		total += float64(w)*float64(whole)*(float64(whole)-1)/2 + float64(whole)*float64(rest%w)
	}
	return total
}

// largestDigitSum is the largest digit sum over [1, n]: of n itself, or of a number
// that is below n in one digit and has b−1 in all lower ones.
func largestDigitSum(n, b uint64) uint64 {
	best := digitSum(n, b)
	for w := uint64(1); w <= n; w *= b {
		if t := n / w * w; t > 0 { // t − 1 has b−1 in every digit below w
			best = max(best, digitSum(t-1, b))
		}
	}
	return best
}
