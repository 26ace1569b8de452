package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/state"
)

func TestRoundsRunOverRealLinks(t *testing.T) {
	c := newCluster(t, 3)
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	c.apply(experimentFile, 4)
	begin := time.Now()
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	const rounds = 12
	version := func() (v uint64) {
		c.leader().View(func(s *state.State) { v = s.Experiment("dosing").Version() })
		return v
	}
	require.Eventually(t, func() bool { return version() >= rounds }, 30*time.Second, 2*time.Millisecond)
	t.Logf("%d rounds in %v", rounds, time.Since(begin))
	c.leader().View(func(s *state.State) {
		e := s.Experiment("dosing")
		assert.NoError(t, s.Book().Check())
		paid := 0
		for _, r := range e.Rounds {
			for _, w := range r.Winners {
				assert.LessOrEqual(t, w.Amount, r.Reserve)
				paid++
			}
		}
		assert.NotZero(t, paid)
	})
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			if n.holds() < 2 {
				return false
			}
		}
		return true
	}, 10*time.Second, 5*time.Millisecond, "everybody gets the versions of exploration")
}
