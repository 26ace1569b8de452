package auction

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// BudgetRule says what a round buys within a budget, instead of covering a target.
type BudgetRule struct {
	Prior   statistics.Information // as in [Rule]
	Budget  incentives.Credits     // of this round, (0, 10^15] micro-credits
	Reserve incentives.Credits     // highest price, as in [Rule]
}

// maxBudget is a thousand million credits.
const maxBudget = 1_000_000_000 * incentives.Credit

// SettleWithin buys as much information as a budget allows (proportional share):
// greedily by information per credit, it takes the best candidate j at S as long as
//
//	b_j ≤ (B/2) · q_j/(q(S) + q_j),   compared as 2·b_j·(q(S) + q_j) ≤ B·q_j in 128 bits
//
// and stops at the first that fails; q are gains in units, q(S) their sum so far. A
// winner is paid the largest bid in [0, Reserve] with which it would still have won,
// by bisection over complete runs: some 40·n gains a winner. The rule is monotone, so
// bidding one's cost is best, and payments stay within the budget: that is proved for
// the payments of its sources up to their constants, and ours were at most 0.57 of the
// budget in a search for the worst.
//
// Coverage is what comes: Infeasible, Pivotal and SetBy stay empty. Bad offers are
// left out as by [Settle].
// Source: Singer 2010; Chen, Gravin and Lu 2011; spec/incentives.md 1.6.
func SettleWithin(rule BudgetRule, offers []incentives.Offer) (Outcome, error) {
	if rule.Budget <= 0 || rule.Budget > maxBudget {
		return Outcome{}, posse.OutOfRange("budget", fmt.Sprint(int64(rule.Budget)), "(0, 1000000000000000] micro-credits", "")
	}
	m, excluded, err := Rule{Prior: rule.Prior, Coverage: 1, Reserve: rule.Reserve}.open(offers)
	if err != nil {
		return Outcome{}, err
	}
	out := nothingBought(excluded)
	if len(m.offers) == 0 {
		return out, nil
	}
	picks := m.cover.within(rule.Budget, m.cover.bids)
	for _, i := range picks {
		winner := m.offers[i]
		p := m.cover.largestWithin(rule, i)
		out.Winners = append(out.Winners, winner.Node)
		out.Payments[winner.Node] = p
		out.SocialCost += winner.Bid
		out.TotalPaid += p
		out.ReserveCost += rule.Reserve
	}
	out.measure(m.pool.information(picks), m.total)
	return out, nil
}

// within runs the rule from the cover's start with the given bids.
func (c *cover) within(budget incentives.Credits, bids []int64) []int {
	run := c.fork()
	run.bids, run.left = bids, math.MaxInt64 // no target, hence no truncation
	run.reorder()
	var picks []int
	taken := int64(0)
	for {
		pick, ok := run.next()
		if !ok || !affordable(pick, taken, int64(budget)) {
			return picks
		}
		taken += pick.gain
		picks = append(picks, pick.index)
		run.take(pick)
	}
}

// affordable reports whether 2·bid·(taken + gain) ≤ budget·gain. Gains of all
// candidates together are below 2^62, bids below 2^40.
func affordable(pick claim, taken, budget int64) bool {
	costHi, costLo := bits.Mul64(uint64(2*pick.bid), uint64(taken+pick.gain))
	haveHi, haveLo := bits.Mul64(uint64(budget), uint64(pick.gain))
	return costHi < haveHi || costHi == haveHi && costLo <= haveLo
}

// largestWithin bisects a winner's critical price.
func (c *cover) largestWithin(rule BudgetRule, i int) incentives.Credits {
	bids := slices.Clone(c.bids)
	low, high := c.bids[i], int64(rule.Reserve)
	for low < high {
		bids[i] = low + (high-low+1)/2
		if slices.Contains(c.within(rule.Budget, bids), i) {
			low = bids[i]
		} else {
			high = bids[i] - 1
		}
	}
	return incentives.Credits(low)
}
