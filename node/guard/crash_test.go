package guard_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// A crash tears the last commit: its page of metadata is half there. What was
// acknowledged before it is kept; what was not has released nothing.
func TestATornLastCommitGivesNothingBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "node.db")
	k := newKeeper(t, dir, twoExperiments)
	k.open("x", thousandth())
	state := func() []byte {
		require.NoError(t, k.store.Sync())
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		return data
	}
	before, fellBack := state(), 0
	for i := range uint64(25) {
		require.True(t, k.admit("x", i, user(1)))
		acknowledged := k.account("x").Spent
		if i%3 == 2 {
			require.NoError(t, k.release("x", i-1))
		}
		after := state()
		for _, torn := range tear(t, before, after) {
			at := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(at, "node.db"), torn, 0o600))
			again := newKeeper(t, at, twoExperiments)
			again.open("x", thousandth())
			spent := again.account("x").Spent
			if !bytes.Equal(torn, after) { // then the last charge was not acknowledged, and released nothing
				acknowledged.NanoEpsilon = i * one / 1000
			}
			assert.GreaterOrEqual(t, spent.NanoEpsilon, acknowledged.NanoEpsilon, "charge %d", i)
			assert.LessOrEqual(t, spent.NanoEpsilon, (i+1)*one/1000)
			if spent.NanoEpsilon == i*one/1000 {
				fellBack++
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
	assert.Greater(t, fellBack, 25, "no file was torn")

	// both pages of metadata: refused, and not an empty budget
	damaged := bytes.Clone(before)
	page := os.Getpagesize()
	for _, at := range []int{16, page + 16} {
		copy(damaged[at:], make([]byte, 64))
	}
	at := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(at, "node.db"), damaged, 0o600))
	_, err := store.Open(at, store.Options{})
	assert.Error(t, err)
}

// tear returns what a file may be after a crash during the commit that made after of
// before: whole, or with the newer page of metadata cut somewhere. Data pages are
// synced before it and replace none that the older one needs.
func tear(t *testing.T, before, after []byte) [][]byte {
	page := os.Getpagesize()
	newer := -1
	for i := range 2 {
		if !bytes.Equal(before[i*page:(i+1)*page], after[i*page:(i+1)*page]) {
			number := func(i int) uint64 { return binary.LittleEndian.Uint64(after[i*page+16+48:]) } // of the transaction
			if newer < 0 || number(i) > number(newer) {
				newer = i
			}
		}
	}
	require.GreaterOrEqual(t, newer, 0, "nothing was committed")
	states := [][]byte{after}
	for _, cut := range []int{24, 56, 70, 76} { // bytes of the page that are new
		torn := bytes.Clone(after)
		copy(torn[newer*page+cut:(newer+1)*page], before[newer*page+cut:])
		states = append(states, torn)
	}
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

	// the disk as a kill leaves it: the file is copied, and nothing is closed
	data, err := os.ReadFile(filepath.Join(dir, "node.db"))
	require.NoError(t, err)
	require.NoError(t, k.store.Close())
	again := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(again, "node.db"), data, 0o600))
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
