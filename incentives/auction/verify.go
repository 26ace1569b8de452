package auction

import (
	"container/heap"
	"fmt"
	"maps"
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// Tolerance is what floats of another processor may change of an outcome.
type Tolerance struct {
	// Absolute and Relative bound a payment's deviation: max(Absolute, Relative·p).
	Absolute incentives.Credits
	// Relative also bounds how far the cross-products of two candidates may differ for
	// either order to be accepted.
	Relative float64
}

// AuditTolerance is the published one: a micro-credit, or a billionth.
func AuditTolerance() Tolerance { return Tolerance{Absolute: 1, Relative: 1e-9} }

// Discrepancy is a difference between a recorded outcome and the recomputed one.
type Discrepancy struct {
	Field      string // winners, payments, informationShare, or a field of the rule
	Node       string // whom it concerns, empty for the whole round
	Recorded   string
	Recomputed string
	Violation  bool // false: a note, within the tolerance
}

// Verify settles again and compares what a log records of an outcome: Winners in
// their order, Payments and ShareUnits. It follows the recorded order: a winner that is
// not the best candidate of its step is a note if the cross-products of the two agree
// within the tolerance, and a violation otherwise. Nothing of the writer is trusted.
// No discrepancies: the outcome is the rule's. Source: spec/incentives.md 3.
func Verify(rule Rule, offers []incentives.Offer, recorded Outcome, tolerance Tolerance) []Discrepancy {
	m, _, err := rule.open(offers)
	if err != nil {
		return []Discrepancy{{Field: posse.As(err).Field, Recomputed: err.Error(), Violation: true}}
	}
	v := &verifier{market: m, reserve: rule.Reserve, tolerance: tolerance}
	picks := v.winners(recorded)
	for _, node := range slices.Sorted(maps.Keys(recorded.Payments)) {
		if !slices.Contains(recorded.Winners, node) {
			v.report("payments", node, recorded.Payments[node].String(), "no payment, since it did not win", true)
		}
	}
	again := Outcome{ShareUnits: 1 << 32}
	if m.pool != nil {
		again.measure(m.pool.information(picks), m.total)
	}
	// Rounded down on either side, on floats that agree to Relative.
	if off := math.Abs(float64(again.ShareUnits - recorded.ShareUnits)); off > 0 {
		v.report("informationShare", "", fmt.Sprint(recorded.ShareUnits), fmt.Sprint(again.ShareUnits), off > 1+tolerance.Relative/Unit)
	}
	return v.found
}

type verifier struct {
	market    *market
	reserve   incentives.Credits
	tolerance Tolerance
	found     []Discrepancy
}

func (v *verifier) report(field, node, recorded, recomputed string, violation bool) {
	v.found = append(v.found, Discrepancy{field, node, recorded, recomputed, violation})
}

// winners follows the recorded order and returns the picks that it could follow.
func (v *verifier) winners(recorded Outcome) []int {
	m := v.market
	var picks []int
	for _, node := range recorded.Winners {
		index := slices.IndexFunc(m.offers, func(o incentives.Offer) bool { return o.Node == node })
		if index < 0 || slices.Contains(picks, index) {
			v.report("winners", node, "a winner", "not eligible, or already chosen", true)
			return picks
		}
		if m.cover.left <= 0 {
			v.report("winners", node, "a winner", "the target was covered before", true)
			return picks
		}
		best, ok := m.cover.next()
		if !ok {
			v.report("winners", node, "a winner", "nobody had anything to add", true)
			return picks
		}
		pick := best
		if best.index != index {
			heap.Push(&m.cover.queue, best.index)
			m.cover.remove(index)
			pick = claim{min(m.cover.gain(index), m.cover.left), int64(m.offers[index].Bid), index}
			close := pick.gain > 0 && nearlyEqual(float64(pick.gain)*float64(best.bid), float64(best.gain)*float64(pick.bid), v.tolerance.Relative)
			v.report("winners", node, "chosen at this step", m.offers[best.index].Node+" beats it", !close)
			if !close {
				return picks
			}
		}
		v.payment(node, pick, recorded)
		picks = append(picks, index)
		m.cover.take(pick)
	}
	if m.cover != nil && m.cover.left > 0 {
		if best, ok := m.cover.next(); ok {
			v.report("winners", "", "no more winners", m.offers[best.index].Node+" is needed to cover the target", true)
		}
	}
	return picks
}

func (v *verifier) payment(node string, pick claim, recorded Outcome) {
	p := incentives.Credits(v.market.cover.fork().criticalPrice(pick.index, int64(v.reserve)).micro)
	got, ok := recorded.Payments[node]
	if !ok {
		v.report("payments", node, "no payment", p.String(), true)
		return
	}
	if off := max(got-p, p-got); off > 0 {
		allowed := max(float64(v.tolerance.Absolute), v.tolerance.Relative*float64(p))
		v.report("payments", node, got.String(), p.String(), float64(off) > allowed)
	}
}

// remove takes a candidate out of the queue.
func (c *cover) remove(index int) {
	if at := slices.Index(c.queue.order, index); at >= 0 {
		heap.Remove(&c.queue, at)
	}
}

func nearlyEqual(a, b, relative float64) bool {
	return math.Abs(a-b) <= relative*max(math.Abs(a), math.Abs(b))
}
