package contribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
)

// history draws t rows of m independent columns whose mean moves by drift a row.
func history(seed uint64, t, m int, drift float64) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 9))
	rows := make([][]float64, t)
	for i := range rows {
		rows[i] = make([]float64, m)
		for c := range rows[i] {
			rows[i][c] = 5 + r.NormFloat64() + drift*float64(i)
		}
	}
	return rows
}

func TestTailOfTwoColumnsIsTheClosedForm(t *testing.T) {
	for seed := range uint64(20) {
		got, err := Stable(history(seed, 30, 2, 0.02), 15, 0.7)
		require.NoError(t, err)
		assert.InDelta(t, math.Pow(1+2*got.F/28, -14), got.P, 1e-12)
	}
}

func TestOneColumnIsTheSquaredT(t *testing.T) {
	rows := [][]float64{{1}, {3}, {2}, {6}}
	// x̄ = 3, μ₀ = 2 over the first two, s² = (4 + 0 + 1 + 9)/3.
	got, err := Stable(rows, 2, 0.5)
	require.NoError(t, err)
	assert.InDelta(t, 4*1/(14.0/3), got.F, 1e-12)
}

func TestStabilityIsInvariantToOrderAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := history(rapid.Uint64().Draw(t, "seed"), 25, 4, 0.05)
		before, err := Stable(rows, 15, 0.7)
		require.NoError(t, err)
		order := rapid.Permutation([]int{0, 1, 2, 3}).Draw(t, "order")
		changed := make([][]float64, len(rows))
		for r, row := range rows {
			for _, c := range order {
				changed[r] = append(changed[r], 1e6*row[c])
			}
		}
		after, err := Stable(changed, 15, 0.7)
		require.NoError(t, err)
		assert.InDelta(t, before.P, after.P, 1e-9)
	})
}

func TestStillColumnsAreDropped(t *testing.T) {
	rows := history(1, 30, 2, 0)
	plain, err := Stable(rows, 15, 0.7)
	require.NoError(t, err)
	wide := make([][]float64, len(rows))
	for r, row := range rows {
		wide[r] = []float64{0.1, row[0], row[1], row[0] + row[1]}
	}
	got, err := Stable(wide, 15, 0.7)
	require.NoError(t, err)
	assert.Equal(t, 2, got.Columns, "a constant and a sum of others say nothing")
	assert.InDelta(t, plain.P, got.P, 1e-9)

	still := make([][]float64, 30)
	for r := range still {
		still[r] = []float64{0.1, 0.7}
	}
	got, err = Stable(still, 15, 0.7)
	require.NoError(t, err)
	assert.True(t, got.Stop)
}

func TestSteadyRowsStopEarlyAndDriftingRowsDoNot(t *testing.T) {
	const lookAhead, horizon = 15, 75
	stops := func(drift float64) (n int) {
		for seed := range uint64(40) {
			rows := history(seed, horizon, 5, drift)
			for t0 := lookAhead + 1; t0 <= horizon; t0++ {
				got, err := Stable(rows[:t0], lookAhead, 0.7)
				require.NoError(t, err)
				if got.Stop {
					n++
					break
				}
			}
		}
		return n
	}
	// Seen over 200 seeds: all independent histories stop within 75 rows, one of those
	// whose means move by a standard deviation each look-ahead.
	assert.Equal(t, 40, stops(0))
	assert.LessOrEqual(t, stops(1.0/lookAhead), 2)
}

func TestStableRefusesAndWaits(t *testing.T) {
	for name, row := range map[string]struct {
		rows  [][]float64
		ahead int
		level float64
		field string
	}{
		"look-ahead 1": {nil, 1, 0.7, "lookAhead"}, "level 1": {nil, 15, 1, "level"}, "level NaN": {nil, 15, math.NaN(), "level"},
		"eleven columns": {history(1, 3, 11, 0), 2, 0.7, "rows"}, "ragged": {[][]float64{{1}, {1, 2}}, 2, 0.7, "rows[1]"},
		"NaN": {[][]float64{{1}, {math.NaN()}}, 2, 0.7, "rows[1][0]"},
	} {
		_, err := Stable(row.rows, row.ahead, row.level)
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
	got, err := Stable(history(1, 15, 2, 0), 15, 0.7)
	require.NoError(t, err)
	assert.False(t, got.Stop, "too few rows")
}

func TestExplorationKeepsToItsBounds(t *testing.T) {
	assert.True(t, KeepExploring(4, 5, 9, true))
	assert.True(t, KeepExploring(5, 5, 9, false))
	assert.False(t, KeepExploring(5, 5, 9, true))
	assert.False(t, KeepExploring(9, 5, 9, false))
}
