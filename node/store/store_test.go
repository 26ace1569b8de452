package store

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

func TestWhatWasSyncedIsThereAfterAReopen(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	s.Put([]Write{{"a", []byte("k"), []byte("1")}, {"a", []byte("gone"), []byte("x")}})
	s.Put([]Write{{"a", []byte("k"), []byte("2")}, {"a", []byte("gone"), nil}})
	require.NoError(t, s.Sync())
	require.NoError(t, s.Close())

	s, err = Open(dir, Options{})
	require.NoError(t, err)
	defer s.Close()
	got := map[string]string{}
	require.NoError(t, s.Each("a", func(k, v []byte) error { got[string(k)] = string(v); return nil }))
	assert.Equal(t, map[string]string{"k": "2"}, got)
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	require.NoError(t, err)
	defer s.Close()
	_, err = Open(dir, Options{})
	assert.Equal(t, "IN_USE", posse.As(err).Reason)
}

func TestManyCallersShareCommitsAndNoneIsLost(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	require.NoError(t, err)
	defer s.Close()
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range 20 {
				s.Put([]Write{{"b", fmt.Appendf(nil, "%d/%d", i, j), []byte("v")}})
				assert.NoError(t, s.Sync())
			}
		})
	}
	all.Wait()
	n := 0
	require.NoError(t, s.Each("b", func(_, _ []byte) error { n++; return nil }))
	assert.Equal(t, 64*20, n)
}
