package guard_test

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/guard"
	"github.com/posse-dev/posse/node/store"
)

// The test binary is its own child: POSSE_CHILD says as what.
func TestMain(m *testing.M) {
	switch dir := os.Getenv("POSSE_DIR"); os.Getenv("POSSE_CHILD") {
	case "":
		goleak.VerifyTestMain(m)
	case "releasing":
		releasing(dir)
	case "opening":
		opening(dir)
	}
}

// nano is a layout of which one record costs so many nano-ε.
func nano(cost uint64) statistics.Layout {
	return statistics.Layout{{
		Name: "sum", Shape: []int{2}, Record: 1, L1: 1, Claim: true, Noise: statistics.LaplacePerReport, Num: 1_000_000_000, Den: cost,
	}}
}

func epsilon(nano uint64) dp.Spend { return dp.Spend{NanoEpsilon: nano} }

const one = dp.NanoPerEpsilon

func user(i int) [16]byte { return [16]byte{byte(i), byte(i >> 8), 1} }

// keeper is a guard with its store, as a node has them.
type keeper struct {
	*guard.Guard
	t      require.TestingT
	store  *store.Store
	limits guard.Limits
	opened map[string]guard.Promise
	order  []string
}

func newKeeper(t require.TestingT, dir string, l guard.Limits) *keeper {
	s, err := store.Open(dir, store.Options{})
	require.NoError(t, err)
	g, err := guard.New(l)
	require.NoError(t, err)
	return &keeper{g, t, s, l, map[string]guard.Promise{}, nil}
}

func (k *keeper) open(name string, p guard.Promise) {
	require.NoError(k.t, k.Open(name, p))
	require.NoError(k.t, k.Restore(k.store, name))
	k.opened[name] = p
	k.order = append(k.order, name)
}

// restart forgets everything that is not in the store.
func (k *keeper) restart() {
	require.NoError(k.t, k.store.Sync())
	fresh, err := guard.New(k.limits)
	require.NoError(k.t, err)
	k.Guard = fresh
	for _, name := range k.order {
		require.NoError(k.t, k.Open(name, k.opened[name]))
		require.NoError(k.t, k.Restore(k.store, name))
	}
}

func (k *keeper) admit(name string, leaf uint64, u [16]byte) bool {
	teaches, writes, err := k.Admit(name, leaf, u)
	require.NoError(k.t, err)
	k.store.Put(writes)
	return teaches
}

// release does what the node's door does.
func (k *keeper) release(name string, leaf uint64) error {
	p, spend, err := k.Permit(name, leaf)
	if err != nil {
		k.store.Put(k.Refused(name, leaf))
		return err
	}
	layout := k.opened[name].Layout
	require.Equal(k.t, p.Spend(), spend)
	_, err = layout.Release(layout.Empty(), p, noise.Secure{})
	require.NoError(k.t, err)
	k.store.Put(k.Released(name, leaf))
	return nil
}

func (k *keeper) account(name string) guard.Account {
	a, err := k.Account(name)
	require.NoError(k.t, err)
	return a
}

func TestEveryUserTeachesAsOftenAsPromisedAndNeverMore(t *testing.T) {
	for c := uint64(1); c <= 7; c++ {
		t.Run(fmt.Sprint(c, " contributions"), func(t *testing.T) {
			k := newKeeper(t, t.TempDir(), guard.Limits{User: epsilon(one), Experiment: epsilon(one)})
			defer k.store.Close()
			k.open("x", guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one / c)})
			taught := map[int]uint64{}
			for i := range 20 * 10 {
				if i%37 == 36 {
					k.restart()
				}
				if k.admit("x", uint64(i/20), user(i%20)) {
					taught[i%20]++
				}
			}
			for u := range 20 {
				assert.Equal(t, c, taught[u])
			}
			a := k.account("x")
			assert.Equal(t, epsilon(one/c*c), a.Spent)
			assert.LessOrEqual(t, a.Spent.NanoEpsilon, uint64(one))
			assert.Equal(t, [2]uint64{20, 20}, [2]uint64{a.Users, a.AtLimit})
		})
	}
}

