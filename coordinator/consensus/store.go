package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/types"
)

// markEvery is how often the durable mark follows the log while it moves. What is
// appended after the last mark is not covered by it: that is the residual risk.
const markEvery = 100 * time.Millisecond

// store is the log that raft sees. It gives back exactly what was stored, or an
// error that names the entry; after a failed write it takes no other.
type store struct {
	inner *walStore
	mark  *markFile

	mu     sync.Mutex // writes, and the mark
	tip    mark       // the last entry stored, not yet marked when it differs from mark.last
	failed error      // the first failed write; final
	fail   func(error)

	silent <-chan struct{} // closed when nothing can leave the process any more
	stop   chan struct{}
	done   chan struct{}
}

// openVerified opens the log in dir on a disk, behind a verifying store.
func openVerified(dir string, disk types.VFS, segment int, logger hclog.Logger, fail func(error), silent <-chan struct{}) (*store, error) {
	inner, err := openWAL(dir, disk, segment, logger)
	if corrupt, ok := errors.AsType[*CorruptError](err); ok && corrupt.Index == 0 {
		// The library does not say where; what was acknowledged is what is at stake.
		if m, fresh, unread := openMark(dir); unread == nil && !fresh {
			corrupt.Index = m.last.index
			err = errors.Join(err, m.close())
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := openStore(inner, dir, fail, silent)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return s, nil
}

// openStore verifies the log against its mark and its checksums, entry by entry,
// and starts the goroutine that moves the mark. fail is told the first write that
// failed, and must not call back; silent is closed when the transport is. The error
// is a [CorruptError] when the log cannot be trusted; the log is left open then.
func openStore(inner *walStore, dir string, fail func(error), silent <-chan struct{}) (*store, error) {
	m, fresh, err := openMark(dir)
	if errors.Is(err, errMarkUnreadable) {
		return nil, &CorruptError{Why: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	s := &store{inner: inner, mark: m, fail: fail, silent: silent, stop: make(chan struct{}), done: make(chan struct{})}
	if err := s.verify(fresh); err != nil {
		return nil, errors.Join(err, m.close())
	}
	go s.follow()
	return s, nil
}

// verify reads every entry and holds the log against the mark.
func (s *store) verify(fresh bool) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &CorruptError{Index: s.mark.last.index, Why: fmt.Sprintf("it cannot be read: %v", r)}
		}
	}()
	first, last, err := s.bounds()
	if err != nil {
		return err
	}
	promised := s.mark.last
	if fresh && last > 0 {
		return &CorruptError{Index: last, Why: "the mark that says how far the log reaches is gone"}
	}
	if last < promised.index {
		return &CorruptError{
			Index: last + 1,
			Why:   fmt.Sprintf("the log ends at %d and was acknowledged up to %d", last, promised.index),
		}
	}
	if first > promised.floor+1 {
		return &CorruptError{
			Index: promised.floor + 1,
			Why:   fmt.Sprintf("the log begins at %d and was compacted up to %d", first, promised.floor),
		}
	}
	term, err := s.Get(keyTerm)
	if err != nil {
		return err
	}
	if len(term) == 0 && (last > 0 || promised.index > 0 || promised.floor > 0) {
		return &CorruptError{Index: last, Why: "the replica's term and vote are gone"}
	}
	s.tip = promised
	var l raft.Log
	for i := first; i > 0 && i <= last; i++ {
		if err := s.read(i, &l); err != nil {
			return err
		}
		here := mark{index: i, term: l.Term, sum: sum(&l), floor: promised.floor}
		if i == promised.index && (here.term != promised.term || here.sum != promised.sum) {
			return &CorruptError{Index: i, Why: "it is not the entry that was acknowledged"}
		}
		if i >= promised.index {
			s.tip = here
		}
	}
	return nil
}

func (s *store) bounds() (first, last uint64, err error) {
	if first, err = s.inner.FirstIndex(); err != nil {
		return 0, 0, fmt.Errorf("read log: %w", err)
	}
	if last, err = s.inner.LastIndex(); err != nil {
		return 0, 0, fmt.Errorf("read log: %w", err)
	}
	if last == 0 {
		first = 0
	}
	return first, last, nil
}

// follow moves the mark while the log moves.
func (s *store) follow() {
	defer close(s.done)
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.mu.Lock()
			_ = s.markTip() // keep has told fail
			s.mu.Unlock()
		case <-s.stop:
			return
		}
	}
}

// markTip makes the mark reach the last stored entry. The caller holds mu.
func (s *store) markTip() error {
	if s.failed != nil || s.tip.index <= s.mark.last.index {
		return nil
	}
	return s.keep(s.mark.raise(s.tip))
}

// keep remembers the first failed write. After a failed fsync the kernel may have
// dropped the pages, so a second try that succeeds would prove nothing.
func (s *store) keep(err error) error {
	if err == nil {
		return nil
	}
	if isDiskFull(err) {
		err = errors.Join(ErrDiskFull, err)
	}
	if s.failed == nil {
		s.failed = err
		s.fail(err)
	}
	return s.failed
}

// FirstIndex returns the first index in the log, 0 for none.
func (s *store) FirstIndex() (uint64, error) { return s.inner.FirstIndex() }

// LastIndex returns the last index in the log, 0 for none.
func (s *store) LastIndex() (uint64, error) { return s.inner.LastIndex() }

