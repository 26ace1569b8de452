package incentives_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
)

func TestAnnouncedReserveIsWhatThreeNodesCanBePaidOutOfAHundred(t *testing.T) {
	assert.Equal(t, incentives.Credits(33_333_333), incentives.AnnouncedReserve(40*incentives.Credit, 100*incentives.Credit, 3))
	assert.Equal(t, 40*incentives.Credit, incentives.AnnouncedReserve(40*incentives.Credit, 1000*incentives.Credit, 3))
	assert.Zero(t, incentives.AnnouncedReserve(40, 100, 0))
	assert.Zero(t, incentives.AnnouncedReserve(40, -100, 3))
}

func TestAnnouncedReserveNeverPromisesMoreThanThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		reserve := incentives.Credits(rapid.Int64Range(0, 1e12).Draw(t, "reserve"))
		available := incentives.Credits(rapid.Int64Range(0, 1e15).Draw(t, "available"))
		nodes := rapid.IntRange(1, 1000).Draw(t, "nodes")
		r := incentives.AnnouncedReserve(reserve, available, nodes)
		assert.LessOrEqual(t, r*incentives.Credits(nodes), available)
		assert.True(t, r == reserve || (r+1)*incentives.Credits(nodes) > available, "more could have been announced")
	})
}
