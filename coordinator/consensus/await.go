package consensus

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// pending counts what raft was asked and has not answered. Raft leaves questions
// that are in its queues unanswered when it is shut down, and a future cannot be
// waited for with a deadline; so Close lets it answer first.
type pending struct {
	mu      sync.Mutex
	closing bool
	all     sync.WaitGroup
}

// begin counts a question, unless the replica is closing.
func (p *pending) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.all.Add(1)
	return true
}

// close refuses further questions, and waits for the answers to those that were
// asked, at most for longest.
func (p *pending) close(longest time.Duration) {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	answered := make(chan struct{})
	go func() {
		p.all.Wait()
		close(answered)
	}()
	timeout := time.NewTimer(longest)
	defer timeout.Stop()
	select {
	case <-answered:
	case <-timeout.C:
	}
}

// await asks raft and waits for its answer, for ctx, or for Close. In the latter
// two cases the question stays asked.
func await[F raft.Future](ctx context.Context, c *Consensus, ask func() F) (F, error) {
	var none F
	if !c.pending.begin() {
		return none, ErrClosed
	}
	type answer struct {
		f   F
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer c.pending.all.Done()
		f := ask()
		done <- answer{f, f.Error()}
	}()
	select {
	case a := <-done:
		return a.f, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stop:
		return none, ErrClosed
	}
}
