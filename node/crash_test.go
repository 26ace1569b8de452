package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// The test binary is its own child: POSSE_CHILD says as what.
func TestMain(m *testing.M) {
	switch dir := os.Getenv("POSSE_DIR"); os.Getenv("POSSE_CHILD") {
	case "":
		// The library's dialler may open a socket for a dial that was given up, after
		// its host was closed; it has no way to wait for it.
		goleak.VerifyTestMain(m,
			goleak.IgnoreAnyFunction("github.com/quic-go/quic-go.(*Transport).listen"),
			goleak.IgnoreAnyFunction("github.com/quic-go/quic-go.(*Transport).runSendQueue"))
	case "busy":
		busy(dir)
	case "hung":
		hung(dir)
	}
}

// child runs this binary on a node's directory until it has said as many lines, and
// kills it. It returns what was said.
func child(t *testing.T, as, dir string, lines int) (said []string) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "POSSE_CHILD="+as, "POSSE_DIR="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	s := bufio.NewScanner(out)
	for s.Scan() {
		if said = append(said, s.Text()); len(said) == lines {
			require.NoError(t, c.Process.Kill())
		}
	}
	var exit *exec.ExitError
	require.ErrorAs(t, c.Wait(), &exit)
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal())
	require.GreaterOrEqual(t, len(said), lines)
	return said
}

// must is for children, which have no test.
func must[T any](x T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return x
}

// busy answers and takes rewards from many goroutines and says what it acknowledged.
func busy(dir string) {
	n := must(New(testConfig(dir)))
	var said sync.Mutex
	for w := range 16 {
		go func() {
			for i := 0; ; i++ {
				a := must(n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint(w, "/", i), Key: fmt.Sprint(w, "/", i, os.Getpid())}))
				must(n.Reward(context.Background(), a.ID, mechanisms.Reward{X: 1}))
				said.Lock()
				fmt.Println(a.ID)
				said.Unlock()
			}
		}()
	}
	select {}
}

// hung decides while its disk does not answer any more, says what it decided, and
// waits to be killed.
func hung(dir string) {
	var stuck sync.Mutex
	n := must(New(testConfig(dir, func(c *Config) {
		c.disk = store.Options{Around: func(_ uint64, commit func() error) error {
			stuck.Lock()
			defer stuck.Unlock()
			return commit()
		}}
	})))
	stuck.Lock()
	for i := range 5 {
		fmt.Println(must(n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint(i)})).ID)
	}
	select {}
}

// taken is a directory of a node that takes part in the experiment and has stopped.
func takenDir(t *testing.T, quota uint64) string {
	t.Helper()
	l := newLeader(t, yaml, quota)
	dir := nodeDir(t, l)
	n := run(t, dir)
	joined(t, n, "solver")
	require.NoError(t, n.Close())
	l.stop()
	return dir
}

func TestAcknowledgedRewardsSurviveAKill(t *testing.T) {
	dir := takenDir(t, 100)
	var acknowledged []string
	for range 2 {
		acknowledged = append(acknowledged, child(t, "busy", dir, 400)...)
	}
	n, err := New(testConfig(dir))
	require.NoError(t, err)
	defer n.Close()
	for _, id := range acknowledged {
		require.Equal(t, decision.Duplicate, tell(t, n, id, 1), "taken once, and known to be")
		require.Equal(t, decision.Conflict, tell(t, n, id, 0.5))
	}
	d := n.experiments["solver"].desk
	counts := d.Counts()
	assert.GreaterOrEqual(t, counts.Rewards, uint64(len(acknowledged)))
	sums := int64(0)
	for _, leaf := range d.Full(true) {
		c, err := d.Close(leaf)
		require.NoError(t, err)
		for _, x := range c.Raw.Block("sum") {
			sums += x
		}
	}
	assert.Equal(t, int64(counts.Rewards), sums>>16, "each is in one sum, once")
}

func TestADecisionLostInACrashIsToldFromALateAndAnUnknownOne(t *testing.T) {
	dir := takenDir(t, 100)
	clock := time.Now()
	start := func() *Node {
		n, err := New(testConfig(dir, func(c *Config) { c.Now = func() time.Time { return clock } }))
		require.NoError(t, err)
		return n
	}
	n := start()
	kept := ask(t, n, 1).ID
	require.NoError(t, n.Close())
	lost := child(t, "hung", dir, 5)
	for range 3 { // starts, the last two after clean stops
		n = start()
		for _, id := range lost {
			assert.Equal(t, decision.Lost, tell(t, n, id, 0.5))
		}
		next := ask(t, n, 1).ID
		assert.NotContains(t, lost, next, "no number is given twice")
		assert.Equal(t, decision.Accepted, tell(t, n, next, 0.5))
		for _, id := range []string{"", "no id", strings.Repeat("0", 26), lost[0][:25] + "zz"} {
			assert.Equal(t, decision.Unknown, tell(t, n, id, 0.5))
		}
		require.NoError(t, n.Close())
	}
	more := child(t, "hung", dir, 5)
	assert.NotContains(t, more, lost[0])
	n = start()
	defer n.Close()
	for _, id := range append(lost, more...) {
		assert.Equal(t, decision.Lost, tell(t, n, id, 0.5), "also after a second crash")
	}
	clock = clock.Add(169 * time.Hour)
	assert.Equal(t, decision.Late, tell(t, n, kept, 0.5))
	n.expire()
	assert.Equal(t, decision.Late, tell(t, n, kept, 0.5), "also when it is forgotten")
	assert.Equal(t, decision.Lost, tell(t, n, lost[0], 0.5))
}

