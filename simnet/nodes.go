package simnet

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/dataset"
)

// Nodes are the organisations of a scenario; lists have one number a node.
type Nodes struct {
	IDs   []string             `json:"ids,omitempty"` // of nodes that come from data
	Sizes []float64            `json:"sizes"`         // shares of the traffic, relative to each other
	Costs []incentives.Credits `json:"costs"`         // true cost of a part in a round
	// Skew is how far a node's means may lie from the environment's.
	Skew float64 `json:"skew,omitempty"`
	// Honesty is the factor on a true cost that makes the bid.
	Honesty []float64 `json:"honesty"`
	// Availability is the chance that a node can be reached in a round, Churn that it
	// is replaced by a newcomer before one.
	Availability []float64           `json:"availability"`
	Churn        []float64           `json:"churn"`
	Worlds       []environment.World `json:"-"`
}

// Count is the number of organisations.
func (n Nodes) Count() int { return len(n.Worlds) }

// counted is what a scenario says of the nodes before the environment is known.
type counted struct {
	block *experiment.Block
	count int64 // 0: not said
	by    dataset.By
}

func readCount(top *experiment.Block) counted {
	c := counted{block: top.Child("nodes")}
	c.count, _ = c.block.Integer("count")
	by := c.block.Child("by")
	defer by.End()
	c.by.Column, c.by.Hash = by.Text("column", maxLabel), by.Text("hash", maxLabel)
	if n, ok := by.Integer("prefix"); ok {
		c.by.Prefix = int(n)
	}
	ways := 0
	for _, key := range []string{"column", "prefix", "hash"} {
		if by.Has(key) {
			ways++
		}
	}
	if by.Present() && ways != 1 {
		c.block.Refuse("by", posse.OutOfRange("nodes.by", fmt.Sprintf("%d ways", ways), "one of column, prefix and hash", "write by: {column: clinic}"))
		c.by = dataset.By{}
	}
	return c
}

// end reports unknown keys, and not those that were left because the environment is bad.
func (c counted) end() {
	for _, key := range []string{"sizes", "skew", "cost", "honesty", "availability", "churn"} {
		c.block.Has(key)
	}
	c.block.End()
}

// number of nodes of an environment that has none of its own.
func (c counted) number(b *experiment.Block) int {
	sizes := len(b.Numbers("sizes"))
	switch {
	case c.count > 0:
		return int(c.count)
	case sizes > 0:
		return sizes
	default:
		return 1
	}
}

// nodes reads what is left of the block, once the worlds are known.
func (s *Scenario) nodes(b *experiment.Block) {
	count := s.Nodes.Count()
	if sizes := b.Numbers("sizes"); len(sizes) > 0 {
		s.Nodes.Sizes = nil
		for _, d := range sizes {
			s.Nodes.Sizes = append(s.Nodes.Sizes, d.Float64())
		}
		if len(sizes) != count {
			b.Refuse("sizes", posse.OutOfRange("", fmt.Sprintf("%d sizes", len(sizes)), fmt.Sprintf("%d, one a node", count), "leave nodes.count out, or write one size a node"))
		}
	} else if s.Nodes.Sizes == nil {
		s.Nodes.Sizes = slices.Repeat([]float64{1}, count)
	}
	s.Nodes.Honesty = each(b, "honesty", "factors", count, 1)
	s.Nodes.Availability = each(b, "availability", "chances", count, 1)
	s.Nodes.Churn = each(b, "churn", "chances", count, 0)
	costs := b.Numbers("cost")
	for _, d := range costs {
		c, err := incentives.ParseCredits(d.String())
		if err != nil {
			b.Refuse("cost", posse.OutOfRange("", d.String(), "credits with at most six decimals", "write 1.5"))
			return
		}
		s.Nodes.Costs = append(s.Nodes.Costs, c)
	}
	switch len(costs) {
	case 0, 1:
		one := incentives.Credit
		if len(costs) == 1 {
			one = s.Nodes.Costs[0]
		}
		s.Nodes.Costs = slices.Repeat([]incentives.Credits{one}, count)
	case count:
	default:
		b.Refuse("cost", posse.OutOfRange("", fmt.Sprintf("%d costs", len(costs)), fmt.Sprintf("1 or %d, one a node", count), "write one number for all nodes"))
	}
}

// each reads one number for all nodes, or one a node.
func each(b *experiment.Block, key, what string, count int, byDefault float64) []float64 {
	var out []float64
	for _, d := range b.Numbers(key) {
		out = append(out, d.Float64())
	}
	switch len(out) {
	case 0:
		out = []float64{byDefault}
		fallthrough
	case 1:
		return slices.Repeat(out, count)
	case count:
		return out
	}
	b.Refuse(key, posse.OutOfRange("", fmt.Sprintf("%d %s", len(out), what), fmt.Sprintf("1 or %d, one a node", count), "write one number for all nodes"))
	return slices.Repeat(out[:1], count)
}

// skew returns a node's means: the environment's, each moved by at most skew. The
// moves belong to the scenario: they are the same in every run and for every seed.
func skew(means []float64, by float64, node int) []float64 {
	src := noise.NewPhilox([2]uint64{0x706f7373652f7369, 0x6d2f736b65772f31}) // "posse/sim/skew/1"
	src.Place([4]uint64{0, 0, uint64(node), 0})
	out := slices.Clone(means)
	for a := range out {
		out[a] += by * (2*noise.Float64(src) - 1)
		out[a] = math.Round(out[a]*1e9) / 1e9
	}
	return out
}
