package arms

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// Own is partial pooling. With r the radius of an own mean m (noise included), g the
// bound of its clipping bias, κo = κ/2 and φ = ½ (both 1 with bonus "tight"):
//
//	A   = {k : no b has m_b − m_k > κo·(r_k + r_b) + φ·|g_k − g_b|}    what own numbers leave open
//	S_j = A ∩ S                                                        lean
//	if empty: {k ∈ A : best pooled mean within A − pooled mean_k ≤ 2κ·pooled r_k}
//
// An arm without own records is never ruled out. Both radii are there because an arm
// that S dropped is frozen with the error that it had, φ|g| because it was clipped at
// an older, smaller bound, and the fallback because a node whose best arm was dropped
// would never come back. Source: private-learning 5.9 (derived there).
func (e *Elimination) Own(d mechanisms.Descriptor, m, own mechanisms.Model) (mechanisms.Descriptor, mechanisms.Standing, error) {
	p, err := decodePlan(d.Plan, len(e.settings.Arms))
	if err != nil {
		return d, mechanisms.Standing{}, err
	}
	mine, err := e.cells(own)
	if err != nil {
		return d, mechanisms.Standing{}, err
	}
	pooled, err := e.cells(m)
	if err != nil {
		return d, mechanisms.Standing{}, err
	}
	if !e.settings.Pooling || !e.drops || unaccompanied(mine, pooled) {
		return d, mechanisms.Standing{Playing: p.survivors}, nil
	}
	l := e.confidence(max(1, m.Version), len(mine))
	left, ruled := e.leaves(mine, l)
	s := mechanisms.Standing{RuledOut: ruled}
	for _, a := range p.survivors {
		if slices.Contains(left, a) {
			s.Playing = append(s.Playing, a)
		}
	}
	s.Leaning = len(s.Playing) < len(p.survivors)
	if len(s.Playing) == 0 {
		s.Own, s.Playing = true, e.fallback(pooled, left, l)
	}
	s.Done = len(left) == 1 && len(s.Playing) == 1 && s.Playing[0] == left[0]
	s.Gap, s.GapRadius = e.gap(mine, p.survivors, l)
	p.survivors = s.Playing
	d.Plan, d.Ended = p.encode(), s.Done
	return d, s, nil
}

// unaccompanied reports whether nobody else's records are in the pooled cells, or the
// node has none of its own yet.
func unaccompanied(mine, pooled []cell) bool {
	own, others := false, false
	for a := range mine {
		own = own || mine[a].count > 0
		others = others || pooled[a].count > mine[a].count
	}
	return !own || !others
}

// leaves is A and the arms outside of it. A is never empty: no arm rules out the best.
func (e *Elimination) leaves(mine []cell, l float64) (left, ruled []int) {
	boldness, drift := e.kappa/2, 0.5
	if e.bonus != "tuned" {
		boldness, drift = 1, 1
	}
	for k, c := range mine {
		out := false
		for _, b := range mine {
			if c.count == 0 || b.count == 0 {
				continue
			}
			slack := boldness*(e.full(c, l)+e.full(b, l)) + drift*math.Abs(e.clippingBias(c)-e.clippingBias(b))
			out = out || b.mean-c.mean > slack
		}
		if out {
			ruled = append(ruled, k)
		} else {
			left = append(left, k)
		}
	}
	return left, ruled
}

// full is a radius without the factor of "tuned".
func (e *Elimination) full(c cell, l float64) float64 {
	if e.bounded {
		return c.ledger.BoundedRadius(l)
	}
	return c.ledger.Radius(e.moment, l)
}

// clippingBias is g = c_v·u·Σn·B^(−v)/n, 0 where nothing is clipped.
func (e *Elimination) clippingBias(c cell) float64 {
	if e.bounded || c.count == 0 {
		return 0
	}
	return robust.BiasConstant(e.moment.Order) * e.moment.Bound * c.ledger.Bias / c.ledger.N
}

// fallback goes down the federation's ranking of what the node has not ruled out.
func (e *Elimination) fallback(pooled []cell, left []int, l float64) []int {
	best := math.Inf(-1)
	for _, a := range left {
		if pooled[a].count > 0 {
			best = math.Max(best, pooled[a].mean)
		}
	}
	var out []int
	for _, a := range left {
		if pooled[a].count == 0 || best-pooled[a].mean <= 2*e.radius(pooled[a], l) {
			out = append(out, a)
		}
	}
	return out
}

// gap compares the node's own best arm with the best of the shared model's, by own
// numbers.
func (e *Elimination) gap(mine []cell, survivors []int, l float64) (gap, radius float64) {
	best, shared := -1, -1
	for a, c := range mine {
		if c.count == 0 {
			continue
		}
		if best < 0 || c.mean > mine[best].mean {
			best = a
		}
		if slices.Contains(survivors, a) && (shared < 0 || c.mean > mine[shared].mean) {
			shared = a
		}
	}
	if best < 0 || shared < 0 {
		return 0, math.Inf(1)
	}
	return mine[best].mean - mine[shared].mean, e.kappa * (e.full(mine[best], l) + e.full(mine[shared], l))
}
