package account

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
)

// Shuffled is the ε of shuffled local reports and the theorem behind it.
type Shuffled struct {
	Epsilon float64 `json:"epsilon"`
	Bound   string  `json:"bound"` // "none", "closed-form-2021", "closed-form-2023", "clones-2021", "stronger-clones-2023"
}

// Shuffle returns the least known ε at δ of n messages, one a user, each ε₀-LDP
// (replace), once a shuffler has taken away who sent which: the minimum of ε₀, the
// closed forms and the numerical bounds. Count only honest users in n. A user with
// several records is not one message a user.
//
// ε₀ in (0, 20], n in [0, 1e9], δ < 1; n < 2 or δ ≤ 0 gives ε₀.
// Source: Feldman, McMillan, Talwar 2021 ("clones") and 2023 ("stronger clones").
func Shuffle(epsilon0 float64, n uint64, delta float64) (Shuffled, error) {
	if err := inRange("epsilon0", epsilon0, 0, 20); err != nil {
		return Shuffled{}, err
	}
	if n > 1e9 {
		return Shuffled{}, posse.OutOfRange("n", strconv.FormatUint(n, 10), "[0, 1e9]", "")
	}
	if !(delta < 1) {
		return Shuffled{}, posse.OutOfRange("delta", float(delta), "(-∞, 1)", "")
	}
	best := Shuffled{epsilon0, "none"}
	if n < 2 || delta <= 0 {
		return best, nil
	}
	for _, c := range []Shuffled{
		{shuffle2021(epsilon0, float64(n), delta), "closed-form-2021"},
		{shuffle2023(epsilon0, float64(n), delta), "closed-form-2023"},
		{clones(epsilon0, float64(n), delta, math.Exp(-epsilon0)), "clones-2021"},
		{clones(epsilon0, float64(n), delta, 2/(math.Exp(epsilon0)+1)), "stronger-clones-2023"},
	} {
		if c.Epsilon < best.Epsilon {
			best = c
		}
	}
	return best, nil
}

// shuffle2021 is Theorem 3.1 of the 2021 paper; infinite outside its range.
func shuffle2021(e0, n, delta float64) float64 {
	if e0 > math.Log(n/(16*math.Log(2/delta))) {
		return math.Inf(1)
	}
	e := math.Exp(e0)
	return math.Log1p((e-1)/(e+1)*(8*math.Sqrt(e*math.Log(4/delta)/n)+8*e/n)) * (1 + up)
}

// shuffle2023 is the closed form of the 2023 paper; infinite outside its range.
func shuffle2023(e0, n, delta float64) float64 {
	if e0 > math.Log(n/(8*math.Log(2/delta))-1) || n <= 8*math.Log(2/delta) {
		return math.Inf(1)
	}
	e := math.Exp(e0)
	return math.Log1p((e-1)*(4*math.Sqrt(2*math.Log(4/delta)/((e+1)*n))+4/n)) * (1 + up)
}

// windowMass is left out of the sum over clones at each end, and added to δ.
const windowMass = 1e-16

// clones bounds the shuffled ε by the hockey-stick divergence between
//
//	(A + D, C − A + 1 − D) and (A + 1 − D, C − A + D),
//
// C ~ Bin(n−1, r) clones, A ~ Bin(C, ½), D ~ Bern(e^ε₀/(e^ε₀+1)); by symmetry one
// direction. Given C = c the first component decides, and the likelihood ratio of
// "A + D = j" rises with j, so the worst event is a tail. One clone more is one fair
// coin added to either component, which is post-processing: the divergence falls with
// c, and that of a block's least c is a bound for the block.
func clones(e0, n, delta, r float64) float64 {
	if delta <= 4*windowMass {
		return math.Inf(1)
	}
	p := 1 / (1 + math.Exp(-e0)) // P(D = 1)
	low, weights := binomialWindow(n-1, r)
	width := max(1, int(2e-5*n*r)) // of a block: ε moves by some 5e-6 of itself
	var blocks [][2]float64        // least c and mass
	for i := 0; i < len(weights); i += width {
		block := [2]float64{low + float64(i)}
		for _, w := range weights[i:min(i+width, len(weights))] {
			block[1] += w
		}
		blocks = append(blocks, block)
	}
	deltaAt := func(e float64) float64 {
		sum := 2 * windowMass
		for _, b := range blocks {
			if b[1] > 0 {
				sum += b[1] * hockeyStick(b[0], p, e)
			}
		}
		return sum
	}
	if deltaAt(0) <= delta {
		return 0
	}
	return crossing(0, e0, 1e-10, func(e float64) float64 { return math.Log(deltaAt(e) / delta) })
}

