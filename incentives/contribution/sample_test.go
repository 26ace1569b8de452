package contribution

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

func TestPermutationsSumToTheWholeAndTruncationIsLowByItsCutoff(t *testing.T) {
	g, _ := sampledGame(t)
	whole := g.Value(g.all())
	for _, method := range []Method{Permutation, Antithetic} {
		e, err := Sample(g, Sampling{Method: method, Passes: 5, Delta: 0.1}, noise.NewSeeded(3))
		require.NoError(t, err)
		assert.InDelta(t, whole, total(e.Values), 1e-12)
	}
	full, err := Sample(g, Sampling{Method: Truncated, Passes: 50, Delta: 0.1}, noise.NewSeeded(3))
	require.NoError(t, err)
	cut, err := Sample(g, Sampling{Method: Truncated, Passes: 50, Delta: 0.1, Cutoff: 0.5}, noise.NewSeeded(3))
	require.NoError(t, err)
	assert.Less(t, cut.Evaluations, full.Evaluations)
	assert.InDelta(t, whole, total(full.Values), 1e-12)
	assert.LessOrEqual(t, total(cut.Values), whole)
	assert.GreaterOrEqual(t, total(cut.Values), whole-0.5-1e-12)
}

func TestSampleIsTheSameFromTheSameSeed(t *testing.T) {
	g, _ := sampledGame(t)
	s := Sampling{Method: Stratified, Passes: 4, Delta: 0.1}
	a, err := Sample(g, s, noise.NewSeeded(5))
	require.NoError(t, err)
	b, err := Sample(g, s, noise.NewSeeded(5))
	require.NoError(t, err)
	assert.Equal(t, a, b)
	assert.Equal(t, 4*(2*6*6-6)+6, a.Evaluations, "2n² a pass less the empty coalitions, and n alone")
}

func TestSampleRefusesBadInput(t *testing.T) {
	g, _ := sampledGame(t)
	rough := g
	rough.Submodular = false
	for name, row := range map[string]struct {
		g     Game
		s     Sampling
		field string
	}{
		"one pass":                  {g, Sampling{Method: Permutation, Passes: 1, Delta: 0.1}, "passes"},
		"delta 0":                   {g, Sampling{Method: Permutation, Passes: 2}, "delta"},
		"cutoff NaN":                {g, Sampling{Method: Truncated, Passes: 2, Delta: 0.1, Cutoff: math.NaN()}, "cutoff"},
		"unknown method":            {g, Sampling{Method: "guess", Passes: 2, Delta: 0.1}, "method"},
		"truncation without bounds": {rough, Sampling{Method: Truncated, Passes: 2, Delta: 0.1}, "method"},
		"negative players":          {Game{Players: -1}, Sampling{Method: Permutation, Passes: 2, Delta: 0.1}, "players"},
	} {
		_, err := Sample(row.g, row.s, noise.NewSeeded(1))
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
	e, err := Sample(rough, Sampling{Method: Permutation, Passes: 2, Delta: 0.1}, noise.NewSeeded(1))
	require.NoError(t, err)
	assert.Nil(t, e.Radius, "nothing is known of the range of its marginals")
}

func TestHoeffdingPasses(t *testing.T) {
	assert.Equal(t, int(math.Ceil(math.Log(2*10/0.05)*4/(2*0.01))), HoeffdingPasses(2, 10, 0.1, 0.05))
	assert.Zero(t, HoeffdingPasses(1, 0, 0.1, 0.05))
	assert.Zero(t, HoeffdingPasses(1, 1, math.NaN(), 0.05))
}
