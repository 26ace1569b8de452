package auction

import "github.com/posse-dev/posse/incentives"

// SettleFixedPrice is the baseline without an auction: everyone who asks at most the
// price, Rule.Reserve, wins and is paid it, whatever that buys. It is truthful, and
// pays the same for much and for little. Winners are in the order of ids and are all
// that is eligible, so the target is met, whatever it is; the reserve sets every
// price. Offers and errors are those of [Settle].
// Source: spec/incentives.md 1.10.
func SettleFixedPrice(rule Rule, offers []incentives.Offer) (Outcome, error) {
	m, excluded, err := rule.open(offers)
	if err != nil {
		return Outcome{}, err
	}
	out := nothingBought(excluded)
	// All that take part are bought, so everything offered at the price is reached.
	for _, offer := range m.offers {
		out.Winners = append(out.Winners, offer.Node)
		out.Payments[offer.Node] = rule.Reserve
		out.SocialCost += offer.Bid
		out.TotalPaid += rule.Reserve
		out.ReserveCost += rule.Reserve
	}
	return out, nil
}
