package guard_test

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
)

func child(as, dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "POSSE_CHILD="+as, "POSSE_DIR="+dir)
	c.Stderr = os.Stderr
	return c
}

// say tells the parent, whom a kill can't make forget it.
func say(what string, leaf uint64) { fmt.Println(what, leaf) }

var twoExperiments = guard.Limits{User: epsilon(one), Experiment: epsilon(one)}

// thousandth is a promise of which a user may give a thousand records.
func thousandth() guard.Promise {
	return guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one / 1000)}
}

// firstFree is the first leaf that has not left.
func firstFree(g *guard.Guard) (leaf uint64) {
	for g.Left("x", leaf) {
		leaf++
	}
	return leaf
}

// releasing releases leaf after leaf of one record each, as a node does, until it is
// killed.
func releasing(dir string) {
	s, err := store.Open(dir, store.Options{})
	quit := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	quit(err)
	g, err := guard.New(twoExperiments)
	quit(err)
	quit(g.Open("x", thousandth()))
	quit(g.Restore(s, "x"))
	layout := thousandth().Layout
	for leaf := firstFree(g); ; leaf++ {
		teaches, writes, err := g.Admit("x", leaf, user(1))
		quit(err)
		if !teaches {
			return
		}
		s.Put(writes)
		quit(s.Sync())
		say("charged", leaf)
		permit, _, err := g.Permit("x", leaf)
		quit(err)
		_, err = layout.Release(layout.Empty(), permit, noise.Secure{})
		quit(err)
		s.Put(g.Released("x", leaf))
		quit(s.Sync())
		say("sent", leaf)
	}
}

func TestAKillBetweenChargeAndReleaseNeverGivesAFreeRelease(t *testing.T) {
	dir := t.TempDir()
	sent, charged := map[uint64]bool{}, 0
	for _, after := range []int{1, 2, 7, 8, 23, 40} { // lines that it may say before it is killed
		c := child("releasing", dir)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		lines := bufio.NewScanner(out)
		for said := 1; lines.Scan(); said++ {
			var what string
			var leaf uint64
			_, err := fmt.Sscan(lines.Text(), &what, &leaf)
			require.NoError(t, err, lines.Text())
			switch what {
			case "charged":
				charged++
			case "sent":
				require.False(t, sent[leaf], "leaf %d was sent before the kill and again after it", leaf)
				sent[leaf] = true
			}
			if said == after {
				require.NoError(t, c.Process.Kill())
			}
		}
		require.Error(t, c.Wait(), "killed")

		s, err := store.Open(dir, store.Options{})
		require.NoError(t, err)
		g, err := guard.New(twoExperiments)
		require.NoError(t, err)
		require.NoError(t, g.Open("x", thousandth()))
		require.NoError(t, g.Restore(s, "x"))
		a, err := g.Account("x")
		require.NoError(t, err)
		spent := int(a.Spent.NanoEpsilon / (one / 1000))
		assert.GreaterOrEqual(t, spent, charged, "every charge that was acknowledged is there")
		assert.GreaterOrEqual(t, spent, len(sent), "nothing was sent for free")
		for leaf := range sent {
			assert.True(t, g.Left("x", leaf))
			_, _, err := g.Permit("x", leaf)
			assert.Error(t, err, "leaf %d has left", leaf)
		}
		require.NoError(t, s.Close())
	}
	assert.Greater(t, charged, 30)
}

// opening opens a node's directory and says what came of it.
func opening(dir string) {
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		fmt.Print(posse.As(err).Reason)
		return
	}
	fmt.Print("opened")
	_ = s.Close()
}

// Two processes with one budget directory would spend it twice.
func TestASecondProcessWithTheSameBudgetsIsRefused(t *testing.T) {
	dir := t.TempDir()
	k := newKeeper(t, dir, twoExperiments)
	said, err := child("opening", dir).Output()
	require.NoError(t, err)
	assert.Equal(t, "IN_USE", string(said))
	require.NoError(t, k.store.Close())
	said, err = child("opening", dir).Output()
	require.NoError(t, err)
	assert.Equal(t, "opened", string(said))
}

