package peer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/peer"
)

func TestIdentityIsKeptAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := peer.LoadOrCreate(dir)
	require.NoError(t, err)
	second, err := peer.LoadOrCreate(dir)
	require.NoError(t, err)
	assert.Equal(t, first.ID(), second.ID())

	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "identity.key"): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), path)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "no temporary file is left")
}

func TestKeysThatOthersCanReachAreRefused(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"file readable by the group": func(dir string) error { return os.Chmod(filepath.Join(dir, "identity.key"), 0o640) },
		"file readable by others":    func(dir string) error { return os.Chmod(filepath.Join(dir, "identity.key"), 0o604) },
		"directory open to others":   func(dir string) error { return os.Chmod(dir, 0o701) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			_, err := peer.LoadOrCreate(dir)
			require.NoError(t, err)
			require.NoError(t, change(dir))
			_, err = peer.LoadOrCreate(dir)
			require.Error(t, err)
			assert.Equal(t, "KEY_FILE_UNSAFE", posse.As(err).Reason)
		})
	}
}

func TestDamagedKeyIsRefusedAndNotReplaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	_, err := peer.LoadOrCreate(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, "identity.key")
	for _, content := range []string{"", "posse-ed25519-1 AAAA\n", "something else\n"} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err = peer.LoadOrCreate(dir)
		require.Error(t, err)
		assert.Equal(t, "KEY_FILE_INVALID", posse.As(err).Reason)
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(kept))
	}
}

func TestSignatureHoldsForItsContextAndMessageOnly(t *testing.T) {
	one, two := identity(t), identity(t)
	signature, err := one.Sign("report", []byte("bytes"))
	require.NoError(t, err)
	require.NoError(t, peer.Verify(one.ID(), "report", []byte("bytes"), signature))

	assert.Error(t, peer.Verify(one.ID(), "offer", []byte("bytes"), signature))
	assert.Error(t, peer.Verify(one.ID(), "repor", []byte("tbytes"), signature), "the boundary is part of what is signed")
	assert.Error(t, peer.Verify(one.ID(), "report", []byte("other"), signature))
	assert.Error(t, peer.Verify(two.ID(), "report", []byte("bytes"), signature))
	assert.Error(t, peer.Verify("nobody", "report", []byte("bytes"), signature))
}

func identity(t *testing.T) peer.Identity {
	t.Helper()
	i, err := peer.LoadOrCreate(filepath.Join(t.TempDir(), "keys"))
	require.NoError(t, err)
	return i
}
