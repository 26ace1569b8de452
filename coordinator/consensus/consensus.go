package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	walfs "github.com/hashicorp/raft-wal/fs"

	"github.com/posse-dev/posse"
)

// Consensus is one replica. It is safe for concurrent use; close it.
type Consensus struct {
	config    Config
	raft      *raft.Raft
	bridge    *bridge
	store     *store
	log       raft.LogStore // the store behind raft's cache
	layer     *layer
	transport *transport
	followers *followers

	stop   chan struct{} // closed by Close
	silent chan struct{} // closed when nothing can leave the process any more
	failed chan error
	hush   sync.Once
	once   sync.Once
	closed error

	term    atomic.Uint64 // in which a barrier was passed as leader
	reads   reads
	pending pending
	tasks   sync.WaitGroup
}

// Open starts a replica: it verifies the log entry by entry, restores the newest
// snapshot and joins the others. ctx bounds the opening only.
//
// LOG_DAMAGED means that the disk lost or changed something acknowledged; the
// directory has been renamed, and what takes the replica's place must have a new
// identity.
func Open(ctx context.Context, config Config) (*Consensus, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := prepare(config.Dir, config.Host.ID()); err != nil {
		return nil, err
	}
	c := &Consensus{
		config: config, followers: newFollowers(config.Now),
		stop: make(chan struct{}), silent: make(chan struct{}), failed: make(chan error, 1),
	}
	err = c.open()
	if corrupt, ok := errors.AsType[*CorruptError](err); ok {
		err = damaged(corrupt.Index, corrupt.Why, err)
		if aside := setAside(config.Dir); aside != nil {
			config.Logger.Error("damaged log could not be renamed", "error", aside)
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Consensus) open() (err error) {
	if err := c.warnOfSlowDisk(); err != nil {
		return err
	}
	logger := newLogger(c.config.Logger)
	disk := c.config.Disk
	if disk == nil {
		disk = walfs.New()
	}
	c.store, err = openVerified(c.config.Dir, disk, c.config.SegmentBytes, logger, c.fail, c.silent)
	if err != nil {
		return openFailure(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.store.Close())
		}
	}()
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(c.config.Dir, snapshotsKept, logger)
	if err != nil {
		return fmt.Errorf("open snapshots: %w", err)
	}
	if err := covered(snapshots, c.store); err != nil {
		return err
	}
	c.log, err = raft.NewLogCache(logCache, c.store)
	if err != nil {
		return err
	}
	existing, err := raft.HasExistingState(c.store, c.store, snapshots)
	if err != nil {
		return err
	}
	if !existing && len(c.config.Bootstrap) == 0 && !c.config.Join {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "LOG_DAMAGED", Field: "log", Value: c.config.Dir,
			Message: "there is no log here, and nothing says to begin one",
			Hint:    "posse coordinator run --init begins a cluster, --join waits to be added to one",
		}
	}
	c.layer = newLayer(c.config.Host)
	c.transport = newTransport(c.layer, c.followers, logger)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.transport.Close())
		}
	}()
	settings := c.config.raft()
	if !existing && len(c.config.Bootstrap) > 0 {
		var first raft.Configuration
		for _, id := range c.config.Bootstrap {
			first.Servers = append(first.Servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
		}
		if err := raft.BootstrapCluster(settings, c.store, c.store, snapshots, c.transport, first); err != nil {
			return fmt.Errorf("begin cluster: %w", err)
		}
	}
	c.bridge = newBridge(c.config.FSM, c.layer.setMembers, c.fail, c.stop)
	c.raft, err = raft.NewRaft(settings, c.bridge, c.log, c.store, snapshots, c.transport)
	if err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	c.layer.setMembers(c.raft.GetConfiguration().Configuration())
	// A restored snapshot tells the bridge nothing of its index.
	restored, err := strconv.ParseUint(c.raft.Stats()["last_snapshot_index"], 10, 64)
	if err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	c.bridge.reach(restored)
	return nil
}

func openFailure(err error) error {
	if isDiskFull(err) {
		return diskFull(err)
	}
	return err
}

