package budget_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp/budget"
)

func TestWindowsRefuseByEitherLimit(t *testing.T) {
	w, err := budget.NewWindows(budget.Pure, epsilon(5), epsilon(2), "experiment dosing")
	require.NoError(t, err)
	charge := func(window, nano uint64) error {
		permit, err := w.Charge(window, epsilon(nano))
		if err == nil {
			assert.NoError(t, permit.Use())
		}
		return err
	}
	require.NoError(t, charge(10, 2))
	var r *budget.Refusal
	require.ErrorAs(t, charge(10, 1), &r)
	assert.Equal(t, "experiment dosing in this window", r.Whose)
	assert.ErrorIs(t, charge(9, 1), budget.ErrExhausted, "a clock going back reopens nothing")
	require.NoError(t, charge(11, 2))
	require.ErrorAs(t, charge(12, 2), &r)
	assert.Equal(t, "experiment dosing over its lifetime", r.Whose)
	assert.Equal(t, uint64(11), w.State().Window, "a refusal changes nothing")
	require.NoError(t, charge(12, 1))

	again, err := budget.NewWindows(budget.Pure, epsilon(5), epsilon(2), "x")
	require.NoError(t, err)
	again.Restore(w.State())
	again.Restore(budget.WindowState{Window: 3, Lifetime: epsilon(1)})
	assert.Equal(t, w.State(), again.State())
	_, err = budget.NewWindows(budget.Pure, epsilon(1), epsilon(2), "x")
	assert.Error(t, err)
}

func TestNoWindowAndNoLifetimeIsEverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lifetime := rapid.Uint64Range(1, 40).Draw(t, "lifetime")
		window := rapid.Uint64Range(1, lifetime).Draw(t, "window")
		w, err := budget.NewWindows(budget.Pure, epsilon(lifetime), epsilon(window), "x")
		if err != nil {
			t.Fatal(err)
		}
		var total, highest uint64
		by := map[uint64]uint64{}
		for range rapid.IntRange(0, 40).Draw(t, "charges") {
			at, s := rapid.Uint64Range(0, 8).Draw(t, "window"), rapid.Uint64Range(1, 5).Draw(t, "spend")
			if _, err := w.Charge(at, epsilon(s)); err == nil {
				highest = max(highest, at)
				total += s
				by[highest] += s
			}
		}
		for at, s := range by {
			if s > window {
				t.Fatalf("window %d holds %d of %d", at, s, window)
			}
		}
		if total > lifetime || w.State().Lifetime != epsilon(total) {
			t.Fatalf("%d of %d, shown %v", total, lifetime, w.State())
		}
	})
}
