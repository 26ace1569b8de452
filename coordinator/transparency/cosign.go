package transparency

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// Replica is another member, as a cosigner knows it.
type Replica struct {
	Name, PeerID, Verifier string
}

// Cosigner makes signed heads. It is safe for concurrent use.
type Cosigner struct {
	// Log is this replica's own copy. Required.
	Log *Log
	// Name is this replica's, Signer its key. Required.
	Name   string
	Signer checkpoint.Signer
	// Origin returns the log's name, "" while there is none. Required.
	Origin func() string
	// Others returns the other replicas. Required.
	Others func() []Replica
	// Ask asks another replica for its signature over a head. Required.
	Ask func(ctx context.Context, peerID string, size uint64, root []byte) (note []byte, err error)

	mu     sync.Mutex
	newest Signed
	asking chan struct{} // closed when the round of questions that runs is over
}

// Signed is a head with the notes of the replicas that signed it, by name.
type Signed struct {
	Head  checkpoint.Head
	Notes []Note
}

// Note is one replica's signed note.
type Note struct {
	Replica string
	Bytes   []byte
}

// Text is the head with all signatures, one signed note.
func (s Signed) Text() ([]byte, error) {
	notes := make([][]byte, len(s.Notes))
	for i, n := range s.Notes {
		notes[i] = n.Bytes
	}
	return checkpoint.Merge(notes...)
}

// Sign signs a head for another replica, after waiting until the own copy has as
// many leaves: only a root that this replica computed itself is signed.
func (c *Cosigner) Sign(ctx context.Context, size uint64, root []byte) ([]byte, error) {
	for {
		grown := c.Log.Grown()
		if c.Log.Size() >= size {
			break
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	own, err := c.Log.Root(size)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(own, root) {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "STATE_DIVERGED", Field: "root", Value: fmt.Sprintf("size %d", size),
			Message: "this replica has another root of this size", Hint: "keep both logs: one of the two replicas is wrong",
		}
	}
	return checkpoint.Sign(checkpoint.Head{Origin: c.Origin(), Size: size, Root: own}, c.Signer)
}

// Newest returns the newest signed head that this replica has gathered; its size is
// 0 when there is none yet.
func (c *Cosigner) Newest() Signed {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest
}

// AtLeast returns a signed head over at least size leaves, gathering a new one when
// the newest is shorter. Callers that wait together share one.
func (c *Cosigner) AtLeast(ctx context.Context, size uint64) (Signed, error) {
	for {
		c.mu.Lock()
		if c.newest.Head.Size >= size && c.newest.Head.Size > 0 {
			defer c.mu.Unlock()
			return c.newest, nil
		}
		wait := c.asking
		if wait == nil {
			done := make(chan struct{})
			c.asking = done
			c.mu.Unlock()
			signed, err := c.gather(ctx)
			c.mu.Lock()
			if err == nil && signed.Head.Size > c.newest.Head.Size {
				c.newest = signed
			}
			c.asking = nil
			close(done)
			c.mu.Unlock()
			if err != nil {
				return Signed{}, err
			}
			if signed.Head.Size < size {
				return Signed{}, posse.OutOfRange("size", fmt.Sprint(size), fmt.Sprintf("at most %d", signed.Head.Size), "")
			}
			return signed, nil
		}
		c.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return Signed{}, ctx.Err()
		}
	}
}

// gather signs the present head and asks everybody else to. It returns when all
// answered or a majority did and the rest takes too long, which is for ctx to say.
func (c *Cosigner) gather(ctx context.Context) (Signed, error) {
	size := c.Log.Size()
	root, err := c.Log.Root(size)
	if err != nil {
		return Signed{}, err
	}
	own, err := c.Sign(ctx, size, root)
	if err != nil {
		return Signed{}, err
	}
	out := Signed{Head: checkpoint.Head{Origin: c.Origin(), Size: size, Root: root}, Notes: []Note{{c.Name, own}}}
	others := c.Others()
	notes := make(chan Note, len(others))
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	var wait sync.WaitGroup
	for _, r := range others {
		wait.Go(func() {
			note, err := c.Ask(asked, r.PeerID, size, root)
			if err == nil {
				var head checkpoint.Head
				head, _, err = checkpoint.Open(note, out.Head.Origin, []string{r.Verifier}, 1)
				if err == nil && (head.Size != size || !bytes.Equal(head.Root, root)) {
					err = checkpoint.ErrHead
				}
			}
			if err != nil {
				note = nil
			}
			notes <- Note{r.Name, note}
		})
	}
	defer wait.Wait()
	for range others {
		if n := <-notes; n.Bytes != nil {
			out.Notes = append(out.Notes, n)
			if len(out.Notes) > (len(others)+1)/2 { // a majority vouches for it
				cancel()
			}
		}
	}
	if len(out.Notes) <= (len(others)+1)/2 {
		return Signed{}, &posse.Error{
			Code: posse.Unavailable, Reason: "PEER_UNREACHABLE", Field: "checkpoint", Value: fmt.Sprintf("%d signatures", len(out.Notes)),
			Allowed: fmt.Sprintf("at least %d", (len(others)+1)/2+1), Message: "too few replicas sign the checkpoint",
			Hint: "check that a majority is healthy",
		}
	}
	slices.SortFunc(out.Notes, func(a, b Note) int { return cmp.Compare(a.Replica, b.Replica) })
	return out, nil
}
