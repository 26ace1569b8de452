package auction

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
)

func breaches(t require.TestingT, s scene, recorded Outcome) (out []Counterfactual, tried int) {
	all, err := Counterfactuals(s.rule, s.offers, recorded)
	require.NoError(t, err)
	for _, c := range all {
		if c.Breach != "" {
			out = append(out, c)
		}
	}
	return out, len(all)
}

func TestNoOtherBidWouldHaveBroughtMore(t *testing.T) {
	tried := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		out := settleMust(s.rule, s.offers)
		found, n := breaches(t, s, out)
		assert.Empty(t, found)
		assert.Equal(t, 6*len(s.offers)+2*len(out.Winners), n)
		tried += n
	})
	assert.Greater(t, tried, 1000)
}

func TestCounterfactualsAreThoseOfACompleteSettlement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if len(s.offers) == 0 {
			return
		}
		out := settleMust(s.rule, s.offers)
		all, err := Counterfactuals(s.rule, s.offers, out)
		require.NoError(t, err)
		who := rapid.IntRange(0, len(s.offers)-1).Draw(t, "node")
		offer := s.offers[who]
		for _, c := range all {
			for _, other := range misreports {
				bid := other.bid(offer.Bid, s.rule.Reserve)
				if c.Node == offer.Node && c.Instead == other.words && bid <= incentives.MaxCredits {
					assert.Equal(t, utility(s, who, offer.Bid, bid), c.Would, c.Instead)
				}
			}
		}
	})
}

func TestEveryOtherPaymentIsCaught(t *testing.T) {
	for name, scheme := range map[string]func(Outcome, map[string]incentives.Credits) money{
		"everyone is paid its bid": func(_ Outcome, bids map[string]incentives.Credits) money { return bids },
		"a micro-credit less": func(o Outcome, _ map[string]incentives.Credits) money {
			less := maps.Clone(o.Payments)
			for node := range less {
				less[node]--
			}
			return less
		},
		"a micro-credit more": func(o Outcome, _ map[string]incentives.Credits) money {
			more := maps.Clone(o.Payments)
			for node := range more {
				more[node]++
			}
			return more
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene{Rule{Prior: exampleRule().Prior, Threshold: 0.5, Reserve: 50 * credit}, exampleOne()}
			out := copied(settleMust(s.rule, s.offers))
			bids := map[string]incentives.Credits{}
			for _, o := range s.offers {
				bids[o.Node] = o.Bid
			}
			honest, _ := breaches(t, s, out)
			require.Empty(t, honest)
			out.Payments = scheme(out, bids)
			found, _ := breaches(t, s, out)
			for _, winner := range []string{"a", "b", "c"} { // d is pivotal: the reserve bounds its bid
				assert.True(t, hasBreach(found, winner), "%s: %v", winner, found)
			}
		})
	}
	t.Run("second price of the same step", func(t *testing.T) {
		s := scene{Rule{Prior: exampleRule().Prior, Threshold: 0.5, Reserve: 50 * credit}, exampleOne()}
		out := copied(settleMust(s.rule, s.offers))
		_, payments, _ := newReference(s.rule, s.offers, twin{}).settle(twin{sameStep: true})
		out.Payments = payments
		found, _ := breaches(t, s, out)
		assert.NotEmpty(t, found)
	})
	t.Run("a fixed price", func(t *testing.T) {
		// Truthful, and another rule than the one that is audited.
		s := scene{Rule{Coverage: 0.5, Reserve: 50 * credit}, exampleThree()}
		out, err := SettleFixedPrice(s.rule, s.offers)
		require.NoError(t, err)
		found, _ := breaches(t, s, out)
		assert.NotEmpty(t, found)
	})
}

func hasBreach(found []Counterfactual, node string) bool {
	for _, c := range found {
		if c.Node == node {
			return true
		}
	}
	return false
}

func exampleRule() Rule {
	return Rule{Prior: arms("", 0, 1, 1).Information, Threshold: 0.5, Reserve: 50 * credit}
}
