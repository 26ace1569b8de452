package auction

import (
	"fmt"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// Explain tells a node in words why it was not chosen, or what its price was set by.
// It names no other node and no other bid. It is an error to ask for a node that made
// no offer. out is the outcome of the same rule and offers.
func Explain(rule Rule, offers []incentives.Offer, out Outcome, node string) (string, error) {
	at := slices.IndexFunc(offers, func(o incentives.Offer) bool { return o.Node == node })
	if at < 0 {
		return "", &posse.Error{
			Code: posse.NotFound, Reason: "FIELD_OUT_OF_RANGE", Field: "node", Value: node, Allowed: "a node that made an offer",
			Message: "the node made no offer",
		}
	}
	if reason, ok := out.Excluded[node]; ok {
		return fmt.Sprintf("%s took no part: %s.", node, reason.sentence(rule.Reserve)), nil
	}
	place := slices.Index(out.Winners, node)
	if place < 0 {
		return whyLost(rule, offers, out, node)
	}
	text := fmt.Sprintf("%s was chosen, as number %d of %d, and is paid %s credits: the highest bid with which it would still have been chosen. Its own bid did not move that price. ",
		node, place+1, len(out.Winners), out.Payments[node])
	switch _, rival := out.SetBy[node]; {
	case slices.Contains(out.Pivotal, node):
		return text + "Without it the others can't cover what is wanted, so the price is the announced reserve.", nil
	case rival:
		return text + "The price was set by another node's offer, which would have been taken in its place.", nil
	default:
		return text + "Any other node's offer would have allowed more than the announced reserve, so the price is the reserve.", nil
	}
}

// whyLost explains an eligible offer that was not chosen.
func whyLost(rule Rule, offers []incentives.Offer, out Outcome, node string) (string, error) {
	m, _, err := rule.open(offers)
	if err != nil {
		return "", err
	}
	index := func(node string) int {
		return slices.IndexFunc(m.offers, func(o incentives.Offer) bool { return o.Node == node })
	}
	self, s := index(node), m.pool.start()
	if quantise(s.gain(self)) <= 0 {
		return node + " was not chosen: its offer adds no information to what is already published.", nil
	}
	if m.cover.left <= 0 {
		return node + " was not chosen: nothing had to be bought.", nil
	}
	for _, winner := range out.Winners {
		s.add(index(winner))
	}
	if quantise(s.gain(self)) <= 0 {
		return node + " was not chosen: its offer adds nothing to what the chosen ones bring.", nil
	}
	return node + " was not chosen: at every step another offer gave more information for each credit that it asks, until what is wanted was covered. A lower bid might have been chosen.", nil
}

// sentence says a reason in words.
func (r Reason) sentence(reserve incentives.Credits) string {
	switch r {
	case OverReserve:
		return fmt.Sprintf("its bid is above the announced reserve of %s credits", reserve)
	case BidOutOfRange:
		return "its bid is outside [0, 1000000] credits"
	case EmptyNode:
		return "its offer has no node"
	case DuplicateNode:
		return "several offers came under its name, and their order must not matter"
	case InformationInvalid:
		return "its offer is not information: it has an entry that is not finite or negative, or a negative eigenvalue"
	case InformationMismatch:
		return "its offer has another kind or dimension than the problem"
	case NotDelivering:
		return "it won and did not deliver in three of twenty rounds, and is left out of the twenty after that"
	default:
		return string(r)
	}
}
