package consensus

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/hashicorp/raft"

	"github.com/posse-dev/posse"
)

var (
	// ErrNotLeader is behind the error of a call that only the leader can serve:
	// nothing was done. The error's Value is the leader's id, as far as it is known.
	ErrNotLeader = errors.New("not the leader")
	// ErrUnknownOutcome is behind the error of a command that may or may not be
	// committed. Send the same command again, with the same ids.
	ErrUnknownOutcome = errors.New("outcome is unknown")
	// ErrClosed is behind the error of a call on a closed replica.
	ErrClosed = errors.New("replica is closed")
	// ErrDiskFull is behind DISK_FULL.
	ErrDiskFull = errors.New("disk is full")
)

// CorruptError says which entry of the log cannot be trusted.
type CorruptError struct {
	Index uint64
	Why   string
}

// Error returns where and what.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("log is damaged at index %d: %s", e.Index, e.Why)
}

func (c *Consensus) notLeader() error {
	leader, known := c.Leader()
	e := &posse.Error{
		Code: posse.Unavailable, Reason: "NO_LEADER", Field: "leader", Value: leader,
		Message: "this replica is not the leader", Hint: "ask the leader", Cause: ErrNotLeader,
	}
	if !known {
		e.Message, e.Hint = "the cluster has no leader", "retry in a second"
	}
	return e
}

func unknownOutcome(cause error) error {
	return &posse.Error{
		Code: posse.Unavailable, Reason: "NO_LEADER", Field: "leader", Message: "the command may or may not be committed",
		Hint: "send the same command again", Cause: errors.Join(ErrUnknownOutcome, cause),
	}
}

// failure translates what raft said about a command.
func (c *Consensus) failure(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return c.notLeader() // raft answers so before it writes the command anywhere
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "raft.queue",
			Message: "too many commands wait", Hint: "retry with back-off", Cause: err,
		}
	default: // leadership lost, closed, restored from outside, a store that failed
		// Raft's cache keeps only the text of what the store said.
		if failed := c.store.failure(); isDiskFull(failed) {
			return diskFull(errors.Join(ErrUnknownOutcome, failed))
		}
		return unknownOutcome(err)
	}
}

// diskFull is DISK_FULL. The cause keeps what the disk said.
func diskFull(cause error) error {
	return &posse.Error{
		Code: posse.ResourceExhausted, Reason: "DISK_FULL", Field: "data directory",
		Message: "the disk of this replica is full", Hint: "free some space and restart the replica",
		Cause: errors.Join(ErrDiskFull, cause),
	}
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, ErrDiskFull)
}

// damaged is LOG_DAMAGED: loud, and with what to do.
func damaged(index uint64, why string, cause error) error {
	if cause == nil {
		cause = &CorruptError{Index: index, Why: why}
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "LOG_DAMAGED", Field: "log", Value: why,
		Message: fmt.Sprintf("log is damaged at index %d: this replica must not vote with it", index),
		Hint: "join as a new replica, in a new directory: posse invite create --replica NAME; " +
			"posse coordinator run --join --name NAME --dir DIR",
		Cause: cause,
	}
}
