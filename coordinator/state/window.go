package state

import (
	"cmp"
	"math/bits"
	"slices"
)

// Window returns the number of decisions of one window of each active node, by name:
// the round's decisions split by weight,
//
//	⌊D·w_i/Σw⌋, then one more for the largest remainders, ties to the smaller name
//
// so that they sum to D exactly. A node that gets none takes one from the largest, as
// long as there are enough for all; then none is above the experiment's bound on
// records of a report. All are 0 where rounds follow a clock.
//
// It is a function of the file and of who is enrolled, both public. Products are
// taken in 128 bits.
func (s *State) Window(e *Experiment) []Quota {
	nodes := s.Active()
	out := make([]Quota, len(nodes))
	total := uint64(0)
	for i, n := range nodes {
		out[i].Node = n.Name
		total += weight(n) // at most 2^20 each, see CreateInvite
	}
	d := e.Rules.RoundDecisions
	if d == 0 || len(nodes) == 0 {
		return out
	}
	order, left := make([]int, len(nodes)), make([]uint64, len(nodes))
	missing := d
	for i, n := range nodes {
		hi, lo := bits.Mul64(d, weight(n))
		out[i].Units, left[i] = bits.Div64(hi, lo, total) // the weight is at most the total, so it fits
		missing -= out[i].Units
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(left[b], left[a]) })
	for i := range missing { // fewer than there are nodes
		out[order[i]].Units++
	}
	for i := range out {
		if out[i].Units > 0 || d < uint64(len(nodes)) {
			continue
		}
		largest := 0
		for k := range out {
			if out[k].Units > out[largest].Units {
				largest = k
			}
		}
		out[largest].Units--
		out[i].Units = 1
	}
	if bound := e.Rules.MaxRecords; bound > 0 {
		for i := range out {
			out[i].Units = min(out[i].Units, bound)
		}
	}
	return out
}

func weight(n *Node) uint64 { return max(1, n.Weight) }
