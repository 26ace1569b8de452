package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Segments of these tests are small, so that a log has several and every byte can
// be damaged.
const testSegment = 450

// open opens a log for a test; it does not close it.
func open(dir string, disk types.VFS) (*store, error) {
	silent := make(chan struct{})
	close(silent)
	return openVerified(dir, disk, testSegment, hclog.NewNullLogger(), func(error) {}, silent)
}

func entry(i uint64) *raft.Log {
	return &raft.Log{
		Index: i, Term: 1 + i/4, Type: raft.LogCommand, Data: []byte(fmt.Sprintf("entry %d of the log", i)),
		AppendedAt: time.UnixMilli(int64(i) * 1000),
	}
}

// written makes a log of n entries in a new directory, closed and marked.
func written(t *testing.T, n uint64) string {
	t.Helper()
	dir := t.TempDir()
	s, err := open(dir, walfs.New())
	require.NoError(t, err)
	require.NoError(t, s.SetUint64(keyTerm, 3))
	for i := uint64(1); i <= n; i++ {
		require.NoError(t, s.StoreLog(entry(i)))
	}
	require.NoError(t, s.Close())
	return dir
}

// same checks that the log holds exactly the n entries.
func same(s *store, n uint64) error {
	last, err := s.LastIndex()
	if err != nil || last != n {
		return fmt.Errorf("last index is %d, not %d: %w", last, n, err)
	}
	for i := uint64(1); i <= n; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			return err
		}
		want := entry(i)
		if l.Index != want.Index || l.Term != want.Term || l.Type != want.Type || string(l.Data) != string(want.Data) ||
			!l.AppendedAt.Equal(want.AppendedAt) || len(l.Extensions) != 0 {
			return fmt.Errorf("entry %d is another one", i)
		}
	}
	return nil
}

// soundOrRefused opens a damaged log: it must hold the n entries or be refused by
// an error that names an index.
func soundOrRefused(dir string, n uint64) (refused bool, err error) {
	s, err := open(dir, walfs.New())
	if err != nil {
		corrupt, ok := errors.AsType[*CorruptError](err)
		if !ok {
			return true, fmt.Errorf("refused without saying that it is damaged: %w", err)
		}
		if corrupt.Index == 0 {
			return true, fmt.Errorf("refused without an index: %w", err)
		}
		return true, nil
	}
	return false, errors.Join(same(s, n), s.Close())
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.RemoveAll(to))
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
}

func segmentFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	return files
}

func TestUndamagedLogComesBack(t *testing.T) {
	dir := written(t, 20)
	require.Greater(t, len(segmentFiles(t, dir)), 1, "the log must have sealed segments and a tail")
	refused, err := soundOrRefused(dir, 20)
	require.NoError(t, err)
	assert.False(t, refused)
}

func TestEveryDamagedByteOfTheLogIsSeen(t *testing.T) {
	const entries = 8
	dir := written(t, entries)
	require.Greater(t, len(segmentFiles(t, dir)), 1)
	r := rand.New(rand.NewPCG(1, 1)) // fixed: any bit of each byte will do
	for name, row := range map[string]struct {
		stride int // an end at each third byte still falls into every field
		damage func(b []byte, at int) []byte
	}{
		"flip": {1, func(b []byte, at int) []byte { b[at] ^= 1 << r.IntN(8); return b }},
		"zero": {3, func(b []byte, at int) []byte { clear(b[at:]); return b }},
		"cut":  {3, func(b []byte, at int) []byte { return b[:at] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusals, work := 0, filepath.Join(t.TempDir(), "log")
			for _, file := range segmentFiles(t, dir) {
				content, err := os.ReadFile(file)
				require.NoError(t, err)
				for at := 0; at < len(strings.TrimRight(string(content), "\x00")); at += row.stride {
					copyDir(t, dir, work)
					damaged := row.damage(append([]byte(nil), content...), at)
					require.NoError(t, os.WriteFile(filepath.Join(work, filepath.Base(file)), damaged, 0o600))
					refused, err := soundOrRefused(work, entries)
					require.NoError(t, err, "%s at byte %d of %s", name, at, filepath.Base(file))
					if refused {
						refusals++
					}
				}
			}
			assert.Greater(t, refusals, 200, "damage that changes nothing proves nothing")
		})
	}
}

func TestDamagedMetadataAndMarkAreSeen(t *testing.T) {
	const entries = 12
	dir := written(t, entries)
	for name, stride := range map[string]int{"wal-meta.db": 97, "mark": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := filepath.Join(t.TempDir(), "log")
			content, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			for at := 0; at < len(content); at += stride {
				copyDir(t, dir, work)
				damaged := append([]byte(nil), content...)
				damaged[at] ^= 0x10
				require.NoError(t, os.WriteFile(filepath.Join(work, name), damaged, 0o600))
				_, err := soundOrRefused(work, entries)
				require.NoError(t, err, "byte %d", at)
			}
		})
	}
}

func TestMissingPartsAreRefused(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"last segment": func(t *testing.T, dir string) {
			files := segmentFiles(t, dir)
			require.NoError(t, os.Remove(files[len(files)-1]))
		},
		"first segment": func(t *testing.T, dir string) { require.NoError(t, os.Remove(segmentFiles(t, dir)[0])) },
		"all segments": func(t *testing.T, dir string) {
			for _, f := range segmentFiles(t, dir) {
				require.NoError(t, os.Remove(f))
			}
		},
		"metadata": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "wal-meta.db"))) },
		"metadata and segments": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "wal-meta.db")))
			for _, f := range segmentFiles(t, dir) {
				require.NoError(t, os.Remove(f))
			}
		},
		"mark": func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "mark"))) },
	} {
		t.Run(name, func(t *testing.T) {
			const entries = 18 // the last segment holds some
			dir := written(t, entries)
			damage(t, dir)
			refused, err := soundOrRefused(dir, entries)
			require.NoError(t, err)
			assert.True(t, refused)
		})
	}
}