// IsMonotonic tells raft that the log has no gaps.
func (s *store) IsMonotonic() bool { return true }

// failure returns the first write that failed, nil for none.
func (s *store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// GetLog reads one entry, or returns a [CorruptError], which is also told to fail:
// bytes that rot while the replica runs end its part in the cluster.
func (s *store) GetLog(index uint64, l *raft.Log) error {
	err := s.read(index, l)
	if _, corrupt := errors.AsType[*CorruptError](err); corrupt {
		s.fail(err)
	}
	return err
}

// read reads and checks one entry. A library that trips over damaged bytes counts
// as damage.
func (s *store) read(index uint64, l *raft.Log) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &CorruptError{Index: index, Why: fmt.Sprintf("it cannot be read: %v", r)}
		}
	}()
	if err := s.inner.GetLog(index, l); err != nil {
		if first, last, berr := s.bounds(); berr == nil && first <= index && index <= last {
			return &CorruptError{Index: index, Why: fmt.Sprintf("it cannot be read: %v", err)}
		}
		if isNotFound(err) {
			return raft.ErrLogNotFound
		}
		return err
	}
	return unseal(index, l)
}

// StoreLog stores one entry.
func (s *store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs stores entries durably, with their checksums.
func (s *store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	copies := make([]*raft.Log, len(logs))
	for i, l := range logs {
		copies[i] = sealed(l)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	if first := logs[0].Index; s.tip.index == 0 && first > s.mark.last.floor+1 {
		// The first entry after a snapshot that another replica sent. What the snapshot
		// holds must be known to be gone from the log before the log begins later.
		s.tip = mark{floor: first - 1}
		if err := s.mark.lower(s.tip); err != nil {
			return s.keep(err)
		}
	}
	if err := s.inner.StoreLogs(copies); err != nil {
		return s.keep(fmt.Errorf("store entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err))
	}
	last := logs[len(logs)-1]
	s.tip = mark{index: last.Index, term: last.Term, sum: sum(last), floor: s.mark.last.floor}
	return nil
}

// DeleteRange takes out a prefix, after a snapshot, or a suffix, which another
// leader overrules. The mark moves first: a crash in between must leave a log that
// is longer than the mark, never shorter.
func (s *store) DeleteRange(low, high uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	first, last, err := s.bounds()
	if err != nil {
		return err
	}
	switch {
	case last == 0 || high < first || low > last:
		return nil
	case low <= first && high >= last: // all of it: a snapshot took its place
		s.tip = mark{floor: max(s.mark.last.floor, last)}
		err = s.mark.lower(s.tip)
	case low <= first:
		s.tip.floor = max(s.mark.last.floor, high)
		err = s.mark.raise(s.tip)
	case high >= last:
		var l raft.Log
		if err := s.read(low-1, &l); err != nil {
			return err
		}
		s.tip = mark{index: l.Index, term: l.Term, sum: sum(&l), floor: s.mark.last.floor}
		err = s.mark.lower(s.tip)
	}
	if err == nil {
		err = s.inner.DeleteRange(low, high)
	}
	if err != nil {
		return s.keep(fmt.Errorf("delete entries %d to %d: %w", low, high, err))
	}
	return nil
}

// keyTerm is raft's own key for the current term.
var keyTerm = []byte("CurrentTerm")

// Set keeps a value of raft's (term, vote), with a checksum over key and value.
//
// Raft panics when a term cannot be stored. Here the replica falls silent instead:
// a failed Set waits until the transport is closed, and then returns nil, when no
// vote that was not stored can leave the process any more.
func (s *store) Set(key, value []byte) error {
	kept := binary.BigEndian.AppendUint32(append([]byte{}, value...), stableSum(key, value))
	s.mu.Lock()
	err := s.inner.Set(key, kept)
	if err != nil {
		_ = s.keep(fmt.Errorf("store %s: %w", key, err))
	}
	s.mu.Unlock()
	if err != nil {
		<-s.silent
	}
	return nil
}

// Get returns a value, empty when there is none, or a [CorruptError].
func (s *store) Get(key []byte) ([]byte, error) {
	kept, err := s.inner.Get(key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if len(kept) == 0 {
		return nil, nil
	}
	if len(kept) < 4 || binary.BigEndian.Uint32(kept[len(kept)-4:]) != stableSum(key, kept[:len(kept)-4]) {
		return nil, &CorruptError{Why: fmt.Sprintf("the stored %s is not what was written", key)}
	}
	return kept[:len(kept)-4], nil
}

// SetUint64 keeps a number.
func (s *store) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number, 0 when there is none.
func (s *store) GetUint64(key []byte) (uint64, error) {
	b, err := s.Get(key)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	if len(b) != 8 {
		return 0, &CorruptError{Why: fmt.Sprintf("the stored %s is no number", key)}
	}
	return binary.BigEndian.Uint64(b), nil
}

func stableSum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(append([]byte{byte(len(key))}, key...), table), table, value)
}

// Close marks the last entry and closes the log.
func (s *store) Close() error {
	close(s.stop)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.markTip()
	return errors.Join(err, s.mark.close(), s.inner.Close())
}

// verifyStore says at compile time what raft will ask for.
var _ interface {
	raft.LogStore
	raft.StableStore
	raft.MonotonicLogStore
} = (*store)(nil)
