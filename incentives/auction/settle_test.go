package auction

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

const credit = incentives.Credit

func arms(node string, bid incentives.Credits, n ...float64) incentives.Offer {
	return incentives.Offer{Node: node, Bid: bid, Information: statistics.Counts(n...)}
}

type money = map[string]incentives.Credits

// exampleOne to exampleThree are the worked examples of spec/incentives.md 1.4.
func exampleOne() []incentives.Offer {
	return []incentives.Offer{arms("a", 4*credit, 3, 0), arms("b", 5*credit, 0, 3), arms("c", 2*credit, 1, 1), arms("d", 20*credit, 3, 3)}
}

func exampleThree() []incentives.Offer {
	return []incentives.Offer{arms("a", 4*credit, 9, 0), arms("b", 5*credit, 0, 9), arms("c", 6*credit, 9, 0)}
}

func TestWorkedExamples(t *testing.T) {
	for name, row := range map[string]struct {
		rule     Rule
		offers   []incentives.Offer
		winners  []string
		payments money
		pivotal  []string
		setBy    map[string]string
		share    float64
	}{
		"1: two arms, half the determinant": {
			rule: Rule{Prior: statistics.Counts(1, 1), Threshold: 0.5, Reserve: 50 * credit}, offers: exampleOne(),
			winners:  []string{"c", "a", "b", "d"},
			payments: money{"a": 15_755_321, "b": 15_755_321, "c": 12_877_123, "d": 50_000_000},
			pivotal:  []string{"d"}, setBy: map[string]string{"a": "d", "b": "d", "c": "d"}, share: 1,
		},
		"2: one arm, ties go to smaller ids": {
			rule:     Rule{Prior: statistics.Counts(1), Threshold: 0.5, Reserve: 50 * credit},
			offers:   []incentives.Offer{arms("a", 4*credit, 3), arms("b", 4*credit, 3), arms("c", 4*credit, 3)},
			winners:  []string{"a", "b"},
			payments: money{"a": 4_000_000, "b": 4_000_000}, setBy: map[string]string{"a": "b", "b": "c"}, share: math.Log(7) / math.Log(10),
		},
		"3: everybody pivotal at a ratio of 0.9": {
			rule: Rule{Prior: statistics.Counts(1, 1), Threshold: 0.9, Reserve: 50 * credit}, offers: exampleThree(),
			winners: []string{"a", "b", "c"}, payments: money{"a": 50 * credit, "b": 50 * credit, "c": 50 * credit},
			pivotal: []string{"a", "b", "c"}, share: 1,
		},
		"3: everybody pivotal at a share of 0.9": {
			rule: Rule{Prior: statistics.Counts(1, 1), Coverage: 0.9, Reserve: 50 * credit}, offers: exampleThree(),
			winners: []string{"a", "b", "c"}, payments: money{"a": 50 * credit, "b": 50 * credit, "c": 50 * credit},
			pivotal: []string{"a", "b", "c"}, share: 1,
		},
		"3: one price set by a rival at a share of 0.85": {
			rule: Rule{Prior: statistics.Counts(1, 1), Coverage: 0.85, Reserve: 50 * credit}, offers: exampleThree(),
			winners: []string{"a", "b"}, payments: money{"a": 6 * credit, "b": 50 * credit},
			pivotal: []string{"b"}, setBy: map[string]string{"a": "c"}, share: 0.877673,
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := Settle(row.rule, row.offers)
			require.NoError(t, err)
			assert.Equal(t, row.winners, out.Winners)
			assert.Equal(t, row.payments, out.Payments)
			assert.Equal(t, row.pivotal, out.Pivotal)
			if row.setBy == nil {
				row.setBy = map[string]string{}
			}
			assert.Equal(t, row.setBy, out.SetBy)
			assert.InDelta(t, row.share, out.InformationShare, 1e-6)
			assert.Equal(t, int64(math.Floor(out.InformationShare*(1<<32))), out.ShareUnits)
			assert.False(t, out.Infeasible)
		})
	}
}

