package auction

import (
	"cmp"
	"slices"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// The slow reference: eager selection, and payments by bisection over complete
// re-runs. It shares with the product only the gain of one candidate at one state and
// the comparison's definition, written again with rationals of the standard library.

// twin switches one planted bug on.
type twin struct {
	payBid, sameStep, noTruncation, runWithWinner, roundUp, targetOverAll, inputOrder bool
}

type reference struct {
	rule     Rule
	offers   []incentives.Offer // eligible, in the order that decides ties
	pool     *pool
	target   int64
	truncate bool
}

func newReference(rule Rule, offers []incentives.Offer, bug twin) reference {
	prior, err := rule.priorFor(offers)
	if err != nil {
		panic(err)
	}
	eligible, _ := rule.eligible(prior, offers)
	if bug.inputOrder {
		position := map[string]int{}
		for i, offer := range offers {
			position[offer.Node] = i
		}
		slices.SortFunc(eligible, func(a, b incentives.Offer) int { return cmp.Compare(position[a.Node], position[b.Node]) })
	}
	r := reference{rule: rule, offers: eligible, truncate: !bug.noTruncation}
	over := eligible
	if bug.targetOverAll {
		generous := rule
		generous.Reserve = incentives.MaxCredits
		over, _ = generous.eligible(prior, offers)
	}
	everything := newPool(prior, informations(over))
	all, positive := []int{}, 0
	for i := range over {
		all = append(all, i)
		if everything.start().gain(i) > 0 {
			positive++
		}
	}
	r.pool = newPool(prior, informations(eligible))
	r.target = rule.target(everything.information(all), positive)
	return r
}

func informations(offers []incentives.Offer) []statistics.Information {
	out := make([]statistics.Information, len(offers))
	for i, offer := range offers {
		out[i] = offer.Information
	}
	return out
}

// run selects eagerly with the given bids; a bid of −1 leaves the candidate out. It
// returns the picks and what is left of the target.
func (r reference) run(bids []int64) ([]claim, int64) {
	s, left := r.pool.start(), r.target
	var picks []claim
	taken := map[int]bool{}
	for left > 0 {
		best := claim{index: -1}
		for i := range bids {
			if taken[i] || bids[i] < 0 {
				continue
			}
			gain := quantise(s.gain(i))
			if r.truncate {
				gain = min(gain, left)
			}
			if c := (claim{gain, bids[i], i}); gain > 0 && (best.index < 0 || slowBeats(c, best)) {
				best = c
			}
		}
		if best.index < 0 {
			break
		}
		picks, taken[best.index] = append(picks, best), true
		s.add(best.index)
		left -= best.gain
	}
	return picks, left
}

func (r reference) bids() []int64 {
	out := make([]int64, len(r.offers))
	for i, offer := range r.offers {
		out[i] = int64(offer.Bid)
	}
	return out
}

func (r reference) wins(bids []int64, i int, bid int64) bool {
	changed := slices.Clone(bids)
	changed[i] = bid
	picks, _ := r.run(changed)
	return slices.ContainsFunc(picks, func(c claim) bool { return c.index == i })
}

// bisect returns the largest bid in [0, reserve] with which i wins; it wins at 0.
func (r reference) bisect(bids []int64, i int) int64 {
	low, high := int64(0), int64(r.rule.Reserve)
	for low < high {
		middle := low + (high-low+1)/2
		if r.wins(bids, i, middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// settle is the reference settlement, or a planted bug's.
func (r reference) settle(bug twin) ([]string, map[string]incentives.Credits, []string) {
	bids := r.bids()
	picks, _ := r.run(bids)
	var winners, pivotal []string
	payments := map[string]incentives.Credits{}
	for step, pick := range picks {
		node := r.offers[pick.index].Node
		winners = append(winners, node)
		without := slices.Clone(bids)
		without[pick.index] = -1
		_, left := r.run(without)
		if left > 0 {
			pivotal = append(pivotal, node)
		}
		p := r.bisect(bids, pick.index)
		switch {
		case bug.payBid:
			p = pick.bid
		case bug.sameStep && left <= 0:
			p = r.runnerUp(bids, picks[:step], pick)
		case bug.runWithWinner && left <= 0:
			p = r.laterPicks(picks, step)
		case bug.roundUp && left <= 0:
			p = min(p+1, int64(r.rule.Reserve))
		}
		payments[node] = incentives.Credits(p)
	}
	slices.Sort(pivotal)
	return winners, payments, pivotal
}

// runnerUp is the second price of the pick's own step: a planted bug.
func (r reference) runnerUp(bids []int64, before []claim, pick claim) int64 {
	without := slices.Clone(bids)
	s, left := r.pool.start(), r.target
	for _, c := range before {
		without[c.index] = -1
		s.add(c.index)
		left -= c.gain
	}
	without[pick.index] = -1
	best := claim{index: -1}
	for i := range without {
		if gain := min(quantise(s.gain(i)), left); without[i] >= 0 && gain > 0 {
			if c := (claim{gain, without[i], i}); best.index < 0 || slowBeats(c, best) {
				best = c
			}
		}
	}
	if best.index < 0 {
		return pick.bid
	}
	return max(pick.bid, highestWinningBid(pick.gain, pick.index, best, int64(r.rule.Reserve)))
}

// laterPicks prices a winner by the picks of the run in which it takes part: a
// planted bug.
func (r reference) laterPicks(picks []claim, step int) int64 {
	s, left, p := r.pool.start(), r.target, picks[step].bid
	for k, c := range picks {
		if gain := min(quantise(s.gain(picks[step].index)), left); k > step && gain > 0 {
			p = max(p, highestWinningBid(gain, picks[step].index, c, int64(r.rule.Reserve)))
		}
		s.add(c.index)
		left -= c.gain
	}
	return p
}

func settleMust(rule Rule, offers []incentives.Offer) Outcome {
	out, err := Settle(rule, offers)
	if err != nil {
		panic(err)
	}
	return out
}
