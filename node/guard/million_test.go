package guard_test

import (
	"encoding/binary"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
)

// bytesAPseudonym bounds what one costs in memory with one experiment. It is a
// property of the tables, so a small number of users shows it as well as a large one.
const bytesAPseudonym = 300

// A node's users are in memory, and come back from the disk in one pass. POSSE_SOAK=1
// does it for a million; the figures are in docs/explanation/privacy.md.
func TestMemoryAndStartOfManyPseudonyms(t *testing.T) {
	users := 40_000
	if os.Getenv("POSSE_SOAK") != "" {
		users = 1_000_000
	}
	limits := guard.Limits{User: epsilon(2 * one), Experiment: epsilon(one)}
	dir := t.TempDir()
	k := newKeeper(t, dir, limits)
	k.open("x", guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one / 2)})
	var u [16]byte
	for i := range users {
		binary.BigEndian.PutUint64(u[:], uint64(i)*0x9e3779b97f4a7c15) // spread over the file, as hashes are
		require.True(t, k.admit("x", 0, u))
	}
	require.NoError(t, k.store.Close())
	k.Guard, k.store = nil, nil // their memory is not to be counted

	before := heap()
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	defer s.Close()
	started := time.Now()
	fresh, err := guard.New(limits)
	require.NoError(t, err)
	require.NoError(t, fresh.Open("x", k.opened["x"]))
	require.NoError(t, fresh.Restore(s, "x"))
	took := time.Since(started)
	each := float64(heap()-before) / float64(users)
	info, err := os.Stat(dir + "/node.db")
	require.NoError(t, err)
	t.Logf("%d pseudonyms: %.0f bytes each in memory, %.0f on disk, read in %v", users, each, float64(info.Size())/float64(users), took)
	assert.Less(t, each, float64(bytesAPseudonym))
	a, err := fresh.Account("x")
	require.NoError(t, err)
	assert.EqualValues(t, users, a.Users)
	teaches, _, err := fresh.Admit("x", 1, u)
	require.NoError(t, err)
	assert.True(t, teaches, "she gave one of two")
	teaches, _, err = fresh.Admit("x", 1, u)
	require.NoError(t, err)
	assert.False(t, teaches, "and what she gave before the restart counts")
	runtime.KeepAlive(fresh)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