func TestFirstExampleCostsThirtyOneAndTwoReachesSeventyPercentOfTheDeterminant(t *testing.T) {
	out := settleMust(Rule{Prior: statistics.Counts(1, 1), Threshold: 0.5, Reserve: 50 * credit}, exampleOne())
	assert.Equal(t, 31*credit, out.SocialCost)
	assert.Equal(t, incentives.Credits(15_755_321*2+12_877_123+50_000_000), out.TotalPaid)

	two := []incentives.Offer{arms("a", 4*credit, 3), arms("b", 4*credit, 3), arms("c", 4*credit, 3)}
	assert.InDelta(t, 0.7, settleMust(Rule{Threshold: 0.5, Reserve: 50 * credit}, two).DeterminantRatio, 1e-12)
}

func TestPlantedBugsOfTheFirstExampleAreTold(t *testing.T) {
	rule := Rule{Prior: statistics.Counts(1, 1), Threshold: 0.5, Reserve: 50 * credit}
	_, payments, _ := newReference(rule, exampleOne(), twin{}).settle(twin{})
	assert.Equal(t, settleMust(rule, exampleOne()).Payments, payments)
	_, payments, _ = newReference(rule, exampleOne(), twin{}).settle(twin{sameStep: true})
	assert.Equal(t, 5*credit, payments["a"], "the runner-up of the same step underpays")
}

// scene is a random auction of at most nine offers, small enough for the reference.
type scene struct {
	rule   Rule
	offers []incentives.Offer
}

var nodeIDs = []string{"a", "aa", "ab", "b", "ba", "c", "ca", "d", "node-9"}

func drawScene(t *rapid.T) scene {
	d := rapid.IntRange(1, 4).Draw(t, "dimension")
	gram := rapid.Bool().Draw(t, "gram")
	n := rapid.IntRange(0, 9).Draw(t, "offers")
	scale := rapid.SampledFrom([]float64{1, 1, 100, 1e9}).Draw(t, "observations")
	bid := rapid.SampledFrom([]int64{3, 8, 1000, 1e12}).Draw(t, "largest bid")
	s := scene{rule: Rule{Prior: statistics.Counts(slices.Repeat([]float64{rapid.SampledFrom([]float64{1, 0.25, 40}).Draw(t, "lambda")}, d)...)}}
	if gram {
		s.rule.Prior = s.rule.Prior.Dense()
	}
	if rapid.Bool().Draw(t, "by share") {
		s.rule.Coverage = rapid.SampledFrom([]float64{0.1, 0.5, 0.7, 0.9, 1}).Draw(t, "coverage")
	} else {
		s.rule.Threshold = rapid.SampledFrom([]float64{0.01, 0.3, 0.5, 0.9, 1}).Draw(t, "threshold")
	}
	s.rule.Reserve = incentives.Credits(rapid.Int64Range(bid/2, bid).Draw(t, "reserve"))
	for _, node := range rapid.Permutation(nodeIDs).Draw(t, "nodes")[:n] {
		s.offers = append(s.offers, incentives.Offer{
			Node: node, Bid: incentives.Credits(rapid.Int64Range(0, bid).Draw(t, "bid")), Information: drawInformation(t, d, gram, scale),
		})
	}
	return s
}

func drawInformation(t *rapid.T, d int, gram bool, scale float64) statistics.Information {
	if !gram {
		n := make([]float64, d)
		for k := range n {
			n[k] = scale * float64(rapid.IntRange(0, 3).Draw(t, "count"))
		}
		return statistics.Counts(n...)
	}
	entries := make([]float64, d*d)
	for range rapid.IntRange(0, 3).Draw(t, "rank") {
		x := make([]float64, d)
		for i := range x {
			x[i] = float64(rapid.IntRange(-2, 2).Draw(t, "x")) * math.Sqrt(min(scale, 100))
		}
		for i := range x {
			for j := range x {
				entries[i*d+j] += x[i] * x[j]
			}
		}
	}
	v, err := statistics.Gram(d, entries)
	require.NoError(t, err)
	return v
}

