package contribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func total(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum
}

func counts(rows ...[]float64) []statistics.Information {
	out := make([]statistics.Information, len(rows))
	for i, row := range rows {
		out[i] = statistics.Counts(row...)
	}
	return out
}

func additive(weights []float64) Game {
	return Game{Players: len(weights), Submodular: true, Value: func(members []int) float64 {
		sum := 0.0
		for _, i := range members {
			sum += weights[i]
		}
		return sum
	}}
}

// ones is a prior of one observation of each of d arms.
func ones(d int) statistics.Information { return statistics.Counts(slices.Repeat([]float64{1}, d)...) }

func TestArmsByQuadratureEqualAllCoalitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 7).Draw(t, "nodes"), rapid.IntRange(1, 3).Draw(t, "arms")
		x := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0, 10), rapid.Float64Range(0, 1e-10), rapid.Float64Range(0, 2e7))
		rows := make([][]float64, n)
		for i := range rows {
			rows[i] = rapid.SliceOfN(x, d, d).Draw(t, "counts")
		}
		prior := statistics.Counts(rapid.SliceOfN(rapid.Float64Range(0.1, 100), d, d).Draw(t, "prior")...)
		got, err := Shapley(prior, counts(rows...))
		require.NoError(t, err)
		// The coalitions of the reference by log1p, which the log determinant of large
		// sums can't resolve for tiny reports.
		want, err := Exact(Game{Players: n, Value: func(members []int) float64 {
			worth := 0.0
			for k := range d {
				sum := 0.0
				for _, i := range members {
					sum += rows[i][k] / prior.At(k, k)
				}
				worth += math.Log1p(sum)
			}
			return worth
		}})
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, got, 1e-11)
	})
}

func TestArmsOfAHundredNodesSumToTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rows := make([][]float64, 100)
	sum := 1.0
	for i := range rows {
		rows[i] = []float64{math.Exp(6 * r.NormFloat64())}
		sum += rows[i][0]
	}
	got, err := Shapley(ones(1), counts(rows...))
	require.NoError(t, err)
	assert.InDelta(t, math.Log(sum), total(got), 1e-11)
}

func TestShapleyClosedForms(t *testing.T) {
	t.Run("two nodes", func(t *testing.T) {
		got, err := Shapley(ones(1), counts([]float64{3}, []float64{5}))
		require.NoError(t, err)
		assert.InDelta(t, (math.Log(4)+math.Log(9)-math.Log(6))/2, got[0], 1e-12)
	})
	t.Run("equal nodes share equally", func(t *testing.T) {
		got, err := Shapley(ones(2), counts([]float64{3, 1}, []float64{3, 1}, []float64{3, 1}))
		require.NoError(t, err)
		assert.InDelta(t, (math.Log(10)+math.Log(4))/3, got[1], 1e-12)
		assert.InDelta(t, got[0], got[2], 1e-15)
	})
	t.Run("disjoint arms are worth what they are alone, nothing is worth nothing", func(t *testing.T) {
		got, err := Shapley(ones(2), counts([]float64{7, 0}, []float64{0, 2}, []float64{0, 0}))
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{math.Log(8), math.Log(3), 0}, got, 1e-12)
		assert.Zero(t, got[2])
	})
	t.Run("additive games are their weights", func(t *testing.T) {
		got, err := Exact(additive([]float64{1, -2, 0.5, 0}))
		require.NoError(t, err)
		assert.InDeltaSlice(t, []float64{1, -2, 0.5, 0}, got, 1e-14)
	})
	t.Run("linear with diagonal Grams is arms", func(t *testing.T) {
		rows := counts([]float64{3, 1}, []float64{0, 4}, []float64{2, 2})
		want, err := Shapley(ones(2), rows)
		require.NoError(t, err)
		for i := range rows {
			rows[i] = rows[i].Dense()
		}
		got, err := Shapley(ones(2).Dense(), rows)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, got, 1e-12)
	})
	t.Run("nobody", func(t *testing.T) {
		got, err := Shapley(ones(2), nil)
		require.NoError(t, err)
		assert.Empty(t, got)
	})
}

func TestShapleyRefusesBadInput(t *testing.T) {
	grams := make([]statistics.Information, 21)
	for i := range grams {
		grams[i] = ones(1).Dense()
	}
	for name, row := range map[string]struct {
		prior   statistics.Information
		reports []statistics.Information
		field   string
	}{
		"a prior that is not definite": {statistics.Counts(0), nil, "prior.counts[0]"},
		"a negative report":            {ones(1), counts([]float64{-1}), "reports[0].counts[0]"},
		"another dimension":            {ones(1), counts([]float64{1}, []float64{1, 2}), "reports[1]"},
		"another kind":                 {ones(1), grams[:1], "reports[0]"},
		"21 Grams":                     {ones(1).Dense(), grams, "players"},
	} {
		_, err := Shapley(row.prior, row.reports)
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
	_, err := Exact(Game{Players: 2, Value: func(m []int) float64 { return math.NaN() }})
	assert.Error(t, err)
}

func TestLeaveOneOutCreditsNobodyForWhatTwoKnow(t *testing.T) {
	g, err := InformationGame(ones(2), counts([]float64{9, 0}, []float64{9, 0}, []float64{0, 9}))
	require.NoError(t, err)
	got, err := LeaveOneOut(g)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{math.Log(1.9), math.Log(1.9), math.Log(10)}, got, 1e-12)
}
