package auction

import (
	"fmt"
	"slices"
	"strings"

	"github.com/posse-dev/posse/incentives"
)

// Counterfactual is a bid that a node did not make, and what it would have brought,
// all else being as it was. Utilities take the recorded bid for the node's cost.
type Counterfactual struct {
	Node    string
	Instead string             // the other bid in words, without its amount: "half of its bid"
	Utility incentives.Credits // with the recorded bid and the recorded payment
	Would   incentives.Credits // with the other bid, by the rule
	// Breach says what does not hold: the other bid would have brought more, a winner
	// loses with a bid of its payment, or wins with one over it. Empty where all is well.
	Breach string
}

// misreports are the bids that [Counterfactuals] tries, from the recorded one.
var misreports = []struct {
	words string
	bid   func(bid, reserve incentives.Credits) incentives.Credits
}{
	{"a bid of 0", func(incentives.Credits, incentives.Credits) incentives.Credits { return 0 }},
	{"half of its bid", func(b, _ incentives.Credits) incentives.Credits { return b / 2 }},
	{"nine tenths of its bid", func(b, _ incentives.Credits) incentives.Credits { return b - b/10 }},
	{"eleven tenths of its bid", func(b, _ incentives.Credits) incentives.Credits { return b + b/10 }},
	{"twice its bid", func(b, _ incentives.Credits) incentives.Credits { return 2 * b }},
	{"a bid above the reserve", func(_, r incentives.Credits) incentives.Credits { return r + 1 }},
}

// Counterfactuals settles a recorded round again for each node with its bid at 0, 0.5,
// 0.9, 1.1 and 2 times and above the reserve, the others' as they were, and for each
// winner with its payment as its bid, and with a micro-credit more. It returns every
// comparison, in the order of ids. Under critical payments none has a [Counterfactual.Breach],
// exactly and in each round; under a scheme that pays anything else some have. What
// other bids do to later rounds is not looked at.
//
// n offers and s winners take 6n + 2s selections. Errors are those of [Settle].
func Counterfactuals(rule Rule, offers []incentives.Offer, recorded Outcome) ([]Counterfactual, error) {
	m, _, err := rule.open(offers)
	if err != nil {
		return nil, err
	}
	var out []Counterfactual
	for _, offer := range byNode(offers) {
		paid, won := recorded.Payments[offer.Node]
		utility := incentives.Credits(0)
		if won {
			utility = paid - offer.Bid
		}
		try := func(words string, bid incentives.Credits) (Counterfactual, bool) {
			p, wins := m.payoff(rule, offer, min(max(0, bid), incentives.MaxCredits+1))
			c := Counterfactual{Node: offer.Node, Instead: words, Utility: utility}
			if wins {
				c.Would = p - offer.Bid
			}
			if c.Would > c.Utility {
				c.Breach = fmt.Sprintf("another bid would have brought %s more", c.Would-c.Utility)
			}
			return c, wins
		}
		for _, other := range misreports {
			c, _ := try(other.words, other.bid(offer.Bid, rule.Reserve))
			out = append(out, c)
		}
		if !won {
			continue
		}
		under, wins := try("its payment as its bid", paid)
		if !wins && under.Breach == "" {
			under.Breach = "it loses with a bid of its payment"
		}
		over, wins := try("a micro-credit over its payment", paid+1)
		if wins && over.Breach == "" {
			over.Breach = "it still wins with a bid over its payment: the payment is not the highest winning bid"
		}
		out = append(out, under, over)
	}
	return out, nil
}

func byNode(offers []incentives.Offer) []incentives.Offer {
	sorted := slices.Clone(offers)
	slices.SortFunc(sorted, func(a, b incentives.Offer) int { return strings.Compare(a.Node, b.Node) })
	return sorted
}

// payoff is what one node is paid with another bid, and whether it wins. The target
// may change, since a bid over the reserve is not eligible and one under it is.
func (m *market) payoff(rule Rule, offer incentives.Offer, bid incentives.Credits) (incentives.Credits, bool) {
	at := slices.IndexFunc(m.offers, func(o incentives.Offer) bool { return o.Node == offer.Node })
	if bid > rule.Reserve {
		return 0, false
	}
	var run *cover
	if at >= 0 {
		run = m.cover.fork()
		run.bids = slices.Clone(run.bids)
		run.bids[at] = int64(bid)
		run.reorder()
	} else { // its recorded bid kept it out
		offer.Bid = bid
		others := slices.Clone(m.offers)
		with, _, err := rule.open(append(others, offer))
		if err != nil || with.cover == nil {
			return 0, false
		}
		if at = slices.IndexFunc(with.offers, func(o incentives.Offer) bool { return o.Node == offer.Node }); at < 0 {
			return 0, false
		}
		run = with.cover
	}
	for run.left > 0 {
		pick, ok := run.next()
		if !ok {
			return 0, false
		}
		if pick.index == at {
			return incentives.Credits(run.criticalPrice(at, int64(rule.Reserve)).micro), true
		}
		run.take(pick)
	}
	return 0, false
}
