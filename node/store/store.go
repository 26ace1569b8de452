package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/posse-dev/posse"
)

// Write sets one key of one bucket; a nil Value deletes it. What it points to
// belongs to the store from [Store.Put] on.
type Write struct {
	Bucket string
	Key    []byte
	Value  []byte
}

// flushAfter bounds how long a write waits for company before it is committed.
const flushAfter = 5 * time.Millisecond

// ErrClosed is behind the error of a [Store.Sync] after [Store.Close]: what was
// put since is on no disk.
var ErrClosed = errors.New("the node's store is closed")

// Options say how a store is opened. The zero value is the real disk alone.
type Options struct {
	// Around is called in place of every commit, counted from 0, and makes it by
	// calling commit: where simulated disks fail and simulated processes die. nil
	// commits.
	Around func(n uint64, commit func() error) error
}

// Store is the node's durable state. Safe for concurrent use.
type Store struct {
	db      *bbolt.DB
	path    string
	options Options
	commits uint64 // by run alone

	mu      sync.Mutex
	pending map[place][]byte // last value of each place since the last commit; nil: deleted
	asked   uint64           // calls of Put so far
	done    uint64           // of them, those on the disk
	hurry   bool             // somebody waits
	err     error            // final
	waiters []waiter
	closing bool
	kick    chan struct{}
	closed  chan struct{}
	ended   sync.WaitGroup
}

type place struct{ bucket, key string }

type waiter struct {
	until uint64
	ready chan struct{}
}

// Open opens or creates the store in dir. A directory that another process has
// open is refused.
func Open(dir string, options Options) (*Store, error) {
	path := filepath.Join(dir, "node.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "IN_USE", Field: "dir", Value: dir, Message: "another process uses this directory",
			Hint: "stop it, or give this node a directory of its own", Cause: err,
		}
	}
	if full(err) {
		return nil, explain(path, err)
	}
	if err != nil {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "FILE_UNWRITABLE", Field: "dir", Value: dir, Allowed: "a directory that this process may read and write",
			Message: "the node's store can't be opened: " + err.Error(), Hint: "run the node as who owns the directory and node.db in it", Cause: err,
		}
	}
	s := &Store{
		db: db, path: path, options: options, pending: map[place][]byte{}, kick: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	s.ended.Add(1)
	go s.run()
	return s, nil
}

// Each calls f for every key of a bucket, in order. It sees what is on the disk.
func (s *Store) Each(bucket string, f func(key, value []byte) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		return b.ForEach(f)
	})
}

// Put adds writes. They reach the disk together or not at all, after everything
// put before them. It does not wait, so it may be called under a lock, and must be
// where the order of two writers' values matters. Only the last value of a place
// is kept, so what waits for a slow disk is never more than what there is to store.
func (s *Store) Put(writes []Write) {
	if len(writes) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.closing {
		s.asked++ // it never will be done: Sync says so
		return
	}
	for _, w := range writes {
		s.pending[place{w.Bucket, string(w.Key)}] = w.Value
	}
	s.asked++
	s.wake()
}

// Sync waits until everything that was put before is on the disk. After an error
// nothing more will be written.
func (s *Store) Sync() error {
	s.mu.Lock()
	if s.err != nil || s.done == s.asked {
		defer s.mu.Unlock()
		return s.err
	}
	if s.closing {
		defer s.mu.Unlock()
		return ErrClosed
	}
	w := waiter{until: s.asked, ready: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.hurry = true
	s.wake()
	s.mu.Unlock()
	<-w.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.done < w.until {
		return ErrClosed
	}
	return s.err
}

// Err is the final error, if there was one.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close writes what is left and closes the file. Whoever waits in [Store.Sync] is
// answered. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	close(s.closed)
	s.ended.Wait()
	return errors.Join(s.Err(), s.db.Close())
}

func (s *Store) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run commits until Close, and once more then.
func (s *Store) run() {
	defer s.ended.Done()
	for {
		select {
		case <-s.closed:
			s.flush()
			return
		case <-s.kick:
		}
		s.gather()
		s.flush()
	}
}

// gather waits for company until somebody is in a hurry.
func (s *Store) gather() {
	timer := time.NewTimer(flushAfter)
	defer timer.Stop()
	for {
		s.mu.Lock()
		hurry := s.hurry
		s.mu.Unlock()
		if hurry {
			return
		}
		select {
		case <-timer.C:
			return
		case <-s.closed:
			return
		case <-s.kick:
		}
	}
}

// flush commits what is pending as one transaction and answers those who waited
// for it. Waiters who came meanwhile have kicked again.
func (s *Store) flush() {
	s.mu.Lock()
	batch, until, failed := s.pending, s.asked, s.err
	s.pending, s.hurry = map[place][]byte{}, false
	s.mu.Unlock()
	if failed == nil && len(batch) > 0 {
		failed = s.commit(batch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed != nil {
		s.err = failed
	} else {
		s.done = until
	}
	var rest []waiter
	for _, w := range s.waiters {
		if w.until <= until || s.err != nil || s.closing {
			close(w.ready)
		} else {
			rest = append(rest, w)
		}
	}
	s.waiters = rest
}

func (s *Store) commit(batch map[place][]byte) error {
	update := func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			for p, value := range batch {
				b, err := tx.CreateBucketIfNotExists([]byte(p.bucket))
				if err != nil {
					return err
				}
				if value == nil {
					err = b.Delete([]byte(p.key))
				} else {
					err = b.Put([]byte(p.key), value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	n := s.commits
	s.commits++
	var err error
	if s.options.Around != nil {
		err = s.options.Around(n, update)
	} else {
		err = update()
	}
	if err != nil {
		return explain(s.path, err)
	}
	return nil
}

// explain gives a full disk its reason; everything else is the system's word.
func explain(path string, err error) error {
	if full(err) {
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "DISK_FULL", Field: "dir", Value: path, Message: "the node's disk is full",
			Hint: "free space and start the node again: until then it acknowledges no reward, releases nothing and goes on deciding", Cause: err,
		}
	}
	return fmt.Errorf("write the node's store: %w", err)
}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
