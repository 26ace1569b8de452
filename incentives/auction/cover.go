package auction

import (
	"container/heap"
	"slices"
)

// cover is a run of the greedy cover: buy the candidate that beats all others, take
// its gain off what is left of the target, until nothing is left. It is lazy: a
// candidate keeps the last gain that was computed for it as an upper bound, since
// gains only shrink as the state grows, and is computed again only when that bound
// would win. The picks equal those of the eager loop, exactly.
type cover struct {
	bids  []int64
	state *state
	step  int   // number of picks
	left  int64 // R: what is left of the target, in units
	slack int64 // float noise of a bound, in units

	inverted int     // the state that the state's inverse is of, −1 while there is none
	grown    float64 // ln det of the matrix that it is of

	known []knowledge // of every candidate
	queue queue       // candidates not yet picked, the best bound on top
}

// knowledge is what a run knows of a candidate's gain.
type knowledge struct {
	bound   int64 // at least the gain at this state and all later ones, positive
	exact   int64 // the gain at state number exactAt, may be 0 or negative
	exactAt int
	logDet  float64 // with the candidate, where exact was computed
	tracked int     // the state whose inverse the cheap bound was last taken with, −1 if never
}

// growth is by how much ln det may grow, for each dimension, before the inverse behind
// the cheap bounds is computed anew: they widen by so much, and an inverse costs as
// much as four gains.
const growth = 0.02

// newCover computes every candidate's gain over the prior. It returns also how many
// have a positive float gain, before rounding to units.
func newCover(p *pool, bids []int64) (*cover, int) {
	c := &cover{bids: bids, state: p.start(), slack: p.slack(), known: make([]knowledge, len(bids)), inverted: -1}
	c.queue.cover = c
	positive := 0
	for i := range bids {
		c.known[i] = knowledge{tracked: -1}
		if c.learn(i) > 0 {
			positive++
		}
		c.queue.order = append(c.queue.order, i)
	}
	heap.Init(&c.queue)
	return c, positive
}

// learn computes the candidate's gain at this state, in nats.
func (c *cover) learn(i int) float64 {
	k := &c.known[i]
	nats, logDet := c.state.gainAnd(i)
	k.exact, k.exactAt, k.logDet = quantise(nats), c.step, logDet
	k.bound = max(0, k.exact) + c.slack
	return nats
}

// gain returns the candidate's gain at this state in units, not truncated.
func (c *cover) gain(i int) int64 {
	if k := &c.known[i]; k.exactAt != c.step {
		c.learn(i)
	}
	return c.known[i].exact
}

// next removes from the queue and returns the candidate that beats all others at
// this state with its gain truncated at what is left, or reports that no candidate
// has anything to add.
func (c *cover) next() (claim, bool) {
	var (
		best  claim
		found bool
		seen  []int // taken off the queue, to be put back
	)
	for len(c.queue.order) > 0 {
		top := c.queue.order[0]
		// The bound is not truncated here: truncation keeps the order of no two bounds.
		if found && best.beats(claim{c.known[top].bound, c.bids[top], top}) {
			break
		}
		if c.tighten(top) {
			heap.Fix(&c.queue, 0)
			continue
		}
		heap.Pop(&c.queue)
		seen = append(seen, top)
		if found && best.beats(claim{min(c.known[top].bound, c.left), c.bids[top], top}) {
			continue
		}
		gain := min(c.gain(top), c.left)
		if candidate := (claim{gain, c.bids[top], top}); gain > 0 && (!found || candidate.beats(best)) {
			best, found = candidate, true
		}
	}
	for _, i := range seen {
		if !found || i != best.index {
			heap.Push(&c.queue, i)
		}
	}
	return best, found
}

// tighten replaces the candidate's bound by the cheap one and reports whether that
// lowered it. The inverse that it takes is brought up to this state when the matrix has
// grown since.
func (c *cover) tighten(i int) bool {
	k := &c.known[i]
	if c.state.pool.arms || k.exactAt == c.step {
		return false
	}
	if c.inverted < 0 || c.state.logDet-c.grown > growth*float64(c.state.pool.d) {
		if !c.state.invert() {
			return false
		}
		c.inverted, c.grown = c.step, c.state.logDet
	}
	if k.tracked == c.inverted {
		return false
	}
	k.tracked = c.inverted
	bound := quantise(c.state.bound(i)) + c.slack
	if bound >= k.bound {
		return false
	}
	k.bound = bound
	return true
}

// take buys what next returned.
func (c *cover) take(pick claim) {
	if k := c.known[pick.index]; k.exactAt == c.step {
		c.state.addKnown(pick.index, k.logDet)
	} else {
		c.state.add(pick.index)
	}
	c.step++
	c.left -= pick.gain
}

// fork copies the run, so that it can go on without the candidate that next has just
// removed from the queue. What is known at this state stays known.
func (c *cover) fork() *cover {
	f := *c
	f.state, f.known = c.state.clone(), slices.Clone(c.known)
	f.queue = queue{order: slices.Clone(c.queue.order), cover: &f}
	return &f
}

// reorder puts the queue in order again after bids changed.
func (c *cover) reorder() { heap.Init(&c.queue) }

// queue is a heap of candidates by bound per credit.
type queue struct {
	order []int
	cover *cover
}

func (q *queue) Len() int { return len(q.order) }
func (q *queue) Less(a, b int) bool {
	i, j := q.order[a], q.order[b]
	return claim{q.cover.known[i].bound, q.cover.bids[i], i}.beats(claim{q.cover.known[j].bound, q.cover.bids[j], j})
}
func (q *queue) Swap(a, b int) { q.order[a], q.order[b] = q.order[b], q.order[a] }
func (q *queue) Push(x any)    { q.order = append(q.order, x.(int)) }
func (q *queue) Pop() any {
	last := q.order[len(q.order)-1]
	q.order = q.order[:len(q.order)-1]
	return last
}
