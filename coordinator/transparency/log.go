package transparency

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

var bucketLeaves = []byte("leaves") // sequence, big endian → leaf

// flushEvery is how long a leaf may wait for the disk; it is kept in memory
// meanwhile, and in the Raft log anyway.
const flushEvery = 50 * time.Millisecond

// openTimeout bounds the wait for another process that holds the file.
const openTimeout = 2 * time.Second

// Log is a replica's copy of the transparency log. It is safe for concurrent use.
type Log struct {
	db *bbolt.DB

	mu      sync.Mutex
	tree    checkpoint.Tree
	pending [][]byte // leaves of the tree that are not on the disk yet, the newest ones
	gap     *gap     // what a snapshot skipped, nil when nothing is missing
	failed  error
	grown   chan struct{} // closed and replaced when the tree grows

	stop chan struct{}
	done sync.WaitGroup
}

// gap is what must be fetched: the tree's size to size, which has root; ahead holds
// the leaves that came after it meanwhile.
type gap struct {
	size  uint64
	root  []byte
	ahead [][]byte
}

// ErrForked says that this replica's copy and the state disagree about a leaf.
var ErrForked = errors.New("the stored log differs from the state")

// Open opens the log in a file, or makes it.
func Open(path string) (*Log, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: openTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "IN_USE", Field: "dir", Value: filepath.Dir(path),
			Message: "another process uses this directory", Hint: "stop it, or give this replica a directory of its own", Cause: err,
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the transparency log: %w", err)
	}
	l := &Log{db: db, grown: make(chan struct{}), stop: make(chan struct{})}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketLeaves)
		if err != nil {
			return err
		}
		return b.ForEach(func(k, v []byte) error {
			if len(k) != 8 || binary.BigEndian.Uint64(k) != l.tree.Size() {
				return damaged(l.tree.Size())
			}
			if leaf, err := checkpoint.DecodeLeaf(v); err != nil || leaf.Sequence != l.tree.Size() {
				return damaged(l.tree.Size())
			}
			l.tree.Append(checkpoint.Hash(v))
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.done.Go(l.follow)
	return l, nil
}

func damaged(at uint64) error {
	return &posse.Error{
		Code: posse.DataLoss, Reason: "LOG_DAMAGED", Field: "transparency log", Value: fmt.Sprintf("leaf %d", at),
		Message: "the transparency log's file is damaged",
		Hint:    "delete the file: the replica fetches the log again from the others",
	}
}

// follow writes pending leaves to the disk, in groups.
func (l *Log) follow() {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = l.Flush() // kept in failed
		case <-l.stop:
			return
		}
	}
}

// Append takes the leaf of a command that was applied. A leaf that is known must be
// the same; one that is ahead of a gap waits.
func (l *Log) Append(sequence uint64, leaf []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.gap; g != nil && sequence >= g.size {
		if sequence == g.size+uint64(len(g.ahead)) {
			g.ahead = append(g.ahead, leaf)
		}
		return nil
	}
	return l.add(sequence, leaf)
}

func (l *Log) add(sequence uint64, leaf []byte) error {
	switch size := l.tree.Size(); {
	case sequence < size:
		if known, err := l.tree.Node(0, sequence); err != nil || !bytes.Equal(known, checkpoint.Hash(leaf)) {
			return fmt.Errorf("leaf %d: %w", sequence, ErrForked)
		}
		return nil
	case sequence > size:
		return fmt.Errorf("leaf %d after %d leaves: %w", sequence, size, ErrForked)
	}
	l.tree.Append(checkpoint.Hash(leaf))
	l.pending = append(l.pending, leaf)
	close(l.grown)
	l.grown = make(chan struct{})
	return nil
}

// Restored says that the state was taken from a snapshot whose log has this size
// and root. What is not here becomes a gap.
func (l *Log) Restored(size uint64, root []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if size > l.tree.Size() {
		l.gap = &gap{size: size, root: bytes.Clone(root)}
		return nil
	}
	l.gap = nil
	own, err := l.tree.Root(size)
	if err != nil {
		return err
	}
	if !bytes.Equal(own, root) {
		return fmt.Errorf("root of %d leaves: %w", size, ErrForked)
	}
	return nil
}

// Missing returns the range [from, to) of leaves to fetch, to = 0 when none is
// missing.
func (l *Log) Missing() (from, to uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gap == nil {
		return 0, 0
	}
	return l.tree.Size(), l.gap.size
}

