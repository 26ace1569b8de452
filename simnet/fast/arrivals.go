package fast

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/simnet"
)

// arrivals is who comes to each node, and what every arm would give her.
type arrivals interface {
	count() int
	decisions(node int) int
	share(node int) float64 // of all decisions
	user(node int, slot uint64) uint32
	reward(node int, slot uint64, arm int) float64
}

// stored is traffic that somebody drew.
type stored struct{ *simnet.Traffic }

func (t stored) count() int                        { return len(t.Nodes) }
func (t stored) decisions(node int) int            { return t.Nodes[node].Len() }
func (t stored) share(node int) float64            { return t.Nodes[node].Share }
func (t stored) user(node int, slot uint64) uint32 { return t.Nodes[node].Users[slot] }
func (t stored) reward(node int, slot uint64, arm int) float64 {
	return t.Nodes[node].Reward(int(slot), arm)
}

// drawn is traffic that is drawn where somebody asks for it: a function of seed, run,
// node and slot, which takes no memory that grows with the horizon. It is for one
// goroutine.
type drawn struct {
	run     uint64
	worlds  []drawer
	lengths []int // by node
	shares  []float64
	src     *noise.Philox
	bits    *rewards // of the Bernoulli world that all nodes have; nil: there is none

	// the words that were asked for last
	at         int
	word, drew uint64
	words      [4]uint64

	// the block of users that was asked for last
	node       int
	block, met uint64
	users      []uint32
}

// userBlock is within how many decisions of a node a user comes back, if she does.
const userBlock = 64

// newDrawn prepares the traffic of a scenario; run is set before each.
func newDrawn(s *simnet.Scenario, key [2]uint64) *drawn {
	n := s.Nodes
	d := &drawn{src: noise.NewPhilox(key), node: -1, at: -1, worlds: make([]drawer, n.Count())}
	total, one := 0.0, true
	for j, w := range n.Worlds {
		d.worlds[j] = w.(drawer)
		total += n.Sizes[j]
		one = one && w == n.Worlds[0]
	}
	d.lengths, d.shares = simnet.Split(n.Sizes, int(s.Horizon)), make([]float64, n.Count())
	for j, size := range n.Sizes {
		d.shares[j] = size / total
	}
	if _, ok := n.Worlds[0].(*environment.Bernoulli); ok && one {
		r := newRewards(n.Worlds[0])
		d.bits = &r
	}
	return d
}

func (d *drawn) count() int             { return len(d.worlds) }
func (d *drawn) decisions(node int) int { return d.lengths[node] }
func (d *drawn) share(node int) float64 { return d.shares[node] }

func (d *drawn) reward(node int, slot uint64, arm int) float64 {
	if d.bits == nil {
		d.src.Place(at(d.run, uint64(node), slot, forReward))
		return d.worlds[node].Reward(arm, d.src)
	}
	if block := slot / 4; node != d.at || block != d.word || d.run != d.drew { // one word a decision: four to a block
		d.src.Place(at(d.run, uint64(node), block, forReward))
		d.src.Fill(d.words[:])
		d.at, d.word, d.drew = node, block, d.run
	}
	if d.words[slot%4]>>11 < d.bits.thresholds[arm] {
		return 1
	}
	return 0
}

func (d *drawn) user(node int, slot uint64) uint32 {
	if block := slot / userBlock; node != d.node || block != d.block || d.run != d.met {
		d.src.Place(at(d.run, uint64(node), block, forTraffic))
		d.users = simnet.DefaultVisits().Sequence(d.users[:0], userBlock, d.src)
		d.node, d.block, d.met = node, block, d.run
	}
	return uint32(slot/userBlock*userBlock) + d.users[slot%userBlock]
}

// one is a node's traffic as all there is.
type one struct {
	arrivals
	node int
}

func (o one) count() int                                 { return 1 }
func (o one) decisions(int) int                          { return o.arrivals.decisions(o.node) }
func (o one) share(int) float64                          { return 1 }
func (o one) user(_ int, slot uint64) uint32             { return o.arrivals.user(o.node, slot) }
func (o one) reward(_ int, slot uint64, arm int) float64 { return o.arrivals.reward(o.node, slot, arm) }

// dealt is traffic of which each row of data comes once.
func (f *federation) dealt(run uint64) (arrivals, error) {
	n := f.scenario.Nodes
	sources := make([]simnet.Source, n.Count())
	for j, world := range n.Worlds {
		sources[j] = simnet.Source{World: environment.NewDeck(world.(*environment.Table))}
	}
	seed := binary.LittleEndian.AppendUint64([]byte("posse/sim/v1 traffic"), f.seed)
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64(seed, run))
	t, err := simnet.DealTraffic(sources, int(f.scenario.Horizon), binary.LittleEndian.Uint64(sum[:]))
	return stored{t}, err
}
