package rounds_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/state"
)

// lazily plays a round in which everybody offers all that is not sold, and reports,
// but for the lazy one.
func (s *stage) lazily(lazy string) {
	nodes := []string{"north", "south", "west"}
	round := uint64(0)
	s.m.View(func(v *state.State) { round = v.Experiment("dosing").Opened + 1 })
	for _, n := range nodes {
		s.nodesAct([]string{n}, round)
		s.settleDown()
	}
	for _, n := range nodes {
		s.nodesAct([]string{n}, round)
	}
	s.settleDown()
	for _, n := range nodes {
		if n != lazy {
			s.nodesAct([]string{n}, round)
		}
	}
	s.settleDown()
	require.NoError(s.t, s.play("wait 5001")) // past the deadline
}

func TestWhoWinsAndDoesNotDeliverIsNotPaidAndThreeTimesIsLeftOut(t *testing.T) {
	s := newStage(t, "north", "south", "west")
	for range 3 {
		s.lazily("west")
	}
	assert.NotContains(t, strings.Join(s.lines, "\n"), "NOT_DELIVERING")
	s.m.View(func(v *state.State) {
		e := v.Experiment("dosing")
		require.Len(t, e.Rounds, 3)
		for _, r := range e.Rounds {
			require.Equal(t, state.Published, r.Phase, "the others' round goes on without it")
			require.NotContains(t, r.Delivered, "west")
		}
		assert.Zero(t, e.Member("west").Paid)
		assert.NotZero(t, e.Member("north").Paid)
	})
	s.lazily("")
	assert.Contains(t, strings.Join(s.lines, "\n"), "without west (NOT_DELIVERING)")
	for _, line := range s.payables() {
		assert.NotContains(t, line, "west")
	}
}