func TestUnacknowledgedTornTailIsDroppedQuietly(t *testing.T) {
	dir := written(t, 5)
	s, err := open(dir, walfs.New())
	require.NoError(t, err)
	require.NoError(t, s.inner.StoreLogs([]*raft.Log{sealed(entry(6))})) // past the mark, as in a crash
	close(s.stop)
	<-s.done
	require.NoError(t, errors.Join(s.mark.close(), s.inner.Close()))

	files := segmentFiles(t, dir)
	last := files[len(files)-1]
	content, err := os.ReadFile(last)
	require.NoError(t, err)
	clear(content[len(strings.TrimRight(string(content), "\x00"))-10:])
	require.NoError(t, os.WriteFile(last, content, 0o600))
	refused, err := soundOrRefused(dir, 5)
	require.NoError(t, err)
	assert.False(t, refused)
}

func TestOverruledSuffixAndCompactedPrefixAreNoDamage(t *testing.T) {
	dir := written(t, 12)
	s, err := open(dir, walfs.New())
	require.NoError(t, err)
	require.NoError(t, s.DeleteRange(9, 12)) // another leader overrules
	other := entry(9)
	other.Term, other.Data = 9, []byte("another")
	require.NoError(t, s.StoreLog(other))
	require.NoError(t, s.DeleteRange(1, 4)) // a snapshot holds them
	require.NoError(t, s.Close())

	s, err = open(dir, walfs.New())
	require.NoError(t, err)
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	assert.Equal(t, []uint64{5, 9}, []uint64{first, last})
	assert.Equal(t, uint64(4), s.mark.last.floor)
	var l raft.Log
	require.NoError(t, s.GetLog(9, &l))
	assert.Equal(t, "another", string(l.Data))

	require.NoError(t, s.DeleteRange(1, 9)) // a snapshot up to 40 came from the leader
	require.NoError(t, s.StoreLog(entry(41)))
	require.NoError(t, s.Close())
	s, err = open(dir, walfs.New())
	require.NoError(t, err)
	assert.Equal(t, uint64(40), s.mark.last.floor)
	require.NoError(t, s.Close())
}

func TestLogOpensAfterASuffixWasOverruledAnywhere(t *testing.T) {
	// The library's own reopening fails when the cut falls into a segment without an
	// index; with small segments every kind of place is among these.
	const entries = 12
	for from := uint64(2); from <= entries; from++ {
		t.Run(fmt.Sprintf("from %d", from), func(t *testing.T) {
			dir := written(t, entries)
			s, err := open(dir, walfs.New())
			require.NoError(t, err)
			require.NoError(t, s.DeleteRange(from, entries))
			for i := from; i <= entries; i++ {
				require.NoError(t, s.StoreLog(entry(i)))
			}
			require.NoError(t, s.Close())
			for range 2 {
				refused, err := soundOrRefused(dir, entries)
				require.NoError(t, err)
				assert.False(t, refused)
			}
		})
	}
}

func TestTermAndVoteAreCheckedToo(t *testing.T) {
	dir := written(t, 3)
	s, err := open(dir, walfs.New())
	require.NoError(t, err)
	got, err := s.GetUint64(keyTerm)
	require.NoError(t, err)
	assert.Equal(t, uint64(3), got)
	none, err := s.GetUint64([]byte("LastVoteTerm"))
	require.NoError(t, err)
	assert.Zero(t, none)

	require.NoError(t, s.inner.Set(keyTerm, []byte{0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4}))
	_, err = s.GetUint64(keyTerm)
	_, corrupt := errors.AsType[*CorruptError](err)
	assert.True(t, corrupt)
	require.NoError(t, s.Close())
	refused, err := open(dir, walfs.New())
	assert.Nil(t, refused)
	assert.Error(t, err)
}

func TestRaftsOwnEntriesAreNotChangedByStoring(t *testing.T) {
	dir := written(t, 1)
	s, err := open(dir, walfs.New())
	require.NoError(t, err)
	l := entry(2)
	require.NoError(t, s.StoreLog(l))
	assert.Empty(t, l.Extensions)
	require.NoError(t, s.Close())
}

func TestMarkSurvivesATornWrite(t *testing.T) {
	dir := t.TempDir()
	m, fresh, err := openMark(dir)
	require.NoError(t, err)
	require.True(t, fresh)
	for i := uint64(1); i <= 5; i++ {
		require.NoError(t, m.raise(mark{index: i, term: i}))
	}
	// The next write tears: half of its slot is old.
	next := mark{sequence: m.last.sequence + 1, index: 6, term: 6}
	_, err = m.f.WriteAt(next.encode()[:slotSize/2], int64(next.sequence%2)*slotPlace)
	require.NoError(t, err)
	require.NoError(t, m.close())
	m, fresh, err = openMark(dir)
	require.NoError(t, err)
	assert.False(t, fresh)
	assert.Equal(t, uint64(5), m.last.index)

	// After a lowering, neither slot promises the old index.
	require.NoError(t, m.lower(mark{index: 2}))
	_, err = m.f.WriteAt(make([]byte, slotSize), int64(m.last.sequence%2)*slotPlace)
	require.NoError(t, err)
	require.NoError(t, m.close())
	m, _, err = openMark(dir)
	require.NoError(t, err)
	assert.Equal(t, uint64(2), m.last.index)
	require.NoError(t, m.close())
}
