package contribution

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMeanCountsAbsentNodesAsZero(t *testing.T) {
	var m Mean
	require.NoError(t, m.Observe([]Share{{"b", 10}, {"a", 3}}))
	require.NoError(t, m.Observe([]Share{{"a", 4}, {"c", -5}}))
	assert.Equal(t, int64(2), m.Rounds())
	assert.Equal(t, []Share{{"a", 4}, {"b", 5}, {"c", -3}}, m.Shares(), "3.5 and −2.5 round away from zero")
}

func TestMeanRefusesAndStaysAsItWas(t *testing.T) {
	var m Mean
	require.NoError(t, m.Observe([]Share{{"a", math.MaxInt64}}))
	for name, round := range map[string][]Share{
		"a node twice": {{"b", 1}, {"b", 1}}, "no node": {{"", 1}}, "overflow": {{"b", 1}, {"a", 1}},
	} {
		assert.Error(t, m.Observe(round), name)
		assert.Equal(t, []Share{{"a", math.MaxInt64}}, m.Shares(), name)
	}
}

func TestSmoothIsHalfOldHalfNew(t *testing.T) {
	got, err := Smooth([]Share{{"a", 10}, {"b", 4}}, []Share{{"a", 20}, {"c", 6}})
	require.NoError(t, err)
	assert.Equal(t, []Share{{"a", 15}, {"b", 2}, {"c", 3}}, got)
	_, err = Smooth([]Share{{"a", 10}, {"a", 4}}, nil)
	assert.Error(t, err)
}

func TestUnitsRoundToTheNearest(t *testing.T) {
	for nats, want := range map[float64]int64{0: 0, 1: 1 << 32, 0.5 * Unit: 1, -0.5 * Unit: -1, 0.49 * Unit: 0} {
		got, err := Units(nats)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	assert.Equal(t, 1.0, Nats(1<<32))
	for _, nats := range []float64{math.NaN(), math.Inf(1), -1 << 31} {
		_, err := Units(nats)
		assert.Error(t, err)
	}
}
