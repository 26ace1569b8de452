package bench

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

const (
	settleArms    = "an auction of 1,000 offers, 64 arms, coverage 0.9"
	settleLinear  = "an auction of 1,000 offers, dimension 64, coverage 0.8"
	growArms      = "an auction of 1,000 offers, 64 arms"
	growLinear    = "an auction of 1,000 offers, dimension 64"
	naiveArms     = "an auction of 30 offers, 64 arms"
	naiveLinear   = "an auction of 10 offers, dimension 64"
	growNaiveArms = "the naive auction of 30 offers, 64 arms"
)

// market is a random auction. Settled by Posse it takes offers, by the naive
// reference plain matrices of the same numbers.
type market struct {
	rule   auction.Rule
	offers []incentives.Offer
	adds   [][]float64 // counts, or the upper triangle of a matrix
	bids   []int64
	d      int
	arms   bool
	share  float64
}

func newMarket(b *testing.B, seed uint64, n int, arms bool, share float64) *market {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &market{d: 64, arms: arms, share: share, rule: auction.Rule{Coverage: share, Reserve: 2_000_000}}
	for i := range n {
		v, square := make([]float64, m.d), make([]float64, m.d*m.d)
		for k := range v {
			v[k] = float64(r.IntN(50))
		}
		info := statistics.Counts(v...)
		if !arms {
			for range m.d {
				for k := range v {
					v[k] = r.NormFloat64()
				}
				for a := range m.d {
					floats.AddScaled(square[a*m.d:(a+1)*m.d], v[a], v)
				}
			}
			var err error
			if info, err = statistics.Gram(m.d, square); err != nil {
				b.Fatal(err)
			}
			v = square
		}
		if i == 0 { // as in a round: what is published is given
			m.rule.Prior = statistics.Counts(slices.Repeat([]float64{1}, m.d)...)
			if !arms {
				m.rule.Prior = m.rule.Prior.Dense()
			}
		}
		bid := 1 + r.Int64N(1_000_000)
		m.adds, m.bids = append(m.adds, slices.Clone(v)), append(m.bids, bid)
		m.offers = append(m.offers, incentives.Offer{Node: fmt.Sprintf("n%04d", i), Bid: incentives.Credits(bid), Information: info})
	}
	return m
}

