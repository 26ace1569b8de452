package robust

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
)

// Unknown moments. Heavy tails can't be tested for, so where nobody knows a moment a
// bound is chosen from a private histogram of magnitudes: which powers of two the
// rewards fill. A record adds 1 to one cell: ℓ1 and ℓ2 sensitivity 1 (zero-out), 2
// and √2 (replace). Its budget is a tenth of the whole, for the first batch of
// records only, which are then in two releases and pay for both. Whatever rests on it
// is an estimate: bonus is tuned, and no confidence holds over all laws.
// Source: private-learning 1.3, (b).

// Magnitudes is the number of cells of the histogram: exponents −32 to 32.
const Magnitudes = 65

// Magnitude returns the cell of a finite reward: ⌈log2|x|⌉ clamped to [−32, 32],
// counted from 0. Zero is in the first cell.
func Magnitude(x float64) int {
	if x == 0 {
		return 0
	}
	fraction, exponent := math.Frexp(math.Abs(x)) // |x| = fraction·2^exponent, fraction in [½, 1)
	if fraction == 0.5 {
		exponent--
	}
	return max(-32, min(32, exponent)) + 32
}

// Scale is a bound for clipping with what it rests on.
type Scale struct {
	Bound  float64 // B = 2^j
	Moment float64 // an estimate of E|X|^order, never a bound
}

// EstimateScale reads a noisy histogram of [Magnitude] and returns the (1−q)-quantile
// of magnitudes, q = max(2/n, 1/(ε·n)) with n the histogram's own total, and an
// estimate of the moment of an order in (1, 2] from the middles of the cells. sd is
// the standard deviation of a cell's noise: cells below 4·sd count as empty, or the
// largest of 65 noises would be taken for a reward. It is an error when nothing is
// left. Source: private-learning 1.3, (b).
func EstimateScale(histogram []int64, sd, epsilon, order float64) (Scale, error) {
	if len(histogram) != Magnitudes {
		return Scale{}, posse.OutOfRange("histogram", fmt.Sprintf("%d cells", len(histogram)), fmt.Sprint(Magnitudes), "count with Magnitude")
	}
	if !(sd >= 0) || !(epsilon > 0) || !(order > 1 && order <= 2) {
		return Scale{}, posse.OutOfRange("scale", fmt.Sprintf("sd %v, epsilon %v, order %v", sd, epsilon, order), "sd ≥ 0, epsilon > 0, order in (1, 2]", "")
	}
	var kept [Magnitudes]float64
	n := 0.0
	for j, c := range histogram {
		if c > 0 && float64(c) >= 4*sd {
			kept[j] = float64(c)
			n += kept[j]
		}
	}
	if n == 0 {
		return Scale{}, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "FIELD_OUT_OF_RANGE", Field: "reward.moment.bound", Value: "estimate",
			Allowed: "more records than the histogram's noise", Message: "the noise hides every magnitude",
			Hint: "declare reward.moment.bound, or collect a larger first batch",
		}
	}
	q := math.Max(2/n, 1/(epsilon*n))
	var s Scale
	above := 0.0
	for j := Magnitudes - 1; j >= 0; j-- {
		s.Moment += kept[j] / n * math.Pow(0.75, order) * math.Pow(2, order*float64(j-32))
		if above += kept[j]; above > q*n && s.Bound == 0 {
			s.Bound = math.Ldexp(1, j-32)
		}
	}
	if s.Bound == 0 { // fewer than two records are left
		s.Bound = math.Ldexp(1, 32)
		for j := range kept {
			if kept[j] > 0 {
				s.Bound = math.Ldexp(1, j-32)
			}
		}
	}
	return s, nil
}

// TailIndex is the slope of the log survival function over the cells of a histogram
// of [Magnitude], by least squares over the cells above the median beyond which at
// least 20·sd records lie: the mergeable form of [EstimateTail], which can be
// released. ok is false where fewer than three cells are left. Cells below 4·sd count
// as empty. Source: private-learning 2.
func TailIndex(histogram []int64, sd float64) (index float64, ok bool) {
	total := 0.0
	kept := make([]float64, len(histogram))
	for j, c := range histogram {
		if c > 0 && float64(c) >= 4*sd {
			kept[j] = float64(c)
			total += kept[j]
		}
	}
	survival, n, sx, sy, sxx, sxy := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	for j := len(kept) - 1; j >= 0; j-- { // survival: records with |x| > 2^(j−32)
		if survival <= total/2 && survival >= math.Max(1, 20*sd) {
			x, y := float64(j-32)*math.Ln2, math.Log(survival/total)
			n++
			sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
		}
		survival += kept[j]
	}
	if n < 3 {
		return 0, false
	}
	return -(n*sxy - sx*sy) / (n*sxx - sx*sx), true
}
