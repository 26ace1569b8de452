package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
)

// fromAbove asserts want·(1 − 1e-12) ≤ got ≤ want·(1 + relative): printed digits
// end at about 1e-11, hence the slack below.
func fromAbove(t *testing.T, want, got, relative float64) {
	t.Helper()
	assert.GreaterOrEqual(t, got, want*(1-3e-11))
	assert.LessOrEqual(t, got, want*(1+relative))
}

func TestZCDPConvertsAsTabulated(t *testing.T) {
	for _, row := range []struct{ rho, delta, epsilon, simple float64 }{
		{0.001, 1e-6, 0.18289537719, 0.236078800048},
		{0.01, 1e-6, 0.62169265456, 0.75338443777},
		{0.1, 1e-6, 2.14193892839, 2.45078800048},
		{0.5, 1e-6, 5.22153444453, 5.75652176976},
		{1, 1e-10, 10.0343435813, 10.5970518244},
	} {
		got, err := ZCDPEpsilon(row.rho, row.delta)
		require.NoError(t, err)
		fromAbove(t, row.epsilon, got, 1e-9)
		simple, err := ZCDPEpsilonSimple(row.rho, row.delta)
		require.NoError(t, err)
		fromAbove(t, row.simple, simple, 1e-9)
		delta, err := ZCDPDelta(row.rho, row.epsilon)
		require.NoError(t, err)
		assert.InEpsilon(t, row.delta, delta, 1e-8)
	}
}

func TestZCDPBudgetsAsTabulated(t *testing.T) {
	for _, row := range []struct{ epsilon, delta, rho float64 }{
		{1, 1e-6, 0.0243559703595},
		{2, 1e-6, 0.0881526883799},
		{0.5, 1e-9, 0.00395319114122},
		{4, 1e-8, 0.232594311142},
	} {
		got, err := ZCDPRho(row.epsilon, row.delta)
		require.NoError(t, err)
		assert.InEpsilon(t, row.rho, got, 1e-9)
	}
}

func TestZCDPBudgetNeverPromisesMoreThanAsked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		epsilon := math.Exp(rapid.Float64Range(-6, 3).Draw(t, "ln ε"))
		delta := math.Exp(rapid.Float64Range(-200, -4).Draw(t, "ln δ"))
		rho, err := ZCDPRho(epsilon, delta)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ZCDPEpsilon(rho, delta)
		if err != nil || back > epsilon {
			t.Fatalf("ρ %v gives ε %v above %v (%v)", rho, back, epsilon, err)
		}
		simple, _ := ZCDPEpsilonSimple(rho, delta)
		if simple < back {
			t.Fatalf("optimal %v above simple %v", back, simple)
		}
		more, _ := ZCDPEpsilon(rho*1.001, delta)
		if more <= epsilon {
			t.Fatalf("a larger ρ would have fitted")
		}
	})
}

func TestFilterLimitSplitsDelta(t *testing.T) {
	p, err := dp.NewParams("1", "1e-6")
	require.NoError(t, err)
	kind, limit, err := FilterLimit(p)
	require.NoError(t, err)
	assert.Equal(t, budget.ZCDP, kind)
	// largest ρ with ε(ρ, 9e-7) ≤ 1; δ/10 in atto
	assert.Equal(t, uint64(24129622344), limit.PicoRho) // the statement of privacy.md 6
	back, err := ZCDPEpsilon(limit.Rho(), 0.9e-6)
	require.NoError(t, err)
	assert.LessOrEqual(t, back, 1.0)
	assert.Equal(t, uint64(1e11), limit.AttoDelta)

	pure, err := dp.NewParams("0.3", "0")
	require.NoError(t, err)
	kind, limit, err = FilterLimit(pure)
	require.NoError(t, err)
	assert.Equal(t, budget.Pure, kind)
	assert.Equal(t, dp.Spend{NanoEpsilon: 3e8}, limit)
}

func TestBasicRefusesTwoRelations(t *testing.T) {
	a := Guarantee{Epsilon: 1, Delta: 1e-6, Relation: dp.ZeroOut}
	sum, err := Basic(a, a)
	require.NoError(t, err)
	fromAbove(t, 2, sum.Epsilon, 1e-12)
	fromAbove(t, 2e-6, sum.Delta, 1e-12)
	_, err = Basic(a, Guarantee{Epsilon: 1, Relation: dp.Replace})
	assert.Error(t, err)
}
