package budget_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
)

func params(t require.TestingT, epsilon, delta string) dp.Params {
	p, err := dp.NewParams(epsilon, delta)
	require.NoError(t, err)
	return p
}

// fit is how many spends a filter takes.
func fit(t *testing.T, f *budget.Filter, spend func(i int) dp.Spend) (n int) {
	t.Helper()
	for ; ; n++ {
		if _, err := f.Charge(spend(n)); err != nil {
			require.ErrorIs(t, err, budget.ErrExhausted)
			return n
		}
	}
}

// The counts of the literature for pure releases under an (ε, δ): √(2·ln(1/δ)·V) + V/2 ≤ ε,
// V = Σε², which is zCDP with the simple conversion. The optimal one allows more,
// and a Rényi order chosen for the releases more than that.
func TestFiltersForPureReleasesUnderADelta(t *testing.T) {
	for _, row := range []struct {
		epsilon, delta string
		spend          func(int) dp.Spend
		simple         int
	}{
		{"1", "1e-6", func(int) dp.Spend { return epsilon(1e7) }, 349},
		{"1", "1e-6", func(int) dp.Spend { return epsilon(5e7) }, 13},
		{"2", "1e-5", func(int) dp.Spend { return epsilon(1e8) }, 16},
		{"4", "1e-8", func(int) dp.Spend { return epsilon(2e7) }, 981},
		{"3", "1e-6", func(i int) dp.Spend { return epsilon(2e7 * uint64(1+i%5)) }, 68},
		{"8", "1e-6", func(int) dp.Spend { return epsilon(1e9) }, 1},
	} {
		p := params(t, row.epsilon, row.delta)
		e, _ := p.Epsilon().Float64()
		d, _ := p.Delta().Float64()
		root := math.Sqrt(-math.Log(d)+e) - math.Sqrt(-math.Log(d))
		simple, err := budget.NewFilter(budget.ZCDP, dp.Spend{PicoRho: uint64(root * root * 1e12)}, "x")
		require.NoError(t, err)
		assert.Equal(t, row.simple, fit(t, simple, row.spend))

		rho, err := account.ZCDPRho(e, d)
		require.NoError(t, err)
		zcdp, err := budget.NewFilter(budget.ZCDP, dp.Spend{PicoRho: uint64(rho * 1e12)}, "x")
		require.NoError(t, err)
		order, limit, err := account.RenyiLimit(p, row.spend(2))
		require.NoError(t, err)
		renyi, err := budget.NewRenyiFilter(order, limit, "x")
		require.NoError(t, err)
		atOnce, ordered := fit(t, zcdp, row.spend), fit(t, renyi, row.spend)
		assert.GreaterOrEqual(t, atOnce, row.simple)
		assert.GreaterOrEqual(t, ordered, atOnce-1, "order %d", order)
		back, err := account.RenyiEpsilon(order, renyi.Spent().Rho(), d)
		require.NoError(t, err)
		assert.LessOrEqual(t, back, e)
	}
}

func TestARenyiSpendCostsWhatRandomisedResponseDoesAndNoLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Uint64Range(2, 1<<20).Draw(t, "order")
		nano := uint64(math.Exp(rapid.Float64Range(0, math.Log(2e10)).Draw(t, "ln ε")))
		f, err := budget.NewRenyiFilter(order, dp.Spend{PicoRho: 1}, "x")
		require.NoError(t, err)
		cost, err := f.Cost(epsilon(nano))
		require.NoError(t, err)
		pure, err := epsilon(nano).ZCDP()
		require.NoError(t, err)
		if cost.Exceeds(pure) {
			t.Fatalf("%v above %v", cost, pure)
		}
		// 1/(a−1)·ln(p^a·q^(1−a) + q^a·p^(1−a)) with 300 digits' room: by its series of
		// powers of e^ε, exactly enough for a check at 1e-12
		a, e := float64(order), float64(nano)/1e9
		exact := e + (math.Log1p(math.Exp(-(2*a-1)*e))-math.Log1p(math.Exp(-e)))/(a-1)
		want := math.Min(exact/a, e*e/2)
		if got := float64(cost.PicoRho) / 1e12; got < want*(1-1e-13)-1e-14*(1+e) || got > want*(1+1e-12)+2.1e-12*(1+e) {
			t.Fatalf("order %d, ε %v: %v, want %v", order, e, got, want)
		}
	})
}

