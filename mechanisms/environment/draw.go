package environment

import (
	"github.com/posse-dev/posse/dp/noise"
	"gonum.org/v1/gonum/mathext"
)

// uniform returns a number in the open interval (0, 1): the midpoints of 2^53
// equal cells, so that neither a logarithm nor a negative power meets 0.
func uniform(src noise.Source) float64 {
	return (float64(src.Uint64()>>11) + 0.5) * 0x1p-53
}

// normal returns a standard normal number by inversion. One word makes one
// number, so that worlds with the same seed stay in step whatever their
// parameters are; a polar or ziggurat sampler would consume a random number of
// words. The largest magnitude is 8.3, the quantile of half a cell.
func normal(src noise.Source) float64 { return mathext.NormalQuantile(uniform(src)) }

// Pick returns an index with a probability proportional to its weight; weights
// are finite, not negative, and not all zero. O(len(weights)).
func Pick(weights []float64, src noise.Source) int {
	var total float64
	for _, w := range weights {
		total += w
	}
	u, last := uniform(src)*total, 0
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		if last = i; u < w {
			return i
		}
		u -= w
	}
	return last // rounding of the subtractions
}
