package auction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Truthfulness is a statement about one round. What is not bought stays on offer, so a
// node may wait and sell more at once, or ask more and lose now and then. This play
// measures what that brings: eight nodes of unequal traffic gather pulls of three arms
// in each of 40 rounds; coverage is 0.7, the reserve 10 credits. One node follows
// another plan than the others, who bid their cost in each round, on the same random
// numbers.
const playRounds = 40

// setting is what differs between plays.
type setting struct {
	kept    bool // what is not bought stays on offer, as in Posse; else it is lost
	perLeaf bool // taking part costs so much for each window that is sold; else so much a round
}

// plan is a node's conduct over rounds: it offers in every so many rounds, and bids so
// many times its cost.
type plan struct {
	every  int
	factor float64
}

var honestPlan = plan{1, 1}

// play returns what the node earns over its costs, in credits.
func play(seed uint64, who int, p plan, in setting) float64 {
	shares := []float64{28, 20, 15, 12, 9, 7, 5, 4}
	r := rand.New(rand.NewPCG(seed, 77))
	costs := make([]incentives.Credits, len(shares))
	for i := range costs {
		costs[i] = incentives.Credits((1 + 4*r.Float64()) * 1e6)
	}
	rule := Rule{Prior: statistics.Counts(1, 1, 1), Coverage: 0.7, Reserve: 10 * credit}
	unsold, windows := make([][]float64, len(shares)), make([]incentives.Credits, len(shares))
	for i := range unsold {
		unsold[i] = make([]float64, 3)
	}
	utility := 0.0
	for round := range playRounds {
		var offers []incentives.Offer
		for i, share := range shares {
			for k := range 3 { // by arm, a tenth of chance around a third of the traffic
				unsold[i][k] += share * 10 / 3 * (0.9 + 0.2*r.Float64())
			}
			if windows[i]++; !in.perLeaf {
				windows[i] = 1
			}
			bid := costs[i] * windows[i]
			if i == who {
				if (round+1)%p.every != 0 {
					continue // its data wait, or are lost below
				}
				bid = min(incentives.Credits(p.factor*float64(bid)), incentives.MaxCredits)
			}
			offers = append(offers, incentives.Offer{Node: fmt.Sprint("n", i), Bid: bid, Information: statistics.Counts(slices.Clone(unsold[i])...)})
		}
		out := settleMust(rule, offers)
		for i := range shares {
			paid, won := out.Payments[fmt.Sprint("n", i)]
			if !won {
				continue
			}
			if i == who {
				utility += float64(paid-costs[i]*windows[i]) / 1e6
			}
			sum, err := rule.Prior.Add(statistics.Counts(unsold[i]...))
			if err != nil {
				panic(err)
			}
			rule.Prior, unsold[i], windows[i] = sum, make([]float64, 3), 0
		}
		for i := range unsold {
			if !in.kept {
				unsold[i], windows[i] = make([]float64, 3), 0
			}
		}
	}
	return utility
}

// earned plays a plan for every node and twelve seeds, and sums what it earns.
func earned(p plan, in setting) (sum float64) {
	for seed := range uint64(12) {
		for who := range 8 {
			sum += play(seed, who, p, in)
		}
	}
	return sum
}

// The figures that docs/explanation/incentives.md quotes. Everything is fixed by seeds,
// so that nothing here fails by chance.
func TestWhatAPatientBidderGainsOverManyRounds(t *testing.T) {
	kept, lost, each := setting{kept: true}, setting{}, setting{kept: true, perLeaf: true}
	honest := map[setting]float64{}
	for _, in := range []setting{kept, lost, each} {
		honest[in] = earned(honestPlan, in)
	}
	gains := func(p plan, in setting) float64 { return earned(p, in)/honest[in] - 1 }
	for _, row := range []struct {
		plan             plan
		kept, lost, each float64
	}{
		{plan{1, 1.25}, 0.25, -0.04, -0.21},
		{plan{1, 1.5}, 0.37, -0.14, -0.31},
		{plan{1, 2}, 0.54, -0.43, -0.50},
		{plan{1, 3}, 0, -0.57, -0.72},
		{plan{2, 1}, 0.12, -0.50, -0.51},
		{plan{2, 2}, 0.31, -0.71, -0.74},
		{plan{4, 1}, 0.02, -0.75, -0.89},
		{plan{8, 1}, -0.29, -0.87, -0.99},
	} {
		name := fmt.Sprintf("every %d rounds, %.2f times the cost", row.plan.every, row.plan.factor)
		assert.InDelta(t, row.kept, gains(row.plan, kept), 0.05, name)
		assert.InDelta(t, row.lost, gains(row.plan, lost), 0.05, name+", nothing stays on offer")
		assert.InDelta(t, row.each, gains(row.plan, each), 0.05, name+", each window costs")
	}
}
