package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

func ask(t *testing.T, n *Node, user int) Answer {
	t.Helper()
	a, err := n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint("user ", user)})
	require.NoError(t, err)
	return a
}

func tell(t *testing.T, n *Node, id string, x float64) decision.Outcome {
	t.Helper()
	o, err := n.Reward(context.Background(), id, mechanisms.Reward{X: x})
	require.NoError(t, err)
	return o
}

// visits lets users [from, to) ask and answer once each.
func visits(t *testing.T, n *Node, from, to int) {
	t.Helper()
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for u := from + w; u < to; u += 8 {
				assert.Equal(t, decision.Accepted, tell(t, n, ask(t, n, u).ID, 0.5))
			}
		})
	}
	all.Wait()
}

func account(t *testing.T, n *Node) *possev1.BudgetResponse_Experiment {
	t.Helper()
	b, err := n.Budget()
	require.NoError(t, err)
	require.Len(t, b.GetExperiments(), 1)
	return b.GetExperiments()[0]
}

func TestADecisionBecomesAVersion(t *testing.T) {
	l := newLeader(t, yaml, 40)
	dir := nodeDir(t, l)
	n := run(t, dir)
	joined(t, n, "solver")
	visits(t, n, 0, 80)
	l.until("ready", func() bool { return l.ready == 80 })

	l.openRound(1)
	o := l.offer(1)
	require.Len(t, o.GetLeaves(), 2)
	assert.Equal(t, int64(2_000_000), o.GetBidMicro())
	l.settle(true)
	r := l.report(1)
	require.Len(t, r.GetLeaves(), 2)
	for i, leaf := range r.GetLeaves() {
		claim := o.GetLeaves()[i]
		assert.Equal(t, uint64(i), leaf.GetLeaf())
		assert.Equal(t, claim.GetDigest(), sum(string(leaf.GetReleased())), "the offer binds the report")
		assert.Equal(t, uint64(dp.NanoPerEpsilon/2), claim.GetNanoEpsilon())
		set, err := statistics.Decode(leaf.GetReleased())
		require.NoError(t, err)
		assert.Equal(t, []int64{10, 10, 10, 10}, set.Block("count"))
	}
	var signed possev1.SignedReport
	require.NoError(t, proto.Unmarshal(l.reports[1][0], &signed))
	assert.NoError(t, peer.Verify(n.ID(), peer.ReportContext, signed.GetReport(), signed.GetSignature()))
	assert.Error(t, peer.Verify(n.ID(), peer.OfferContext, signed.GetReport(), signed.GetSignature()), "one signature, one meaning")

	l.publish(r)
	wait(t, n, "version 1", func() bool { s, _ := n.Status("solver"); return s.Version == 1 })
	assert.Equal(t, uint64(1), account(t, n).GetVersion())
	assert.Equal(t, uint64(2), account(t, n).GetReleased())
	s, err := n.Summary("solver")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), s.Released)

	require.NoError(t, n.Close())
	n = run(t, dir)
	assert.Equal(t, uint64(1), ask(t, n, 1000).Version, "from the store, before any coordinator answered")
	assert.Zero(t, n.experiments["solver"].rounds.OnOffer(), "what was bought is forgotten")
}

func TestWhatIsNotBoughtStaysOnOfferWithTheSameBytes(t *testing.T) {
	l := newLeader(t, yaml, 8)
	dir := nodeDir(t, l)
	n := run(t, dir)
	joined(t, n, "solver")
	visits(t, n, 0, 8)
	l.openRound(1)
	first := l.offer(1).GetLeaves()
	require.Len(t, first, 1)
	spent := account(t, n).GetSpentNanoEpsilon()
	l.settle(false)
	l.publish(nil)
	require.NoError(t, n.Close())
	n = run(t, dir)
	visits(t, n, 8, 16)
	l.openRound(2)
	second := l.offer(2).GetLeaves()
	require.Len(t, second, 2)
	assert.True(t, proto.Equal(first[0], second[0]))
	assert.Equal(t, spent, account(t, n).GetSpentNanoEpsilon(), "never charged again: every user gave one record")
	l.settle(true)
	assert.Len(t, l.report(2).GetLeaves(), 2)
}

