package consensus_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

func TestNothingAcknowledgedIsLostWhenTheLeaderDies(t *testing.T) {
	replicas := cluster(t, 3, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	first := leader(t, replicas)

	// Eight clients propose; the leader dies while they do.
	const clients, each = 8, 65
	var acknowledged sync.Map
	var work sync.WaitGroup
	half := make(chan struct{})
	var once sync.Once
	for client := range clients {
		work.Go(func() {
			for i := range each {
				command := numbered(client*each + i)
				if assert.NoError(t, insist(ctx, replicas, command)) {
					acknowledged.Store(command, true)
				}
				if i == each/2 {
					once.Do(func() { close(half) })
				}
			}
		})
	}
	<-half
	require.NoError(t, first.Close())
	work.Wait()

	rest := without(replicas, first)
	second := leader(t, rest)
	require.NotEqual(t, first.host.ID(), second.host.ID())
	require.NoError(t, second.ReadPoint(ctx))
	have := deduplicated(second.machine.all())
	assert.Len(t, have, clients*each)
	acknowledged.Range(func(command, _ any) bool {
		return assert.Contains(t, have, command)
	})

	// The dead one comes back with its own log and catches up.
	first.start(t)
	require.NoError(t, first.WaitApplied(ctx, second.Status().CommitIndex))
	for _, r := range without(rest, second) {
		require.NoError(t, r.WaitApplied(ctx, second.Status().CommitIndex))
		assert.Equal(t, second.machine.all(), r.machine.all(), "every replica has the same list")
	}
	assert.Equal(t, second.machine.all(), first.machine.all())
}

func TestResultAndIndexComeFromTheMachine(t *testing.T) {
	r := cluster(t, 1, nil)[0]
	leader(t, []*replica{r})
	var last uint64
	for i := range 5 {
		result, index, err := r.Propose(t.Context(), []byte{byte(i)})
		require.NoError(t, err)
		assert.Equal(t, i+1, result)
		assert.Greater(t, index, last)
		last = index
	}
}

func TestFollowerSaysWhoLeads(t *testing.T) {
	replicas := cluster(t, 3, nil)
	led := leader(t, replicas)
	follower := without(replicas, led)[0]
	require.Eventually(t, func() bool { _, known := follower.Leader(); return known }, 5*time.Second, 10*time.Millisecond)
	_, _, err := follower.Propose(t.Context(), []byte("x"))
	assert.ErrorIs(t, err, consensus.ErrNotLeader)
	assert.Equal(t, "NO_LEADER", posse.As(err).Reason)
	assert.Equal(t, led.host.ID(), posse.As(err).Value)
	assert.ErrorIs(t, follower.ReadPoint(t.Context()), consensus.ErrNotLeader)
}

func TestProposalWithoutAMajorityHasAnUnknownOutcome(t *testing.T) {
	replicas := cluster(t, 3, nil)
	led := leader(t, replicas)
	for _, r := range without(replicas, led) {
		require.NoError(t, r.Close())
	}
	_, _, err := led.Propose(t.Context(), []byte("x"))
	require.Error(t, err)
	if !assert.ErrorIs(t, err, consensus.ErrUnknownOutcome) {
		t.Log(err)
	}
	require.Eventually(t, func() bool { return !led.IsLeader() }, 5*time.Second, 10*time.Millisecond)
	assert.Error(t, led.ReadPoint(t.Context()), "a leader without a majority answers no linearizable read")
}

func TestProposalThatOutlivesItsContextHasAnUnknownOutcome(t *testing.T) {
	replicas := cluster(t, 3, func(c *consensus.Config) { c.Timing = consensus.LAN() })
	led := leader(t, replicas)
	for _, r := range without(replicas, led) {
		require.NoError(t, r.Close())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := led.Propose(ctx, []byte("x"))
	assert.ErrorIs(t, err, consensus.ErrUnknownOutcome)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestReadsSeeWhatWasAcknowledged(t *testing.T) {
	replicas := cluster(t, 3, nil)
	led := leader(t, replicas)
	var work sync.WaitGroup
	for client := range 4 {
		work.Go(func() {
			for i := range 25 {
				command := fmt.Sprintf("%d/%d", client, i)
				_, _, err := led.Propose(t.Context(), []byte(command))
				if !assert.NoError(t, err) || !assert.NoError(t, led.ReadPoint(t.Context())) {
					return
				}
				assert.Contains(t, led.machine.all(), command)
			}
		})
	}
	work.Wait()
}

func TestLeadershipIsHandedOver(t *testing.T) {
	replicas := cluster(t, 3, nil)
	led := leader(t, replicas)
	require.NoError(t, led.TransferLeadership(t.Context()))
	assert.False(t, led.IsLeader())
	next := leader(t, replicas)
	assert.NotEqual(t, led.host.ID(), next.host.ID())
	require.NoError(t, insist(t.Context(), replicas, "after"))
}

func TestNewReplicaJoinsFromASnapshotAndLeavesAgain(t *testing.T) {
	replicas := cluster(t, 3, func(c *consensus.Config) { c.TrailingLogs = 5 })
	led := leader(t, replicas)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for i := range 50 {
		_, _, err := led.Propose(ctx, []byte(numbered(i)))
		require.NoError(t, err)
	}
	require.NoError(t, led.TakeSnapshot())

	joiner := newReplica(t)
	joiner.config.Join, joiner.config.TrailingLogs = true, 5
	introduce(t, append(replicas, joiner)...)
	joiner.start(t)
	require.NoError(t, led.AddLearner(ctx, joiner.host.ID()))
	require.NoError(t, joiner.WaitApplied(ctx, led.Status().CommitIndex))
	assert.Equal(t, led.machine.all(), joiner.machine.all())
	require.NoError(t, led.AddVoter(ctx, joiner.host.ID()))
	_, _, err := led.Propose(ctx, []byte("with four"))
	require.NoError(t, err)

	var status consensus.Status
	require.Eventually(t, func() bool {
		status = led.Status()
		for _, m := range status.Members {
			if !m.Healthy || !m.Voter {
				return false
			}
		}
		return len(status.Members) == 4
	}, 10*time.Second, 20*time.Millisecond, "%+v", status)
	assert.Equal(t, 1, status.Tolerates)

	// Its log begins after the snapshot; it opens again all the same.
	require.NoError(t, joiner.Close())
	joiner.start(t)
	require.NoError(t, joiner.WaitApplied(ctx, led.Status().CommitIndex))
	assert.Equal(t, led.machine.all(), joiner.machine.all())

	require.NoError(t, led.RemoveServer(ctx, joiner.host.ID()))
	assert.Len(t, led.Status().Members, 3)
	_, _, err = led.Propose(ctx, []byte("with three"))
	require.NoError(t, err)
}

func TestReplicaThatIsNoMemberIsNotListenedTo(t *testing.T) {
	replicas := cluster(t, 1, nil)
	leader(t, replicas)
	outsider := newReplica(t)
	introduce(t, append(replicas, outsider)...)
	s, err := outsider.host.Open(t.Context(), replicas[0].host.ID(), wire.Raft)
	require.NoError(t, err)
	_, err = s.Write([]byte{4}) // a pre-vote request begins
	require.NoError(t, err)
	require.NoError(t, s.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = s.Read(make([]byte, 1))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "deadline", "the stream is reset, not left waiting")

	replicas[0].Admit(outsider.host.ID(), true)
	s, err = outsider.host.Open(t.Context(), replicas[0].host.ID(), wire.Raft)
	require.NoError(t, err)
	_, err = s.Write([]byte{4})
	require.NoError(t, err)
	require.NoError(t, s.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = s.Read(make([]byte, 1))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "deadline", "once admitted the replica waits for the rest")
	require.NoError(t, s.Reset())
}

func TestNodesMayNotSpeakRaft(t *testing.T) {
	r := cluster(t, 1, nil)[0]
	node := newReplica(t)
	require.NoError(t, r.host.Book().Set(peer.Entry{ID: node.host.ID(), Role: peer.Node}))
	require.NoError(t, node.host.Book().Set(peer.Entry{ID: r.host.ID(), Role: peer.Replica, Addresses: r.host.Addresses()}))
	s, err := node.host.Open(t.Context(), r.host.ID(), wire.Raft)
	if err == nil {
		_, _ = s.Write([]byte{4})
		_, err = s.Read(make([]byte, 1))
	}
	assert.Error(t, err)
	assert.Positive(t, r.host.Denied(wire.Raft))
}

func TestCommandAboveTheLimitIsRefused(t *testing.T) {
	r := cluster(t, 1, func(c *consensus.Config) { c.CommandLimit = 100 })[0]
	leader(t, []*replica{r})
	_, _, err := r.Propose(t.Context(), []byte(strings.Repeat("a", 100)))
	require.NoError(t, err)
	_, _, err = r.Propose(t.Context(), []byte(strings.Repeat("a", 101)))
	require.Error(t, err)
	assert.Equal(t, "LIMIT_EXCEEDED", posse.As(err).Reason)
	assert.Equal(t, "raft.command", posse.As(err).Field)
	assert.Len(t, r.machine.all(), 1)
}

func TestEmptyDirectoryIsRefusedUnlessToldWhatToBegin(t *testing.T) {
	r := newReplica(t)
	r.config.FSM = &list{}
	_, err := consensus.Open(t.Context(), r.config)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "--join")
}

func TestDirectoryOfAnotherReplicaIsRefused(t *testing.T) {
	one, two := cluster(t, 1, nil)[0], newReplica(t)
	require.NoError(t, one.Close())
	two.config.Dir, two.config.FSM, two.config.Join = one.config.Dir, &list{}, true
	_, err := consensus.Open(t.Context(), two.config)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "another identity")
}
