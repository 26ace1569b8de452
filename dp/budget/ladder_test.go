package budget_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
)

func TestLadderShowsTheFirstLimitThatHolds(t *testing.T) {
	l, err := budget.NewLadder(dp.Spend{PicoRho: 1e10}, 1e-6)
	require.NoError(t, err)
	for _, row := range []struct{ add, limit, part float64 }{
		{0, 0.01, 1}, {0.01, 0.01, 1}, {0.001, 0.02, 4}, {0.06, 0.08, 16}, {0.009, 0.08, 16}, {0.0000001, 0.16, 25},
	} {
		if row.add > 0 {
			require.NoError(t, l.Add(dp.Spend{PicoRho: uint64(math.Round(row.add * 1e12))}))
		}
		rho, delta := l.Bound()
		assert.InEpsilon(t, row.limit, rho, 1e-12)
		assert.InEpsilon(t, 1e-6*6/(math.Pi*math.Pi*row.part), delta, 1e-9)
	}
	sum := 0.0
	for j := 1.0; j < 1e6; j++ {
		sum += 6 / (math.Pi * math.Pi * j * j)
	}
	assert.LessOrEqual(t, sum, 1.0, "the parts of δ add up to no more than δ")

	require.NoError(t, l.Add(dp.Spend{NanoEpsilon: 1e9}))
	rho, _ := l.Bound()
	assert.InEpsilon(t, 0.64, rho, 1e-12, "ε = 1 is ρ = 1/2")
	for range 3 {
		require.NoError(t, l.Add(dp.Spend{PicoRho: math.MaxUint64}))
	}
	rho, _ = l.Bound()
	assert.GreaterOrEqual(t, rho, 1.8e7, "saturated, not wrapped")

	assert.Error(t, l.Add(dp.Spend{}))
	assert.Error(t, l.Add(dp.Spend{PicoRho: 1, AttoDelta: 1}))
	_, err = budget.NewLadder(dp.Spend{}, 0.1)
	assert.Error(t, err)
	_, err = budget.NewLadder(dp.Spend{PicoRho: 1}, 0)
	assert.Error(t, err)
}
