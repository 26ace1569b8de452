package budget_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/budget"
)

func TestUserReleaseChargesEachUserAndGivesOnePermit(t *testing.T) {
	l, err := budget.NewUserLimit(epsilon(2))
	require.NoError(t, err)
	require.NoError(t, l.Open("dosing", epsilon(2)))
	r, err := budget.NewUserRelease(l, "dosing")
	require.NoError(t, err)

	_, err = r.Permit()
	require.ErrorIs(t, err, budget.ErrExhausted, "nobody has taught")
	assert.Equal(t, "BUDGET_SPENT", posse.As(err).Reason)

	require.NoError(t, r.Charge(user(1), epsilon(1)))
	require.NoError(t, r.Charge(user(1), epsilon(1)))
	assert.ErrorIs(t, r.Charge(user(1), epsilon(1)), budget.ErrExhausted, "she has given her share")
	require.NoError(t, r.Charge(user(2), epsilon(1)), "others go on")
	assert.Error(t, r.Charge(user(3), epsilon(2)), "one release has one noise, so one cost a record")
	assert.Equal(t, budget.ReleaseState{Spend: epsilon(1), Records: 3}, r.State())

	permit, err := r.Permit()
	require.NoError(t, err)
	require.NoError(t, permit.UseFor(epsilon(1)))
	_, err = r.Permit()
	assert.ErrorIs(t, err, budget.ErrPermit)
	err = r.Charge(user(4), epsilon(1))
	assert.Equal(t, "ROUND_CLOSED", posse.As(err).Reason)
	own, _ := l.SpentBy("dosing", user(4))
	assert.True(t, own.Zero(), "a closed release charges nobody")
}

func TestRewardReleaseChargesItsBlockOnce(t *testing.T) {
	block, err := budget.NewFilter(budget.Pure, epsilon(1), "the records of the release")
	require.NoError(t, err)
	r, err := budget.NewRewardRelease(block)
	require.NoError(t, err)
	for range 1_000 {
		require.NoError(t, r.Charge(budget.User{}, epsilon(1)), "records of a release compose in parallel")
	}
	assert.Equal(t, epsilon(1), block.Spent())
	permit, err := r.Permit()
	require.NoError(t, err)
	require.NoError(t, permit.Use())

	second, err := budget.NewRewardRelease(block)
	require.NoError(t, err)
	assert.ErrorIs(t, second.Charge(budget.User{}, epsilon(1)), budget.ErrExhausted, "the same records a second time")
}

func TestReleaseGoesOnAfterARestart(t *testing.T) {
	block, err := budget.NewFilter(budget.Pure, epsilon(1), "x")
	require.NoError(t, err)
	require.NoError(t, block.Restore(epsilon(1)))
	r, err := budget.NewRewardRelease(block)
	require.NoError(t, err)
	require.NoError(t, r.Resume(budget.ReleaseState{Spend: epsilon(1), Records: 5}))
	require.NoError(t, r.Charge(budget.User{}, epsilon(1)), "the block is not charged again")
	assert.Equal(t, uint64(6), r.State().Records)
	_, err = r.Permit()
	require.NoError(t, err)
	assert.Error(t, r.Resume(budget.ReleaseState{}), "a release is resumed only when it is empty")

	closed, err := budget.NewRewardRelease(block)
	require.NoError(t, err)
	require.NoError(t, closed.Resume(budget.ReleaseState{Spend: epsilon(1), Records: 5, Closed: true}))
	_, err = closed.Permit()
	assert.ErrorIs(t, err, budget.ErrPermit, "its bytes are stored: they are sent again, never noised again")

	bad, err := budget.NewRewardRelease(block)
	require.NoError(t, err)
	assert.Error(t, bad.Resume(budget.ReleaseState{Records: 5}))
	_, err = budget.NewRewardRelease(nil)
	assert.Error(t, err)
	_, err = budget.NewUserRelease(nil, "x")
	assert.Error(t, err)
}
