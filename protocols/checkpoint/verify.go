package checkpoint

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

var (
	// ErrProof is behind the error for a proof that proves nothing.
	ErrProof = errors.New("proof does not hold")
	// ErrFork says that two heads cannot both be of one log that only grew. Keep both
	// notes: they are the evidence.
	ErrFork = errors.New("log has forked")
	// ErrRollback says that a log was shown shorter than before.
	ErrRollback = errors.New("log went back")
)

// VerifyInclusion checks that the leaf with this hash is leaf index of the log with
// this head.
func VerifyInclusion(h Head, index uint64, leafHash []byte, hashes [][]byte) error {
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, h.Size, leafHash, hashes, h.Root); err != nil {
		return fmt.Errorf("leaf %d of %d: %w: %w", index, h.Size, ErrProof, err)
	}
	return nil
}

// VerifyConsistency checks that the log of the first head is the beginning of that
// of the second: the same origin, a size that is not smaller, and the proof.
func VerifyConsistency(first, second Head, hashes [][]byte) error {
	if first.Origin != second.Origin {
		return fmt.Errorf("%w: %q and %q are two logs", ErrHead, first.Origin, second.Origin)
	}
	if first.Size == 0 && !bytes.Equal(first.Root, EmptyRoot()) {
		return fmt.Errorf("%w: an empty log has one root only", ErrHead)
	}
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, first.Size, second.Size, hashes, first.Root, second.Root)
	if err != nil {
		return fmt.Errorf("sizes %d and %d: %w: %w", first.Size, second.Size, ErrProof, err)
	}
	return nil
}

// Follow is what a witness or a node does that remembers the head last and is shown
// next, with its signatures verified: nil means that it may remember next instead.
// [ErrFork]: an equal size with another root. [ErrRollback]: a smaller size.
// [ErrProof]: a larger one that the hashes do not prove to be a continuation, which
// may be a fork or only a wrong proof; ask for another proof before the alarm.
func Follow(last, next Head, hashes [][]byte) error {
	switch {
	case last.Origin != next.Origin:
		return fmt.Errorf("%w: %q and %q are two logs", ErrHead, last.Origin, next.Origin)
	case next.Size < last.Size:
		return fmt.Errorf("%w from %d to %d leaves", ErrRollback, last.Size, next.Size)
	case next.Size == last.Size && !bytes.Equal(next.Root, last.Root):
		return fmt.Errorf("%w: two roots of size %d", ErrFork, last.Size)
	default:
		return VerifyConsistency(last, next, hashes)
	}
}
