package auction

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func TestSettleRefusesAWrongRule(t *testing.T) {
	for name, row := range map[string]struct {
		rule          Rule
		field, reason string
	}{
		"neither target":           {Rule{Reserve: 1}, "coverage", "FIELD_MISSING"},
		"both targets":             {Rule{Coverage: 0.5, Threshold: 0.5}, "threshold", "FIELD_CONFLICT"},
		"coverage above 1":         {Rule{Coverage: 1.01}, "coverage", "FIELD_OUT_OF_RANGE"},
		"negative coverage":        {Rule{Coverage: -0.1}, "coverage", "FIELD_OUT_OF_RANGE"},
		"coverage not a number":    {Rule{Coverage: math.NaN()}, "coverage", "FIELD_OUT_OF_RANGE"},
		"threshold above 1":        {Rule{Threshold: math.Inf(1)}, "threshold", "FIELD_OUT_OF_RANGE"},
		"negative reserve":         {Rule{Coverage: 1, Reserve: -1}, "reserve", "FIELD_OUT_OF_RANGE"},
		"reserve over a million":   {Rule{Coverage: 1, Reserve: incentives.MaxCredits + 1}, "reserve", "FIELD_OUT_OF_RANGE"},
		"prior without λ":          {Rule{Coverage: 1, Prior: statistics.Counts(1, 0)}, "prior", "FIELD_OUT_OF_RANGE"},
		"negative prior":           {Rule{Coverage: 1, Prior: statistics.Counts(1, -1)}, "prior.counts[1]", "FIELD_OUT_OF_RANGE"},
		"no prior and mixed kinds": {Rule{Coverage: 1}, "prior", "FIELD_OUT_OF_RANGE"},
	} {
		t.Run(name, func(t *testing.T) {
			offers := []incentives.Offer{arms("a", 0, 1, 2)}
			if row.field == "prior" && row.rule.Prior.Dimension() == 0 {
				offers = append(offers, arms("b", 0, 1))
			}
			_, err := Settle(row.rule, offers)
			require.Error(t, err)
			assert.Equal(t, row.field, posse.As(err).Field)
			assert.Equal(t, row.reason, posse.As(err).Reason)
			require.Error(t, Check(row.rule, offers))
		})
	}
}

func TestSingleBadOffersAreLeftOutWithTheirReason(t *testing.T) {
	good := []incentives.Offer{arms("a", 1, 3, 0), arms("b", 2, 0, 3)}
	indefinite, err := statistics.Gram(2, []float64{1, 2, 2, 1})
	require.NoError(t, err)
	bad := []incentives.Offer{
		arms("", 1, 1, 1),
		arms("twice", 1, 9, 9), arms("twice", 2, 9, 9),
		arms("negative bid", -1, 9, 9), arms("huge bid", incentives.MaxCredits+1, 9, 9),
		arms("NaN", 1, 9, math.NaN()), arms("negative", 1, 9, -9), arms("three arms", 1, 9, 9, 9),
		{Node: "gram", Bid: 1, Information: statistics.Counts(9, 9).Dense()},
		{Node: "none", Bid: 1},
		{Node: "indefinite", Bid: 1, Information: indefinite},
		arms("dear", 11, 1e9, 1e9),
	}
	rule := Rule{Prior: statistics.Counts(1, 1), Coverage: 1, Reserve: 10}
	out := settleMust(rule, append(bad, good...))
	assert.Equal(t, map[string]Reason{
		"": EmptyNode, "twice": DuplicateNode, "negative bid": BidOutOfRange, "huge bid": BidOutOfRange,
		"NaN": InformationInvalid, "negative": InformationInvalid, "three arms": InformationMismatch, "gram": InformationMismatch,
		"none": InformationInvalid, "indefinite": InformationInvalid, "dear": OverReserve,
	}, out.Excluded)
	clean := settleMust(rule, good)
	assert.Equal(t, clean.Winners, out.Winners, "what is left out moves nothing, the target neither")
	assert.Equal(t, clean.Payments, out.Payments)
}

func TestCheckListsEveryProblemByItsField(t *testing.T) {
	offers := []incentives.Offer{arms("a", 1, 1, 1), arms("a", 1, 1, 1), arms("", 1, 1, 1), arms("b", -1, 1, 1), arms("c", 1, math.Inf(1), 1), arms("d", 1, 1)}
	err := Check(Rule{Prior: statistics.Counts(1, 1), Coverage: 2, Reserve: 1}, offers)
	require.Error(t, err)
	var fields []string
	for _, e := range posse.As(err).Problems {
		fields = append(fields, e.Field)
		assert.NotEmpty(t, e.Message)
	}
	assert.Equal(t, []string{"coverage", "offers[1].node", "offers[2].node", "offers[3].bid", "offers[4].counts[0]", "offers[5].information"}, fields)
	assert.NoError(t, Check(Rule{Coverage: 0.5}, exampleOne()), "over the reserve is an answer, no error")
}

func TestNoOffersAndNothingToKnowBuyNobody(t *testing.T) {
	for name, offers := range map[string][]incentives.Offer{
		"none": nil, "all over the reserve": {arms("a", 9, 1)}, "no observations": {arms("a", 0, 0), arms("b", 0, 0)},
	} {
		out := settleMust(Rule{Coverage: 1, Reserve: 5}, offers)
		assert.Empty(t, out.Winners, name)
		assert.Zero(t, out.TotalPaid, name)
		assert.False(t, out.Infeasible, name)
		assert.Equal(t, int64(1<<32), out.ShareUnits, name)
	}
}
