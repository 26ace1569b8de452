package consensus

import (
	"context"
	"errors"

	"github.com/hashicorp/raft"

	"github.com/posse-dev/posse"
)

// Propose commits a command and returns what the machine made of it, and its index
// in the log. When it returns, a majority holds the command durably.
//
// [ErrNotLeader]: nothing was done; its Value says whom to ask. LIMIT_EXCEEDED:
// the command is too long or too many wait; nothing was done. [ErrUnknownOutcome]:
// it may be committed, now or later; send the same command again. DISK_FULL is an
// unknown outcome, too.
func (c *Consensus) Propose(ctx context.Context, command []byte) (result any, index uint64, err error) {
	if len(command) > c.config.CommandLimit {
		return nil, 0, &posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "raft.command", Value: itoa(len(command)) + " bytes",
			Allowed: "[0, " + itoa(c.config.CommandLimit) + "] bytes", Message: "command is too long",
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if !c.IsLeader() {
		return nil, 0, c.notLeader()
	}
	f, err := await(ctx, c, func() raft.ApplyFuture { return c.raft.Apply(command, until(ctx)) })
	if err != nil {
		return nil, 0, c.failure(err)
	}
	if n, ok := f.Response().(notApplied); ok {
		return nil, 0, unknownOutcome(n.why)
	}
	return f.Response(), f.Index(), nil
}

// Barrier waits until every command committed before it is applied here. Only the
// leader can.
func (c *Consensus) Barrier(ctx context.Context) error {
	term := c.Term()
	if _, err := await(ctx, c, func() raft.Future { return c.raft.Barrier(until(ctx)) }); err != nil {
		return c.failure(err)
	}
	if c.Term() == term {
		c.term.Store(term)
	}
	return nil
}

// VerifyLeader asks a majority whether this replica still leads.
func (c *Consensus) VerifyLeader(ctx context.Context) error {
	if _, err := await(ctx, c, c.raft.VerifyLeader); err != nil {
		if errors.Is(err, ErrClosed) || ctx.Err() != nil {
			return err
		}
		return c.notLeader()
	}
	return nil
}
