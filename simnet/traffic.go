package simnet

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// Traffic is what happens at each organisation: who comes, in which order, and
// what every arm would give her.
type Traffic struct {
	Arms  int
	Nodes []Stream
}

// Stream is one organisation's decisions.
type Stream struct {
	ID      string
	Share   float64 // of all decisions
	Users   []uint32
	rewards []float64 // row-major, a row of Arms a decision
	arms    int
}

// Len is the number of decisions.
func (s Stream) Len() int { return len(s.Users) }

// Reward is what an arm gives at decision i.
func (s Stream) Reward(i, arm int) float64 { return s.rewards[i*s.arms+arm] }

// Uniform is the mean reward of choosing at random on this organisation's traffic.
func (s Stream) Uniform() float64 {
	sum := 0.0
	for _, x := range s.rewards {
		sum += x
	}
	return sum / float64(len(s.rewards))
}

// Best is the mean reward of the arm that is best on this organisation's traffic.
func (s Stream) Best() float64 {
	sums := make([]float64, s.arms)
	for i, x := range s.rewards {
		sums[i%s.arms] += x
	}
	return slices.Max(sums) / float64(s.Len())
}

// Source is where an organisation's outcomes come from.
type Source struct {
	ID    string
	Share float64 // > 0; shares are relative
	World environment.World
}

// Visits says how often users come: Law[k] is the probability that a user comes
// k+1 times. An empty law lets Users users of all nodes together come at random.
type Visits struct {
	Law   []float64
	Users int
}

// DefaultVisits is mostly one or two visits: 0.6 users a decision, and a tenth of
// the decisions beyond a user's second.
func DefaultVisits() Visits { return Visits{Law: []float64{0.50, 0.36, 0.12, 0.02}} }

// NewTraffic draws decisions for the sources, split by share with the largest
// remainders, each at least one. The same seed gives the same traffic.
func NewTraffic(sources []Source, decisions int, v Visits, seed uint64) (*Traffic, error) {
	if len(sources) == 0 || decisions < len(sources) {
		return nil, posse.OutOfRange("decisions", fmt.Sprint(decisions), fmt.Sprintf("at least %d, one a node", max(1, len(sources))), "ask for more decisions")
	}
	sizes := make([]float64, len(sources))
	total := 0.0
	for i, s := range sources {
		if !(s.Share > 0) || math.IsInf(s.Share, 0) {
			return nil, posse.OutOfRange("share", fmt.Sprint(s.Share), "(0, 1]", "give every node some traffic")
		}
		sizes[i] = s.Share
		total += s.Share
	}
	t := &Traffic{Arms: sources[0].World.Arms()}
	for i, n := range Split(sizes, decisions) {
		s := sources[i]
		src := noise.NewSeededAt(seed, uint64(i)<<32)
		stream := Stream{ID: s.ID, Share: s.Share / total, arms: t.Arms, rewards: make([]float64, 0, n*t.Arms)}
		stream.Users = v.sequence(n, s.Share/total, src)
		var row environment.Instance
		for range n {
			row = s.World.Draw(row, src)
			stream.rewards = append(stream.rewards, row...)
		}
		t.Nodes = append(t.Nodes, stream)
	}
	return t, nil
}

// Split divides decisions by sizes > 0, rounded, each at least one: there are at least
// as many decisions as sizes.
func Split(sizes []float64, decisions int) []int {
	total := 0.0
	for _, s := range sizes {
		total += s
	}
	out, left := make([]int, len(sizes)), decisions
	for i, s := range sizes {
		n := int(math.Round(float64(decisions) * s / total))
		n = min(max(1, n), left-(len(sizes)-1-i))
		if i == len(sizes)-1 {
			n = left
		}
		out[i] = n
		left -= n
	}
	return out
}

// sequence draws who comes at each of n decisions.
func (v Visits) sequence(n int, share float64, src noise.Source) []uint32 {
	if len(v.Law) > 0 {
		return v.Sequence(make([]uint32, 0, n), n, src)
	}
	var out []uint32
	users := max(1, uint64(math.Round(float64(v.Users)*share)))
	for range n {
		out = append(out, uint32(noise.Uniform(users, src)))
	}
	return out
}

// Sequence appends to out, which is empty, who comes at each of n decisions by the
// law, counted from 0.
func (v Visits) Sequence(out []uint32, n int, src noise.Source) []uint32 {
	for user := uint32(0); len(out) < n; user++ {
		x, times := noise.Float64(src), 1
		for _, p := range v.Law {
			if x -= p; x < 0 {
				break
			}
			times++
		}
		for range min(times, len(v.Law), n-len(out)) {
			out = append(out, user)
		}
	}
	for i := len(out) - 1; i > 0; i-- { // in random order
		j := int(noise.Uniform(uint64(i+1), src))
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// Decisions is the number of decisions of all nodes.
func (t *Traffic) Decisions() int {
	n := 0
	for _, s := range t.Nodes {
		n += s.Len()
	}
	return n
}

// Uniform is the mean reward of choosing at random on exactly this traffic.
func (t *Traffic) Uniform() float64 {
	sum := 0.0
	for _, s := range t.Nodes {
		for _, x := range s.rewards {
			sum += x
		}
	}
	return sum / float64(t.Decisions()*t.Arms)
}

// BestFixed is the arm that is best for all nodes together on exactly this
// traffic, and its mean reward. Ties go to the first.
func (t *Traffic) BestFixed() (arm int, mean float64) {
	sums := make([]float64, t.Arms)
	for _, s := range t.Nodes {
		for i, x := range s.rewards {
			sums[i%t.Arms] += x
		}
	}
	for a := range sums {
		if sums[a] > sums[arm] {
			arm = a
		}
	}
	return arm, sums[arm] / float64(t.Decisions())
}

// DealTraffic deals the rows of worlds that end ([environment.Deck]), each once:
// every node gets its own rows, in random order, one at least, until decisions are
// made in all.
func DealTraffic(sources []Source, decisions int, seed uint64) (*Traffic, error) {
	t := &Traffic{Arms: sources[0].World.Arms()}
	src := noise.NewSeededAt(seed, 1<<48)
	total, left := 0, make([]uint64, len(sources))
	for i, s := range sources {
		deck, ok := s.World.(*environment.Deck)
		if !ok {
			return nil, posse.OutOfRange("data", "a world without end", "a deck of rows", "draw with replacement instead")
		}
		left[i] = uint64(deck.Left())
		total += deck.Left()
		t.Nodes = append(t.Nodes, Stream{ID: s.ID, arms: t.Arms})
	}
	if decisions < len(sources) || decisions > total {
		return nil, posse.OutOfRange("decisions", fmt.Sprint(decisions), fmt.Sprintf("[%d, %d]", len(sources), total), "each row comes once, and each node has one at least")
	}
	var row environment.Instance
	deal := func(at int) {
		left[at]--
		n := &t.Nodes[at]
		row = sources[at].World.Draw(row, src)
		n.rewards = append(n.rewards, row...)
		n.Users = append(n.Users, uint32(len(n.Users)))
	}
	for at := range sources {
		deal(at)
	}
	for range decisions - len(sources) {
		sum := uint64(0)
		for _, n := range left {
			sum += n
		}
		at, x := 0, noise.Uniform(sum, src)
		for x >= left[at] {
			x -= left[at]
			at++
		}
		deal(at)
	}
	for i := range t.Nodes {
		t.Nodes[i].Share = float64(t.Nodes[i].Len()) / float64(decisions)
	}
	return t, nil
}
