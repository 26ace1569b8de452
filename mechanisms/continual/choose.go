package continual

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse/dp"
)

// Candidate is a design that was considered, with the mean and the largest variance
// of its prefixes.
type Candidate struct {
	Design    Design
	Mean, Max float64
}

// Choice is the best design for a horizon, with what it was compared with.
type Choice struct {
	Candidate
	Why        string
	Considered []Candidate
}

// smallHorizon is up to where a list of all increments is as small as BLT's buffers.
const smallHorizon = 16

// Choose returns the design with the least mean variance for a stream of horizon
// leaves that one promise holds for. Pure ε: a tree whose arity follows the horizon
// (fresh noise up to 48 leaves), since the other designs' ℓ1 sensitivity grows like
// √T. δ > 0: the square root under silo, where a node can keep its own increments,
// and a BLT of 8 buffers under distributed and central, where an aggregator keeps
// state for everybody. Local noise is added record by record, never continually.
// Source: private-learning 3 and 3.1, auto.
func Choose(horizon uint64, pure bool, model dp.Model) (Choice, error) {
	var c Choice
	consider := func(d Design, err error) error {
		if err != nil {
			return err
		}
		mean, most := d.spread(pure)
		c.Considered = append(c.Considered, Candidate{d, mean, most})
		return nil
	}
	if err := consider(NewFresh(horizon)); err != nil {
		return c, err
	}
	if err := consider(NewTree(horizon, 2)); err != nil {
		return c, err
	}
	if pure {
		last := uint64(2)
		for levels := digits(horizon, 2) - 1; levels > 1; levels-- {
			if b := leastArity(horizon, levels); b != last {
				last = b
				if err := consider(NewTree(horizon, b)); err != nil {
					return c, err
				}
			}
		}
		c.Candidate = least(c.Considered)
		binary := c.Considered[1].Mean
		switch {
		case c.Design.Mechanism == Fresh:
			c.Why = fmt.Sprintf("pure ε and %d leaves: fresh noise for each leaf has a mean variance of %.4g, a binary tree %.4g (units of 2Δ1²/ε²)", horizon, c.Mean, binary)
		default:
			c.Why = fmt.Sprintf("pure ε and %d leaves: a tree of arity %d has a mean variance of %.4g, a binary tree %.4g, fresh noise %.4g (units of 2Δ1²/ε²)",
				horizon, c.Design.Arity, c.Mean, binary, c.Considered[0].Mean)
		}
		return c, nil
	}
	if err := consider(NewSquareRoot(horizon)); err != nil {
		return c, err
	}
	root := c.Considered[2]
	c.Candidate = root
	c.Why = fmt.Sprintf("δ > 0 and %d leaves: the square root has a mean variance of %.4g, a binary tree %.4g, fresh noise %.4g (units of Δ²/2ρ)",
		horizon, root.Mean, c.Considered[1].Mean, c.Considered[0].Mean)
	if model == dp.Silo || horizon <= smallHorizon {
		return c, nil
	}
	if err := consider(NewBLT(horizon, DefaultBuffers)); err != nil {
		return c, err
	}
	c.Candidate = c.Considered[3]
	c.Why = fmt.Sprintf("δ > 0, %d leaves under %s: %d buffers a cell instead of %d increments, for %.2g %% more variance than the square root, whose mean is %.4g; a binary tree has %.4g (units of Δ²/2ρ)",
		horizon, model, DefaultBuffers, horizon, 100*math.Max(0, c.Mean/root.Mean-1), root.Mean, c.Considered[1].Mean)
	return c, nil
}

// leastArity is the least base in which horizon has at most so many digits: of all
// arities with as many levels it has the least digits to add up.
func leastArity(horizon uint64, levels int) uint64 {
	low, high := uint64(2), horizon+1
	for low < high {
		middle := low + (high-low)/2
		if digits(horizon, middle) <= levels {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

func least(of []Candidate) Candidate {
	best := of[0]
	for _, c := range of[1:] {
		if c.Mean < best.Mean {
			best = c
		}
	}
	return best
}

// HonakerVariance is the variance of a prefix of t leaves of a binary tree whose nodes
// are estimated from below, in units of Δ²/(2ρ): levels·Σ c_h over the bits h of t,
// c_0 = 1, c_h = 1/(1 + 1/(2c_(h−1))). It draws every node, where [Tree] draws one a
// leaf, and the square root has less at any horizon: it is here for comparison.
// Source: Honaker 2015, section 3.
func HonakerVariance(horizon, t uint64) float64 {
	c, sum := 1.0, 0.0
	for ; t > 0; t >>= 1 {
		if t&1 == 1 {
			sum += c
		}
		c = 1 / (1 + 1/(2*c))
	}
	return float64(digits(horizon, 2)) * sum
}
