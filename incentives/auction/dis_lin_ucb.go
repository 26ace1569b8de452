package auction

import (
	"fmt"
	"math"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// DisLinUCB is the trigger of the baseline in which everybody always takes part and
// nobody is paid. It reads exact data, so that a node that kept to it would release
// something by keeping silent: it is for simulations.
type DisLinUCB struct {
	// Threshold is D in the unit of observations times nats, above 0.
	Threshold float64
}

// NewDisLinUCB returns the threshold of the analysis, D = T·ln(NT)/(dN), for N nodes of
// T steps each in dimension d. Source: Wang et al. 2020; spec/incentives.md 1.1.
func NewDisLinUCB(steps, nodes, dimension int) (DisLinUCB, error) {
	for _, x := range []struct {
		field string
		value int
	}{{"steps", steps}, {"nodes", nodes}, {"dimension", dimension}} {
		if x.value < 1 {
			return DisLinUCB{}, posse.OutOfRange(x.field, fmt.Sprint(x.value), "at least 1", "")
		}
	}
	t, n, d := float64(steps), float64(nodes), float64(dimension)
	return DisLinUCB{Threshold: t * math.Log(n*t) / (d * n)}, nil
}

// Due reports whether a node asks everybody to share: it made observations that it did
// not share, known is what it knew before them, positive definite, and fresh is what
// they add:
//
//	observations · ln(det(known + fresh)/det known) ≥ D
func (b DisLinUCB) Due(observations int, known, fresh statistics.Information) (bool, error) {
	before, err := known.LogDet()
	if err != nil {
		return false, err
	}
	sum, err := known.Add(fresh)
	if err != nil {
		return false, err
	}
	after, err := sum.LogDet()
	if err != nil {
		return false, err
	}
	return float64(observations)*(after-before) >= b.Threshold, nil
}