func TestSettleEqualsTheReferenceWithBisectionOnTenThousandAuctions(t *testing.T) {
	scenes := rapid.Custom(drawScene)
	for seed := range 10_000 {
		s := scenes.Example(seed)
		out := settleMust(s.rule, s.offers)
		winners, payments, pivotal := newReference(s.rule, s.offers, twin{}).settle(twin{})
		if !slices.Equal(winners, out.Winners) || !maps.Equal(payments, out.Payments) || !slices.Equal(pivotal, out.Pivotal) {
			t.Fatalf("seed %d: rule %+v, offers %+v\nreference %v %v pivotal %v\nsettled   %v %v pivotal %v",
				seed, s.rule, s.offers, winners, payments, pivotal, out.Winners, out.Payments, out.Pivotal)
		}
	}
}

func TestSettleIsIndividuallyRationalCoversAndPaysWithinTheReserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		out := settleMust(s.rule, s.offers)
		var cost, paid incentives.Credits
		for _, offer := range s.offers {
			p, won := out.Payments[offer.Node]
			if !won {
				continue
			}
			cost, paid = cost+offer.Bid, paid+p
			assert.GreaterOrEqual(t, p, offer.Bid)
			assert.LessOrEqual(t, p, s.rule.Reserve)
		}
		assert.Equal(t, cost, out.SocialCost)
		assert.Equal(t, paid, out.TotalPaid)
		assert.Equal(t, len(out.Winners), len(out.Payments))
		assert.False(t, out.Infeasible, "all eligible offers together always cover")
		// Slack: n + 1 units of rounding at each of at most n picks and of the target.
		slack := 64 * Unit
		if s.rule.Coverage > 0 {
			m, _, err := s.rule.open(s.offers)
			require.NoError(t, err)
			assert.GreaterOrEqual(t, out.InformationShare*m.total, s.rule.Coverage*m.total-slack)
		} else {
			assert.GreaterOrEqual(t, math.Log(out.DeterminantRatio), math.Log(s.rule.Threshold)-slack)
		}
	})
}

// utility is what a node of the given cost gains when it bids.
func utility(s scene, who int, cost, bid incentives.Credits) incentives.Credits {
	offers := slices.Clone(s.offers)
	offers[who].Bid = bid
	p, won := settleMust(s.rule, offers).Payments[offers[who].Node]
	if !won {
		return 0
	}
	return p - cost
}

func TestNoNodeGainsByMisreportingItsCost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if len(s.offers) == 0 {
			return
		}
		for who, offer := range s.offers {
			honest := utility(s, who, offer.Bid, offer.Bid)
			assert.GreaterOrEqual(t, honest, incentives.Credits(0))
			for range 3 {
				bid := incentives.Credits(rapid.Int64Range(0, 2*int64(s.rule.Reserve)+2).Draw(t, "misreport"))
				bid = min(bid, incentives.MaxCredits)
				assert.LessOrEqual(t, utility(s, who, offer.Bid, bid), honest)
			}
			near := rapid.SampledFrom([]incentives.Credits{-1, 1}).Draw(t, "just beside")
			assert.LessOrEqual(t, utility(s, who, offer.Bid, min(max(0, offer.Bid+near), incentives.MaxCredits)), honest)
		}
	})
}

func TestOwnPaymentDoesNotMoveWithTheOwnBidAndOneMoreLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		out := settleMust(s.rule, s.offers)
		for who, offer := range s.offers {
			p, won := out.Payments[offer.Node]
			if !won {
				continue
			}
			changed := slices.Clone(s.offers)
			for _, bid := range []incentives.Credits{0, p, incentives.Credits(rapid.Int64Range(0, int64(p)).Draw(t, "bid"))} {
				changed[who].Bid = bid
				again := settleMust(s.rule, changed)
				got, still := again.Payments[offer.Node]
				assert.True(t, still)
				assert.Equal(t, p, got)
			}
			if p < incentives.MaxCredits {
				changed[who].Bid = p + 1
				assert.NotContains(t, settleMust(s.rule, changed).Winners, offer.Node)
			}
		}
	})
}

func TestOrderOfOffersDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		shuffled := rapid.Permutation(s.offers).Draw(t, "other order")
		assert.Equal(t, settleMust(s.rule, s.offers), settleMust(s.rule, shuffled))
	})
}