func (m *market) settle(b *testing.B) (out auction.Outcome) {
	out, err := auction.Settle(m.rule, m.offers)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func (m *market) prior() []float64 {
	if m.arms {
		return slices.Repeat([]float64{1}, m.d)
	}
	out := make([]float64, m.d*m.d)
	for k := range m.d {
		out[k*m.d+k] = 1
	}
	return out
}

// logDet overwrites a matrix.
func (m *market) logDet(a []float64) float64 {
	lapack64.Potrf(blas64.Symmetric{N: m.d, Stride: m.d, Uplo: blas.Upper, Data: a})
	total := 0.0
	for k := range m.d {
		total += math.Log(a[k*m.d+k])
	}
	return 2 * total
}

// gain is one gain and nothing else, before logDet of the state.
func (m *market) gain(state, work []float64, before float64, i int) float64 {
	if m.arms {
		total := 0.0
		for k, n := range m.adds[i] {
			if n != 0 {
				total += math.Log1p(n / state[k])
			}
		}
		return total
	}
	copy(work, state)
	floats.Add(work, m.adds[i])
	return m.logDet(work) - before
}

// bare is as many gains as a settlement evaluates, one after the other.
func (m *market) bare(gains int64) time.Duration {
	state, work := m.prior(), m.prior()
	before := 0.0
	return timed(func() {
		for i := range gains {
			sink += m.gain(state, work, before, int(i)%len(m.adds))
		}
	})
}

var sink float64

// run is the naive selection: every candidate's gain at every step. A bid of −1 leaves
// its candidate out.
func (m *market) run(bids []int64, target int64) (picks []int) {
	state, work := m.prior(), m.prior()
	gone := make([]bool, len(bids))
	for target > 0 {
		before := 0.0
		if !m.arms {
			before = m.logDet(slices.Clone(state))
		}
		best, bestGain := -1, int64(0)
		for i, bid := range bids {
			if gone[i] || bid < 0 {
				continue
			}
			gain := min(int64(math.Round(m.gain(state, work, before, i)*(1<<32))), target)
			if gain <= 0 {
				continue
			}
			if best >= 0 {
				hi, lo := bits.Mul64(uint64(gain), uint64(bids[best]))
				rivalHi, rivalLo := bits.Mul64(uint64(bestGain), uint64(bid))
				if hi < rivalHi || hi == rivalHi && lo <= rivalLo {
					continue
				}
			}
			best, bestGain = i, gain
		}
		if best < 0 {
			return picks
		}
		gone[best] = true
		picks, target = append(picks, best), target-bestGain
		floats.Add(state, m.adds[best])
	}
	return picks
}

// naive settles by complete runs: payments by bisection over them.
func (m *market) naive() (payments []int64) {
	all := m.prior()
	for _, add := range m.adds {
		floats.Add(all, add)
	}
	total := 0.0
	if m.arms {
		for _, n := range all {
			total += math.Log(n)
		}
	} else {
		total = m.logDet(all)
	}
	target := int64(math.Floor(m.share*total*(1<<32))) - 1 - int64(len(m.adds))
	for _, i := range m.run(m.bids, target) {
		bids := slices.Clone(m.bids)
		low, high := int64(0), int64(m.rule.Reserve)
		for low < high {
			bids[i] = low + (high-low+1)/2
			if slices.Contains(m.run(bids, target), i) {
				low = bids[i]
			} else {
				high = bids[i] - 1
			}
		}
		payments = append(payments, low)
	}
	return payments
}

func BenchmarkAuction(b *testing.B) {
	few := func(name, theirs, goal string, ours, z func() time.Duration) {
		b.Run(name, func(b *testing.B) {
			measure(b, row{ours: name, theirs: theirs, goal: goal, unit: "times as long", n: 3}, ours, z)
		})
	}
	for _, x := range []struct {
		name, theirs string
		arms         bool
		share        float64
	}{
		{settleArms, "as many bare gains, 64 logarithms each", true, 0.9},
		{settleLinear, "as many bare gains, a Cholesky factorisation each", false, 0.8},
	} {
		m := newMarket(b, 8, 1000, x.arms, x.share)
		gains := m.settle(b).Work.Gains
		few(x.name, x.theirs, "at most 1.5", func() time.Duration { return timed(func() { m.settle(b) }) }, func() time.Duration { return m.bare(gains) })
	}
	for _, x := range []struct {
		name string
		arms bool
	}{{growArms, true}, {growLinear, false}} {
		large, small := newMarket(b, 5, 1000, x.arms, 0.8), newMarket(b, 5, 100, x.arms, 0.8)
		few(x.name, "one of 100 offers", "10² = 100, the exponent of pairs of winners",
			func() time.Duration { return timed(func() { large.settle(b) }) }, func() time.Duration { return timed(func() { small.settle(b) }) })
	}
	for _, x := range []struct {
		name string
		n    int
		arms bool
	}{{naiveArms, 30, true}, {naiveLinear, 10, false}} {
		m := newMarket(b, 6, x.n, x.arms, 0.8)
		out, naive := m.settle(b), m.naive()
		for i, node := range out.Winners { // the same prices, or the ratio means nothing
			if d := int64(out.Payments[node]) - naive[i]; d < -1 || d > 1 {
				b.Fatalf("%s: %s is paid %d, by the naive reference %d", x.name, node, out.Payments[node], naive[i])
			}
		}
		few(x.name, "the naive reference: eager, prices by bisection", "none",
			func() time.Duration { return timed(func() { m.settle(b) }) }, func() time.Duration { return timed(func() { m.naive() }) })
	}
	large, small := newMarket(b, 6, 30, true, 0.8), newMarket(b, 6, 10, true, 0.8)
	few(growNaiveArms, "one of 10 offers", "3³ = 27, the exponent of n·s²", func() time.Duration { return timed(func() { large.naive() }) },
		func() time.Duration { return timed(func() { small.naive() }) })
}
