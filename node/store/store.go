package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/posse-dev/posse"
)

// Write sets one key of one bucket; a nil Value deletes it.
type Write struct {
	Bucket string
	Key    []byte
	Value  []byte
}

// flushAfter bounds how long a write waits for company before it is committed.
const flushAfter = 5 * time.Millisecond

// Store is the node's durable state. Safe for concurrent use.
type Store struct {
	db   *bbolt.DB
	path string

	mu      sync.Mutex
	pending []Write
	asked   uint64 // writes put so far
	done    uint64 // of them, those on the disk
	hurry   bool   // somebody waits
	err     error  // final
	waiters []waiter
	kick    chan struct{}
	closed  chan struct{}
	ended   sync.WaitGroup
}

type waiter struct {
	until uint64
	ready chan struct{}
}

// Open opens or creates the store in dir. A directory that another process has
// open is refused.
func Open(dir string) (*Store, error) {
	path := filepath.Join(dir, "node.db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bbolt.ErrTimeout) {
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "IN_USE", Field: "dir", Value: dir, Message: "another process uses this directory",
			Hint: "stop it, or give this node a directory of its own", Cause: err,
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the node's store: %w", err)
	}
	s := &Store{db: db, path: path, kick: make(chan struct{}, 1), closed: make(chan struct{})}
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
// put before them.
func (s *Store) Put(writes []Write) {
	if len(writes) == 0 {
		return
	}
	s.mu.Lock()
	s.pending = append(s.pending, writes...)
	s.asked += uint64(len(writes))
	s.mu.Unlock()
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
	w := waiter{until: s.asked, ready: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.hurry = true
	s.mu.Unlock()
	s.wake()
	<-w.ready
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Err is the final error, if there was one.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close writes what is left and closes the file.
func (s *Store) Close() error {
	err := s.Sync()
	close(s.closed)
	s.ended.Wait()
	return errors.Join(err, s.db.Close())
}

func (s *Store) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func (s *Store) run() {
	defer s.ended.Done()
	for {
		select {
		case <-s.closed:
			return
		case <-s.kick:
		}
		s.mu.Lock()
		hurry := s.hurry
		s.mu.Unlock()
		if !hurry {
			timer := time.NewTimer(flushAfter)
		wait:
			for {
				select {
				case <-timer.C:
					break wait
				case <-s.closed:
					timer.Stop()
					return
				case <-s.kick:
					s.mu.Lock()
					hurry = s.hurry
					s.mu.Unlock()
					if hurry {
						timer.Stop()
						break wait
					}
				}
			}
		}
		s.flush()
	}
}

// flush commits what is pending as one transaction. The last write of a key wins,
// so that a hot key costs one put.
func (s *Store) flush() {
	s.mu.Lock()
	batch, until := s.pending, s.asked
	s.pending, s.hurry = nil, false
	failed := s.err
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
		if w.until <= until || s.err != nil {
			close(w.ready)
		} else {
			rest = append(rest, w)
		}
	}
	s.waiters = rest
	if len(rest) > 0 {
		s.hurry = true
		s.wake()
	}
}

func (s *Store) commit(batch []Write) error {
	type key struct{ bucket, key string }
	last := make(map[key]int, len(batch))
	for i, w := range batch {
		last[key{w.Bucket, string(w.Key)}] = i
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for i, w := range batch {
			if last[key{w.Bucket, string(w.Key)}] != i {
				continue
			}
			b, err := tx.CreateBucketIfNotExists([]byte(w.Bucket))
			if err != nil {
				return err
			}
			if w.Value == nil {
				err = b.Delete(w.Key)
			} else {
				err = b.Put(w.Key, w.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, syscall.ENOSPC) {
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "DISK_FULL", Field: "dir", Value: s.path, Message: "the node's disk is full",
			Hint: "free space and start the node again: it acknowledges nothing more and goes on deciding", Cause: err,
		}
	}
	if err != nil {
		return fmt.Errorf("write the node's store: %w", err)
	}
	return nil
}
