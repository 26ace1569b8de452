package arms

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate/quad"
)

// Posterior is what Thompson sampling draws from: the distributions of gonum have
// these methods.
type Posterior interface {
	Prob(x float64) float64
	CDF(x float64) float64
	Mean() float64
	StdDev() float64
}

// Winning returns the probability that a draw of laws[a] is the largest of one draw
// of each, on [low, high]:
//
//	∫ f_a(x)·Π_{b≠a} F_b(x) dx
//
// by Gauss-Legendre quadrature between break points at 0, 1, 3, 8 and 20 standard
// deviations of every law around its mean: each piece is smooth on its own scale,
// however much more one arm was pulled than another. Below 1e-6 absolute; never
// outside [0, 1]. O(K²) evaluations of distribution functions: a hundred times and
// more the cost of the choice, which is why it is computed only when it is logged.
// Source: policies 17.1.
func Winning[L Posterior](a int, laws []L, low, high float64) float64 {
	// outside of this a's density, or another arm's distribution function, is below
	// 1e-8 (20 deviations of an exponential tail, the heaviest of a Beta with both
	// parameters at least 1)
	const far = 20
	high = min(high, laws[a].Mean()+far*laws[a].StdDev())
	for _, l := range laws {
		low = max(low, l.Mean()-far*l.StdDev())
	}
	if low >= high {
		return 0
	}
	cuts := []float64{low, high}
	for _, l := range laws {
		for _, k := range []float64{0, 1, 3, 8, far} {
			for _, x := range []float64{l.Mean() - k*l.StdDev(), l.Mean() + k*l.StdDev()} {
				if x > low && x < high {
					cuts = append(cuts, x)
				}
			}
		}
	}
	slices.Sort(cuts)
	total := 0.0
	for i := range cuts[1:] {
		if cuts[i+1] > cuts[i] {
			total += quad.Fixed(func(x float64) float64 {
				p := laws[a].Prob(x)
				for b := range laws {
					if b != a {
						p *= laws[b].CDF(x)
					}
				}
				return p
			}, cuts[i], cuts[i+1], 16, quad.Legendre{}, 0)
		}
	}
	return math.Max(0, math.Min(1, total))
}