// Random histories with restarts: spent never falls, never exceeds what the user may
// in one and in all experiments, and every release has its one charge.
func TestNoHistoryOverspends(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		costs := rapid.SliceOfN(rapid.Uint64Range(1, one), 1, 3).Draw(r, "costs")
		l := guard.Limits{User: epsilon(rapid.Uint64Range(one/2, 2*one).Draw(r, "all")), Experiment: epsilon(one)}
		k := newKeeper(r, t.TempDir(), l)
		defer k.store.Close()
		for i, c := range costs {
			k.open(fmt.Sprint("x", i), guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(c)})
		}
		spent := map[[2]int]uint64{} // user, experiment
		left := map[[2]uint64]bool{} // experiment, leaf
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			x := rapid.IntRange(0, len(costs)-1).Draw(r, "experiment")
			name, leaf := fmt.Sprint("x", x), rapid.Uint64Range(0, 3).Draw(r, "leaf")
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				k.restart()
			case 1:
				err := k.release(name, leaf)
				if left[[2]uint64{uint64(x), leaf}] {
					require.Error(r, err, "a leaf leaves once")
				}
				require.True(r, k.Left(name, leaf))
				left[[2]uint64{uint64(x), leaf}] = true
			default:
				if left[[2]uint64{uint64(x), leaf}] {
					continue // the desk opens no leaf twice
				}
				u := rapid.IntRange(0, 2).Draw(r, "user")
				if k.admit(name, leaf, user(u)) {
					spent[[2]int{u, x}] += costs[x]
				}
			}
			for u := range 3 {
				all := uint64(0)
				for x := range costs {
					require.LessOrEqual(r, spent[[2]int{u, x}], uint64(one))
					all += spent[[2]int{u, x}]
				}
				require.LessOrEqual(r, all, l.User.NanoEpsilon)
			}
			for x := range costs {
				worst := max(spent[[2]int{0, x}], spent[[2]int{1, x}], spent[[2]int{2, x}])
				require.Equal(r, worst, k.account(fmt.Sprint("x", x)).Spent.NanoEpsilon, "shown is what was spent")
			}
		}
	})
}

func TestALeafOfSpentUsersIsRefusedForGood(t *testing.T) {
	k := newKeeper(t, t.TempDir(), guard.Limits{User: epsilon(one), Experiment: epsilon(one)})
	defer k.store.Close()
	k.open("x", guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one)})
	require.True(t, k.admit("x", 0, user(1)))
	require.False(t, k.admit("x", 1, user(1)), "she decides on, and teaches no more")
	require.NoError(t, k.release("x", 0))

	err := k.release("x", 1)
	assert.ErrorIs(t, err, budget.ErrExhausted)
	assert.Equal(t, "BUDGET_SPENT", posse.As(err).Reason)
	for range 2 {
		a := k.account("x")
		assert.Equal(t, [2]uint64{1, 1}, [2]uint64{a.Released, a.Refused})
		assert.Contains(t, a.Refusal, "BUDGET_SPENT")
		assert.True(t, k.Left("x", 0))
		assert.True(t, k.Left("x", 1))
		assert.Equal(t, uint64(1), k.Next("x"), "numbers have no holes")
		k.restart()
	}
	require.True(t, k.admit("x", 2, user(2)))
	assert.NoError(t, k.release("x", 2), "others go on")
}

