package contribution

import (
	"fmt"
	"math"
	"slices"
	"strings"

	posse "github.com/posse-dev/posse"
)

// Unit is the unit of contributions in the log: 2^-32 nat.
const Unit = 1.0 / (1 << 32)

// Units rounds nats to units, to the nearest and half away from zero. It is an error
// when the value is not finite or beyond 2^30 nats, which no round of information
// reaches.
func Units(nats float64) (int64, error) {
	if math.IsNaN(nats) || math.Abs(nats) > 1<<30 {
		return 0, posse.OutOfRange("contribution", "not a finite number below 2^30", "[-2^30, 2^30] nats", "")
	}
	return int64(math.Round(nats / Unit)), nil
}

// Nats turns units back.
func Nats(units int64) float64 { return float64(units) * Unit }

// Mean is the mean of per-round contributions in units. A node that is absent from a
// round counts 0 in it, also in the rounds before it came. The zero value is ready.
type Mean struct {
	rounds int64
	sums   []Share // by node
}

// Share is one node's contribution in units of 2^-32 nat.
type Share struct {
	Node  string
	Units int64
}

// Observe adds a round: each node's contribution in it, a node at most once. The error
// changes nothing.
func (m *Mean) Observe(round []Share) error {
	next := slices.Clone(m.sums)
	seen := map[string]bool{}
	for _, share := range round {
		if share.Node == "" || seen[share.Node] {
			return posse.OutOfRange("node", share.Node, "each node once", "")
		}
		seen[share.Node] = true
		at, ok := slices.BinarySearchFunc(next, share.Node, func(s Share, node string) int { return strings.Compare(s.Node, node) })
		if !ok {
			next = slices.Insert(next, at, Share{Node: share.Node})
		}
		sum := next[at].Units + share.Units
		if (sum > next[at].Units) != (share.Units > 0) {
			return posse.OutOfRange("contribution", fmt.Sprint(m.rounds+1)+" rounds", "a sum of contributions within 63 bits", "")
		}
		next[at].Units = sum
	}
	m.sums = next
	m.rounds++
	return nil
}

// Rounds is how many rounds were observed.
func (m *Mean) Rounds() int64 { return m.rounds }

// Shares returns the means by node, rounded to the nearest unit, half away from zero.
func (m *Mean) Shares() []Share {
	out := slices.Clone(m.sums)
	for i := range out {
		out[i].Units = divide(out[i].Units, m.rounds)
	}
	return out
}

// divide rounds a/b, b > 0, to the nearest, half away from zero.
func divide(a, b int64) int64 {
	quotient, rest := a/b, a%b
	if rest < 0 {
		rest = -rest
	}
	if rest >= b-rest {
		if a < 0 {
			return quotient - 1
		}
		return quotient + 1
	}
	return quotient
}

// Smooth returns what an epoch's schedule uses: half the old frozen contribution and
// half the new mean, ψ ← ½ψ + ½new, rounded like a mean. A node that only one of them
// has counts 0 in the other. Errors are those of [Mean.Observe].
func Smooth(old, fresh []Share) ([]Share, error) {
	var halves Mean
	for _, shares := range [][]Share{old, fresh} {
		if err := halves.Observe(shares); err != nil {
			return nil, err
		}
	}
	return halves.Shares(), nil
}
