package audit_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/audit"
	"github.com/posse-dev/posse/dp/noise"
)

// Two sites add noise of their own; an outsider sees the sum, a leader each report.
// Whole, neither finds out more than ε = 1; without noise at the canary's site the
// leader does, and the outsider, who has the other site's noise before her, does not.
func TestACanaryIsFoundFromWhereItShows(t *testing.T) {
	unit, err := noise.NewDiscreteLaplace(1, 1)
	require.NoError(t, err)
	run := func(noised bool, seed uint64) map[string]audit.Bound {
		bounds, err := audit.Canary{
			Vantages: []string{"outsider", "leader"}, Plays: 5_000, Confidence: confidence,
			Play: func(with bool, src noise.Source) []float64 {
				var north int64
				if with {
					north++
				}
				if noised {
					north += unit.Sample(src)
				}
				south := unit.Sample(src)
				return []float64{float64(north + south), float64(north)}
			},
		}.Run(noise.NewSeeded(seed))
		require.NoError(t, err)
		require.Len(t, bounds, 2)
		return bounds
	}
	for name, b := range run(true, 1) {
		assert.False(t, b.Violates(1), "%s: %+v", name, b)
		assert.Equal(t, confidence, b.Confidence)
	}
	broken := run(false, 2)
	leader, outsider := broken["leader"], broken["outsider"]
	assert.True(t, leader.Violates(1), "%+v", leader)
	assert.False(t, outsider.Violates(1), "%+v", outsider)
}

func TestACanaryGameRefusesBadInput(t *testing.T) {
	view := func(views ...float64) func(bool, noise.Source) []float64 {
		return func(bool, noise.Source) []float64 { return views }
	}
	for name, c := range map[string]audit.Canary{
		"no vantage":     {Play: view(), Plays: 100, Confidence: 0.9},
		"no play":        {Vantages: []string{"a"}, Plays: 100, Confidence: 0.9},
		"few plays":      {Vantages: []string{"a"}, Play: view(1), Plays: 99, Confidence: 0.9},
		"no confidence":  {Vantages: []string{"a"}, Play: view(1), Plays: 100},
		"a view missing": {Vantages: []string{"a", "b"}, Play: view(1), Plays: 100, Confidence: 0.9},
		"no number":      {Vantages: []string{"a"}, Play: view(math.NaN()), Plays: 100, Confidence: 0.9},
	} {
		_, err := c.Run(noise.NewSeeded(1))
		assert.Error(t, err, name)
	}
}
