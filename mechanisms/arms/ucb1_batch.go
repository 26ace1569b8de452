package arms

import (
	"math"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// UCB1Batch is [UCB1] for many lanes in lockstep. A scan over the arms is skipped
// where the last arm can't have been overtaken: no other arm of the lane changed
// since the last scan, so every other index grew by at most the growth of √(2 ln t)
// times the largest width. Lanes are independent, which keeps a processor busy while
// one lane's scan waits for its comparisons.
type UCB1Batch struct {
	problem  Problem
	arms     int
	cells    []ucbCell // lane by lane
	lanes    []ucbLane
	scales   *[scaleTable]float64
	inverses *[inverseTable]inverse
}

type ucbCell struct {
	n, sum      int64
	mean, width float64
}

// ucbLane is what the last scan of a lane found. rival is the second largest index, widest the
// largest width, scale that of the scan; unseen is as UCB1's.
type ucbLane struct {
	last, unseen         int
	rival, widest, scale float64
}

// slack is more than the rounding of an index and of its bound, relative to values
// that are not negative.
const slack = 1 + 1.0/(1<<48)

// NewUCB1Batch returns lanes of the policy, which must be at least one.
func NewUCB1Batch(p Problem, lanes int) (*UCB1Batch, error) {
	p, err := needRange("ucb1", p)
	if err != nil {
		return nil, err
	}
	b := &UCB1Batch{
		problem: p, arms: p.Arms, cells: make([]ucbCell, lanes*p.Arms), lanes: make([]ucbLane, lanes),
		scales: explorationScales(), inverses: inverses(),
	}
	for i := range b.lanes {
		b.lanes[i].last = -1
	}
	return b, nil
}

// Encode returns the reward scaled to its range, in 2^−16.
func (b *UCB1Batch) Encode(x float64) (int64, error) {
	y, err := b.problem.scaled(x)
	return int64(math.RoundToEven(y * (1 << fractionBits))), err
}

// ChooseBatch writes each lane's arm of the largest index.
func (b *UCB1Batch) ChooseBatch(r mechanisms.Round, act []uint16) {
	scale := explorationScale(b.scales, r.T)
	lanes, k := b.lanes[:len(act)], b.arms
	for i := range lanes {
		l := &lanes[i]
		if l.unseen < k {
			act[i] = uint16(l.unseen)
			continue
		}
		cells := b.cells[i*k : (i+1)*k]
		if l.last >= 0 {
			c := &cells[l.last]
			if optimism(c.mean, scale, c.width) > (l.rival+(scale-l.scale)*l.widest)*slack {
				act[i] = uint16(l.last)
				continue
			}
		}
		act[i] = uint16(l.scan(cells, scale))
	}
}

// scan finds the largest index, the lowest arm of equals, and what later scans are
// skipped by.
func (l *ucbLane) scan(cells []ucbCell, scale float64) int {
	best, rival, widest, at := int64(-1), int64(-1), int64(0), 0
	for a := range cells {
		c := &cells[a]
		v := int64(math.Float64bits(optimism(c.mean, scale, c.width)))
		widest = max(widest, int64(math.Float64bits(c.width)))
		rival = max(rival, min(best, v))
		if v > best {
			at = a
		}
		best = max(best, v)
	}
	l.last, l.scale, l.widest = at, scale, math.Float64frombits(uint64(widest))
	if l.rival = 0; rival >= 0 {
		l.rival = math.Float64frombits(uint64(rival))
	}
	return at
}

// ObserveBatch adds a reward to each lane's arm.
func (b *UCB1Batch) ObserveBatch(act []uint16, x []int64) {
	k := b.arms
	x = x[:len(act)]
	for i, a := range act {
		c := &b.cells[i*k+int(a)]
		c.n++
		c.sum += x[i]
		v := inverseAt(b.inverses, c.n)
		c.mean, c.width = scaledMean(c.sum, v), v.root
		if l := &b.lanes[i]; l.unseen == int(a) {
			l.unseen++
		}
	}
}

// Lane is a copy of a lane's pulls and sums.
func (b *UCB1Batch) Lane(i int) *statistics.Set {
	t := newTally(b.problem)
	for a, c := range b.cells[i*b.arms : (i+1)*b.arms] {
		t.n[a], t.sum[a] = c.n, c.sum
	}
	return t.set
}
