package auction

import (
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// eagerWithin is the rule in unlimited integers, without lazy bounds.
func eagerWithin(rule BudgetRule, m *market, bids []int64) []string {
	s, taken := m.pool.start(), big.NewInt(0)
	var winners []string
	left := make([]bool, len(bids))
	for {
		best := claim{index: -1}
		for i := range bids {
			if gain := quantise(s.gain(i)); !left[i] && gain > 0 {
				if c := (claim{gain, bids[i], i}); best.index < 0 || slowBeats(c, best) {
					best = c
				}
			}
		}
		if best.index < 0 {
			return winners
		}
		cost := new(big.Int).Mul(big.NewInt(2*best.bid), new(big.Int).Add(taken, big.NewInt(best.gain)))
		if cost.Cmp(new(big.Int).Mul(big.NewInt(int64(rule.Budget)), big.NewInt(best.gain))) > 0 {
			return winners
		}
		taken.Add(taken, big.NewInt(best.gain))
		left[best.index] = true
		winners = append(winners, m.offers[best.index].Node)
		s.add(best.index)
	}
}

func TestProportionalShareIsWithinBudgetRationalCriticalAndTheEagerRule(t *testing.T) {
	bought := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		rule := BudgetRule{Prior: s.rule.Prior, Reserve: s.rule.Reserve, Budget: incentives.Credits(rapid.Int64Range(1, 4*int64(s.rule.Reserve)+8).Draw(t, "budget"))}
		out, err := SettleWithin(rule, s.offers)
		require.NoError(t, err)
		m, _, err := s.rule.open(s.offers)
		require.NoError(t, err)
		if len(m.offers) == 0 {
			return
		}
		assert.Equal(t, eagerWithin(rule, m, m.cover.bids), out.Winners)
		assert.LessOrEqual(t, out.TotalPaid, rule.Budget)
		bought += len(out.Winners)
		for i, offer := range m.offers {
			p, won := out.Payments[offer.Node]
			if !won {
				continue
			}
			assert.GreaterOrEqual(t, p, offer.Bid)
			bids := slices.Clone(m.cover.bids)
			for _, at := range []int64{0, int64(p)} {
				bids[i] = at
				assert.Contains(t, eagerWithin(rule, m, bids), offer.Node, "wins at any bid up to its price")
			}
			if p < rule.Reserve {
				bids[i] = int64(p) + 1
				assert.NotContains(t, eagerWithin(rule, m, bids), offer.Node)
			}
		}
	})
	assert.Greater(t, bought, 50)
}

func TestProportionalShareByHand(t *testing.T) {
	// One arm, one node: it may take half the budget alone. With a second equal one the
	// second adds ln(7/4) to ln 4: 20·ln(7/4)/(2·ln 7) = 2.8758.
	rule := BudgetRule{Budget: 20, Reserve: 50}
	out, err := SettleWithin(rule, []incentives.Offer{arms("a", 1, 3)})
	require.NoError(t, err)
	assert.Equal(t, money{"a": 10}, out.Payments)
	out, err = SettleWithin(rule, []incentives.Offer{arms("a", 1, 3), arms("b", 2, 3)})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, out.Winners)
	assert.Equal(t, money{"a": 2, "b": 2}, out.Payments)
	out, err = SettleWithin(rule, []incentives.Offer{arms("a", 1, 3), arms("b", 3, 3)})
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, out.Winners)
	assert.Equal(t, money{"a": 3}, out.Payments, "at 3 the smaller id is first and alone affordable")
}

func TestProportionalShareRefusesABudgetOutOfRange(t *testing.T) {
	for _, budget := range []incentives.Credits{0, -1, maxBudget + 1} {
		_, err := SettleWithin(BudgetRule{Budget: budget}, nil)
		assert.Equal(t, "budget", posse.As(err).Field)
	}
	_, err := SettleWithin(BudgetRule{Budget: 1, Reserve: -1}, nil)
	assert.Equal(t, "reserve", posse.As(err).Field)
	out, err := SettleWithin(BudgetRule{Budget: 1}, nil)
	require.NoError(t, err)
	assert.Empty(t, out.Winners)
}

func TestFixedPricePaysEveryoneTheSame(t *testing.T) {
	out, err := SettleFixedPrice(Rule{Coverage: 0.5, Reserve: 5 * credit}, exampleOne())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "c"}, out.Winners)
	assert.Equal(t, money{"a": 5 * credit, "b": 5 * credit, "c": 5 * credit}, out.Payments)
	assert.Equal(t, 11*credit, out.SocialCost)
	assert.Equal(t, map[string]Reason{"d": OverReserve}, out.Excluded)
	_, err = SettleFixedPrice(Rule{}, nil)
	assert.Error(t, err)
}
