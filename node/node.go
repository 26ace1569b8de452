package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/peer"
)

// Node is one organisation's node. Safe for concurrent use.
type Node struct {
	cfg      Config
	cluster  Cluster
	identity peer.Identity
	host     *peer.Host
	store    *store.Store
	guard    *guard.Guard
	keys     decision.Keys
	link     *link
	clock    clock

	// deciding is held from a decision's number to its writes, so that numbers reach
	// the disk in their order and those lost in a crash are the last ones.
	deciding sync.Mutex
	numbers  sequence
	stopped  bool // no decision any more

	mu          sync.RWMutex
	experiments map[string]*taken
	order       []string
	refused     map[string]string // experiment → why it is not taken part in; of the follow loop alone
	twin        bool              // another process speaks as this node; of the follow loop alone
	head        checkpoint.Head   // newest checkpoint that this node trusts
	changed     chan struct{}     // closed and replaced when something a caller may wait for changed

	kick   chan struct{} // a desk filled a leaf
	stop   context.CancelFunc
	ended  sync.WaitGroup
	closed sync.Once
}

// New opens a node's directory: identity, store, guard, and the experiments that
// it took part in when it stopped. Nothing is sent before [Node.Start].
func New(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	cluster, err := readCluster(cfg.Dir)
	if err != nil {
		return nil, err
	}
	identity, err := peer.LoadOrCreate(cfg.Dir)
	if err != nil {
		return nil, err
	}
	book := peer.NewBook()
	for _, r := range cluster.Replicas {
		if err := book.Set(peer.Entry{ID: r.PeerID, Role: peer.Replica, Addresses: r.Addresses}); err != nil {
			return nil, err
		}
	}
	n := &Node{
		cfg: cfg, cluster: cluster, identity: identity, experiments: map[string]*taken{}, refused: map[string]string{}, clock: newClock(cfg.Now),
		changed: make(chan struct{}), kick: make(chan struct{}, 1),
	}
	if n.store, err = store.Open(cfg.Dir, cfg.disk); err != nil {
		return nil, err
	}
	if err := n.load(); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	if n.host, err = peer.NewHost(peer.Config{Identity: identity, Book: book, Listen: cfg.Listen, Private: cfg.Private}); err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	n.link = newLink(n.host, cluster, cfg)
	return n, nil
}

// load reads what the node had when it stopped.
func (n *Node) load() error {
	var err error
	if n.guard, err = guard.New(n.cfg.Guard); err != nil {
		return err
	}
	if err := n.loadKeys(); err != nil {
		return err
	}
	var all []held
	var names []string
	if err := n.store.Each(bucketExperiments, func(k, v []byte) error {
		var h held
		if err := json.Unmarshal(v, &h); err != nil {
			return fmt.Errorf("experiment %s: %w", k, err)
		}
		all, names = append(all, h), append(names, string(k))
		return nil
	}); err != nil {
		return err
	}
	newest := uint64(0)
	for i, h := range all {
		m, err := mechanisms.DecodeModel(h.Model)
		if err != nil {
			return err
		}
		d, err := mechanisms.DecodeDescriptor(h.Descriptor)
		if err != nil {
			return err
		}
		t, err := n.take(names[i], h.File, m, d, h.Quota)
		if err != nil {
			return err
		}
		if h.Closed {
			t.desk.Stop()
			t.view.Closed = true
		}
		n.experiments[t.file.Name] = t
		n.order = append(n.order, t.file.Name)
		newest = max(newest, t.desk.Newest())
	}
	writes, err := n.numbers.open(n.store, newest)
	if err != nil {
		return err
	}
	n.store.Put(writes)
	return n.store.Sync()
}

// loadKeys reads the node's secrets for ids and pseudonyms, or makes them.
func (n *Node) loadKeys() error {
	if err := n.store.Each(bucketNode, func(k, v []byte) error {
		if string(k) == keyKeys && len(v) == 64 {
			n.keys = decision.Keys{ID: append([]byte(nil), v[:32]...), User: append([]byte(nil), v[32:]...)}
		}
		return nil
	}); err != nil {
		return err
	}
	if n.keys.ID != nil {
		return nil
	}
	fresh := make([]byte, 64)
	if _, err := rand.Read(fresh); err != nil {
		return err
	}
	n.keys = decision.Keys{ID: fresh[:32:32], User: fresh[32:]}
	n.store.Put([]store.Write{{Bucket: bucketNode, Key: []byte(keyKeys), Value: fresh}})
	return n.store.Sync()
}

// Start begins to follow the coordinator until Close or the end of ctx. Decisions
// and rewards work with and without it.
func (n *Node) Start(ctx context.Context) {
	ctx, n.stop = context.WithCancel(ctx)
	n.ended.Go(func() { n.follow(ctx) })
}

// Close stops following, writes what is left and closes the store. Decisions that
// were given are there after the next start; whoever calls [Node.Decide] or
// [Node.Reward] meanwhile or later gets [ErrClosed].
func (n *Node) Close() error {
	var err error
	n.closed.Do(func() {
		if n.stop != nil {
			n.stop()
		}
		n.ended.Wait()
		err = n.host.Close() // after its users: a dial meanwhile would outlive it
		n.deciding.Lock()
		n.stopped = true
		n.store.Put(n.numbers.end())
		n.deciding.Unlock()
		err = errors.Join(err, n.store.Close())
	})
	return err
}

// ErrClosed is behind the errors of a node after [Node.Close].
var ErrClosed = store.ErrClosed

// Name is the node's name in its cluster, ID its peer id.
func (n *Node) Name() string { return n.cluster.Name }

// ID is the node's peer id.
func (n *Node) ID() string { return n.identity.ID() }

// notify wakes everybody who waits for a change.
func (n *Node) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.changed)
	n.changed = make(chan struct{})
}

// Changed is closed at the next change of experiments, versions or rounds.
func (n *Node) Changed() <-chan struct{} {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.changed
}

func (n *Node) nowMS() int64 { return n.clock.ms() }
