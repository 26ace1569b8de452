package dataset

import (
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// Traffic returns, for each of a number of decisions, the node that makes it: an
// index into Nodes, drawn by the shares. Without replacement the rows of all
// nodes are shuffled together, so that no node is asked for more rows than it
// has; more decisions than rows are refused.
func (s *Set) Traffic(decisions int, src noise.Source) ([]int, error) {
	if decisions < 0 || (!s.Replacement && decisions > s.Rows) {
		allowed := "[0, ∞)"
		if !s.Replacement {
			allowed = fmt.Sprintf("[0, %d]", s.Rows)
		}
		return nil, posse.OutOfRange("decisions", fmt.Sprint(decisions), allowed, "each row comes once")
	}
	weights := make([]float64, len(s.Nodes))
	for i, n := range s.Nodes {
		if weights[i] = n.Share; !s.Replacement {
			weights[i] = float64(n.Rows)
		}
	}
	plan := make([]int, decisions)
	for t := range plan {
		i := environment.Pick(weights, src)
		if plan[t] = i; !s.Replacement {
			weights[i]--
		}
	}
	return plan, nil
}

// Rewind puts the rows of all nodes back, for another run without replacement.
func (s *Set) Rewind() {
	for _, n := range s.Nodes {
		if deck, ok := n.World.(*environment.Deck); ok {
			deck.Reset()
		}
	}
}
