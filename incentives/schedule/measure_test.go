package schedule

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCorrelationsOfConstantsAreNone(t *testing.T) {
	for _, of := range []func(x, y []float64) (float64, bool){Pearson, Spearman} {
		_, ok := of([]float64{1, 1, 1}, []float64{1, 2, 3})
		assert.False(t, ok)
		_, ok = of([]float64{1}, []float64{1})
		assert.False(t, ok)
		_, ok = of([]float64{1, 2}, []float64{1})
		assert.False(t, ok)
		of([]float64{1, math.NaN(), 2}, []float64{1, 2, 3}) // outside the conditions, and yet it ends
	}
}

func TestCorrelationsByHand(t *testing.T) {
	r, ok := Pearson([]float64{1, 2, 3}, []float64{1, 2, 6})
	require.True(t, ok)
	assert.InDelta(t, 5/math.Sqrt(2*14), r, 1e-12)
	r, ok = Spearman([]float64{1, 2, 3}, []float64{1, 2, 600})
	require.True(t, ok)
	assert.InDelta(t, 1, r, 1e-12)
	// Ranks 0, 1.5, 1.5, 3 against 3, 2, 1, 0: −4.5/√(4.5·5).
	r, ok = Spearman([]float64{1, 2, 2, 9}, []float64{4, 3, 2, 1})
	require.True(t, ok)
	assert.InDelta(t, -4.5/math.Sqrt(22.5), r, 1e-12)
}

func TestGiniGoesFromEqualToOneHasAll(t *testing.T) {
	for want, x := range map[float64][]float64{0: {2, 2, 2}, 0.75: {0, 5, 0, 0}, 0.25: {1, 3}} {
		got, err := Gini(x)
		require.NoError(t, err)
		assert.InDelta(t, want, got, 1e-12)
	}
	got, err := Gini([]float64{0, 0})
	require.NoError(t, err)
	assert.Zero(t, got)
	for _, x := range [][]float64{nil, {-1}, {math.NaN()}, {math.Inf(1)}} {
		_, err := Gini(x)
		assert.Error(t, err)
	}
}

func TestEnvyNeedsBothADifferenceAndMoreThanChance(t *testing.T) {
	still := []float64{0.1, 0.1}
	for name, row := range map[string]struct {
		psi    []float64
		grants []int
		want   int
	}{
		"worth more, granted much less": {[]float64{2, 1}, []int{100, 300}, 1},
		"worth more, a little unlucky":  {[]float64{2, 1}, []int{190, 210}, 0},
		"worth the same, within errors": {[]float64{1.1, 1}, []int{100, 300}, 0},
		"worth less, granted less":      {[]float64{1, 2}, []int{100, 300}, 0},
	} {
		got, err := Envy(row.psi, still, row.grants)
		require.NoError(t, err)
		assert.Equal(t, row.want, got, name)
	}
	_, err := Envy([]float64{1}, nil, []int{1})
	assert.Error(t, err)
}
