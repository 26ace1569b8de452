package account

import (
	"math"
	"strconv"

	"gonum.org/v1/gonum/mathext"

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
// "A + D = j" rises with j, so the worst event is a tail: two binomial tails a c.
func clones(e0, n, delta, r float64) float64 {
	if delta <= 4*windowMass {
		return math.Inf(1)
	}
	p := 1 / (1 + math.Exp(-e0)) // P(D = 1)
	low, high := binomialWindow(n-1, r)
	weights := make([]float64, 0, int(high-low)+1)
	for c := low; c <= high; c++ {
		weights = append(weights, binomialPMF(n-1, r, c))
	}
	deltaAt := func(e float64) float64 {
		sum := 2 * windowMass
		for i, w := range weights {
			if w > 0 {
				sum += w * hockeyStick(low+float64(i), p, e)
			}
		}
		return sum * (1 + 1e-10) // the tails below are good to 1e-11
	}
	if deltaAt(0) <= delta {
		return 0
	}
	return leastTrueWithin(0, e0, 1e-10, func(e float64) bool { return deltaAt(e) <= delta })
}

// hockeyStick is Σ_j max(0, P(j) − e^ε·Q(j)) for P = A + D, Q = A + 1 − D, A ~ Bin(c, ½).
//
//	P(j) = (1−p)·b(j) + p·b(j−1),  Q(j) = p·b(j) + (1−p)·b(j−1),  b(j−1)/b(j) = j/(c−j+1)
//
// P(j) > e^ε·Q(j) iff j/(c−j+1) > x = (p·e^ε − (1−p))/(p − (1−p)·e^ε).
func hockeyStick(c, p, epsilon float64) float64 {
	e := math.Exp(epsilon)
	under := p - (1-p)*e
	if under <= 0 {
		return 0
	}
	x := (p*e - (1 - p)) / under
	// least j with j > x(c − j + 1)
	j := math.Floor(x*(c+1)/(1+x)) + 1
	at, before := upperHalfTail(c, j), upperHalfTail(c, j-1) // P(A ≥ j), P(A ≥ j−1)
	return math.Max(0, (1-p)*at+p*before-e*(p*at+(1-p)*before))
}

// upperHalfTail is P(Bin(c, ½) ≥ j).
func upperHalfTail(c, j float64) float64 {
	switch {
	case j <= 0:
		return 1
	case j > c:
		return 0
	}
	return mathext.RegIncBeta(j, c-j+1, 0.5)
}

func binomialPMF(n, p, k float64) float64 {
	if p >= 1 {
		if k == n {
			return 1
		}
		return 0
	}
	a, _ := math.Lgamma(n + 1)
	b, _ := math.Lgamma(k + 1)
	c, _ := math.Lgamma(n - k + 1)
	return math.Exp(a - b - c + k*math.Log(p) + (n-k)*math.Log1p(-p))
}

// binomialWindow returns ends beyond which Bin(n, p) has at most windowMass each, by
// Bernstein's inequality.
func binomialWindow(n, p float64) (low, high float64) {
	l := -math.Log(windowMass)
	t := math.Sqrt(2*n*p*(1-p)*l) + 2*l/3
	return math.Max(0, math.Floor(n*p-t)), math.Min(n, math.Ceil(n*p+t))
}