var errDead = errors.New("the process died here")

// A process that dies at a commit, before it or after it, is one whose disk takes
// nothing more. Whatever the commit: what is spent is at least what was released,
// a leaf has one noise for ever, a round has one offer, and a release is in the node's own
// sums once.
func TestACrashAtAnyCommitNeverGivesTwoNoises(t *testing.T) {
	finished := 0
	for k := uint64(0); k < 40 && finished < 2; k++ {
		finished = 0
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("commit %d, after %v", k, after), func(t *testing.T) {
				if crashAt(t, k, after) {
					finished++
				}
			})
		}
	}
	require.Equal(t, 2, finished, "the last commit was reached")
}

// crashAt plays one round and reports whether it ended before the crash came.
func crashAt(t *testing.T, k uint64, after bool) bool {
	l := newLeader(t, yaml+"node: {pooling: partial}\n", 4)
	dir := nodeDir(t, l)
	dead := make(chan struct{})
	var once sync.Once
	dying := testConfig(dir, func(c *Config) {
		c.disk = store.Options{Around: func(n uint64, commit func() error) error {
			if n < k {
				return commit()
			}
			if n == k && after {
				if err := commit(); err != nil {
					return err
				}
			}
			once.Do(func() { close(dead) })
			return errDead
		}}
	})
	var acknowledged []string
	ended := make(chan struct{})
	n, err := New(dying)
	if err == nil {
		n.Start(context.Background())
		go func() { // the story of one round, as far as it comes
			defer close(ended)
			play(n, l, &acknowledged, dead)
		}()
		<-ended
		_ = n.Close()
	} else {
		require.ErrorIs(t, err, errDead)
	}
	crashed := false
	select {
	case <-dead:
		crashed = true
	default:
	}

	// the same directory, a disk that works; a round that nothing came for is over
	id := uint64(1)
	l.change(func() {
		if !l.view.GetRound().GetOffered() {
			l.view.Round, id = nil, 2
		}
	})
	n = run(t, dir)
	joined(t, n, "solver")
	for _, id := range acknowledged {
		require.Equal(t, decision.Duplicate, tell(t, n, id, 1))
	}
	for u := 100; id == 2 && n.guard.Next("solver") == 0 && len(n.experiments["solver"].desk.Full(false)) == 0; u++ {
		tell(t, n, ask(t, n, u).ID, 1)
	}
	if id == 2 {
		l.openRound(2)
	}
	o := l.offer(id)
	require.NotEmpty(t, o.GetLeaves())
	l.change(func() {
		if l.view.Round.Phase == possev1.RoundPhase_OFFERING {
			l.view.Round.Phase, l.view.Round.Chosen = possev1.RoundPhase_COLLECTING, true
		}
	})
	r := l.report(id)

	l.mu.Lock()
	defer l.mu.Unlock()
	digests := map[uint64][]byte{} // of a release, whichever round it is in
	for round, raws := range l.offers {
		for _, raw := range raws {
			assert.Equal(t, raws[0], raw, "one offer for a round")
		}
		var signed possev1.SignedOffer
		var offer possev1.Offer
		require.NoError(t, proto.Unmarshal(raws[0], &signed))
		require.NoError(t, proto.Unmarshal(signed.GetOffer(), &offer))
		assert.Equal(t, round, offer.GetRound())
		for _, c := range offer.GetLeaves() {
			if before, ok := digests[c.GetLeaf()]; ok {
				assert.Equal(t, before, c.GetDigest(), "one noise for a leaf")
			}
			digests[c.GetLeaf()] = c.GetDigest()
		}
	}
	for _, raw := range l.reports[id] {
		assert.Equal(t, l.reports[id][0], raw, "one report for a round")
	}
	for _, leaf := range r.GetLeaves() {
		assert.Equal(t, digests[leaf.GetLeaf()], sum(string(leaf.GetReleased())), "the bytes that were offered")
	}
	b := account(t, n)
	assert.GreaterOrEqual(t, b.GetSpentNanoEpsilon(), o.GetLeaves()[0].GetNanoEpsilon(), "what left was charged")
	assert.LessOrEqual(t, b.GetSpentNanoEpsilon(), uint64(1_000_000_000))
	assert.GreaterOrEqual(t, b.GetReleased(), uint64(len(o.GetLeaves())))
	own := uint64(0)
	for _, part := range n.experiments["solver"].own.Parts {
		own += part.Releases
	}
	assert.Equal(t, b.GetReleased(), own, "each release is in the node's own sums, once")
	return !crashed
}