// The worst that an adversary can do who chooses each next release by what came out,
// among randomised responses of ε = 0.1 and 0.3 and stopping, is found exactly, by
// dynamic programming over the loss so far and what was spent. It stays below δ. A
// filter of a limit that is twice too large is found out.
func TestNoAdaptiveAdversaryGetsMoreThanAFilterPromises(t *testing.T) {
	const target, delta = 1.5, 1e-3
	worst := func(f *budget.Filter, limit dp.Spend) float64 {
		var costs [2]uint64
		losses := [2]int{1, 3} // in steps of 0.1
		for i, l := range losses {
			cost, err := f.Cost(epsilon(uint64(l) * 1e8))
			require.NoError(t, err)
			costs[i] = cost.PicoRho
		}
		type state struct {
			loss int
			n    [2]int
		}
		known := map[state]float64{}
		var value func(state) float64
		value = func(s state) float64 { // of Q-mass 1: E_P[(1 − e^(ε−L))+] from here, under P
			if v, ok := known[s]; ok {
				return v
			}
			best := math.Max(0, -math.Expm1(target-0.1*float64(s.loss)))
			for i, l := range losses {
				next := s
				next.n[i]++
				if uint64(next.n[0])*costs[0]+uint64(next.n[1])*costs[1] > limit.PicoRho {
					continue
				}
				p := 1 / (1 + math.Exp(-0.1*float64(l)))
				up, down := next, next
				up.loss += l
				down.loss -= l
				best = math.Max(best, p*value(up)+(1-p)*value(down))
			}
			known[s] = best
			return best
		}
		return value(state{})
	}
	p := params(t, "1.5", "1e-3")
	rho, err := account.ZCDPRho(target, delta)
	require.NoError(t, err)
	order, renyi, err := account.RenyiLimit(p, epsilon(1e8))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		limit dp.Spend
		make  func(dp.Spend) (*budget.Filter, error)
	}{
		"zcdp":  {dp.Spend{PicoRho: uint64(rho * 1e12)}, func(s dp.Spend) (*budget.Filter, error) { return budget.NewFilter(budget.ZCDP, s, "x") }},
		"renyi": {renyi, func(s dp.Spend) (*budget.Filter, error) { return budget.NewRenyiFilter(order, s, "x") }},
	} {
		f, err := c.make(c.limit)
		require.NoError(t, err)
		whole := worst(f, c.limit)
		assert.LessOrEqual(t, whole, delta, name)
		assert.Greater(t, whole, delta/1000, "%s: an adversary that does nothing shows nothing", name)
		c.limit.PicoRho *= 2
		assert.Greater(t, worst(f, c.limit), delta, name)
	}
}

func TestARenyiFilterRefusesWhatItCannotAdd(t *testing.T) {
	for name, err := range map[string]error{
		"order 1":     filterError(budget.NewRenyiFilter(1, dp.Spend{PicoRho: 1}, "x")),
		"a huge one":  filterError(budget.NewRenyiFilter(1<<20+1, dp.Spend{PicoRho: 1}, "x")),
		"an ε":        filterError(budget.NewRenyiFilter(8, epsilon(1), "x")),
		"a δ":         filterError(budget.NewRenyiFilter(8, dp.Spend{PicoRho: 1, AttoDelta: 1}, "x")),
		"no order":    filterError(budget.NewFilter(budget.Renyi, dp.Spend{PicoRho: 1}, "x")),
		"no δ to use": third(account.RenyiLimit(params(t, "1", "0"), epsilon(1))),
	} {
		assert.Equal(t, posse.InvalidArgument, posse.As(err).Code, name)
	}
	f, err := budget.NewRenyiFilter(8, dp.Spend{PicoRho: 1e12}, "x")
	require.NoError(t, err)
	_, err = f.Charge(dp.Spend{PicoRho: 1, AttoDelta: 1})
	assert.Equal(t, "spend", posse.As(err).Field)
	permit, err := f.Charge(epsilon(1e9))
	require.NoError(t, err)
	law, err := noise.NewDiscreteLaplace(1, 1)
	require.NoError(t, err)
	assert.NoError(t, permit.AddLaplace([]int64{1}, 1, law, noise.NewSeeded(1)), "its permits are for what was charged")
}

