package rounds

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// plausible reports whether a leaf of at most so many records can have these
// statistics, all of a release or its claim: no number is further from 0 than its
// records and its noise take it. How numbers of a release bound each other only its
// policy knows ([mechanisms.Shared.Check]); what a node invents within both is not seen.
func plausible(layout statistics.Layout, set *statistics.Set, records int64) bool {
	for _, b := range set.Blocks {
		at := slices.IndexFunc(layout, func(s statistics.BlockSpec) bool { return s.Name == b.Name })
		if at < 0 {
			return false
		}
		// Computed in floats and widened by far more than their rounding.
		most := (float64(records)*float64(layout[at].Record)+layout[at].Tail())*(1+1e-9) + 1
		for _, v := range b.Sum {
			if math.Abs(float64(v)) > most {
				return false
			}
		}
	}
	return true
}
