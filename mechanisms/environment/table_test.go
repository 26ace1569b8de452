package environment

import (
	"testing"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableHasTheMeansAndMomentsOfItsRows(t *testing.T) {
	table := must(NewTable([][]float64{{0, 1}, {-2, 3}, {4, 5}, {2, -1}}))
	assert.Equal(t, 4, table.Rows())
	assert.Equal(t, 1.0, table.Mean(0))
	assert.Equal(t, 2.0, table.Mean(1))
	assert.Equal(t, 6.0, table.Moment(0, 2))
	assert.Equal(t, 2.5, table.Moment(1, 1), "absolute")
}

func TestTableDrawsWholeRows(t *testing.T) {
	table := must(NewTable([][]float64{{1, 10}, {2, 20}, {3, 30}}))
	seen, src := map[float64]int{}, noise.NewSeeded(1)
	for range 300 {
		i := table.Draw(nil, src)
		assert.Equal(t, 10*i.Reward(0), i.Reward(1))
		seen[i.Reward(0)]++
	}
	assert.Len(t, seen, 3)
}

func TestDeckDealsEachRowOnceInAnOrderOfTheSeed(t *testing.T) {
	var rows [][]float64
	for i := range 50 {
		rows = append(rows, []float64{float64(i)})
	}
	deck := NewDeck(must(NewTable(rows)))
	deal := func(seed uint64) (order []float64) {
		src := noise.NewSeeded(seed)
		for deck.Left() > 0 {
			order = append(order, deck.Reward(0, src))
		}
		return order
	}
	first := deal(1)
	assert.Panics(t, func() { deck.Draw(nil, noise.NewSeeded(1)) }, "an empty deck")
	deck.Reset()
	again := deal(1)
	deck.Reset()
	other := deal(2)
	require.Len(t, first, 50)
	assert.Equal(t, first, again)
	assert.NotEqual(t, first, other)
	seen := map[float64]bool{}
	for _, x := range first {
		seen[x] = true
	}
	assert.Len(t, seen, 50, "a row came twice")
	assert.Equal(t, 24.5, deck.Mean(0))
}

func TestLoggedWeighsRecordsByInversePropensity(t *testing.T) {
	logged := must(NewLogged(2, []Record{
		{Arm: 0, Reward: 1, Propensity: 0.5}, {Arm: 1, Reward: 7, Propensity: 0.2}, {Arm: 0, Reward: -5, Propensity: 0.25},
	}))
	assert.InDelta(t, (1*2-5*4)/6.0, logged.Mean(0), 1e-15)
	assert.InDelta(t, (1*2+25*4)/6.0, logged.Moment(0, 2), 1e-14)
	assert.Equal(t, 7.0, logged.Mean(1))
	assert.Equal(t, []float64{1, -5}, logged.arms[0].rewards)
	assert.Equal(t, []float64{7}, logged.arms[1].rewards)
}
