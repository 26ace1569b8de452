package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
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
	// Charge says that the value is what was spent, which never shrinks: of a batch
	// that a crash cut, and that was acknowledged to nobody, the charges are kept.
	Charge bool
}

const (
	// flushAfter bounds how long a write waits for company before it is committed.
	flushAfter = 5 * time.Millisecond
	// company bounds how often a commit lets others put first.
	company = 64
)

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
	dir     string
	options Options
	base    *base

	journal *journal // these two by run alone
	commits uint64

	mu      sync.Mutex
	pending map[place]value // last value of each place since the last commit
	asked   uint64          // calls of Put so far
	done    uint64          // of them, those on the disk
	hurry   bool            // somebody waits
	err     error           // final
	now     *flight         // the commit under way
	next    *flight         // the one after it
	closing bool
	kick    chan struct{}
	closed  chan struct{}
	ended   sync.WaitGroup
}

type place struct{ bucket, key string }

// value is nil bytes where the place was deleted.
type value struct {
	bytes  []byte
	charge bool
}

// flight is a commit and who waits for it.
type flight struct {
	until uint64 // calls of Put in it, once it is under way
	done  chan struct{}
	err   error // before done is closed
}

func newFlight() *flight { return &flight{done: make(chan struct{})} }

// Open opens or creates the store in dir. A directory that another process has
// open is refused, and so is one whose files do not belong together or are damaged
// where no crash damages them: an empty budget is never made of a lost one.
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
		return nil, explain(dir, err)
	}
	if err != nil {
		return nil, unopened(dir, err)
	}
	b, j, err := openBase(db, dir)
	if err != nil {
		_ = db.Close()
		if full(err) {
			return nil, explain(dir, err)
		}
		return nil, unopened(dir, err)
	}
	s := &Store{
		dir: dir, options: options, base: b, journal: j, pending: map[place]value{}, next: newFlight(),
		kick: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	s.ended.Add(1)
	go s.run()
	return s, nil
}

// unopened is why a store can't be opened.
func unopened(dir string, err error) error {
	var told *posse.Error
	if errors.As(err, &told) {
		return err
	}
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "FILE_UNWRITABLE", Field: "dir", Value: dir, Allowed: "a directory that this process may read and write",
		Message: "the node's store can't be opened: " + err.Error(), Hint: "run the node as who owns the directory and what is in it", Cause: err,
	}
}

// Each calls f for every key of a bucket, in order. It sees what is on the disk.
func (s *Store) Each(bucket string, f func(key, value []byte) error) error {
	return s.base.each(bucket, f)
}

// Put adds writes. They reach the disk together or not at all (but for [Write.Charge]),
// after everything put before them. It does not wait, so it may be called under a lock, and must be
// where the order of two writers' values matters. Only the last value of a place
// is kept, so what waits for a slow disk is never more than what there is to store.
func (s *Store) Put(writes []Write) {
	if len(writes) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.err != nil || s.closing {
		return // it never will be done: Sync says so
	}
	for _, w := range writes {
		s.pending[place{w.Bucket, string(w.Key)}] = value{w.Value, w.Charge}
	}
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
	mine := s.next
	if s.now != nil && s.asked <= s.now.until {
		mine = s.now
	} else {
		s.hurry = true
		s.wake()
	}
	s.mu.Unlock()
	<-mine.done
	return mine.err
}

// Err is the final error, if there was one.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close writes what is left and closes the files. Whoever waits in [Store.Sync] is
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
	return errors.Join(s.Err(), s.base.close(s.journal, s.Err() == nil))
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

// gather waits for company until somebody is in a hurry, and then lets those put
// who are about to: who was answered by the last commit is often back at once.
func (s *Store) gather() {
	var timer <-chan time.Time
	for {
		hurry, before := s.waiting()
		if hurry {
			for range company {
				runtime.Gosched()
				_, asked := s.waiting()
				if asked == before {
					return
				}
				before = asked
			}
			return
		}
		if timer == nil {
			timer = time.After(flushAfter)
		}
		select {
		case <-timer:
			return
		case <-s.closed:
			return
		case <-s.kick:
		}
	}
}

func (s *Store) waiting() (hurry bool, asked uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hurry, s.asked
}

// flush commits what is pending as one batch and answers those who waited for it.
// Waiters who came meanwhile have kicked again.
func (s *Store) flush() {
	s.mu.Lock()
	batch, failed := s.pending, s.err
	flight := s.next
	flight.until = s.asked
	s.now, s.next = flight, newFlight()
	s.pending, s.hurry = make(map[place]value, len(batch)), false // as many again, most likely
	s.mu.Unlock()
	if failed == nil && len(batch) > 0 {
		failed = s.commit(batch)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if failed != nil {
		s.err = failed
	} else {
		s.done = flight.until
	}
	flight.err, s.now = s.err, nil
	close(flight.done)
}

func (s *Store) commit(batch map[place]value) error {
	update := func() error {
		err := s.journal.append(batch)
		if err == nil {
			s.journal, err = s.base.committed(batch, s.journal)
		}
		return err
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
		return explain(s.dir, err)
	}
	return nil
}

// explain gives a full disk its reason; everything else is the system's word.
func explain(dir string, err error) error {
	if full(err) {
		return &posse.Error{
			Code: posse.ResourceExhausted, Reason: "DISK_FULL", Field: "dir", Value: dir, Message: "the node's disk is full",
			Hint: "free space and start the node again: until then it acknowledges no reward, releases nothing and goes on deciding", Cause: err,
		}
	}
	return fmt.Errorf("write the node's store: %w", err)
}

func full(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