// crossing returns a place within a relative width where f, which falls from above 0
// at low, is not above 0: by chords that are pulled towards an end that stays (the
// Illinois rule).
func crossing(low, high, relative float64, f func(float64) float64) float64 {
	atLow, atHigh, moved := f(low), f(high), 0
	for high-low > relative*high {
		least := relative * high / 4
		x := math.Max(low+least, math.Min(high-least, (low*atHigh-high*atLow)/(atHigh-atLow)))
		if y := f(x); y > 0 {
			if low, atLow = x, y; moved > 0 {
				atHigh /= 2
			}
			moved = 1
		} else {
			if high, atHigh = x, y; moved < 0 {
				atLow /= 2
			}
			moved = -1
		}
	}
	return high
}

// hockeyStick is Σ_j max(0, P(j) − e^ε·Q(j)) for P = A + D, Q = A + 1 − D, A ~ Bin(c, ½),
// rounded up.
//
//	P(j) = (1−p)·b(j) + p·b(j−1),  Q(j) = p·b(j) + (1−p)·b(j−1),  b(j−1)/b(j) = j/(c−j+1)
//
// P(j) > e^ε·Q(j) iff j/(c−j+1) > x = (p·e^ε − (1−p))/(p − (1−p)·e^ε). With T(j) = P(A ≥ j)
// the sum from j is b(j−1)·(p − (1−p)·e^ε) − (e^ε − 1)·T(j).
func hockeyStick(c, p, epsilon float64) float64 {
	e := math.Exp(epsilon)
	under := p - (1-p)*e
	if under <= 0 {
		return 0
	}
	x := (p*e - (1 - p)) / under
	// least j with j > x(c − j + 1)
	j := math.Floor(x*(c+1)/(1+x)) + 1
	last, tail := halfBinomial(c, j-1)
	tail -= last // P(A ≥ j)
	gain, loss := last*under, (e-1)*math.Max(0, tail)
	return math.Max(0, gain-loss+(gain+loss)*1e-10) // both are good to 3e-11
}

// halfBinomial returns P(A = j) and P(A ≥ j) of A ~ Bin(c, ½), for j ≥ (c−2)/2 or so:
// nearer the lower end the tail is summed from far. Relative error below 3e-11 for c
// up to 1e9.
func halfBinomial(c, j float64) (at, tail float64) {
	if j < 0 {
		return 0, 1
	}
	if j > c {
		return 0, 0
	}
	at = math.Exp(logHalfBinomial(c, j))
	for k, term := j, at; k <= c && term > tail*1e-17; k++ {
		tail += term
		term *= (c - k) / (k + 1)
	}
	return at, math.Min(1, tail)
}

// logHalfBinomial is ln of C(c,j)/2^c, by Loader's saddle-point form.
func logHalfBinomial(c, j float64) float64 {
	if j == 0 || j == c {
		return -c * math.Ln2
	}
	x := 2*j/c - 1
	deviance := c / 2 * ((1+x)*math.Log1p(x) + (1-x)*math.Log1p(-x))
	return stirlingError(c) - stirlingError(j) - stirlingError(c-j) - deviance + math.Log(c/(2*math.Pi*j*(c-j)))/2
}

// stirlingError is ln(n!) − ln(√(2πn)·(n/e)^n) for whole n ≥ 1.
func stirlingError(n float64) float64 {
	if n < 16 {
		lg, _ := math.Lgamma(n + 1)
		return lg - (math.Log(2*math.Pi*n)/2 + n*math.Log(n) - n)
	}
	i := 1 / (n * n)
	return (1.0/12 - i*(1.0/360-i*(1.0/1260-i*(1.0/1680-i/1188)))) / n
}

// binomialWindow returns the masses of Bin(n, p) from a low end on, which has at most
// windowMass beyond each end by Bernstein's inequality. They are ratios from the mode
// outwards, made to sum to 1.
func binomialWindow(n, p float64) (low float64, weights []float64) {
	if p >= 1 {
		return n, []float64{1}
	}
	l := -math.Log(windowMass)
	t := math.Sqrt(2*n*p*(1-p)*l) + 2*l/3
	low, high := math.Max(0, math.Floor(n*p-t)), math.Min(n, math.Ceil(n*p+t))
	weights = make([]float64, int(high-low)+1)
	mode := int(math.Max(low, math.Min(high, math.Floor((n+1)*p))) - low)
	weights[mode] = 1
	odds, sum := p/(1-p), 1.0
	for i := mode + 1; i < len(weights); i++ {
		c := low + float64(i)
		weights[i] = weights[i-1] * (n - c + 1) / c * odds
		sum += weights[i]
	}
	for i := mode - 1; i >= 0; i-- {
		c := low + float64(i)
		weights[i] = weights[i+1] * (c + 1) / (n - c) / odds
		sum += weights[i]
	}
	for i := range weights {
		weights[i] /= sum
	}
	return low, weights
}