// Fill takes all missing leaves from another replica, from the first on. They are
// taken on only when they lead to the snapshot's root; who sent them need not be
// trusted.
func (l *Log) Fill(leaves [][]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gap
	if g == nil {
		return nil
	}
	from := l.tree.Size()
	if from+uint64(len(leaves)) != g.size {
		return fmt.Errorf("%d leaves for a gap of %d", len(leaves), g.size-from)
	}
	trial, err := l.rangeOf(from)
	if err != nil {
		return err
	}
	for i, leaf := range leaves {
		if decoded, err := checkpoint.DecodeLeaf(leaf); err != nil || decoded.Sequence != from+uint64(i) {
			return fmt.Errorf("leaf %d: %w", from+uint64(i), ErrForked)
		}
		if err := trial.Append(checkpoint.Hash(leaf)); err != nil {
			return err
		}
	}
	if root, err := trial.Root(); err != nil || !bytes.Equal(root, g.root) {
		return fmt.Errorf("fetched leaves: %w", ErrForked)
	}
	l.gap = nil
	for _, leaf := range append(leaves, g.ahead...) {
		if err := l.add(l.tree.Size(), leaf); err != nil {
			return err
		}
	}
	return nil
}

// rangeOf is the compact range of the first size leaves.
func (l *Log) rangeOf(size uint64) (*checkpoint.Range, error) {
	r := new(checkpoint.Range)
	for i := range size {
		hash, err := l.tree.Node(0, i)
		if err != nil {
			return nil, err
		}
		if err := r.Append(hash); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Flush returns when every leaf so far is on the disk. A snapshot of the state waits
// for it: what is before the snapshot is not applied again.
func (l *Log) Flush() error {
	l.mu.Lock()
	batch, end := l.pending, l.tree.Size()
	failed := l.failed
	l.mu.Unlock()
	if failed != nil || len(batch) == 0 {
		return failed
	}
	first := end - uint64(len(batch))
	err := l.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketLeaves)
		b.FillPercent = 1 // keys only grow
		for i, leaf := range batch {
			if err := b.Put(binary.BigEndian.AppendUint64(nil, first+uint64(i)), leaf); err != nil {
				return err
			}
		}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = fmt.Errorf("write the transparency log: %w", err)
		return l.failed
	}
	// Another flush may have written some of these already; pending only loses from
	// its front.
	if written := int(end) - int(l.tree.Size()) + len(l.pending); written > 0 {
		l.pending = l.pending[written:]
	}
	return nil
}

// Size returns the number of leaves.
func (l *Log) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.Size()
}

// Grown returns a channel that is closed when the log has more leaves than now.
func (l *Log) Grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}

// Root returns the root over the first size leaves.
func (l *Log) Root(size uint64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.Root(size)
}

// Inclusion proves that leaf index is among the first size leaves.
func (l *Log) Inclusion(index, size uint64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.Inclusion(index, size)
}

// Consistency proves that the first size1 leaves are the beginning of the first
// size2.
func (l *Log) Consistency(size1, size2 uint64) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.Consistency(size1, size2)
}

// Leaves returns the leaves [from, from+limit), fewer at the end, at most about
// maxBytes of them.
func (l *Log) Leaves(from uint64, limit, maxBytes int) ([][]byte, error) {
	l.mu.Lock()
	end := l.tree.Size()
	pending := l.pending
	l.mu.Unlock()
	first := end - uint64(len(pending))
	var out [][]byte
	total := 0
	room := func(leaf []byte) bool {
		total += len(leaf)
		return len(out) == 0 || total <= maxBytes
	}
	if from < first {
		if err := l.db.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket(bucketLeaves).Cursor()
			for k, v := c.Seek(binary.BigEndian.AppendUint64(nil, from)); k != nil && len(out) < limit; k, v = c.Next() {
				if binary.BigEndian.Uint64(k) >= first || !room(v) {
					return nil
				}
				out = append(out, bytes.Clone(v))
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("read the transparency log: %w", err)
		}
	}
	for at := from + uint64(len(out)); at >= first && at < end && len(out) < limit; at++ {
		leaf := pending[at-first]
		if !room(leaf) {
			break
		}
		out = append(out, leaf)
	}
	return out, nil
}

// Close writes what is pending and closes the file.
func (l *Log) Close() error {
	close(l.stop)
	l.done.Wait()
	return errors.Join(l.Flush(), l.db.Close())
}
