package consensus

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// Machine is the state that the commands change. Its methods are called by one
// goroutine at a time; only the function that Snapshot returns runs beside the
// others.
type Machine interface {
	// ApplyBatch applies commands in order and returns a result for each; indexes
	// are their places in the log. What it does may depend on nothing but the
	// commands. A result with a method Halt() error that returns an error stops the
	// replica for good, before any later command is applied.
	ApplyBatch(commands [][]byte, indexes []uint64) []any
	// Snapshot returns, quickly, a function that writes the state as it is now.
	Snapshot() (func(io.Writer) error, error)
	// Restore reads a state to the end of r and only then takes it on: the end is
	// io.EOF only when every byte was what was written.
	Restore(r io.Reader) error
}

// halting is a result after which the replica must not go on.
type halting interface{ Halt() error }

// bridge is the raft.FSM around a machine.
type bridge struct {
	machine    Machine
	configured func(raft.Configuration)
	fail       func(error)
	stop       <-chan struct{} // closed by Close

	mu      sync.Mutex
	applied uint64
	halted  error
	moved   chan struct{} // closed and replaced when applied moves
}

var _ interface {
	raft.BatchingFSM
	raft.ConfigurationStore
} = (*bridge)(nil)

func newBridge(m Machine, configured func(raft.Configuration), fail func(error), stop <-chan struct{}) *bridge {
	return &bridge{machine: m, configured: configured, fail: fail, stop: stop, moved: make(chan struct{})}
}

// Apply applies one entry.
func (b *bridge) Apply(l *raft.Log) any { return b.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries of the log. A halt keeps raft's goroutine here until
// Close: returning would count the entry as applied, and a snapshot could be taken
// of a state that lacks it.
func (b *bridge) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	commands, indexes, places := make([][]byte, 0, len(logs)), make([]uint64, 0, len(logs)), make([]int, 0, len(logs))
	for i, l := range logs {
		switch l.Type {
		case raft.LogCommand:
			commands, indexes, places = append(commands, l.Data), append(indexes, l.Index), append(places, i)
		case raft.LogConfiguration:
			b.configured(raft.DecodeConfiguration(l.Data))
		}
	}
	if err := b.stopped(); err != nil {
		return skip(results, 0, err)
	}
	if len(commands) > 0 {
		for i, r := range b.machine.ApplyBatch(commands, indexes) {
			results[places[i]] = r
			if h, ok := r.(halting); ok {
				if err := h.Halt(); err != nil {
					err = fmt.Errorf("log entry %d: %w", indexes[i], err)
					b.halt(err)
					return skip(results, places[i], err)
				}
			}
		}
	}
	b.reach(logs[len(logs)-1].Index)
	return results
}

// notApplied is the result of a command that is committed and was not applied here.
type notApplied struct{ why error }

// skip says of every command from the given place on that it was not applied.
func skip(results []any, from int, why error) []any {
	for i := from; i < len(results); i++ {
		results[i] = notApplied{why}
	}
	return results
}

// halt stops the replica and waits for Close.
func (b *bridge) halt(err error) {
	b.mu.Lock()
	b.halted = err
	b.mu.Unlock()
	b.fail(err)
	<-b.stop
}

func (b *bridge) stopped() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.halted
}

// reach says that everything up to index is applied.
func (b *bridge) reach(index uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if index > b.applied {
		b.applied = index
		close(b.moved)
		b.moved = make(chan struct{})
	}
}

// progress returns what is applied, and a channel that is closed when that moves.
func (b *bridge) progress() (uint64, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.applied, b.moved
}

// StoreConfiguration tells of a membership that was restored.
func (b *bridge) StoreConfiguration(_ uint64, c raft.Configuration) { b.configured(c) }

// Snapshot captures the state.
func (b *bridge) Snapshot() (raft.FSMSnapshot, error) {
	if err := b.stopped(); err != nil {
		return nil, err
	}
	write, err := b.machine.Snapshot()
	if err != nil {
		return nil, err
	}
	return snapshot(write), nil
}

// Restore takes on the state of a snapshot, after its bytes were verified.
func (b *bridge) Restore(source io.ReadCloser) error {
	defer func() { _ = source.Close() }()
	r := &verified{r: source, sum: sha256.New()}
	if err := b.machine.Restore(r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	return nil
}

// snapshot writes a state and its SHA-256 behind it.
type snapshot func(io.Writer) error

// Persist writes the snapshot to sink.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	sum := sha256.New()
	err := s(io.MultiWriter(sink, sum))
	if err == nil {
		_, err = sink.Write(sum.Sum(nil))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

// Release does nothing: the function holds no resource but memory.
func (s snapshot) Release() {}

var errSnapshotDamaged = errors.New("snapshot is damaged: its digest does not match")

// verified gives all but the last 32 bytes of r, and io.EOF only when those are
// the SHA-256 of what it gave.
type verified struct {
	r    io.Reader
	sum  hash.Hash
	held []byte // read and not given yet: at least the digest, until the end
	err  error
}

// Read reads the state.
func (v *verified) Read(p []byte) (int, error) {
	for len(v.held) <= sha256.Size && v.err == nil {
		var part [32 << 10]byte
		n, err := v.r.Read(part[:])
		v.held = append(v.held, part[:n]...)
		v.err = err
	}
	if free := len(v.held) - sha256.Size; free > 0 {
		n := copy(p, v.held[:free])
		v.sum.Write(v.held[:n])
		v.held = append(v.held[:0], v.held[n:]...)
		return n, nil
	}
	if !errors.Is(v.err, io.EOF) {
		return 0, v.err
	}
	if !bytes.Equal(v.held, v.sum.Sum(nil)) {
		return 0, errSnapshotDamaged
	}
	return 0, io.EOF
}
