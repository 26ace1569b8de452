package node

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/decision"
)

// visitsWhere lets users [from, to) ask; only one arm is any good for them.
func visitsWhere(t *testing.T, n *Node, from, to int, good string) (seen map[string]int) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	seen = map[string]int{}
	for w := range 8 {
		all.Go(func() {
			for u := from + w; u < to; u += 8 {
				a := ask(t, n, u)
				x := 0.0
				if a.Arm == good {
					x = 1
				}
				assert.Equal(t, decision.Accepted, tell(t, n, a.ID, x))
				mu.Lock()
				seen[a.Arm]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return seen
}

// others adds what the other nodes released: for them the first arm is best by far.
func (l *leader) others() {
	l.change(func() {
		set := l.now.Layout.Empty()
		sum := set.Block("sum")
		one := int64(1) << l.now.Layout[1].Scale
		for a := range sum {
			set.Block("count")[a] = 10_000
			sum[a] = -8_000 * one // nearly always 0, in a range of ±1 about ½
		}
		sum[0] = 8_000 * one
		require.NoError(l.t, l.model.Add(l.now, set))
	})
}

// A node whose users are not like the others' finds it out from its own noisy releases, and goes its own way; with
// pooling shared it follows the others.
func TestANodeThatDiffersGoesItsOwnWay(t *testing.T) {
	for _, pooling := range []string{"shared", "partial"} {
		t.Run(pooling, func(t *testing.T) {
			l := newLeader(t, yaml+"node: {pooling: "+pooling+"}\n", 400)
			dir := nodeDir(t, l)
			n := run(t, dir)
			joined(t, n, "solver")
			seen := visitsWhere(t, n, 0, 400, "d")
			assert.Equal(t, map[string]int{"a": 100, "b": 100, "c": 100, "d": 100}, seen)
			l.openRound(1)
			l.offer(1)
			l.settle(true)
			r := l.report(1)
			l.others()
			l.publish(r)
			wait(t, n, "version 1", func() bool { s, _ := n.Status("solver"); return s.Version == 1 })

			if pooling == "shared" {
				assert.Equal(t, map[string]int{"a": 40}, visitsWhere(t, n, 400, 440, "d"))
				assert.Nil(t, account(t, n).GetStanding())
				return
			}
			assert.Equal(t, map[string]int{"d": 40}, visitsWhere(t, n, 400, 440, "d"))
			s := account(t, n).GetStanding()
			assert.True(t, s.GetOwn())
			assert.True(t, s.GetDone())
			assert.Equal(t, []string{"d"}, s.GetPlaying())
			assert.Equal(t, []string{"a", "b", "c"}, s.GetRuledOut())
			assert.Greater(t, s.GetGap(), s.GetGapRadius())

			before := account(t, n)
			require.NoError(t, n.Close())
			n = run(t, dir)
			joined(t, n, "solver")
			assert.Equal(t, map[string]int{"d": 400}, visitsWhere(t, n, 440, 840, "d"), "and after a restart")
			assert.Equal(t, s.GetRuledOut(), account(t, n).GetStanding().GetRuledOut())
			assert.Equal(t, before.GetReleased(), account(t, n).GetReleased(), "it reports no more")
			l.until("the public clock goes on", func() bool { return l.ready >= 800 })
			l.openRound(2)
			l.until("a word that there is nothing to offer", func() bool { return len(l.offers[2]) > 0 })
			assert.Empty(t, l.offer(2).GetLeaves())
		})
	}
}

// What a node plays follows from bytes that it released: two nodes whose raw sums differ and whose released bytes are
// the same play the same.
func TestOnlyReleasedBytesDecideWhereANodeStands(t *testing.T) {
	l := newLeader(t, yaml+"node: {pooling: partial}\n", 400)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visitsWhere(t, n, 0, 400, "d")
	l.openRound(1)
	l.offer(1)
	l.settle(true)
	r := l.report(1)
	l.others()
	l.publish(r)
	wait(t, n, "version 1", func() bool { s, _ := n.Status("solver"); return s.Version == 1 })
	released, err := statistics.Decode(r.GetLeaves()[0].GetReleased())
	require.NoError(t, err)
	taken := n.all()[0]
	require.Len(t, taken.own.Parts, 1)
	assert.Equal(t, released.Encode(), taken.own.Parts[0].Sum.Encode(), "its own statistics are its released ones, noise and all")
	standing := taken.standing
	visitsWhere(t, n, 400, 480, "a") // raw rewards that say otherwise
	require.NoError(t, taken.lean())
	assert.Equal(t, standing, taken.standing)
}
