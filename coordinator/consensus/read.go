package consensus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// reads lets concurrent reads share one question to the majority: at most one is
// being asked and one is waiting to be.
type reads struct {
	mu      sync.Mutex
	current *question
	next    *question
}

type question struct {
	done chan struct{}
	err  error
}

// ReadPoint waits until this replica, if it leads, has applied every command that
// was acknowledged before the call, by whomever. A read of the machine's state
// after it is linearizable. The error is that of [ErrNotLeader], or ctx's.
//
// The order is: a barrier once a term, so that the commit index is this term's;
// note the commit index; ask a majority whether this replica still leads; wait
// until the index is applied. No clock is trusted.
func (c *Consensus) ReadPoint(ctx context.Context) error {
	if !c.IsLeader() {
		return c.notLeader()
	}
	if c.term.Load() != c.Term() {
		if err := c.Barrier(ctx); err != nil {
			return err
		}
	}
	index := c.raft.CommitIndex()
	if err := c.verifyShared(ctx); err != nil {
		return err
	}
	return c.WaitApplied(ctx, index)
}

// verifyShared joins a question that is asked after now.
func (c *Consensus) verifyShared(ctx context.Context) error {
	c.reads.mu.Lock()
	q := c.reads.next
	if q == nil {
		q = &question{done: make(chan struct{})}
		if c.reads.current == nil {
			c.reads.current = q
			c.tasks.Go(func() { c.ask(q) })
		} else {
			c.reads.next = q
		}
	}
	c.reads.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask asks questions until none waits.
func (c *Consensus) ask(q *question) {
	for q != nil {
		q.err = c.VerifyLeader(context.Background())
		close(q.done)
		c.reads.mu.Lock()
		q, c.reads.current, c.reads.next = c.reads.next, c.reads.next, nil
		c.reads.mu.Unlock()
	}
}

// applyPoll is how often a wait looks again when nothing tells it to.
const applyPoll = 10 * time.Millisecond

// WaitApplied waits until the machine holds every command up to index. Any replica
// can; index may lie ahead of its log.
func (c *Consensus) WaitApplied(ctx context.Context, index uint64) error {
	var poll *time.Ticker
	for {
		applied, moved := c.bridge.progress()
		if applied >= index {
			return nil
		}
		if index <= c.raft.LastIndex() {
			target, err := c.lastCommand(applied, index)
			if err != nil || target <= applied {
				return err
			}
		}
		if poll == nil {
			poll = time.NewTicker(applyPoll)
			defer poll.Stop()
		}
		select {
		case <-moved:
		case <-poll.C: // an entry may have been overruled, or arrived
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop:
			return ErrClosed
		}
	}
}

// CaughtUp waits until a leader, this replica or another, has said how far the log is
// committed, and the machine holds all of that.
func (c *Consensus) CaughtUp(ctx context.Context) error {
	poll := time.NewTicker(applyPoll)
	defer poll.Stop()
	for c.raft.CommitIndex() == 0 {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop:
			return ErrClosed
		}
	}
	return c.WaitApplied(ctx, c.raft.CommitIndex())
}

// lastCommand returns the last index in (applied, index] whose entry passes the
// bridge, and applied when there is none: a leader's first entry and barriers do
// not, and what is no longer in the log is in a snapshot, thus applied.
func (c *Consensus) lastCommand(applied, index uint64) (uint64, error) {
	var l raft.Log
	for i := index; i > applied; i-- {
		switch err := c.log.GetLog(i, &l); {
		case errors.Is(err, raft.ErrLogNotFound):
			return applied, nil
		case err != nil:
			return 0, err
		case l.Type == raft.LogCommand || l.Type == raft.LogConfiguration:
			return i, nil
		}
	}
	return applied, nil
}
