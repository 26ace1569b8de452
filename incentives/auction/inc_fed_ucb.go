package auction

import (
	"fmt"
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// DataOffer is an offer to the baseline of Inc-FedUCB, which pays nodes with data
// first: Own is what the node knows, with its ridge, positive definite; Lacks is what
// is published and the node does not hold yet. Both are of the offer's kind.
type DataOffer struct {
	incentives.Offer
	Own, Lacks statistics.Information
}

// SettleIncFedUCB is the baseline of Inc-FedUCB: data are the payment, money tops them
// up. What node i would receive if S is collected is worth, in credits,
//
//	value_i(S) = perRatio · (det(V_i + lacks_i + Σ_{j ∈ S∖i} ΔV_j)/det V_i − 1)
//
// Those who come for the data alone are the largest set F with b_i ≤ value_i(F), found
// by dropping violators from everybody until none is left. If F covers the target
// nobody is paid. Else the m others with the least deficit per gain at F join, m from 1
// on, and of the sets that cover the one with the least top-ups Σ max(0, b_i − value_i(S))
// is bought.
//
// Each is paid the deficit that it reported, rounded up: a node that reports more is
// paid more, until it is dropped. This is not truthful, and is the point of comparison.
// perRatio is in micro-credits, at least 0. Offers that [Settle] would leave out are
// left out. Pivotal and SetBy stay empty; ReserveCost is of those who are bought.
// Source: Inc-FedUCB (arXiv 2309.11702) as spec/incentives.md 1.10 defines it; the
// ranking of its algorithm 2 was not at hand.
func SettleIncFedUCB(rule Rule, perRatio incentives.Credits, offers []DataOffer) (Outcome, error) {
	if perRatio < 0 || perRatio > incentives.MaxCredits {
		return Outcome{}, posse.OutOfRange("perRatio", fmt.Sprint(int64(perRatio)), "[0, 1000000000000] micro-credits", "")
	}
	plain := make([]incentives.Offer, len(offers))
	for i, o := range offers {
		plain[i] = o.Offer
	}
	m, excluded, err := rule.open(plain)
	if err != nil {
		return Outcome{}, err
	}
	out := nothingBought(excluded)
	if len(m.offers) == 0 {
		return out, nil
	}
	f := &incFedUCB{market: m, perRatio: float64(perRatio), base: make([]float64, len(m.offers))}
	for i, eligible := range m.offers {
		at := slices.IndexFunc(offers, func(o DataOffer) bool { return o.Node == eligible.Node })
		o := offers[at]
		if !sameKind(o.Own, eligible.Information) || !positiveDefinite(o.Own) || o.Own.Valid() != nil {
			return Outcome{}, posse.OutOfRange(fmt.Sprintf("offers[%d].own", at), "no positive definite information", describeKind(eligible.Information)+" with a ridge", "")
		}
		if !sameKind(o.Lacks, eligible.Information) || o.Lacks.Valid() != nil {
			return Outcome{}, posse.OutOfRange(fmt.Sprintf("offers[%d].lacks", at), "no information", describeKind(eligible.Information), "give zeros where nothing lacks")
		}
		f.nodes = append(f.nodes, o)
		f.base[i], _ = o.Own.LogDet() // checked
	}
	chosen, covered := f.choose(m.cover.left)
	for _, i := range chosen {
		pay := f.topUp(i, chosen)
		out.Winners = append(out.Winners, m.offers[i].Node)
		out.Payments[m.offers[i].Node] = pay
		out.SocialCost += m.offers[i].Bid
		out.TotalPaid += pay
		out.ReserveCost += rule.Reserve
	}
	out.Infeasible = !covered
	out.measure(m.pool.information(chosen), m.total)
	return out, nil
}

type incFedUCB struct {
	market   *market
	nodes    []DataOffer // in the order of the market's offers
	base     []float64   // ln det V_i
	perRatio float64
}

// value is what the data of a set are worth to a node, in micro-credits.
func (f *incFedUCB) value(i int, set []int) float64 {
	sum := f.nodes[i].Own
	add := func(v statistics.Information) {
		if next, err := sum.Add(v); err == nil { // beyond 2^62: worth no more
			sum = next
		}
	}
	add(f.nodes[i].Lacks)
	for _, j := range set {
		if j != i {
			add(f.market.offers[j].Information)
		}
	}
	logDet, err := sum.LogDet()
	if err != nil {
		return 0
	}
	return f.perRatio * math.Expm1(logDet-f.base[i])
}

// topUp is the reported deficit, rounded up to micro-credits.
func (f *incFedUCB) topUp(i int, set []int) incentives.Credits {
	bid := f.market.offers[i].Bid
	deficit := float64(bid) - f.value(i, set)
	return max(0, min(bid, incentives.Credits(math.Ceil(deficit))))
}

func (f *incFedUCB) covers(set []int, target int64) bool {
	return quantise(f.market.pool.information(set)) >= target
}

// choose returns the set that is bought, ascending, and whether it covers.
func (f *incFedUCB) choose(target int64) ([]int, bool) {
	var free []int
	for i := range f.nodes {
		free = append(free, i)
	}
	for stable := false; !stable; {
		var kept []int
		for _, i := range free {
			if float64(f.market.offers[i].Bid) <= f.value(i, free) {
				kept = append(kept, i)
			}
		}
		stable, free = len(kept) == len(free), kept
	}
	if f.covers(free, target) {
		return free, true
	}
	at := f.market.pool.start()
	for _, i := range free {
		at.add(i)
	}
	var others []ranked
	for i := range f.nodes {
		if gain := at.gain(i); !slices.Contains(free, i) && gain > 0 {
			others = append(others, ranked{i, max(0, float64(f.market.offers[i].Bid)-f.value(i, free)) / gain})
		}
	}
	slices.SortStableFunc(others, func(a, b ranked) int {
		switch {
		case a.ratio < b.ratio:
			return -1
		case a.ratio > b.ratio:
			return 1
		}
		return a.index - b.index
	})
	best, set, cheapest := free, slices.Clone(free), incentives.Credits(-1)
	for _, o := range others {
		set = append(set, o.index)
		if !f.covers(set, target) {
			continue
		}
		cost := incentives.Credits(0) // at most 10^5 bids of 10^12
		for _, i := range set {
			cost += f.topUp(i, set)
		}
		if cheapest < 0 || cost < cheapest {
			cheapest, best = cost, slices.Clone(set)
		}
	}
	if cheapest < 0 {
		best = set // nothing covers: all that add anything
	}
	slices.Sort(best)
	return best, cheapest >= 0
}

// ranked is a candidate with its deficit per nat.
type ranked struct {
	index int
	ratio float64
}
