package schedule

import (
	"fmt"
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
)

// Params are the settings of a schedule.
type Params struct {
	// Equality is κ, (0, 100]: at 100 all but equal chances, near 0 only the best.
	Equality float64
	// Grants is k, how many nodes are granted each version, [1, n].
	Grants int
	// Floor is the least chance of any node, [0, 1], with n·Floor ≤ Grants. Above 0 it
	// is what makes everyone equal in the long run.
	Floor float64
}

// DefaultParams returns the settings for n nodes: κ = 0.2, k = max(1, ⌊0.4n⌋), and a
// floor of 0.05, or k/n where that is less.
func DefaultParams(n int) Params {
	k := max(1, n*2/5)
	return Params{Equality: 0.2, Grants: k, Floor: min(0.05, float64(k)/float64(max(1, n)))}
}

// FairEqual returns each node's chance of being granted a version, from contributions
// in any unit (finite; nats by default):
//
//	ψ̃_i = max(0, ψ_i)/max_j ψ_j    (1 for all when none is positive)
//	π_i = min(1, max(floor, c·e^(ψ̃_i/κ))),  c such that Σ π_i = k
//
// π never falls when the own contribution grows, is equal for equals, and is free of
// the contributions' scale. The error names the field.
// Source: arXiv 2306.05764, as restated in spec/incentives.md 2.4.
func FairEqual(contributions []float64, p Params) ([]float64, error) {
	relative, err := normalise(contributions, p)
	if err != nil {
		return nil, err
	}
	for i := range relative {
		relative[i] = (relative[i] - 1) / p.Equality
	}
	return fill(relative, p), nil
}

// normalise checks the arguments and returns ψ̃ in [0, 1].
func normalise(contributions []float64, p Params) ([]float64, error) {
	n := len(contributions)
	switch {
	case n == 0:
		return nil, posse.OutOfRange("contributions", "none", "at least one node", "")
	case !(p.Equality > 0 && p.Equality <= 100):
		return nil, posse.OutOfRange("equality", fmt.Sprint(p.Equality), "(0, 100]", "")
	case p.Grants < 1 || p.Grants > n:
		return nil, posse.OutOfRange("grantsPerVersion", fmt.Sprint(p.Grants), fmt.Sprintf("[1, %d]", n), "")
	case !(p.Floor >= 0 && p.Floor <= 1) || p.Floor*float64(n) > float64(p.Grants)*(1+1e-12):
		return nil, posse.OutOfRange("floor", fmt.Sprint(p.Floor), fmt.Sprintf("[0, %d/%d]", p.Grants, n), "the floors of all nodes must fit into the grants")
	}
	highest := 0.0
	for i, psi := range contributions {
		if math.IsNaN(psi) || math.IsInf(psi, 0) {
			return nil, posse.OutOfRange(fmt.Sprintf("contributions[%d]", i), "not a finite number", "any finite number", "")
		}
		highest = max(highest, psi)
	}
	out := make([]float64, n)
	for i, psi := range contributions {
		out[i] = 1
		if highest > 0 {
			out[i] = max(0, psi) / highest
		}
	}
	return out, nil
}

// fill returns min(1, max(floor, c·w)) with the c at which they sum to the grants. The
// sum grows with c, so ln c is bisected to the last bit. Weights are given as
// logarithms of at most 0, the largest of them 0.
func fill(logWeights []float64, p Params) []float64 {
	n, k := len(logWeights), float64(p.Grants)
	out := make([]float64, n)
	if p.Grants == n {
		for i := range out {
			out[i] = 1
		}
		return out
	}
	at := func(logC float64) float64 {
		sum := 0.0
		for i, w := range logWeights {
			out[i] = min(1, max(p.Floor, math.Exp(logC+w)))
			sum += out[i]
		}
		return sum
	}
	// At −800 nothing is left but floors; at 1 − the lowest everything is cut at 1.
	low, high := -800.0, 1-slices.Min(logWeights)
	for {
		middle := low + (high-low)/2
		if middle <= low || middle >= high {
			break
		}
		if at(middle) < k {
			low = middle
		} else {
			high = middle
		}
	}
	at(high)
	return out
}
