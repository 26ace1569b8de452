package consensus_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/consensus"
)

// fillingDisk is the system's disk until it is full.
type fillingDisk struct {
	types.VFS
	full atomic.Bool
}

func (d *fillingDisk) Create(dir, name string, size uint64) (types.WritableFile, error) {
	if d.full.Load() {
		return nil, syscall.ENOSPC
	}
	f, err := d.VFS.Create(dir, name, size)
	return &fillingFile{f, d}, err
}

type fillingFile struct {
	types.WritableFile
	disk *fillingDisk
}

func (f *fillingFile) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.WritableFile.WriteAt(b, at)
}

func TestFullDiskOfTheLeaderIsSaidAndAnotherLeads(t *testing.T) {
	disks := map[string]*fillingDisk{}
	replicas := cluster(t, 3, func(c *consensus.Config) {
		d := &fillingDisk{VFS: walfs.New()}
		disks[c.Host.ID()] = d
		c.Disk = d
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	led := leader(t, replicas)
	for i := range 5 {
		_, _, err := led.Propose(ctx, []byte(numbered(i)))
		require.NoError(t, err)
	}
	disks[led.host.ID()].full.Store(true)
	_, _, err := led.Propose(ctx, []byte("one too many"))
	require.Error(t, err)
	assert.Equal(t, "DISK_FULL", posse.As(err).Reason, "%v", posse.As(err).Cause)
	assert.ErrorIs(t, err, consensus.ErrUnknownOutcome)
	select {
	case failed := <-led.Failed():
		assert.ErrorIs(t, failed, consensus.ErrDiskFull)
	case <-ctx.Done():
		t.Fatal("the replica did not say that it failed")
	}

	rest := without(replicas, led)
	next := leader(t, rest)
	require.NoError(t, insist(ctx, rest, "one too many"))
	assert.Len(t, deduplicated(next.machine.all()), 6)

	// With space again the replica comes back and has everything.
	require.NoError(t, led.Close())
	disks[led.host.ID()].full.Store(false)
	led.start(t)
	require.NoError(t, led.WaitApplied(ctx, next.Status().CommitIndex))
	assert.Equal(t, next.machine.all(), led.machine.all())
}

func TestDamagedLogIsRefusedAndSetAside(t *testing.T) {
	r := cluster(t, 1, nil)[0]
	leader(t, []*replica{r})
	for i := range 20 {
		_, _, err := r.Propose(t.Context(), []byte(numbered(i)))
		require.NoError(t, err)
	}
	require.NoError(t, r.Close())
	files, err := filepath.Glob(filepath.Join(r.config.Dir, "*.wal"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	content[500] ^= 1
	require.NoError(t, os.WriteFile(files[0], content, 0o600))

	for _, attempt := range []string{"first", "after the directory was renamed"} {
		r.config.FSM = &list{}
		_, err = consensus.Open(t.Context(), r.config)
		require.Error(t, err, attempt)
		assert.Equal(t, "LOG_DAMAGED", posse.As(err).Reason, attempt)
		assert.Contains(t, err.Error(), "must not vote", attempt)
		assert.Contains(t, err.Error(), "posse coordinator run --join", attempt)
	}
	_, err = os.Stat(r.config.Dir + ".damaged-1")
	assert.NoError(t, err, "the damaged log is kept")
}

func TestMissingSnapshotIsSeen(t *testing.T) {
	r := cluster(t, 1, func(c *consensus.Config) { c.TrailingLogs = 3 })[0]
	leader(t, []*replica{r})
	for i := range 20 {
		_, _, err := r.Propose(t.Context(), []byte(numbered(i)))
		require.NoError(t, err)
	}
	require.NoError(t, r.TakeSnapshot())
	want := r.machine.all()
	require.NoError(t, r.Close())
	r.start(t)
	leader(t, []*replica{r})
	require.NoError(t, r.ReadPoint(t.Context()))
	assert.Equal(t, want, r.machine.all(), "the snapshot and the rest of the log give everything back")
	require.NoError(t, r.Close())

	require.NoError(t, os.RemoveAll(filepath.Join(r.config.Dir, "snapshots")))
	r.config.FSM = &list{}
	_, err := consensus.Open(t.Context(), r.config)
	require.Error(t, err)
	assert.Equal(t, "LOG_DAMAGED", posse.As(err).Reason)
}

// refusing is a machine that does not know one command.
type refusing struct {
	list
	unknown string
}

type halt struct{}

func (halt) Halt() error { return errors.New("needs a newer version") }

func (m *refusing) ApplyBatch(commands [][]byte, indexes []uint64) []any {
	results := make([]any, len(commands))
	for i, c := range commands {
		if string(c) == m.unknown {
			results[i] = halt{}
			return results
		}
		results[i] = m.list.ApplyBatch(commands[i:i+1], indexes[i:i+1])[0]
	}
	return results
}

func TestCommandThatMustNotBeAppliedStopsTheReplica(t *testing.T) {
	r := newReplica(t)
	m := &refusing{unknown: "from the future"}
	r.config.FSM, r.config.Bootstrap = m, []string{r.host.ID()}
	c, err := consensus.Open(t.Context(), r.config)
	require.NoError(t, err)
	r.Consensus = c
	leader(t, []*replica{r})
	_, _, err = c.Propose(t.Context(), []byte("known"))
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, _, err = c.Propose(ctx, []byte("from the future"))
	assert.ErrorIs(t, err, consensus.ErrUnknownOutcome)
	failed := <-c.Failed()
	assert.ErrorContains(t, failed, "log entry 4: needs a newer version")
	require.NoError(t, c.Close())
	assert.Equal(t, []string{"known"}, m.all())
}

func TestDamagedSnapshotNeverReachesTheMachine(t *testing.T) {
	var stream []byte
	write, err := (&list{commands: []string{"a", "b"}}).Snapshot()
	require.NoError(t, err)
	stream = consensus.SnapshotBytes(t, write)
	sound := &list{}
	require.NoError(t, consensus.RestoreBytes(sound, stream))
	assert.Equal(t, []string{"a", "b"}, sound.all())
	for i := range stream {
		for _, damaged := range [][]byte{
			append(append(append([]byte{}, stream[:i]...), stream[i]^1), stream[i+1:]...),
			stream[:i],
		} {
			m := &list{commands: []string{"before"}}
			require.Error(t, consensus.RestoreBytes(m, damaged), "byte %d", i)
			assert.Equal(t, []string{"before"}, m.all(), "byte %d", i)
		}
	}
}
