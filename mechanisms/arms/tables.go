package arms

import (
	"math"
	"sync"
)

// Tables of functions that a learner would otherwise compute at each step. They end
// where they would be too large, and what is computed beyond is the same expression,
// so that their end is not seen. Nothing is tabulated up to a horizon.
const (
	scaleTable   = 16384 // √(2 ln t): 128 KiB
	inverseTable = 4096  // 1/n and 1/√n: 64 KiB
)

// explorationScales holds √(2 ln t) for t < scaleTable. Made once, never changed.
var explorationScales = sync.OnceValue(func() *[scaleTable]float64 {
	var out [scaleTable]float64
	for t := 1; t < scaleTable; t++ {
		out[t] = scaleAt(uint64(t))
	}
	return &out
})

// scaleAt is √(2 ln t), t ≥ 1.
func scaleAt(t uint64) float64 { return math.Sqrt(2 * math.Log(float64(t))) }

// explorationScale is scaleAt from the table where that reaches.
func explorationScale(table *[scaleTable]float64, t uint64) float64 {
	if t < scaleTable {
		return table[t]
	}
	return scaleAt(t)
}

// inverse is 1/n and 1/√n.
type inverse struct{ one, root float64 }

// inverses holds those of n < inverseTable, and zeros at 0. Made once, never changed.
var inverses = sync.OnceValue(func() *[inverseTable]inverse {
	var out [inverseTable]inverse
	for n := 1; n < inverseTable; n++ {
		out[n] = inverseOf(int64(n))
	}
	return &out
})

func inverseOf(n int64) inverse {
	return inverse{1 / float64(n), 1 / math.Sqrt(float64(n))}
}

// inverseAt is inverseOf from the table where that reaches, n ≥ 1.
func inverseAt(table *[inverseTable]inverse, n int64) inverse {
	if n < inverseTable {
		return table[n]
	}
	return inverseOf(n)
}

// scaledMean is the mean of n rewards with a sum in 2^−fractionBits. Every form of
// a policy uses this one expression, so that all of them choose alike to the bit.
func scaledMean(sum int64, i inverse) float64 {
	return float64(sum) * (1.0 / (1 << fractionBits)) * i.one
}

// optimism is an arm's index; the conversion forbids a fused multiply-add, so that
// all processors choose alike.
func optimism(mean, scale, width float64) float64 { return mean + float64(scale*width) }
