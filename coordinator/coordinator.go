package coordinator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/consensus"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/transparency"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/wire"
)

// Names inside the directory of a replica.
const (
	raftDir       = "raft"
	leavesFile    = "leaves.db"
	openingsFile  = "openings.jsonl"
	checkpointKey = "checkpoint.key"
)

// Coordinator is one replica. Make it with [New], then [Coordinator.Start] it, and
// [Coordinator.Close] it in any case. It is safe for concurrent use.
type Coordinator struct {
	config   Config
	identity peer.Identity
	signer   checkpoint.Signer
	book     *peer.Book
	host     *peer.Host
	machine  *state.Machine
	log      *transparency.Log
	openings *openings
	cosigner *transparency.Cosigner
	raft     *consensus.Consensus // nil until Start
	started  atomic.Bool          // raft may be asked by whoever did not call Start
	first    []Peer               // members of a cluster that begins
	joins    *peer.Refusals

	leading  atomic.Pointer[leadership] // nil while this replica does not lead
	history  *history
	changed  chan struct{} // holds one: something changed that no round did
	enrolled chan struct{} // holds one: members changed
	failed   chan error    // holds the first failure

	entering sync.Mutex // between reading who is a member and changing the book

	mu    sync.Mutex
	moved chan struct{} // closed and replaced when commands were applied

	admin       *http.Server
	adminListen net.Listener
	dashboard   string // one-time token of the dashboard

	ctx    context.Context // ends at Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	closed sync.Once
}

