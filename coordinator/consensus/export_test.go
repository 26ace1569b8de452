package consensus

import (
	"bytes"
	"io"
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// SnapshotBytes returns what a snapshot with this content holds on disk.
func SnapshotBytes(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	store := raft.NewInmemSnapshotStore()
	sink, err := store.Create(raft.SnapshotVersionMax, 1, 1, raft.Configuration{}, 1, nil)
	require.NoError(t, err)
	require.NoError(t, snapshot(write).Persist(sink))
	_, r, err := store.Open(sink.ID())
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

// RestoreBytes gives the bytes of a snapshot to a machine.
func RestoreBytes(m Machine, b []byte) error {
	return newBridge(m, nil, nil, nil).Restore(io.NopCloser(bytes.NewReader(b)))
}
