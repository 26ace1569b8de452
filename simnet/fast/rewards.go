package fast

import (
	"sort"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// drawer is a world that draws one arm's reward alone. All policies of a run give it
// the same words at the same step, so that they meet the same luck.
type drawer interface {
	Reward(arm int, src noise.Source) float64
}

// rewards is an environment ready to be asked. thresholds is set for Bernoulli
// worlds: a reward is 1 where the 53 high bits of a word are below the arm's.
type rewards struct {
	world      drawer
	thresholds []uint64
	gaps       []int64            // best mean − mean, in 2^−32
	table      *environment.Table // rows to deal once each; nil: draws are independent
}

// gapsOf returns the gaps of every node's world.
func gapsOf(worlds []environment.World) [][]int64 {
	out, known := make([][]int64, len(worlds)), map[environment.World][]int64{}
	for j, w := range worlds {
		if known[w] == nil {
			known[w] = newRewards(w).gaps
		}
		out[j] = known[w]
	}
	return out
}

func newRewards(w environment.World) rewards {
	r := rewards{world: w.(drawer), gaps: make([]int64, w.Arms())}
	_, best := environment.Best(w)
	for a := range r.gaps {
		r.gaps[a] = count(best - w.Mean(a))
	}
	if _, ok := w.(*environment.Bernoulli); ok {
		for a := range r.gaps {
			r.thresholds = append(r.thresholds, threshold(w.Mean(a)))
		}
	}
	return r
}

// threshold returns the number of 53-bit integers k that [environment.Bernoulli]
// turns into a 1, so that comparing integers says exactly what it says.
func threshold(mean float64) uint64 {
	return uint64(sort.Search(1<<53, func(k int) bool { return (float64(k)+0.5)*0x1p-53 >= mean }))
}