func TestBidsAndReserveTimesKScalePayments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		k := incentives.Credits(rapid.IntRange(2, 9).Draw(t, "k"))
		if s.rule.Reserve*k > incentives.MaxCredits {
			return
		}
		out := settleMust(s.rule, s.offers)
		scaled := scene{s.rule, slices.Clone(s.offers)}
		scaled.rule.Reserve *= k
		for i := range scaled.offers {
			scaled.offers[i].Bid = min(scaled.offers[i].Bid*k, incentives.MaxCredits)
		}
		again := settleMust(scaled.rule, scaled.offers)
		assert.Equal(t, out.Winners, again.Winners)
		for node, p := range out.Payments {
			assert.InDelta(t, int64(p*k), int64(again.Payments[node]), float64(k), "largest whole bids, within k of k times")
		}
	})
}

func TestOfferWithoutInformationChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		zero := statistics.Counts(make([]float64, s.rule.Prior.Dimension())...)
		if !s.rule.Prior.Diagonal() {
			zero = zero.Dense()
		}
		empty := incentives.Offer{Node: "0-nobody", Bid: 0, Information: zero}
		before, after := settleMust(s.rule, s.offers), settleMust(s.rule, append(slices.Clone(s.offers), empty))
		after.Work = before.Work // looking at it is all
		assert.Equal(t, before, after)
	})
}

func TestArmsAreTheLinearCaseWithDiagonalGrams(t *testing.T) {
	compared, different := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if !s.rule.Prior.Diagonal() {
			return
		}
		dense := scene{s.rule, slices.Clone(s.offers)}
		dense.rule.Prior = dense.rule.Prior.Dense()
		largest := 0.0
		for i := range dense.offers {
			for k := range s.rule.Prior.Dimension() {
				largest = max(largest, s.offers[i].Information.At(k, k))
			}
			dense.offers[i].Information = dense.offers[i].Information.Dense()
		}
		if largest > 1000 {
			return // gains of a unit or two, where one unit of rounding is half the price
		}
		a, b := settleMust(s.rule, s.offers), settleMust(dense.rule, dense.offers)
		// Floats of two routes may round to neighbouring units; a tie of cross-products
		// then breaks the other way, and prices of different sets can't be compared.
		if !slices.Equal(a.Winners, b.Winners) {
			different++
			return
		}
		compared++
		for node, p := range a.Payments {
			// One unit in a gain of at least 1/2740 nats, in numerator and denominator.
			assert.InDelta(t, int64(p), int64(b.Payments[node]), 1+2e-6*float64(p))
		}
	})
	assert.Greater(t, compared, 10*different, "ties are the exception")
}

func TestPlantedBugsAreCaught(t *testing.T) {
	for name, bug := range map[string]twin{
		"payment is the bid":                {payBid: true},
		"runner-up of the same step":        {sameStep: true},
		"truncation forgotten":              {noTruncation: true},
		"no re-run without the winner":      {runWithWinner: true},
		"payment rounded up":                {roundUp: true},
		"target over all offers":            {targetOverAll: true},
		"ties by the order of input":        {inputOrder: true},
		"(control) nothing planted, equals": {},
	} {
		t.Run(name, func(t *testing.T) {
			caught := 0
			for seed := range 300 {
				s := rapid.Custom(drawScene).Example(seed)
				out := settleMust(s.rule, s.offers)
				winners, payments, _ := newReference(s.rule, s.offers, bug).settle(bug)
				if !slices.Equal(winners, out.Winners) || fmt.Sprint(payments) != fmt.Sprint(out.Payments) {
					caught++
				}
			}
			if bug == (twin{}) {
				assert.Zero(t, caught)
			} else {
				assert.Positive(t, caught)
			}
		})
	}
}