// covered checks that a whole snapshot holds what is no longer in the log.
func covered(snapshots raft.SnapshotStore, s *store) error {
	floor := s.mark.last.floor
	if floor == 0 {
		return nil
	}
	all, err := snapshots.List()
	if err != nil {
		return fmt.Errorf("list snapshots: %w", err)
	}
	for _, meta := range all {
		_, r, err := snapshots.Open(meta.ID) // checks every byte
		if err != nil {
			continue // raft, too, goes on to the one before
		}
		if err := r.Close(); err != nil {
			return fmt.Errorf("read snapshot: %w", err)
		}
		if meta.Index >= floor {
			return nil
		}
	}
	return &CorruptError{Index: floor, Why: "no whole snapshot holds what was compacted"}
}

// Names beside the log.
const (
	ownerName  = "owner"
	asideInfix = ".damaged-"
)

// prepare makes the directory, and refuses one that is another replica's, or one
// whose log was set aside as damaged while this identity owned it.
func prepare(dir, id string) error {
	for n := 1; ; n++ {
		owner, err := os.ReadFile(filepath.Join(aside(dir, n), ownerName))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return fmt.Errorf("read damaged log: %w", err)
		}
		if strings.TrimSpace(string(owner)) == id {
			return damaged(0, "it was set aside as "+aside(dir, n), nil)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return openFailure(fmt.Errorf("log directory: %w", err))
	}
	path := filepath.Join(dir, ownerName)
	owner, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
			return openFailure(fmt.Errorf("log directory: %w", err))
		}
		return syncDir(dir)
	case err != nil:
		return fmt.Errorf("log directory: %w", err)
	case strings.TrimSpace(string(owner)) != id:
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "LOG_DAMAGED", Field: "log", Value: "it is that of another replica",
			Message: "the log belongs to another identity", Hint: "give each replica its own directory",
		}
	}
	return nil
}

// setAside renames a damaged directory, so that it can be looked at and never be
// opened again.
func setAside(dir string) error {
	for n := 1; ; n++ {
		to := aside(dir, n)
		if _, err := os.Stat(to); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(dir, to)
		}
	}
}

func aside(dir string, n int) string { return filepath.Clean(dir) + asideInfix + strconv.Itoa(n) }

// fail records the first failure and takes the replica off the network: the others
// elect another leader, and no vote that was not stored leaves. It does not block.
func (c *Consensus) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
	c.tasks.Go(c.silence)
}

func (c *Consensus) silence() {
	c.hush.Do(func() {
		if c.transport != nil {
			_ = c.transport.Close()
		}
		close(c.silent)
	})
}

// Failed receives an error when the replica can no longer take part: its disk
// failed, or a command must not be applied by this version. Close it and exit.
func (c *Consensus) Failed() <-chan error { return c.failed }

// closeLongest bounds the wait for raft's answers: many leases.
const closeLongest = 15 * time.Second

// Close stops the replica at once, as a crash would but for the mark, which then
// covers the whole log. Leadership is not handed over: see [Consensus.Stop]. It
// returns when no goroutine is left.
func (c *Consensus) Close() error {
	c.once.Do(func() {
		close(c.stop)
		c.silence()
		// Without a majority a leader steps down within two leases, and then answers
		// everything that it was asked.
		c.pending.close(closeLongest)
		c.closed = errors.Join(c.raft.Shutdown().Error(), c.store.Close())
		c.tasks.Wait()
	})
	return c.closed
}

// Stop hands leadership over when this replica leads, takes a snapshot, and
// closes. Failing to do the first two does no harm and is not an error.
func (c *Consensus) Stop(ctx context.Context) error {
	if c.IsLeader() {
		if err := c.TransferLeadership(ctx); err != nil {
			c.config.Logger.Info("leadership was not handed over", "error", err)
		}
	}
	if ctx.Err() == nil {
		if err := c.TakeSnapshot(); err != nil {
			c.config.Logger.Warn("no snapshot was taken", "error", err)
		}
	}
	return c.Close()
}

var _ io.Closer = (*Consensus)(nil)

func itoa(n int) string { return strconv.Itoa(n) }

// until bounds a raft call by a context.
func until(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Until(deadline), time.Millisecond)
	}
	return 0
}

// TakeSnapshot writes a snapshot now and lets the log be compacted. Having nothing
// new to write is no error.
func (c *Consensus) TakeSnapshot() error {
	if err := c.raft.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("take snapshot: %w", err)
	}
	return nil
}
