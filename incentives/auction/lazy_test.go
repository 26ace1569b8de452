package auction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// crowd is an auction too large for bisection on every winner.
func crowd(seed uint64, n, d int, gram bool) scene {
	r := rand.New(rand.NewPCG(seed, 1))
	s := scene{rule: Rule{Coverage: 0.8, Reserve: 2_000_000}}
	for i := range n {
		v := make([]float64, d)
		for k := range v {
			v[k] = float64(r.IntN(50))
		}
		info := statistics.Counts(v...)
		if gram {
			entries := make([]float64, d*d)
			for range d {
				for k := range v {
					v[k] = r.NormFloat64()
				}
				for a := range d {
					for b := range d {
						entries[a*d+b] += v[a] * v[b]
					}
				}
			}
			var err error
			if info, err = statistics.Gram(d, entries); err != nil {
				panic(err)
			}
		}
		s.offers = append(s.offers, incentives.Offer{Node: fmt.Sprintf("n%04d", i), Bid: incentives.Credits(1 + r.Int64N(1_000_000)), Information: info})
	}
	return s
}

func TestLazySelectionOfACrowdEqualsTheEagerOneAndPricesAreCritical(t *testing.T) {
	for name, s := range map[string]scene{"arms": crowd(1, 120, 6, false), "Gram matrices": crowd(2, 80, 6, true)} {
		t.Run(name, func(t *testing.T) {
			out := settleMust(s.rule, s.offers)
			r := newReference(s.rule, s.offers, twin{})
			bids := r.bids()
			picks, _ := r.run(bids)
			var winners []string
			for _, pick := range picks {
				winners = append(winners, r.offers[pick.index].Node)
			}
			require.Equal(t, winners, out.Winners)
			require.Greater(t, len(winners), 10)
			for _, pick := range picks[:min(len(picks), 12)] {
				p := int64(out.Payments[r.offers[pick.index].Node])
				assert.True(t, r.wins(bids, pick.index, p), "wins at its price")
				assert.False(t, r.wins(bids, pick.index, p+1), "loses at one more")
			}
		})
	}
}

func TestCheapBoundIsNeverBelowTheGain(t *testing.T) {
	s := crowd(3, 30, 5, true)
	m, _, err := s.rule.open(s.offers)
	require.NoError(t, err)
	at := m.pool.start()
	for step := range 10 {
		if step%3 == 0 { // an older inverse bounds, too
			require.True(t, at.invert())
		}
		for i := range s.offers {
			assert.LessOrEqual(t, quantise(at.gain(i)), quantise(at.bound(i))+m.pool.slack())
		}
		at.add(step)
	}
}

func TestIllConditionedGramsSettleAsTheReferenceDoes(t *testing.T) {
	// Nearly parallel directions of size 10^10: floats of a log determinant err by
	// thousands of units there, which the slack of the lazy bounds must cover.
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := scene{rule: Rule{Coverage: 0.9, Reserve: 1000}}
		for i := range 8 {
			x := []float64{1e5, 1e5 * (1 + 1e-7*r.Float64()), r.Float64()}
			entries := make([]float64, 9)
			for a := range x {
				for b := range x {
					entries[a*3+b] = x[a] * x[b]
				}
			}
			v, err := statistics.Gram(3, entries)
			require.NoError(t, err)
			s.offers = append(s.offers, incentives.Offer{Node: fmt.Sprint(i), Bid: incentives.Credits(r.IntN(100)), Information: v})
		}
		out := settleMust(s.rule, s.offers)
		winners, payments, _ := newReference(s.rule, s.offers, twin{}).settle(twin{})
		require.True(t, slices.Equal(winners, out.Winners), "seed %d", seed)
		require.Equal(t, payments, out.Payments, "seed %d", seed)
	}
}

// The counts of spec/incentives.md 1.5 at a thousand offers, of other random ones of
// the same law. How many win is chance, and work goes by pairs of winners: linear
// counts are compared by the pair.
func TestGainsAreEvaluatedNoMoreOftenThanSpecified(t *testing.T) {
	arms, linear := crowd(8, 1000, 64, false), crowd(9, 1000, 64, true)
	arms.rule.Coverage = 0.9
	a, l := settleMust(arms.rule, arms.offers), settleMust(linear.rule, linear.offers)
	assert.LessOrEqual(t, a.Work.Gains, int64(1_038_131), "%d winners", len(a.Winners))
	pairs := func(winners int) float64 { return float64(winners * (winners - 1) / 2) }
	assert.LessOrEqual(t, float64(l.Work.Gains)/pairs(len(l.Winners)), 15_619/pairs(97))
	assert.LessOrEqual(t, float64(l.Work.Bounds)/pairs(len(l.Winners)), 118_797/pairs(97))
}

// BenchmarkSettle reports the time of a settlement with all critical payments.
func BenchmarkSettle(b *testing.B) {
	for name, s := range map[string]scene{
		"arms K=64 n=100": crowd(4, 100, 64, false), "arms K=64 n=1000": crowd(5, 1000, 64, false),
		"linear d=64 n=100": crowd(6, 100, 64, true), "linear d=64 n=1000": crowd(7, 1000, 64, true),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				out, err := Settle(s.rule, s.offers)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(out.Winners)), "winners")
			}
		})
	}
}
