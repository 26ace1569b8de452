package linear

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
)

// PublishedTrigger returns after how many decisions of all nodes the next report is
// worth a round: when the determinant of the published Gram matrix (all arms together,
// eigenvalues raised as under "tuned") would have grown by ratio if contexts went on as
// in the decisions so far. It reads released statistics and public counts alone.
//
// A trigger computed from a node's raw Gram matrix, as it was first published, tells
// when a silo speaks and with it what its users' contexts are: that is the leak which
// Zhou and Chowdhury found. ratio > 1, decisions ≥ 1; at most the horizon, and 1 while
// nothing is published. Source: Zhou and Chowdhury 2024, section 3.1; private-learning
// 0.1, (a).
func (p *Shared) PublishedTrigger(m mechanisms.Model, decisions uint64, ratio float64) (uint64, error) {
	if !(ratio > 1 && ratio <= 1e6) {
		return 0, posse.OutOfRange("rounds.trigger.publishedDeterminantRatio", fmt.Sprint(ratio), "(1, 1e6]", "2 is a common choice")
	}
	arms, err := p.decode(m)
	if err != nil {
		return 0, err
	}
	if len(m.Parts) == 0 || decisions == 0 {
		return 1, nil
	}
	d := p.settings.Features.Dimension
	total, noise2 := newTriangle(d), 0.0
	for _, a := range arms {
		for i, v := range a.gram.cell {
			total.cell[i] += v
		}
		noise2 += a.noise2
	}
	s := clipEigenvalues(total, math.Max(1, math.Sqrt(2*float64(d)*noise2)))
	grown := func(extra float64) float64 {
		sum := 0.0
		for i := range d {
			sum += math.Log1p(extra / float64(decisions) * math.Max(0, s.raw[i]) / s.value(i))
		}
		return sum
	}
	low, high := uint64(0), p.settings.Horizon
	if grown(float64(high)) < math.Log(ratio) {
		return high, nil
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; grown(float64(middle)) >= math.Log(ratio) {
			high = middle
		} else {
			low = middle
		}
	}
	return high, nil
}