// disk is a directory of files as it is now: what a kill leaves.
func disk(t *testing.T, dir string) map[string][]byte {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	got := map[string][]byte{}
	for _, e := range entries {
		got[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
	}
	return got
}

// restored is a new directory with these files.
func restored(t *testing.T, files map[string][]byte) string {
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

// A crash tears the last commit. What was acknowledged before it is kept; of what was
// not, and so has released nothing, the charge costs its user all the same as soon as
// it is on the disk.
func TestATornLastCommitCostsBudgetAndGivesNoneBack(t *testing.T) {
	dir := t.TempDir()
	k := newKeeper(t, dir, twoExperiments)
	k.open("x", thousandth())
	require.NoError(t, k.store.Sync())
	before, costs, falls := disk(t, dir), 0, 0
	for i := range uint64(12) {
		require.True(t, k.admit("x", i, user(1)))
		if i%3 == 2 {
			require.NoError(t, k.release("x", i-1))
		}
		require.NoError(t, k.store.Sync())
		after := disk(t, dir)
		for _, torn := range tear(t, before, after) {
			again := newKeeper(t, restored(t, torn), twoExperiments)
			again.open("x", thousandth())
			switch spent := again.account("x").Spent.NanoEpsilon; spent {
			case i * one / 1000:
				falls++
			case (i + 1) * one / 1000:
				costs++
			default:
				t.Errorf("charge %d: %d spent", i, spent)
			}
			for leaf := range i {
				if leaf%3 == 1 && leaf+1 < i {
					assert.True(t, again.Left("x", leaf), "leaf %d was released before", leaf)
				}
			}
			require.NoError(t, again.store.Close())
		}
		before = after
	}
	require.NoError(t, k.store.Close())
	assert.Greater(t, costs, 36, "a charge that reached the disk was forgotten with its batch")
	assert.Greater(t, falls, 12, "no batch was torn")

	// a batch that was acknowledged and is damaged: refused, and not an empty budget
	for name, data := range before {
		if strings.HasPrefix(name, "node.journal.") && len(data) > 0 {
			data[40] ^= 1
			_, err := store.Open(restored(t, before), store.Options{})
			assert.Equal(t, "LOG_DAMAGED", posse.As(err).Reason)
			data[40] ^= 1
		}
	}
	// both pages that make a node.db valid
	page := os.Getpagesize()
	for _, at := range []int{16, page + 16} {
		clear(before["node.db"][at : at+64])
	}
	_, err := store.Open(restored(t, before), store.Options{})
	assert.Error(t, err)
}

// tear returns what a directory may be after a crash during the commit that made
// after of before: the new bytes of the journal are there up to some place.
func tear(t *testing.T, before, after map[string][]byte) (states []map[string][]byte) {
	for name, data := range after {
		old := append(bytes.Clone(before[name]), make([]byte, len(data))...)[:len(data)]
		from, to := 0, len(data)
		for from < to && data[from] == old[from] {
			from++
		}
		for from < to && data[to-1] == old[to-1] {
			to--
		}
		for i := range 8 {
			if from == to {
				break
			}
			state := maps.Clone(after)
			state[name] = bytes.Clone(data)
			cut := from + (to-from)*i/8
			copy(state[name][cut:to], old[cut:to])
			states = append(states, state)
		}
	}
	require.NotEmpty(t, states, "nothing was committed")
	return states
}

// Two experiments, one limit of a user: A has spent it in the first and is refused in
// the second, B goes on. The refusal says whose limit, how large, what was spent and
// what is asked, and says the same after a crash.
func TestOneLimitOverTwoExperimentsAlsoAfterACrash(t *testing.T) {
	dir := t.TempDir()
	k := newKeeper(t, dir, twoExperiments)
	promise := guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one * 2 / 5)}
	k.open("first", promise)
	k.open("second", promise)
	a, b := user(1), user(2)
	require.True(t, k.admit("first", 0, a))
	require.True(t, k.admit("first", 0, a))
	check := func() {
		t.Helper()
		err := k.Check("second", a)
		require.ErrorIs(t, err, budget.ErrExhausted)
		var r *budget.Refusal
		require.ErrorAs(t, err, &r)
		assert.Equal(t, budget.Refusal{
			Whose: "the user across all experiments", Limit: epsilon(one), Spent: epsilon(8 * one / 10), Asked: epsilon(4 * one / 10),
		}, *r)
		assert.Contains(t, err.Error(), "ε 0.4 more, with ε 0.8 spent, allowed at most ε 1 in all")
		assert.False(t, k.admit("second", 0, a))
		assert.NoError(t, k.Check("second", b))
	}
	check()
	require.True(t, k.admit("second", 0, b))
	require.NoError(t, k.release("second", 0))
	require.NoError(t, k.store.Sync())

	again := restored(t, disk(t, dir))
	require.NoError(t, k.store.Close())
	k = newKeeper(t, again, twoExperiments)
	defer k.store.Close()
	k.open("first", promise)
	k.open("second", promise)
	check()
	assert.True(t, k.admit("second", 1, b), "and she goes on")
	assert.Error(t, k.Check("nowhere", a))
}

func TestAUsedOrZeroPermitOpensNoDoor(t *testing.T) {
	k := newKeeper(t, t.TempDir(), twoExperiments)
	defer k.store.Close()
	k.open("x", thousandth())
	layout := thousandth().Layout
	_, err := layout.Release(layout.Empty(), budget.Permit{}, noise.Secure{})
	assert.ErrorIs(t, err, budget.ErrPermit)
	require.True(t, k.admit("x", 0, user(1)))
	permit, _, err := k.Permit("x", 0)
	require.NoError(t, err)
	_, err = layout.Release(layout.Empty(), permit, noise.Secure{})
	require.NoError(t, err)
	_, err = layout.Release(layout.Empty(), permit, noise.Secure{})
	assert.ErrorIs(t, err, budget.ErrPermit)
}