func filterError(_ *budget.Filter, err error) error    { return err }
func third(_ uint64, _ dp.Spend, err error) error      { return err }
func rat(num, den int64) *big.Rat                      { return big.NewRat(num, den) }
func charged(_ budget.Permit, err error) error         { return err }
func gaussian(_ *budget.GaussianFilter, e error) error { return e }

func TestAGaussianFilterAddsSquares(t *testing.T) {
	mu, err := account.GaussianLimit(params(t, "1", "1e-6"))
	require.NoError(t, err)
	of, _ := mu.Float64()
	assert.InEpsilon(t, 1/4.2246788893268, of, 1e-9)
	f, err := budget.NewGaussianFilter(mu, "the study")
	require.NoError(t, err)
	n := 0
	for ; ; n++ {
		permit, err := f.Charge(rat(1, 1), rat(40, 1))
		if err != nil {
			var r *budget.Refusal
			require.ErrorAs(t, err, &r)
			assert.Equal(t, "the study", r.Whose)
			assert.Equal(t, dp.Spend{PicoRho: 312_500_000}, r.Asked)
			break
		}
		require.NoError(t, permit.Use())
		require.ErrorIs(t, permit.Use(), budget.ErrPermit)
	}
	assert.Equal(t, int(of*of*1600), n)
	rho, err := account.ZCDPRho(1, 1e-6)
	require.NoError(t, err)
	assert.Greater(t, float64(n), 1.14*rho*2*1600, "a seventh more than by zCDP")
	exact, err := account.GDPEpsilon(math.Sqrt(2*f.Spent().Rho()), 1e-6)
	require.NoError(t, err)
	assert.LessOrEqual(t, exact, 1.0)

	again, err := budget.NewGaussianFilter(mu, "the study")
	require.NoError(t, err)
	require.NoError(t, again.Restore(f.Spent()))
	require.NoError(t, again.Restore(dp.Spend{PicoRho: 1}), "less than what is known gives nothing back")
	assert.Equal(t, f.Remaining(), again.Remaining())
	assert.ErrorIs(t, charged(again.Charge(rat(1, 1), rat(40, 1))), budget.ErrExhausted)
}

// The discrete Gaussian is not what this filter adds up: its permits open no door.
func TestAGaussianFiltersPermitOpensNoDoorToDiscreteNoise(t *testing.T) {
	f, err := budget.NewGaussianFilter(rat(1, 1), "x")
	require.NoError(t, err)
	permit, err := f.Charge(rat(1, 1), rat(2, 1))
	require.NoError(t, err)
	law, err := noise.NewDiscreteGaussian(4, 1)
	require.NoError(t, err)
	x := []int64{7}
	assert.ErrorIs(t, permit.AddGaussian(x, big.NewInt(1), law, noise.NewSeeded(1)), budget.ErrPermit)
	assert.Equal(t, []int64{7}, x)
	for name, err := range map[string]error{
		"no μ":              gaussian(budget.NewGaussianFilter(nil, "x")),
		"μ = 0":             gaussian(budget.NewGaussianFilter(rat(0, 1), "x")),
		"a μ of nothing":    gaussian(budget.NewGaussianFilter(rat(1, 1e9), "x")),
		"a large μ":         gaussian(budget.NewGaussianFilter(rat(101, 1), "x")),
		"σ = 0":             charged(f.Charge(rat(1, 1), rat(0, 1))),
		"no sensitivity":    charged(f.Charge(nil, rat(1, 1))),
		"a ratio too large": charged(f.Charge(rat(1e18, 1), rat(1, 1e9))),
		"an ε to restore":   f.Restore(epsilon(1)),
	} {
		assert.Equal(t, posse.InvalidArgument, posse.As(err).Code, name)
	}
}