func TestALeafHasOnePermit(t *testing.T) {
	k := newKeeper(t, t.TempDir(), guard.Limits{User: epsilon(one), Experiment: epsilon(one)})
	defer k.store.Close()
	for name, unit := range map[string]dp.Unit{"users": dp.User, "rewards": dp.Reward} {
		p := guard.Promise{Unit: unit, Limit: epsilon(one), Layout: nano(one / 4)}
		k.open(name, p)
		require.True(t, k.admit(name, 0, user(1)))
		require.True(t, k.admit(name, 0, user(1)))
		permit, _, err := k.Permit(name, 0)
		require.NoError(t, err)
		_, _, err = k.Permit(name, 0)
		require.Error(t, err, "not even before the bytes are there")
		_, err = p.Layout.Release(p.Layout.Empty(), permit, noise.Secure{})
		require.NoError(t, err)
		_, err = p.Layout.Release(p.Layout.Empty(), permit, noise.Secure{})
		require.Error(t, err, "nor twice with the same")
	}
	k.restart() // died before the bytes were written: nothing was sent, and once more is right
	for name := range k.opened {
		require.False(t, k.Left(name, 0))
		require.NoError(t, k.release(name, 0))
		require.Error(t, k.release(name, 0))
	}
	k.restart()
	for name := range k.opened {
		_, _, err := k.Permit(name, 0)
		require.Error(t, err, "the bytes are there")
	}
	assert.Equal(t, epsilon(one/4), k.account("rewards").Spent, "records of one release compose in parallel")
	assert.Equal(t, epsilon(one/2), k.account("users").Spent, "those of one user add up")
}

func TestTheNodesOwnLimitsCannotBeRaised(t *testing.T) {
	k := newKeeper(t, t.TempDir(), guard.Limits{User: epsilon(2 * one), Experiment: epsilon(one)})
	defer k.store.Close()
	for name, c := range map[string]struct {
		promise guard.Promise
		reason  string
	}{
		"more than one experiment may": {guard.Promise{Unit: dp.User, Limit: epsilon(one + 1), Layout: nano(1)}, "BUDGET_SPENT"},
		"a δ that the node has not":    {guard.Promise{Unit: dp.User, Limit: dp.Spend{NanoEpsilon: 1, AttoDelta: 1}, Layout: nano(1)}, "BUDGET_SPENT"},
		"no noise": {
			guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: statistics.Layout{{Name: "sum", Shape: []int{1}, Record: 1}}}, "NO_NOISE",
		},
	} {
		assert.Equal(t, c.reason, posse.As(k.Open(name, c.promise)).Reason, name)
	}
	for i := range 3 { // a third experiment finds her spent in the other two
		name := fmt.Sprint("x", i)
		k.open(name, guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one)})
		assert.Equal(t, i < 2, k.admit(name, 0, user(1)))
		k.restart()
	}
	_, err := k.Account("nowhere")
	assert.Equal(t, "WRONG_EXPERIMENT", posse.As(err).Reason)
}

// A total in ρ is kept as it was charged: two records of ε = 1/2 are ρ = 1/4, and
// one of ε = 1 is ρ = 1/2.
func TestTotalsInRhoSurviveARestart(t *testing.T) {
	k := newKeeper(t, t.TempDir(), guard.Limits{User: dp.Spend{PicoRho: dp.PicoPerRho / 4}, Experiment: dp.Spend{NanoEpsilon: 4 * one, PicoRho: dp.PicoPerRho}})
	defer k.store.Close()
	k.open("x", guard.Promise{Unit: dp.User, Limit: epsilon(4 * one), Layout: nano(one / 2)})
	require.True(t, k.admit("x", 0, user(1)))
	k.restart()
	assert.True(t, k.admit("x", 0, user(1)))
	k.restart()
	assert.False(t, k.admit("x", 0, user(1)))
}

func TestConcurrentAdmissionsChargeExactlyOnce(t *testing.T) {
	k := newKeeper(t, t.TempDir(), guard.Limits{User: epsilon(one), Experiment: epsilon(one)})
	defer k.store.Close()
	k.open("x", guard.Promise{Unit: dp.User, Limit: epsilon(one), Layout: nano(one / 100)})
	var all sync.WaitGroup
	var mu sync.Mutex
	taught := 0
	for range 8 {
		all.Go(func() {
			for range 50 {
				teaches, _, err := k.Admit("x", 0, user(1))
				assert.NoError(t, err)
				if teaches {
					mu.Lock()
					taught++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	assert.Equal(t, 100, taught)
}
