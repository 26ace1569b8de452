package consensus

import (
	"context"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/posse-dev/posse"
)

// VotersMax is how many voters a cluster may have; their number is odd when all is
// well, since an even one tolerates no more failures than one fewer.
const VotersMax = 7

// AddLearner adds a replica that gets the log and has no vote. The book must hold
// its address. Only the leader can.
func (c *Consensus) AddLearner(ctx context.Context, id string) error {
	return c.change(ctx, func(previous uint64) raft.IndexFuture {
		return c.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(id), previous, until(ctx))
	})
}

// AddVoter gives a replica a vote, adding it when it is no member. The book must
// hold its address. Only the leader can.
func (c *Consensus) AddVoter(ctx context.Context, id string) error {
	voters := 0
	for _, s := range c.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != id {
			voters++
		}
	}
	if voters >= VotersMax {
		return posse.OutOfRange("voters", itoa(voters+1), fmt.Sprintf("[1, %d]", VotersMax), "add it as a learner")
	}
	return c.change(ctx, func(previous uint64) raft.IndexFuture {
		return c.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(id), previous, until(ctx))
	})
}

// RemoveServer takes a replica out of the cluster. Take it out of the book, too,
// and its connections are closed. Only the leader can.
func (c *Consensus) RemoveServer(ctx context.Context, id string) error {
	return c.change(ctx, func(previous uint64) raft.IndexFuture {
		return c.raft.RemoveServer(raft.ServerID(id), previous, until(ctx))
	})
}

// change makes one change of membership, on top of the configuration that is now:
// another change in between makes it fail.
func (c *Consensus) change(ctx context.Context, do func(previous uint64) raft.IndexFuture) error {
	if !c.IsLeader() {
		return c.notLeader()
	}
	previous := c.raft.GetConfiguration().Index()
	if _, err := await(ctx, c, func() raft.IndexFuture { return do(previous) }); err != nil {
		return c.failure(err)
	}
	return nil
}

// Admit lets a replica of the book speak Raft to this one before it is a member,
// or, with false, no longer.
func (c *Consensus) Admit(id string, joining bool) { c.layer.admit(id, joining) }

// TransferLeadership hands leadership to the follower that is furthest. It returns
// when another leads; commands proposed meanwhile get [ErrNotLeader].
func (c *Consensus) TransferLeadership(ctx context.Context) error {
	if !c.IsLeader() {
		return c.notLeader()
	}
	if _, err := await(ctx, c, c.raft.LeadershipTransfer); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &posse.Error{
			Code: posse.Unavailable, Reason: "NO_LEADER", Field: "leader", Message: "leadership could not be handed over",
			Hint: "check that a majority is healthy", Cause: err,
		}
	}
	return nil
}
