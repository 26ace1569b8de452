package account

import "math"

// Below returns an ε that the true one is not below: the other end of an interval
// whose upper end is [PLD.Epsilon], with the same arithmetic and the same care for
// rounding. 0 where nothing is shown. It costs a few times the last step of NewPLD.
//
// Outcomes are grouped by their loss, which is post-processing, and a group's loss
// is rounded down to the grid. See pld.md.
func (p PLD) Below() float64 {
	var best float64
	for _, s := range p.sides {
		best = math.Max(best, s.below(p.delta)) // the worse direction is at least this
	}
	return best
}

func (s side) below(delta float64) float64 {
	c := composition{step: s.step}
	var shift, total float64
	for _, p := range s.parts {
		total += p.count
	}
	for _, p := range s.parts {
		one, down, err := discretiseBelow(p.pair, s.step, delta*tailShare/total)
		if err != nil || len(one.mass) == 0 {
			return 0
		}
		c.list, c.counts = append(c.list, one), append(c.counts, p.count)
		c.most = math.Max(c.most, p.count)
		shift += p.count * down
	}
	plan := s.plan // the orders that bound its tails serve here too
	plan.belowAt, plan.aboveAt = math.NaN(), math.NaN()
	// every tilt gives a bound; stop at the first that is no better than the one before
	var best float64
	for lambda := s.plan.lambda; lambda >= 1e-3; lambda /= 4 {
		v, ok, err := c.curve(lambda, &plan)
		if err != nil || !ok {
			continue
		}
		one := v.below(delta) - shift
		if best > 0 && one <= best {
			break
		}
		best = math.Max(best, one)
	}
	return best
}

// below returns the largest ε found whose δ is above delta for certain. What rounding
// may add is taken off δ, so it need not fall with ε: look from the top.
func (c curve) below(delta float64) float64 {
	certain := func(e float64) bool {
		d, off := c.delta(e)
		return d-off > delta
	}
	const places = 256
	high := math.Max(c.step, c.high)
	for i := places - 1; i >= 0; i-- {
		low := high * float64(i) / places
		if !certain(low) {
			continue
		}
		next := high * float64(i+1) / places
		for range 60 {
			if m := (low + next) / 2; certain(m) {
				low = m
			} else {
				next = m
			}
		}
		return low
	}
	return 0
}

// discretiseBelow puts a pair on the grid so that what comes out, moved down by
// down, is dominated by it. All outcomes with a loss within half a step of a grid
// point become one outcome, whose loss is m = ln p/q; the grid point is at most down
// above m, for every group. Groups of next to no mass are left out.
func discretiseBelow(of pair, step, tail float64) (c cells, down float64, err error) {
	low, high, err := extent(of, step, tail)
	if err != nil {
		return cells{}, 0, err
	}
	c = cells{first: int(low), mass: make([]float64, int(high-low)+1)}
	down = math.Inf(-1)
	for i := range c.mass {
		l := float64(c.first+i) * step
		to := l + step/2
		if i == len(c.mass)-1 {
			to = math.Inf(1)
		}
		p, q := of.mass(l-step/2, to)
		if p <= tail/float64(len(c.mass)) {
			continue
		}
		c.mass[i] = p * (1 - 1e-11)
		if q > 0 {
			// masses are differences: their logarithms are good to about 1e-12
			down = math.Max(down, l-math.Log(p/q)+1e-11)
		}
	}
	if math.IsInf(down, -1) {
		down = 0
	}
	return c.trimmed(), down, nil
}
