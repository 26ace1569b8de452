package store_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/node/store"
)

func open(t *testing.T, dir string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func content(t *testing.T, s *store.Store, bucket string) map[string]string {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, s.Each(bucket, func(k, v []byte) error { got[string(k)] = string(v); return nil }))
	return got
}

func put(s *store.Store, key, value string) {
	s.Put([]store.Write{{Bucket: "b", Key: []byte(key), Value: []byte(value)}})
}

func TestWhatWasSyncedIsThereAfterAReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	s.Put([]store.Write{{Bucket: "a", Key: []byte("k"), Value: []byte("1")}, {Bucket: "a", Key: []byte("gone"), Value: []byte("x")}})
	s.Put([]store.Write{{Bucket: "a", Key: []byte("k"), Value: []byte("2")}, {Bucket: "a", Key: []byte("gone"), Value: nil}})
	require.NoError(t, s.Sync())
	assert.Equal(t, map[string]string{"k": "2"}, content(t, s, "a"))
	put(s, "late", "closing writes it")
	require.NoError(t, s.Close())

	s = open(t, dir, store.Options{})
	assert.Equal(t, map[string]string{"k": "2"}, content(t, s, "a"))
	assert.Equal(t, map[string]string{"late": "closing writes it"}, content(t, s, "b"))
	assert.Empty(t, content(t, s, "no such bucket"))
}

func TestASecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, store.Options{})
	_, err := store.Open(dir, store.Options{})
	assert.Equal(t, "IN_USE", posse.As(err).Reason)
	_, err = store.Open(filepath.Join(dir, "node.db"), store.Options{})
	assert.Equal(t, [2]string{"FILE_UNWRITABLE", "dir"}, [2]string{posse.As(err).Reason, posse.As(err).Field})
}

func TestManyCallersShareCommitsAndNoneIsLost(t *testing.T) {
	dir, commits := t.TempDir(), 0
	s := open(t, dir, store.Options{Around: func(n uint64, commit func() error) error { commits++; return commit() }})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			for j := range 10 {
				put(s, fmt.Sprintf("%d/%d", i, j), "v")
				assert.NoError(t, s.Sync())
			}
		})
	}
	all.Wait()
	require.NoError(t, s.Close())
	assert.Less(t, commits, 640, "fewer commits than callers who waited for one")
	assert.Len(t, content(t, open(t, dir, store.Options{}), "b"), 640)
}

// The last value of a place wins although both are in one commit.
func TestOrderIsKeptWithinAndAcrossCommits(t *testing.T) {
	s := open(t, t.TempDir(), store.Options{})
	for i := range 2_000 {
		put(s, "k", fmt.Sprint(i))
		if i%500 == 0 {
			require.NoError(t, s.Sync())
		}
	}
	require.NoError(t, s.Sync())
	assert.Equal(t, "1999", content(t, s, "b")["k"])
}

func TestWritesReachTheDiskWithoutASync(t *testing.T) {
	dir, done := t.TempDir(), make(chan struct{}, 8)
	s := open(t, dir, store.Options{Around: func(_ uint64, commit func() error) error {
		defer func() { done <- struct{}{} }()
		return commit()
	}})
	put(s, "k", "v")
	<-done
	assert.Equal(t, map[string]string{"k": "v"}, content(t, s, "b"))
}

func TestAWriteErrorIsFinal(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		reason  string
	}{
		"no space":    {syscall.ENOSPC, "DISK_FULL"},
		"quota":       {fmt.Errorf("write: %w", syscall.EDQUOT), "DISK_FULL"},
		"fsync error": {syscall.EIO, "INTERNAL"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, calls := t.TempDir(), 0
			s, err := store.Open(dir, store.Options{Around: func(n uint64, commit func() error) error {
				if calls++; n == 1 {
					return c.failure
				}
				return commit()
			}})
			require.NoError(t, err)
			put(s, "before", "v")
			require.NoError(t, s.Sync())
			put(s, "k", "v")
			err = s.Sync()
			require.ErrorIs(t, err, c.failure, "the cause is kept")
			assert.Equal(t, c.reason, posse.As(err).Reason)
			put(s, "after", "v")
			assert.Equal(t, err, s.Sync(), "the disk may have dropped what it had: no second try")
			assert.Equal(t, err, s.Err())
			assert.ErrorIs(t, s.Close(), err)
			assert.Equal(t, 2, calls, "nothing was written after the error")

			assert.Equal(t, map[string]string{"before": "v"}, content(t, open(t, dir, store.Options{}), "b"))
		})
	}
}

func TestCloseAnswersWhoeverWaits(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{})
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				put(s, "k", "v")
				if err := s.Sync(); err != nil {
					assert.ErrorIs(t, err, store.ErrClosed)
					return
				}
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // any moment will do: the loops end only by Close
	require.NoError(t, s.Close())
	all.Wait()
	assert.NoError(t, s.Close(), "a second time does nothing")
}
