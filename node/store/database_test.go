package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/node/store"
)

// files of a directory, without what is empty.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	got := map[string][]byte{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		if len(bytes.Trim(data, "\x00")) > 0 {
			got[e.Name()] = data
		}
	}
	return got
}

// folder is a new directory with these files.
func folder(t *testing.T, content map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range content {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

func reason(t *testing.T, dir string) string {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err == nil {
		require.NoError(t, s.Close())
		return "opened"
	}
	return posse.As(err).Reason
}

// Journals that grow are moved into the file while commits go on; what is read is
// the same at any moment.
func TestWhatWasWrittenIsReadWhereverItIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	want := map[string]string{}
	for i := range 60 {
		key, value := fmt.Sprint(i*7%23), strings.Repeat(fmt.Sprint(i), 200_000)
		put(s, key, value)
		want[key] = value
		if i%5 == 4 {
			gone := fmt.Sprint(i * 3 % 23)
			s.Put([]store.Write{{Bucket: "b", Key: []byte(gone)}})
			delete(want, gone)
		}
		require.NoError(t, s.Sync())
		require.Equal(t, want, content(t, s, "b"))
	}
	before := ""
	require.NoError(t, s.Each("b", func(k, _ []byte) error {
		assert.Less(t, before, string(k), "in order")
		before = string(k)
		return nil
	}))
	require.NoError(t, s.Close())
	got := files(t, dir)
	assert.Len(t, got, 1, "a closed store is one file")
	assert.Contains(t, got, "node.db")
	assert.Equal(t, want, content(t, open(t, dir, store.Options{}), "b"))
}

// A store of before there were journals.
func TestAnOldStoreOpens(t *testing.T) {
	dir := t.TempDir()
	db, err := bbolt.Open(filepath.Join(dir, "node.db"), 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put([]byte("k"), []byte("v"))
	}))
	require.NoError(t, db.Close())
	s := open(t, dir, store.Options{})
	assert.Equal(t, map[string]string{"k": "v"}, content(t, s, "b"))
	put(s, "k2", "v2")
	require.NoError(t, s.Close())
	assert.Equal(t, map[string]string{"k": "v", "k2": "v2"}, content(t, open(t, dir, store.Options{}), "b"))
}

// What is on the disk while a store runs, and all that can go wrong with it: the state
// that was acknowledged, or a refusal, and never less.
func TestFilesThatDoNotBelongTogetherAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	put(s, "spent", "1")
	require.NoError(t, s.Close())
	closed := files(t, dir)
	s = open(t, dir, store.Options{})
	put(s, "spent", "2")
	require.NoError(t, s.Sync())
	running := files(t, dir)
	require.NoError(t, s.Close())
	journal := ""
	for name := range running {
		if strings.HasPrefix(name, "node.journal.") {
			journal = name
		}
	}
	require.NotEmpty(t, journal)

	crashed := folder(t, running)
	assert.Equal(t, map[string]string{"spent": "2"}, content(t, open(t, crashed, store.Options{}), "b"))
	with := func(content map[string][]byte, name string, data []byte) map[string][]byte {
		out := map[string][]byte{}
		for n, d := range content {
			out[n] = d
		}
		if out[name] = data; data == nil {
			delete(out, name)
		}
		return out
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"the journal is gone":                {with(running, journal, nil), "LOG_DAMAGED"},
		"the file is gone":                   {with(running, "node.db", nil), "LOG_DAMAGED"},
		"the file is an older one":           {with(running, "node.db", closed["node.db"]), "LOG_DAMAGED"},
		"the file is none":                   {with(running, "node.db", []byte("hello")), "FILE_UNWRITABLE"},
		"a journal behind a missing one":     {with(running, "node.journal.99", running[journal]), "LOG_DAMAGED"},
		"an old journal that was in the way": {with(running, "node.journal.0", running[journal]), "opened"},
		"a name that is no journal's":        {with(running, "node.journal.x", []byte("x")), "opened"},
		"closed":                             {closed, "opened"},
	} {
		assert.Equal(t, c.want, reason(t, folder(t, c.files)), name)
	}
	damaged := bytes.Clone(running[journal])
	damaged[30] ^= 1 // its only batch: as a crash leaves it, and acknowledged before the damage
	again := open(t, folder(t, with(running, journal, damaged)), store.Options{})
	assert.Equal(t, map[string]string{"spent": "1"}, content(t, again, "b"))
}
