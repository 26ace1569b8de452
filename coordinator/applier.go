package coordinator

import (
	"io"

	"github.com/posse-dev/posse/coordinator/state"
)

// applier is the machine as consensus sees it: what a command leaves goes to the
// transparency log, and whoever waits is told.
type applier struct{ c *Coordinator }

// ApplyBatch applies commands, in order.
func (a applier) ApplyBatch(commands [][]byte, indexes []uint64) []any {
	results := make([]any, len(commands))
	members, changed := false, false
	for i, command := range commands {
		r := a.c.machine.Apply(indexes[i], command)
		results[i] = r
		if r.Halt() != nil {
			break
		}
		if r.Leaf != nil {
			if err := a.c.log.Append(r.Sequence, r.Leaf); err != nil {
				a.c.fail(err)
			}
		}
		if r.Err != nil {
			continue
		}
		switch r.Kind {
		case "bootstrap", "create_invite", "revoke_invite":
			members = true
		case "enrol", "revoke_node":
			members, changed = true, true
		case "apply_experiment", "close_experiment":
			changed = true
		case "settle":
			a.c.machine.View(func(s *state.State) {
				a.c.history.settled(a.c, s)
				if err := a.c.openings.settled(s); err != nil { // an auditor's convenience, no promise
					a.c.config.Log.Warn("the bids of a round can't be kept for an auditor", "why", err)
				}
			})
		case "publish":
			a.c.machine.View(func(s *state.State) { a.c.history.publish(a.c, s) })
		}
	}
	if members {
		a.c.enterMembers()
	}
	a.c.wake(changed)
	return results
}

// Snapshot captures the state. The leaves before it must be on the disk, since they
// will not be applied again.
func (a applier) Snapshot() (func(io.Writer) error, error) {
	write, err := a.c.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		if err := a.c.log.Flush(); err != nil {
			return err
		}
		if err := a.c.openings.sync(); err != nil {
			return err
		}
		return write(w)
	}, nil
}

// Restore takes a snapshot's state on.
func (a applier) Restore(r io.Reader) error {
	if err := a.c.machine.Restore(r); err != nil {
		return err
	}
	var err error
	a.c.machine.View(func(s *state.State) { err = a.c.log.Restored(s.Log.Size, s.Log.Root()) })
	if err != nil {
		return err
	}
	a.c.machine.View(func(s *state.State) { a.c.history.publish(a.c, s) })
	a.c.enterMembers()
	a.c.wake(true)
	return nil
}

// wake tells everybody who waits for the state to move.
func (c *Coordinator) wake(changed bool) {
	c.mu.Lock()
	close(c.moved)
	c.moved = make(chan struct{})
	c.mu.Unlock()
	if changed {
		select {
		case c.changed <- struct{}{}:
		default: // one is waiting already
		}
	}
}

// moving returns a channel that is closed when commands are applied after now.
func (c *Coordinator) moving() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}