func TestCostStaysWithinWolseysBoundOfTheOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		m, _, err := s.rule.open(s.offers)
		require.NoError(t, err)
		if len(m.offers) == 0 || m.cover.left == 0 {
			return
		}
		reference := newReference(s.rule, s.offers, twin{})
		picks, left := reference.run(reference.bids())
		require.LessOrEqual(t, left, int64(0))
		before := reference.target
		for _, pick := range picks[:len(picks)-1] {
			before -= pick.gain
		}
		bound := 1 + math.Log(float64(reference.target)/float64(before))
		cost, optimum := settleMust(s.rule, s.offers).SocialCost, float64(m.cheapestCover(reference.target))
		assert.LessOrEqual(t, float64(cost), optimum*bound*(1+1e-9)+1e-9)
		// The first picks that reach (1 − ε) of the target cost at most 1 + ln 1/ε optima.
		for _, epsilon := range []float64{0.05, 0.2, 1 / math.E, 0.7} {
			spent, left := int64(0), float64(reference.target)
			for _, pick := range picks {
				if left <= epsilon*float64(reference.target) {
					break
				}
				spent, left = spent+pick.bid, left-float64(pick.gain)
			}
			assert.LessOrEqual(t, float64(spent), optimum*(1+math.Log(1/epsilon))*(1+1e-9)+1e-9, "ε %v", epsilon)
		}
	})
}

// What is not bought costs regret at most 1/√β (Abbasi-Yadkori et al. 2011, lemma 12):
// for A ⪯ B, xᵀA⁻¹x ≤ (det B/det A)·xᵀB⁻¹x. With A the bought and B all information,
// confidence radii are wider by at most 1/√(determinant ratio).
func TestWidthsOfWhatIsBoughtAreWithinTheDeterminantRatio(t *testing.T) {
	widened := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if s.rule.Prior.Diagonal() {
			return
		}
		out := settleMust(s.rule, s.offers)
		m, _, err := s.rule.open(s.offers)
		require.NoError(t, err)
		if len(m.offers) == 0 {
			return
		}
		bought, all := m.pool.start(), m.pool.start()
		for i, o := range m.offers {
			all.add(i)
			if slices.Contains(out.Winners, o.Node) {
				bought.add(i)
			}
		}
		inverseA, okA := m.pool.inverse(bought.a)
		inverseB, okB := m.pool.inverse(all.a)
		require.True(t, okA && okB)
		d := m.pool.d
		x := rapid.SliceOfN(rapid.Float64Range(-1, 1), d, d).Draw(t, "x")
		width := func(inverse []float64) (w float64) {
			for i := range d {
				for j := range d {
					w += x[i] * x[j] * inverse[min(i, j)*d+max(i, j)]
				}
			}
			return w
		}
		a, b := width(inverseA), width(inverseB)
		if a > 1e-9 {
			assert.LessOrEqual(t, a*out.DeterminantRatio, b*(1+1e-6)+1e-12)
		}
		if a > b*(1+1e-6) {
			widened++
		}
	})
	assert.Positive(t, widened)
}

// cheapestCover tries all subsets. Sets within the rounding of the target count.
func (m *market) cheapestCover(target int64) int64 {
	best := int64(math.MaxInt64)
	for set := range 1 << len(m.offers) {
		var members []int
		cost := int64(0)
		for i, offer := range m.offers {
			if set>>i&1 == 1 {
				members = append(members, i)
				cost += int64(offer.Bid)
			}
		}
		if cost < best && quantise(m.pool.information(members))+int64(len(members))+1 >= target {
			best = cost
		}
	}
	return best
}

func TestThousandOffersOfAlmostNothingStillCover(t *testing.T) {
	var offers []incentives.Offer
	for i := range 1000 {
		offers = append(offers, arms(fmt.Sprintf("n%04d", i), 1, 1e-10))
	}
	offers = append(offers, arms("whole", 5, 3))
	out := settleMust(Rule{Coverage: 1, Reserve: 10}, offers)
	assert.Equal(t, []string{"whole"}, out.Winners, "gains of 1e-10 nats are no candidates, and are not waited for")
	assert.False(t, out.Infeasible)
}

func TestNobodyIsPivotalWhenTheRatioIsTiny(t *testing.T) {
	// Lemma 7 of Truth-FedBan: β ≤ (1 + tL²/(λd))^(−d), here t = 6 observations of
	// unit length, λ = 1, d = 2: (1 + 3)^−2.
	out := settleMust(Rule{Prior: statistics.Counts(1, 1), Threshold: 1.0 / 16, Reserve: 50 * credit}, []incentives.Offer{arms("a", 1, 3, 0), arms("b", 2, 0, 3)})
	assert.Empty(t, out.Pivotal)
}
