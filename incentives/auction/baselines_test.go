package auction

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// dataOffers gives every node what it offers as all that it knows.
func dataOffers(t require.TestingT, rule Rule, offers []incentives.Offer) []DataOffer {
	out := make([]DataOffer, len(offers))
	for i, o := range offers {
		own, err := rule.Prior.Add(o.Information)
		require.NoError(t, err)
		nothing := statistics.Counts(make([]float64, rule.Prior.Dimension())...)
		if !rule.Prior.Diagonal() {
			nothing = nothing.Dense()
		}
		out[i] = DataOffer{o, own, nothing}
	}
	return out
}

func TestIncFedUCBByHand(t *testing.T) {
	// One arm, λ = 1. a and b know 3 each: with the other's, 7/4 − 1 = 0.75 of a ratio.
	// At 4 credits a ratio the data are worth 3 to each.
	rule := Rule{Prior: statistics.Counts(1), Coverage: 1, Reserve: 50 * credit}
	settle := func(bids ...incentives.Credits) Outcome {
		offers := dataOffers(t, rule, []incentives.Offer{arms("a", bids[0], 3), arms("b", bids[1], 3)})
		out, err := SettleIncFedUCB(rule, 4*credit, offers)
		require.NoError(t, err)
		return out
	}
	out := settle(3*credit, 2*credit)
	assert.Equal(t, money{"a": 0, "b": 0}, out.Payments, "the data are worth their bids")
	out = settle(3*credit, 5*credit)
	assert.Equal(t, []string{"a", "b"}, out.Winners)
	assert.Equal(t, money{"a": 0, "b": 2 * credit}, out.Payments, "b's deficit is paid")
	assert.False(t, out.Infeasible)
	assert.Equal(t, money{"a": 0, "b": 2*credit + 1}, settle(3*credit, 5*credit+1).Payments, "and grows with what it reports")
	rule.Coverage = 0.5
	out = settle(3*credit, 5*credit)
	assert.Equal(t, money{"a": 0, "b": 2 * credit}, out.Payments, "a alone covers for 3; with b's data it comes for nothing")
}

func TestIncFedUCBCoversPaysDeficitsAndIgnoresOrder(t *testing.T) {
	paid := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		offers := dataOffers(t, s.rule, s.offers)
		per := incentives.Credits(rapid.Int64Range(0, 2*int64(s.rule.Reserve)).Draw(t, "per ratio"))
		per = min(per, incentives.MaxCredits)
		out, err := SettleIncFedUCB(s.rule, per, offers)
		require.NoError(t, err)
		again, err := SettleIncFedUCB(s.rule, per, rapid.Permutation(offers).Draw(t, "order"))
		require.NoError(t, err)
		assert.Equal(t, out, again)
		assert.False(t, out.Infeasible, "everybody who adds something covers")
		for _, o := range s.offers {
			p, won := out.Payments[o.Node]
			if won {
				assert.LessOrEqual(t, p, o.Bid, "money is at most what is asked")
				paid += min(1, int(p))
			}
		}
	})
	assert.Greater(t, paid, 20)
	_, err := SettleIncFedUCB(Rule{Coverage: 1, Reserve: 1}, -1, nil)
	assert.Equal(t, "perRatio", posse.As(err).Field)
	_, err = SettleIncFedUCB(Rule{Coverage: 1, Reserve: 1}, 1, []DataOffer{{Offer: arms("a", 1, 1)}})
	assert.Equal(t, "offers[0].own", posse.As(err).Field)
}

// The shape of the papers' figure: one node's payment and utility against the factor
// by which it misreports its cost. Under critical payments the payment is flat while
// the node wins and utility is highest at factor 1, for every node and seed; under
// Inc-FedUCB the payment rises with the report until the node is dropped.
func TestPaymentAgainstMisreportIsFlatAndUnderIncFedUCBRises(t *testing.T) {
	factors := []float64{0.1, 0.25, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10}
	rises, gains, nodes := 0, 0, 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		const n, d = 20, 2
		rule := Rule{Prior: statistics.Counts(slices.Repeat([]float64{1}, d)...), Coverage: 0.7, Reserve: 20 * credit}
		var offers []incentives.Offer
		for i := range n {
			counts := make([]float64, d)
			for k := range counts {
				counts[k] = float64(r.IntN(60))
			}
			offers = append(offers, arms(fmt.Sprintf("n%02d", i), incentives.Credits((1+4*r.Float64())*1e6), counts...))
		}
		for who, cost := range offers {
			nodes++
			flat, honest := incentives.Credits(-1), incentives.Credits(0)
			if p, won := settleMust(rule, offers).Payments[cost.Node]; won {
				honest = p - cost.Bid
			}
			last, best := incentives.Credits(0), incentives.Credits(0)
			honestInc := incentives.Credits(0)
			for _, factor := range factors {
				changed := slices.Clone(offers)
				changed[who].Bid = incentives.Credits(math.Round(factor * float64(cost.Bid)))
				if p, won := settleMust(rule, changed).Payments[cost.Node]; won {
					if flat < 0 {
						flat = p
					}
					require.Equal(t, flat, p, "flat while it wins")
					require.LessOrEqual(t, p-cost.Bid, honest, "utility is highest at factor 1")
				}
				out, err := SettleIncFedUCB(rule, 5_000, dataOffers(t, rule, changed))
				require.NoError(t, err)
				if p, won := out.Payments[cost.Node]; won {
					if p > last {
						rises++
					}
					last = p
					if factor == 1 {
						honestInc = p
					}
					best = max(best, p)
				}
			}
			if best > honestInc {
				gains++ // what it is paid beyond its honest report is pure gain
			}
		}
	}
	t.Logf("of %d nodes: %d rises, %d gain by misreporting", nodes, rises, gains)
	assert.Greater(t, rises, nodes/2)
	assert.Greater(t, gains, nodes/4, "misreporting pays under Inc-FedUCB")
}

func TestDisLinUCBIsDueWhenObservationsTimesNatsReachTheThreshold(t *testing.T) {
	b, err := NewDisLinUCB(1000, 10, 5)
	require.NoError(t, err)
	assert.InDelta(t, 1000*math.Log(10_000)/50, b.Threshold, 1e-9)
	b.Threshold = 6*math.Log(4) - 1e-9
	known, fresh := statistics.Counts(1, 2), statistics.Counts(3, 0) // ln(4/1)
	due, err := b.Due(6, known, fresh)
	require.NoError(t, err)
	assert.True(t, due)
	due, err = b.Due(5, known, fresh)
	require.NoError(t, err)
	assert.False(t, due)
	_, err = b.Due(5, statistics.Counts(0), fresh)
	assert.Error(t, err)
	_, err = NewDisLinUCB(0, 1, 1)
	assert.Equal(t, "steps", posse.As(err).Field)
}
