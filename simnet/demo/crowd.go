package demo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/simnet"
)

// inFlight is how many users of one organisation are served at once: enough for
// the node to put many rewards into one fsync.
const inFlight = 16

// crowd is one organisation's users.
type crowd struct {
	node       *node.Node
	stream     simnet.Stream
	experiment string
	next       int // decisions made so far

	mu      sync.Mutex
	sum     float64 // of rewards
	made    int     // decisions whose reward is in sum
	rewards atomic.Int64
}

// come lets the next n users ask and answer, and returns when all their rewards
// are durable. A user whose decision fails stops the crowd.
func (c *crowd) come(ctx context.Context, n int) error {
	first := c.next
	end := min(first+n, c.stream.Len())
	c.next = end
	var at atomic.Int64
	at.Store(int64(first))
	var all sync.WaitGroup
	errs := make([]error, inFlight)
	for w := range inFlight {
		all.Go(func() {
			for errs[w] == nil {
				i := int(at.Add(1)) - 1
				if i >= end {
					break
				}
				var x float64
				x, errs[w] = c.visit(ctx, i)
				if errs[w] == nil {
					c.mu.Lock()
					c.sum += x
					c.made++
					c.mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// visit is one decision with its reward.
func (c *crowd) visit(ctx context.Context, i int) (float64, error) {
	a, err := c.node.Decide(ctx, node.Question{Experiment: c.experiment, User: fmt.Sprintf("user-%d", c.stream.Users[i])})
	if err != nil {
		return 0, err
	}
	x := c.stream.Reward(i, int(a.Action.(mechanisms.Arm)))
	outcome, err := c.node.Reward(ctx, a.ID, mechanisms.Reward{X: x})
	if err != nil {
		return 0, err
	}
	if outcome != decision.Accepted {
		return 0, fmt.Errorf("a reward was not taken: %s", node.Message(outcome))
	}
	c.rewards.Add(1)
	return x, nil
}

// mean is the organisation's reward per decision so far.
func (c *crowd) mean() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == 0 {
		return 0
	}
	return c.sum / float64(c.made)
}

func (c *crowd) done() bool { return c.next == c.stream.Len() }
