package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/transparency"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// membersFile remembers where the other replicas are: a replica must find them
// before it has read a log.
const membersFile = "members.json"

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readMembers fills the book from the file, if there is one.
func (c *Coordinator) readMembers() error {
	text, err := os.ReadFile(filepath.Join(c.config.Dir, membersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the members: %w", err)
	}
	var members []Peer
	if err := json.Unmarshal(text, &members); err != nil {
		return &posse.Error{
			Code: posse.DataLoss, Reason: "MALFORMED", Field: membersFile, Message: "the file of members is damaged",
			Hint: "copy it from another replica", Cause: err,
		}
	}
	for _, m := range members {
		if err := c.book.Set(m.entry()); err != nil {
			return err
		}
	}
	return nil
}

func (c *Coordinator) writeMembers(members []Peer) error {
	text, err := json.MarshalIndent(members, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.config.Dir, membersFile)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the members: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil { // renamed unsynced, a crash would leave an empty file
		return fmt.Errorf("write the members: %w", err)
	}
	return os.Rename(path+".new", path)
}

// roster is what the state says of who may speak here: replicas, nodes, and whether
// strangers may knock.
func (c *Coordinator) roster() (entries []peer.Entry, members []Peer, joins bool) {
	now := c.nowMS()
	c.machine.View(func(s *state.State) {
		for _, r := range s.Replicas {
			addresses := slices.Clone(r.Addresses)
			if len(addresses) == 0 {
				addresses = c.book.Addresses(r.PeerID)
			}
			m := Peer{r.Name, r.PeerID, r.Verifier, addresses}
			entries, members = append(entries, m.entry()), append(members, m)
		}
		for _, n := range s.Active() {
			entries = append(entries, peer.Entry{ID: n.PeerID, Role: peer.Node})
		}
		joins = slices.ContainsFunc(s.Invites, func(i *state.Invite) bool { return !i.Revoked && i.Expires > now })
	})
	return entries, members, joins
}

// enterMembers lets in whom the state names, at once: who has just enrolled is about
// to call. Nobody is put out here. A replica that starts goes through its log again,
// and what an old entry does not know yet may be its present leader; keepMembers puts
// out.
func (c *Coordinator) enterMembers() {
	c.entering.Lock()
	defer c.entering.Unlock()
	entries, _, joins := c.roster()
	for _, e := range entries {
		if err := c.book.Set(e); err != nil {
			c.config.Log.Error("the book of peers can't be changed", "why", err)
		}
	}
	c.book.Joins(joins)
	select {
	case c.enrolled <- struct{}{}:
	default: // one is waiting already
	}
}

// keepMembers makes the book say what the state says, and no more, each time that
// members changed and this replica has applied all that is known to be committed.
// Whoever lost its role loses its connections.
func (c *Coordinator) keepMembers() {
	for {
		select {
		case <-c.enrolled:
		case <-c.ctx.Done():
			return
		}
		if c.raft.CaughtUp(c.ctx) != nil {
			return
		}
		if members, err := c.replaceMembers(); err != nil {
			c.config.Log.Error("the book of peers can't be changed", "why", err)
		} else if len(members) > 0 {
			if err := c.writeMembers(members); err != nil {
				c.config.Log.Error("the members can't be kept", "why", err)
			}
		}
	}
}

// replaceMembers puts out whoever the state does not name, and returns the replicas;
// it does nothing while the state names none, since the first members are in the book.
func (c *Coordinator) replaceMembers() ([]Peer, error) {
	c.entering.Lock()
	defer c.entering.Unlock()
	entries, members, joins := c.roster()
	if len(members) == 0 {
		return nil, nil
	}
	c.book.Joins(joins)
	return members, c.book.Replace(entries)
}

// others are the replicas but this one.
func (c *Coordinator) others() (out []transparency.Replica) {
	c.machine.View(func(s *state.State) {
		for _, r := range s.Replicas {
			if r.PeerID != c.ID() {
				out = append(out, transparency.Replica{Name: r.Name, PeerID: r.PeerID, Verifier: r.Verifier})
			}
		}
	})
	return out
}

// bootstrap commits the cluster's name and first replicas, if nobody has.
func (c *Coordinator) bootstrap(ctx context.Context) error {
	named := false
	c.machine.View(func(s *state.State) { named = s.Cluster != "" })
	if named {
		return nil
	}
	b := &possev1.Bootstrap{Cluster: c.config.Cluster, Origin: c.config.Origin}
	for _, p := range c.first {
		b.Replicas = append(b.Replicas, &possev1.ReplicaAddress{Name: p.Name, PeerId: p.PeerID, Verifier: p.Verifier, Addresses: p.Addresses})
	}
	r, err := c.Propose(ctx, &possev1.Command{Actor: "operator", Body: &possev1.Command_Bootstrap{Bootstrap: b}})
	if err == nil && r.Err != nil && r.Err.Reason != "CONFLICT" {
		err = r.Err
	}
	return err
}

// admitEvery is how often a leader looks whether an enrolled replica may become a
// member, or a learner a voter.
const admitEvery = 200 * time.Millisecond

// admitMembers adds enrolled replicas that are no members yet: first as learners,
// with a vote once they are up to date. One change at a time.
func (c *Coordinator) admitMembers(ctx context.Context) {
	tick := time.NewTicker(admitEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		status := c.raft.Status()
		known := map[string]bool{}
		for _, m := range status.Members {
			known[m.ID] = true
			if m.Voter || !m.Healthy {
				continue
			}
			if err := c.raft.AddVoter(ctx, m.ID); err != nil {
				c.config.Log.Warn("a replica could not be given a vote", "peer", m.ID, "why", err)
			}
		}
		for _, r := range c.others() {
			if known[r.PeerID] {
				continue
			}
			c.raft.Admit(r.PeerID, true)
			if err := c.raft.AddLearner(ctx, r.PeerID); err != nil {
				c.config.Log.Warn("a replica could not be added", "replica", r.Name, "why", err)
			}
		}
	}
}
