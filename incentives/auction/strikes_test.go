package auction

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestThreeNonDeliveriesInTwentyRoundsPauseForTwenty(t *testing.T) {
	assert.False(t, Struck(nil, 1))
	assert.False(t, Struck([]uint64{1, 2}, 3), "two are none")
	failed := []uint64{1, 9, 20}
	assert.False(t, Struck(failed, 20), "not in the round of the last one itself")
	for round := uint64(21); round <= 40; round++ {
		assert.True(t, Struck(failed, round), round)
	}
	assert.False(t, Struck(failed, 41))
	assert.False(t, Struck([]uint64{1, 9, 21}, 22), "three in twenty-one rounds")
	assert.True(t, Struck([]uint64{1, 50, 55, 60}, 61), "the last three count")
	assert.False(t, Struck([]uint64{1, 2, 3, 60}, 61), "one after a pause is one")
}
