package consensus

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"

	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

// faultyDisk is the system's disk until its failing call: that write is torn in
// the middle, that sync or creation does nothing, and both report the fault, as
// does every call after it when it lasts.
type faultyDisk struct {
	types.VFS
	fault error
	lasts bool

	mu     sync.Mutex
	calls  int
	failAt int // 0: never
}

// due counts a call and says whether it fails.
func (d *faultyDisk) due() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	return d.calls == d.failAt || d.lasts && d.failAt > 0 && d.calls > d.failAt
}

func (d *faultyDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if d.due() {
		return nil, fmt.Errorf("create %s: %w", name, d.fault)
	}
	f, err := d.VFS.Create(dir, name, size)
	return &faultyFile{f, d}, err
}

func (d *faultyDisk) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := d.VFS.OpenWriter(dir, name)
	return &faultyFile{f, d}, err
}

type faultyFile struct {
	types.WritableFile
	disk *faultyDisk
}

func (f *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.due() {
		n, err := f.WritableFile.WriteAt(b[:len(b)/2], at)
		return n, errors.Join(f.disk.fault, err)
	}
	return f.WritableFile.WriteAt(b, at)
}

func (f *faultyFile) Sync() error {
	if f.disk.due() {
		return f.disk.fault
	}
	return f.WritableFile.Sync()
}

func TestNoFaultOfTheDiskLosesAnAcknowledgedEntry(t *testing.T) {
	const entries = 20
	// run stores entries until one fails and returns how many were acknowledged.
	run := func(t *testing.T, dir string, disk *faultyDisk) (acknowledged uint64, failure error) {
		s, err := open(dir, disk)
		if err != nil {
			return 0, err
		}
		require.NoError(t, s.SetUint64(keyTerm, 3))
		for i := uint64(1); i <= entries; i++ {
			if failure = s.StoreLog(entry(i)); failure != nil {
				// A store that failed once takes nothing more, whatever the disk does now.
				assert.Error(t, s.StoreLog(entry(i)))
				break
			}
			acknowledged = i
		}
		_ = s.Close()
		return acknowledged, failure
	}
	sound := &faultyDisk{VFS: walfs.New()}
	all, err := run(t, t.TempDir(), sound)
	require.NoError(t, err)
	require.EqualValues(t, entries, all)
	require.Greater(t, sound.calls, 2*entries, "each entry is written and synced")

	for name, fault := range map[string]error{"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			for k := 1; k <= sound.calls; k++ {
				dir := t.TempDir()
				acknowledged, failure := run(t, dir, &faultyDisk{VFS: walfs.New(), fault: fault, lasts: true, failAt: k})
				if acknowledged == entries {
					continue // the failing call came after the last entry
				}
				require.Error(t, failure, "call %d", k)
				assert.Equal(t, errors.Is(fault, syscall.ENOSPC), isDiskFull(failure), "call %d: %v", k, failure)
				if acknowledged == 0 {
					continue // nothing was promised
				}
				s, err := open(dir, walfs.New())
				require.NoError(t, err, "call %d, %d acknowledged", k, acknowledged)
				last, err := s.LastIndex()
				require.NoError(t, err)
				assert.GreaterOrEqual(t, last, acknowledged, "call %d", k)
				assert.LessOrEqual(t, last, acknowledged+1, "call %d", k)
				assert.NoError(t, same(s, last), "call %d", k)
				require.NoError(t, s.Close())
			}
		})
	}
}

func TestReplicaWhoseVoteCannotBeStoredFallsSilent(t *testing.T) {
	dir := written(t, 3)
	silent, told := make(chan struct{}), make(chan error, 1)
	inner, err := openWAL(dir, walfs.New(), testSegment, newLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	s, err := openStore(inner, dir, func(err error) {
		select {
		case told <- err:
		default:
		}
	}, silent)
	require.NoError(t, err)
	require.NoError(t, inner.meta.Close()) // its disk is gone

	done := make(chan error, 1)
	go func() { done <- s.SetUint64(keyTerm, 4) }()
	require.Error(t, <-told)
	select {
	case <-done:
		t.Fatal("the term counts as stored while votes can still leave")
	default:
	}
	close(silent)
	assert.NoError(t, <-done)
	_ = s.Close()
}

func TestDiskFullIsSaidInWords(t *testing.T) {
	err := openFailure(fmt.Errorf("create segment: %w", syscall.ENOSPC))
	assert.Equal(t, "DISK_FULL", posse.As(err).Reason)
	assert.Equal(t, posse.ResourceExhausted, posse.As(err).Code)
	assert.ErrorIs(t, err, ErrDiskFull)
	assert.ErrorIs(t, err, syscall.ENOSPC)
	assert.NotErrorIs(t, openFailure(syscall.EIO), ErrDiskFull)
}