// play is an application and a leader until the round is over or the node is dead.
func play(n *Node, l *leader, acknowledged *[]string, dead <-chan struct{}) {
	gone := func() bool {
		select {
		case <-dead:
			return true
		case <-time.After(time.Millisecond):
			return false
		}
	}
	for _, ok := n.Status("solver"); !ok; _, ok = n.Status("solver") {
		if gone() {
			return
		}
	}
	for u := range 4 {
		a, err := n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint(u)})
		if err != nil {
			return
		}
		if o, err := n.Reward(context.Background(), a.ID, mechanisms.Reward{X: 1}); err == nil && o == decision.Accepted {
			*acknowledged = append(*acknowledged, a.ID)
		}
	}
	l.openRound(1)
	for _, next := range []func() bool{
		func() bool { return l.view.Round.Offered },
		func() bool { return l.view.Round.Delivered },
	} {
		for done := false; !done; {
			l.mu.Lock()
			done = next()
			l.mu.Unlock()
			if !done && gone() {
				// what was on its way before the disk failed may still arrive
				time.Sleep(2 * time.Millisecond)
				l.mu.Lock()
				done = next()
				l.mu.Unlock()
				if !done {
					return
				}
			}
		}
		l.change(func() {
			if !l.view.Round.Delivered {
				l.view.Round.Phase, l.view.Round.Chosen = possev1.RoundPhase_COLLECTING, true
			}
		})
	}
	time.Sleep(10 * time.Millisecond) // the last lazy commit
}

func TestAFullDiskStopsAcknowledgementsAndReleasesButNotDecisions(t *testing.T) {
	for name, failure := range map[string]error{"DISK_FULL": syscall.ENOSPC, "INTERNAL": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			l := newLeader(t, yaml, 4)
			dir := nodeDir(t, l)
			var full sync.Mutex
			var err error
			n := run(t, dir, func(c *Config) {
				c.disk = store.Options{Around: func(_ uint64, commit func() error) error {
					full.Lock()
					defer full.Unlock()
					if err != nil {
						return err
					}
					return commit()
				}}
			})
			joined(t, n, "solver")
			before := ask(t, n, 0).ID
			assert.Equal(t, decision.Accepted, tell(t, n, before, 1))
			full.Lock()
			err = failure
			full.Unlock()
			var ids []string
			for u := range 20 {
				ids = append(ids, ask(t, n, u).ID)
			}
			for range 2 { // a second try is no better, and is no duplicate
				_, failed := n.Reward(context.Background(), ids[0], mechanisms.Reward{X: 1})
				require.Error(t, failed)
				assert.Equal(t, name, posse.As(failed).Reason)
			}
			l.openRound(1)
			l.until("an answer to the round", func() bool { return l.asked["Ready"] > 0 })
			time.Sleep(20 * time.Millisecond)
			assert.Zero(t, l.count("Offer"), "nothing leaves that is not on the disk")
			ask(t, n, 3)
			require.Error(t, n.Close())

			n = run(t, dir)
			assert.Equal(t, decision.Duplicate, tell(t, n, before, 1))
			assert.Equal(t, decision.Lost, tell(t, n, ids[0], 1))
		})
	}
}

func TestCloseIsCleanWhileEverythingGoesOn(t *testing.T) {
	l := newLeader(t, yaml, 4)
	dir := nodeDir(t, l)
	n := run(t, dir)
	joined(t, n, "solver")
	var all sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	for w := range 8 {
		all.Go(func() {
			for i := 0; ; i++ {
				a, err := n.Decide(context.Background(), Question{Experiment: "solver", User: fmt.Sprint(w, i), Key: fmt.Sprint("key ", w, i)})
				if err == nil {
					_, err = n.Reward(context.Background(), a.ID, mechanisms.Reward{X: 1})
				}
				if err != nil {
					assert.ErrorIs(t, err, ErrClosed)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, a.ID)
				mu.Unlock()
			}
		})
	}
	l.openRound(1)
	l.offer(1)
	require.NoError(t, n.Close())
	all.Wait()
	require.NoError(t, n.Close(), "a second time does nothing")
	n = run(t, dir)
	for _, id := range acknowledged {
		require.Equal(t, decision.Duplicate, tell(t, n, id, 1))
	}
}

