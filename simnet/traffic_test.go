package simnet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
)

func TestDealtTrafficHasEachRowOnceAndRefusesMore(t *testing.T) {
	sources := func() (out []Source) {
		for id, rows := range map[string][][]float64{"north": {{1}, {2}}, "south": {{4}, {8}, {16}}} {
			table, err := environment.NewTable(rows)
			require.NoError(t, err)
			out = append(out, Source{ID: id, Share: 1, World: environment.NewDeck(table)})
		}
		return out
	}
	all, err := DealTraffic(sources(), 5, 1)
	require.NoError(t, err)
	got := map[string]float64{}
	for _, n := range all.Nodes {
		for i := range n.Len() {
			got[n.ID] += n.Reward(i, 0)
		}
	}
	assert.Equal(t, map[string]float64{"north": 3, "south": 28}, got, "a node's own rows, each once")
	few, err := DealTraffic(sources(), 2, 1)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{few.Nodes[0].Len(), few.Nodes[1].Len()}, "nobody is left out")
	for _, decisions := range []int{1, 6} {
		_, err = DealTraffic(sources(), decisions, 1)
		assert.Equal(t, [2]string{"decisions", "[2, 5]"}, [2]string{posse.As(err).Field, posse.As(err).Allowed})
	}
}