// New makes a replica: it reads or makes its keys, opens its files and listens. It
// does not speak to anybody before [Coordinator.Start].
func New(config Config) (c *Coordinator, err error) {
	if config, err = config.withDefaults(); err != nil {
		return nil, err
	}
	c = &Coordinator{
		config: config, book: peer.NewBook(), machine: state.New(), joins: peer.NewRefusals(config.Now), history: newHistory(),
		changed: make(chan struct{}, 1), enrolled: make(chan struct{}, 1), failed: make(chan error, 1), moved: make(chan struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	made := c // what a failure below leaves open; c is nil by then
	defer func() {
		if err != nil {
			err = errors.Join(err, made.Close())
		}
	}()
	if c.identity, err = peer.LoadOrCreate(config.Dir); err != nil {
		return nil, err
	}
	key, err := peer.LoadOrCreateKey(config.Dir, checkpointKey)
	if err != nil {
		return nil, err
	}
	if c.signer, err = checkpoint.NewSigner(config.Name, key); err != nil {
		return nil, err
	}
	if c.log, err = transparency.Open(filepath.Join(config.Dir, leavesFile)); err != nil {
		return nil, err
	}
	if c.openings, err = openOpenings(filepath.Join(config.Dir, openingsFile)); err != nil {
		return nil, err
	}
	if err := c.readMembers(); err != nil {
		return nil, err
	}
	if c.host, err = peer.NewHost(peer.Config{
		Identity: c.identity, Listen: config.Listen, Book: c.book, Private: config.Private, Requests: config.Requests, Now: config.Now,
	}); err != nil {
		return nil, err
	}
	c.cosigner = &transparency.Cosigner{
		Log: c.log, Name: config.Name, Signer: c.signer, Origin: c.origin, Others: c.others, Ask: c.askCosign,
	}
	if config.Admin != "" {
		if err := c.listenAdmin(); err != nil {
			return nil, err
		}
	}
	c.first = []Peer{c.Self()}
	return c, nil
}

// Self is this replica as the others must know it.
func (c *Coordinator) Self() Peer {
	addresses := c.config.Advertise
	if len(addresses) == 0 {
		addresses = c.host.Addresses()
	}
	return Peer{Name: c.config.Name, PeerID: c.identity.ID(), Verifier: c.signer.Key(), Addresses: addresses}
}

// Bootstrap names all first members of a cluster that begins with several replicas
// at once, the same on each of them, before [Coordinator.Start]. Without it a
// replica begins alone.
func (c *Coordinator) Bootstrap(peers ...Peer) { c.first = slices.Clone(peers) }

// Start joins the cluster, or begins it, and serves. ctx bounds the start only.
func (c *Coordinator) Start(ctx context.Context) error {
	begin := c.config.Init
	for _, p := range c.first {
		if begin {
			if err := c.book.Set(p.entry()); err != nil {
				return err
			}
		}
	}
	dir := filepath.Join(c.config.Dir, raftDir)
	if c.config.Join != "" && !exists(dir) {
		if err := c.join(ctx); err != nil {
			return err
		}
	}
	settings := consensus.Config{
		Dir: dir, Host: c.host, FSM: applier{c}, Timing: c.config.Timing, Logger: c.config.Log,
		SegmentBytes: c.config.SegmentBytes, Now: c.config.Now, Join: c.config.Join != "", CommandLimit: wire.CommandMax,
	}
	if begin {
		for _, p := range c.first {
			settings.Bootstrap = append(settings.Bootstrap, p.PeerID)
		}
	}
	raft, err := consensus.Open(ctx, settings)
	if err != nil {
		return err
	}
	c.raft = raft
	c.started.Store(true)
	c.serve()
	c.tasks.Go(c.followLeadership)
	c.tasks.Go(c.keepCheckpoints)
	c.tasks.Go(c.fillLog)
	c.tasks.Go(c.watchLeader)
	c.tasks.Go(c.keepMembers)
	c.tasks.Go(func() {
		select {
		case err := <-raft.Failed():
			c.fail(err)
		case <-c.ctx.Done():
		}
	})
	if c.admin != nil {
		c.tasks.Go(func() {
			if err := c.admin.Serve(c.adminListen); !errors.Is(err, http.ErrServerClosed) {
				c.fail(err)
			}
		})
	}
	return nil
}

// Failed receives an error when the replica can no longer take part: its disk
// failed, its log is damaged, or a newer version wrote a command. Close it and exit.
func (c *Coordinator) Failed() <-chan error { return c.failed }

func (c *Coordinator) fail(err error) {
	c.config.Log.Error("the replica stops", "reason", posse.As(err).Reason, "why", err)
	select {
	case c.failed <- err:
	default:
	}
}

// Run starts the replica and stays until ctx ends or it fails. When it ends in peace
// leadership is handed over first and the newest head is signed.
func (c *Coordinator) Run(ctx context.Context) error {
	if err := c.Start(ctx); err != nil {
		return errors.Join(err, c.Close())
	}
	select {
	case err := <-c.failed:
		return errors.Join(err, c.Close())
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	return c.Stop(stopping)
}

// stopTime bounds a stop in peace.
const stopTime = 5 * time.Second

// Stop signs the newest head, hands leadership over, takes a snapshot and closes.
func (c *Coordinator) Stop(ctx context.Context) error {
	if c.raft != nil {
		if c.leading.Load() != nil {
			_ = c.CommitCheckpoint(ctx) // the head is signed later, by another leader
		}
		c.stopServing()
		_ = c.raft.Stop(ctx)
	}
	return c.Close()
}

// Close stops at once, as a crash would, but leaves no goroutine and no open file.
func (c *Coordinator) Close() (err error) {
	c.closed.Do(func() {
		c.stopServing()
		if c.raft != nil {
			err = errors.Join(err, c.raft.Close())
		}
		c.tasks.Wait()
		if c.host != nil {
			err = errors.Join(err, c.host.Close())
		}
		if c.log != nil {
			err = errors.Join(err, c.log.Close())
		}
		if c.openings != nil {
			err = errors.Join(err, c.openings.close())
		}
	})
	return err
}

func (c *Coordinator) stopServing() {
	c.cancel()
	if c.admin != nil {
		_ = c.admin.Close()
		_ = c.adminListen.Close() // Serve may never have begun
	}
}

// ID returns the replica's peer id.
func (c *Coordinator) ID() string { return c.identity.ID() }

// Name returns the replica's name.
func (c *Coordinator) Name() string { return c.config.Name }

// Leading reports whether this replica leads and serves.
func (c *Coordinator) Leading() bool { return c.leading.Load() != nil }

// View calls f with the state that this replica has applied; f only reads and keeps
// nothing.
func (c *Coordinator) View(f func(*state.State)) { c.machine.View(f) }

// Status returns what this replica knows of its cluster.
func (c *Coordinator) Status() consensus.Status { return c.raft.Status() }

func (c *Coordinator) nowMS() int64 { return c.config.Now().UnixMilli() }

func (c *Coordinator) origin() (origin string) {
	c.machine.View(func(s *state.State) { origin = s.Origin })
	return origin
}