func TestAClockClosesTheLeafThatIsBeingFilled(t *testing.T) {
	file := yaml + "rounds: {trigger: {every: 1m}, maxRecords: 20}\n"
	l := newLeader(t, file, 0)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visits(t, n, 0, 5)
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	traffic.Go(func() { // a leaf is always open: the offer must come all the same
		for u := 100; ; u++ {
			select {
			case <-stop:
				return
			default:
				visits(t, n, u, u+1)
			}
		}
	})
	l.openRound(1)
	o := l.offer(1)
	close(stop)
	traffic.Wait()
	require.NotEmpty(t, o.GetLeaves())
	total := int64(0)
	for _, c := range o.GetLeaves() {
		set, err := statistics.Decode(c.GetClaim())
		require.NoError(t, err)
		records := int64(0)
		for _, x := range set.Block("count") {
			records += x
		}
		assert.LessOrEqual(t, records, int64(20), "no report holds more than maxRecords")
		assert.Positive(t, records)
		total += records
	}
	assert.GreaterOrEqual(t, total, int64(5))

	visits(t, n, 10_000, 10_003)
	l.settle(false)
	l.openRound(2)
	assert.Greater(t, len(l.offer(2).GetLeaves()), len(o.GetLeaves()), "and the next one at the next round")
}

// Issue 3: 50 users, 1,000 decisions.
func TestWhenAllHaveGivenTheirShareAReleaseIsRefusedAndTheNodeDecidesOn(t *testing.T) {
	for c := 1; c <= 7; c++ {
		t.Run(fmt.Sprint(c, " contributions"), func(t *testing.T) {
			t.Parallel()
			l := newLeader(t, strings.Replace(yaml, "maxContributions: 2", fmt.Sprint("maxContributions: ", c), 1), 50)
			dir := nodeDir(t, l)
			n := run(t, dir)
			joined(t, n, "solver")
			teaching := 0
			var all []Answer
			for i := range 1_000 {
				a := ask(t, n, i%50)
				if a.Teaches {
					teaching++
				}
				all = append(all, a)
			}
			var each sync.WaitGroup
			for w := range 20 {
				each.Go(func() {
					for i := w; i < len(all); i += 20 {
						assert.Equal(t, decision.Accepted, tell(t, n, all[i].ID, 0.25))
					}
				})
			}
			each.Wait()
			assert.Equal(t, 50*c, teaching, "everybody teaches as often as promised")

			l.openRound(1)
			o := l.offer(1)
			assert.Len(t, o.GetLeaves(), c, "a leaf of 50 decisions for each contribution")
			check := func(n *Node) {
				b := account(t, n)
				assert.Equal(t, uint64(20-c), b.GetRefused())
				assert.Contains(t, b.GetRefusal(), "BUDGET_SPENT")
				assert.LessOrEqual(t, b.GetSpentNanoEpsilon(), uint64(dp.NanoPerEpsilon))
				assert.Greater(t, b.GetSpentNanoEpsilon(), uint64(dp.NanoPerEpsilon-8), "all but the rounding is used")
				assert.Equal(t, [2]uint64{50, 50}, [2]uint64{b.GetUsers(), b.GetUsersAtLimit()})
				assert.False(t, ask(t, n, 7).Teaches, "she gets decisions for ever")
			}
			check(n)
			require.NoError(t, n.Close())
			check(run(t, dir))
		})
	}
}

func TestAnEndedAndAClosedExperiment(t *testing.T) {
	l := newLeader(t, yaml, 8)
	dir := nodeDir(t, l)
	n := run(t, dir)
	joined(t, n, "solver")
	id := ask(t, n, 1).ID
	l.change(func() { l.view.Closed = true })
	wait(t, n, "the end", func() bool { return isClosed(n) })
	assert.Equal(t, decision.Closed, tell(t, n, id, 0.5))
	require.NoError(t, n.Close())
	l.stop()
	n = run(t, dir)
	assert.True(t, isClosed(n), "also before a coordinator answers")
	assert.Empty(t, n.experiments["solver"].desk.Full(true), "its raw sums are gone")
}

func isClosed(n *Node) bool {
	_, err := n.Decide(context.Background(), Question{Experiment: "solver", User: "u"})
	return err != nil && strings.Contains(err.Error(), "closed")
}
