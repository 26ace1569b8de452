package transparency_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/transparency"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

func leaf(i uint64) []byte {
	return checkpoint.Leaf{Sequence: i, Kind: "publish", View: fmt.Appendf(nil, `{"n":%d}`, i)}.Encode()
}

func open(t *testing.T, path string) *transparency.Log {
	l, err := transparency.Open(path)
	require.NoError(t, err)
	return l
}

func fill(t *testing.T, l *transparency.Log, from, to uint64) {
	for i := from; i < to; i++ {
		require.NoError(t, l.Append(i, leaf(i)))
	}
}

func TestTheLogComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leaves.db")
	l := open(t, path)
	fill(t, l, 0, 300)
	require.NoError(t, l.Flush())
	fill(t, l, 300, 310)
	root, err := l.Root(310)
	require.NoError(t, err)
	for _, from := range []uint64{0, 250, 299, 305} {
		got, err := l.Leaves(from, 7, 1<<20)
		require.NoError(t, err)
		require.Len(t, got, int(min(7, 310-from)))
		for i, raw := range got {
			assert.Equal(t, leaf(from+uint64(i)), raw)
		}
	}
	got, err := l.Leaves(0, 100, 3*len(leaf(0)))
	require.NoError(t, err)
	assert.Len(t, got, 3, "an answer is bounded in bytes")
	require.NoError(t, l.Close())

	l = open(t, path)
	defer func() { _ = l.Close() }()
	assert.EqualValues(t, 310, l.Size())
	again, err := l.Root(310)
	require.NoError(t, err)
	assert.Equal(t, root, again)
	proof, err := l.Inclusion(7, 310)
	require.NoError(t, err)
	assert.NoError(t, checkpoint.VerifyInclusion(checkpoint.Head{Origin: "o", Size: 310, Root: root}, 7, checkpoint.Hash(leaf(7)), proof))
}

func TestALeafThatDiffersOrLeavesAGapIsSeen(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "leaves.db"))
	defer func() { _ = l.Close() }()
	fill(t, l, 0, 3)
	assert.NoError(t, l.Append(1, leaf(1)), "applied again after a restart")
	assert.ErrorIs(t, l.Append(1, leaf(2)), transparency.ErrForked)
	assert.ErrorIs(t, l.Append(5, leaf(5)), transparency.ErrForked)
	root, err := l.Root(2)
	require.NoError(t, err)
	assert.NoError(t, l.Restored(2, root))
	assert.ErrorIs(t, l.Restored(2, checkpoint.Hash(leaf(0))), transparency.ErrForked)
}

func TestADamagedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leaves.db")
	l := open(t, path)
	fill(t, l, 0, 5)
	require.NoError(t, l.Close())
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("leaves")).Delete([]byte{0, 0, 0, 0, 0, 0, 0, 2}) }))
	require.NoError(t, db.Close())
	_, err = transparency.Open(path)
	require.Error(t, err)
	assert.Equal(t, "LOG_DAMAGED", posse.As(err).Reason)
}

func TestWhatASnapshotSkippedIsFilledAndHeldToItsRoot(t *testing.T) {
	dir := t.TempDir()
	whole := open(t, filepath.Join(dir, "whole.db"))
	defer func() { _ = whole.Close() }()
	fill(t, whole, 0, 12)
	root, err := whole.Root(9)
	require.NoError(t, err)

	l := open(t, filepath.Join(dir, "late.db"))
	defer func() { _ = l.Close() }()
	fill(t, l, 0, 2)
	require.NoError(t, l.Restored(9, root))
	from, to := l.Missing()
	assert.EqualValues(t, []uint64{2, 9}, []uint64{from, to})
	fill(t, l, 9, 12) // commands after the snapshot come before the gap is filled
	assert.EqualValues(t, 2, l.Size())

	missing, err := whole.Leaves(2, 7, 1<<20)
	require.NoError(t, err)
	forged := append([][]byte{}, missing...)
	forged[3] = checkpoint.Leaf{Sequence: 5, Kind: "forged"}.Encode()
	assert.Error(t, l.Fill(forged))
	assert.Error(t, l.Fill(missing[1:]))
	assert.EqualValues(t, 2, l.Size(), "nothing of it was taken on")
	require.NoError(t, l.Fill(missing))
	assert.EqualValues(t, 12, l.Size())
	a, _ := whole.Root(12)
	b, _ := l.Root(12)
	assert.Equal(t, a, b)
	_, to = l.Missing()
	assert.Zero(t, to)
}

// replicas are cosigners over logs of their own.
func replicas(t *testing.T, n int) []*transparency.Cosigner {
	var all []*transparency.Cosigner
	for i := range n {
		_, key, err := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{byte(i + 1)}, 64)))
		require.NoError(t, err)
		name := fmt.Sprintf("r%d", i+1)
		signer, err := checkpoint.NewSigner(name, key)
		require.NoError(t, err)
		l := open(t, filepath.Join(t.TempDir(), "leaves.db"))
		t.Cleanup(func() { _ = l.Close() })
		all = append(all, &transparency.Cosigner{Log: l, Name: name, Signer: signer, Origin: func() string { return "example.org/posse/main" }})
	}
	for i, c := range all {
		c.Others = func() (out []transparency.Replica) {
			for k, o := range all {
				if k != i {
					out = append(out, transparency.Replica{Name: o.Name, PeerID: o.Name, Verifier: o.Signer.Key()})
				}
			}
			return out
		}
		c.Ask = func(ctx context.Context, id string, size uint64, root []byte) ([]byte, error) {
			for _, o := range all {
				if o.Name == id {
					return o.Sign(ctx, size, root)
				}
			}
			return nil, fmt.Errorf("nobody")
		}
	}
	return all
}

func TestAMajoritySignsOneHead(t *testing.T) {
	all := replicas(t, 3)
	for _, c := range all[:2] { // the third has nothing yet
		fill(t, c.Log, 0, 5)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	signed, err := all[0].AtLeast(ctx, 5)
	require.NoError(t, err)
	assert.Len(t, signed.Notes, 2)
	text, err := signed.Text()
	require.NoError(t, err)
	var keys []string
	for _, c := range all {
		keys = append(keys, c.Signer.Key())
	}
	head, signatures, err := checkpoint.Open(text, "example.org/posse/main", keys, 2)
	require.NoError(t, err)
	assert.EqualValues(t, 5, head.Size)
	assert.Len(t, signatures, 2)
	_, err = all[0].AtLeast(ctx, 6)
	assert.Error(t, err, "there are no six leaves")
}

func TestNobodySignsARootThatItDidNotCompute(t *testing.T) {
	all := replicas(t, 3)
	fill(t, all[0].Log, 0, 5)
	for _, c := range all[1:] {
		for i := range uint64(5) {
			require.NoError(t, c.Log.Append(i, checkpoint.Leaf{Sequence: i, Kind: "another history"}.Encode()))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := all[0].AtLeast(ctx, 5)
	require.Error(t, err, "a leader alone is no majority")
	root, err := all[0].Log.Root(5)
	require.NoError(t, err)
	_, err = all[1].Sign(ctx, 5, root)
	assert.Equal(t, "STATE_DIVERGED", posse.As(err).Reason)
}

func TestAFileThatAnotherProcessHoldsIsSaidToBeInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leaves.db")
	l := open(t, path)
	defer func() { _ = l.Close() }()
	_, err := transparency.Open(path)
	e := posse.As(err)
	assert.Equal(t, "IN_USE", e.Reason)
	assert.Equal(t, filepath.Dir(path), e.Value)
	assert.NotEmpty(t, e.Hint)
}
