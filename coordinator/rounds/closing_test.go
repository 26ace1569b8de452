package rounds_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/rounds"
	"github.com/posse-dev/posse/coordinator/state"
)

func TestAnExperimentThatClosesLeavesNobodyBehind(t *testing.T) {
	waiting := func(s *stage) (out []string) {
		s.m.View(func(v *state.State) { out = v.Waiting(v.Experiment("dosing")) })
		return out
	}
	behind := 0
	for target := uint64(3); target < 7; target++ {
		s := run(t, target, func(int, string, bool) bool { return false })
		s.close()
		behind += len(waiting(s))
		s.elect() // the draws are no one leader's
		for i := 0; len(waiting(s)) > 0; i++ {
			require.Less(t, i, 200, "somebody waits for ever")
			require.NoError(t, s.play("wait 1000"))
		}
		draws := len(s.commits)
		require.NoError(t, s.play("wait 1000"))
		assert.Len(t, s.commits, draws, "nothing is drawn when nobody waits")
	}
	assert.Positive(t, behind, "somebody was behind when it closed")
}

// With the floor at zero, and contributions taken seriously, a node may never be
// drawn: the floor is what brings everybody there.
func TestWithoutAFloorTheLastNodeNeverArrives(t *testing.T) {
	steep := strings.Replace(file, "redrawEvery: 1s", "redrawEvery: 1s, floor: 0, equality: 0.001, grantsPerVersion: 1", 1)
	s := newStageOf(t, steep, "north", "south", "west")
	for turns := 0; turns < 400; turns++ {
		s.nodesAct([]string{"north", "south", "west"}, 4)
		s.settleDown()
		s.now += 20
		s.step(rounds.Tick{})
	}
	s.close()
	for range 300 {
		require.NoError(t, s.play("wait 1000"))
	}
	s.m.View(func(v *state.State) { assert.NotEmpty(t, v.Waiting(v.Experiment("dosing"))) })
}
