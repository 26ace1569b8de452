package rounds

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// tailWidths is how far from its sum a noised number may lie, in standard deviations
// of a Gaussian; a Laplace noise gets √2 times as many of its scales, rounded up. An
// honest report lies beyond with a chance below 1e-39 a number. Source:
// experiment-file 6, whose overflow rule leaves the same room.
const (
	tailWidths        = 64
	tailLaplaceScales = 91
)

// plausible reports whether a leaf of at most so many records can have these
// statistics, all of a release or its claim: no number is further from 0 than its
// records and its noise take it. What a node invents within that is not seen here.
func plausible(layout statistics.Layout, set *statistics.Set, records int64) bool {
	for _, b := range set.Blocks {
		at := slices.IndexFunc(layout, func(s statistics.BlockSpec) bool { return s.Name == b.Name })
		if at < 0 {
			return false
		}
		most := largest(layout[at], records)
		for _, v := range b.Sum {
			if math.Abs(float64(v)) > most {
				return false
			}
		}
	}
	return true
}

// largest is a number's bound. It is computed in floats and widened by far more than
// their rounding: the bound is a screen, not a proof.
func largest(b statistics.BlockSpec, records int64) float64 {
	most := float64(records) * float64(b.Record)
	switch b.Noise {
	case statistics.LaplacePerReport:
		most += tailLaplaceScales * float64(b.Num) / float64(b.Den)
	case statistics.GaussianPerReport:
		most += tailWidths * math.Sqrt(float64(b.Num)/float64(b.Den))
	}
	return most*(1+1e-9) + 1
}