// onDisk is the node's store as it is now: what a kill leaves.
func onDisk(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "node.*"))
	require.NoError(t, err)
	got := map[string][]byte{}
	for _, p := range paths {
		got[filepath.Base(p)], err = os.ReadFile(p)
		require.NoError(t, err)
	}
	require.Contains(t, got, "node.db")
	return got
}

// What was acknowledged, in any interleaving, is in the sums on the disk.
func TestConcurrentRewardsAreAllInTheSumsOnTheDisk(t *testing.T) {
	dir := takenDir(t, 0)
	n, err := New(testConfig(dir))
	require.NoError(t, err)
	visited := 400
	var all sync.WaitGroup
	for w := range 16 {
		all.Go(func() {
			for i := w; i < visited; i += 16 {
				tell(t, n, ask(t, n, i).ID, 1)
			}
		})
	}
	all.Wait()
	n.store.Put(nil)
	require.NoError(t, n.store.Sync())
	// a copy of the files is what a crash at this moment leaves
	files := onDisk(t, dir)
	require.NoError(t, n.Close())
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	n, err = New(testConfig(dir))
	require.NoError(t, err)
	defer n.Close()
	d := n.experiments["solver"].desk
	c, err := d.Close(d.Full(true)[0])
	require.NoError(t, err)
	total := int64(0)
	for _, x := range c.Raw.Block("sum") {
		total += x
	}
	assert.Equal(t, int64(visited), total>>16)
}

// Whoever runs the node may ask why a user teaches no more: whose limit, how large,
// what was spent, what is asked. A crash changes no word of it.
func TestARefusedUserIsToldApartAlsoAfterACrash(t *testing.T) {
	for whose, c := range map[string]struct {
		all, spent uint64
	}{
		"the user in experiment solver":   {2 * dp.NanoPerEpsilon, dp.NanoPerEpsilon},
		"the user across all experiments": {dp.NanoPerEpsilon / 2, dp.NanoPerEpsilon / 2},
	} {
		dir := takenDir(t, 100)
		limits := func(cfg *Config) { cfg.Guard.User.NanoEpsilon = c.all }
		n, err := New(testConfig(dir, limits))
		require.NoError(t, err)
		for range 3 {
			_, err := n.Decide(context.Background(), Question{Experiment: "solver", User: "alice"})
			require.NoError(t, err)
		}
		check := func() {
			t.Helper()
			b, err := n.BudgetOf("alice")
			require.NoError(t, err)
			u := b.GetExperiments()[0].GetUser()
			assert.False(t, u.GetTeaches())
			assert.Equal(t, whose, u.GetWhose())
			assert.Equal(t, [3]uint64{min(c.all, dp.NanoPerEpsilon), c.spent, dp.NanoPerEpsilon / 2},
				[3]uint64{u.GetLimit().GetNanoEpsilon(), u.GetSpent().GetNanoEpsilon(), u.GetAsked().GetNanoEpsilon()})
			b, err = n.BudgetOf("bob")
			require.NoError(t, err)
			assert.True(t, b.GetExperiments()[0].GetUser().GetTeaches(), "others go on")
			b, err = n.Budget()
			require.NoError(t, err)
			assert.Nil(t, b.GetExperiments()[0].GetUser(), "nobody was asked for")
		}
		check()
		require.NoError(t, n.store.Sync())
		files := onDisk(t, dir)
		require.NoError(t, n.Close())
		for name, data := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		n, err = New(testConfig(dir, limits))
		require.NoError(t, err)
		check()
		_, err = n.BudgetOf(strings.Repeat("x", 10_000))
		assert.Equal(t, "user", posse.As(err).Field)
		require.NoError(t, n.Close())
	}
}

func TestTheSameKeyIsTheSameDecisionAlsoAtOnceAndAfterACrash(t *testing.T) {
	dir := takenDir(t, 100)
	n, err := New(testConfig(dir))
	require.NoError(t, err)
	q := Question{Experiment: "solver", User: "u", Key: "k"}
	first, err := n.Decide(context.Background(), q)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			a, err := n.Decide(context.Background(), q)
			assert.NoError(t, err)
			assert.Equal(t, first, a)
		})
	}
	all.Wait()
	assert.Equal(t, uint64(1), account(t, n).GetDecisions(), "one decision, one charge")
	other := q
	other.User = "v"
	_, err = n.Decide(context.Background(), other)
	assert.Equal(t, "CONFLICT", posse.As(err).Reason)
	require.NoError(t, n.Close())
	for range 2 {
		n, err = New(testConfig(dir))
		require.NoError(t, err)
		again, err := n.Decide(context.Background(), q)
		require.NoError(t, err)
		assert.Equal(t, first, again)
		assert.NotEqual(t, decision.Unknown, tell(t, n, again.ID, 1))
		require.NoError(t, n.Close())
	}
}
