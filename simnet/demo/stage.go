package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/admin"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/node"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
)

// stage is the platform: replicas and nodes, as separate as one process allows.
// They know each other's addresses and meet on loopback, through the same code as in
// a deployment.
type stage struct {
	cfg      Config
	replicas []*coordinator.Coordinator
	crowds   []*crowd

	mu   sync.Mutex
	dead map[*coordinator.Coordinator]bool
}

const loopback = "/ip4/127.0.0.1/udp/0/quic-v1"

// startReplicas begins a cluster whose replicas know each other from the start.
func (s *stage) startReplicas(ctx context.Context) error {
	var peers []coordinator.Peer
	for i := range s.cfg.Replicas {
		name := fmt.Sprintf("r%d", i+1)
		r, err := coordinator.New(coordinator.Config{
			Name: name, Dir: filepath.Join(s.cfg.Dir, name), Cluster: "demo", Init: true, Listen: []string{loopback}, Private: true,
			Requests: 10_000, Timing: consensus.Loopback(), CheckpointEvery: time.Second, SegmentBytes: 4 << 20,
			Now: s.cfg.Now, Log: s.cfg.Log.With("replica", name),
		})
		if err != nil {
			return err
		}
		s.mu.Lock() // the dashboard looks already
		s.replicas, peers = append(s.replicas, r), append(peers, r.Self())
		s.mu.Unlock()
	}
	for _, r := range s.replicas {
		r.Bootstrap(peers...)
		if err := r.Start(ctx); err != nil {
			return err
		}
	}
	return s.elected(ctx)
}

// elected waits until some replica leads.
func (s *stage) elected(ctx context.Context) error {
	for until := s.cfg.Now().Add(patience); s.cfg.Now().Before(until); {
		for _, r := range s.replicas {
			if !s.dead[r] && r.Leading() {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(look):
		}
	}
	return errors.New("no replica was elected")
}

// apply puts the experiment into force, as an operator would.
func (s *stage) apply(ctx context.Context, e *experiment.Experiment) error {
	command, err := admin.Application(e, nil, catalogue.Default(), len(s.crowds))
	if err != nil {
		return err
	}
	r, err := s.leader().Propose(ctx, &possev1.Command{
		Actor: "operator", Body: &possev1.Command_ApplyExperiment{ApplyExperiment: command},
	})
	if err != nil {
		return err
	}
	return r.Error()
}

// startNodes enrols every organisation with an invite of its own and starts it.
func (s *stage) startNodes(ctx context.Context, sc *scene) error {
	for j, stream := range sc.traffic.Nodes {
		expires := s.cfg.Now().Add(time.Hour).UnixMilli()
		text, err := s.leader().Invite(ctx, stream.ID, "node", uint64(max(1, stream.Share*10_000+0.5)), expires)
		if err != nil {
			return err
		}
		token, err := coordinator.ParseToken(text)
		if err != nil {
			return err
		}
		dir := filepath.Join(s.cfg.Dir, stream.ID)
		if _, err := node.Join(ctx, dir, inviteOf(token), true); err != nil {
			return err
		}
		limit := sc.experiment.Limit()
		n, err := node.New(node.Config{
			Dir: dir, Private: true, Noise: noise.Secure{}, Now: s.cfg.Now, Cost: sc.costs[j], Retry: 20 * time.Millisecond,
			Guard: guard.Limits{User: limit, Experiment: limit}, Log: s.cfg.Log.With("node", stream.ID),
		})
		if err != nil {
			return err
		}
		n.Start(ctx)
		s.crowds = append(s.crowds, &crowd{node: n, stream: stream, experiment: sc.experiment.Name})
	}
	return nil
}

func inviteOf(t coordinator.Token) node.Invite {
	in := node.Invite{Secret: t.Secret[:]}
	for _, r := range t.Replicas {
		in.Replicas = append(in.Replicas, node.Replica{Name: r.Name, PeerID: r.PeerID, Addresses: r.Addresses})
	}
	return in
}

// leader is the living replica that leads, or else any living one, which passes on
// what it is asked.
func (s *stage) leader() *coordinator.Coordinator {
	s.mu.Lock()
	defer s.mu.Unlock()
	var alive *coordinator.Coordinator
	for _, r := range s.replicas {
		if s.dead[r] {
			continue
		}
		if r.Leading() {
			return r
		}
		alive = r
	}
	return alive
}

// look reads the state of the replica that leads.
func (s *stage) look(f func(*state.State)) { s.leader().View(f) }

// kill ends the leading replica without a farewell: the others notice its silence.
func (s *stage) kill() error {
	l := s.leader()
	s.mu.Lock()
	s.dead[l] = true
	s.mu.Unlock()
	return l.Close()
}

// bundle is the whole log with a fresh checkpoint, as an outsider is given it.
func (s *stage) bundle(ctx context.Context) (verify.Bundle, error) {
	l := s.leader()
	if err := l.CommitCheckpoint(ctx); err != nil {
		return verify.Bundle{}, err
	}
	head, note, err := l.Head(ctx)
	if err != nil {
		return verify.Bundle{}, err
	}
	b := verify.Bundle{Checkpoints: [][]byte{note}, Origin: head.Origin, Threshold: len(s.replicas)/2 + 1}
	for _, r := range s.replicas {
		b.Verifiers = append(b.Verifiers, r.Self().Verifier)
	}
	for uint64(len(b.Leaves)) < head.Size {
		more, err := l.Leaves(uint64(len(b.Leaves)), 1000)
		if err != nil {
			return b, err
		}
		if len(more) == 0 {
			return b, errors.New("the log ends before its checkpoint")
		}
		b.Leaves = append(b.Leaves, more...)
	}
	b.Leaves = b.Leaves[:head.Size]
	b.Openings, err = l.Openings()
	return b, err
}

// close ends nodes first, so that none looks for a leader, then all replicas at once.
func (s *stage) close() error {
	var group errgroup.Group
	for _, c := range s.crowds {
		group.Go(c.node.Close)
	}
	err := group.Wait()
	var replicas errgroup.Group
	for _, r := range s.replicas {
		if !s.dead[r] {
			replicas.Go(r.Close)
		}
	}
	return errors.Join(err, replicas.Wait())
}
