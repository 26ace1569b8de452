package decision_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/experiment"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const file = `
apiVersion: posse/v1
kind: Experiment
metadata: {name: x}
problem: {kind: arms, arms: [a, b, c]}
reward: {range: [0, 1]}
policy: {name: robust-elimination}
privacy: {model: %s, unit: user, epsilon: 1, maxContributions: 2}
horizon: 100000
`

var keys = decision.Keys{ID: []byte("an id key of a test"), User: []byte("a user key of a test")}

// office is a desk with its store; everybody teaches unless exhausted says else.
type office struct {
	*decision.Desk
	t         *testing.T
	store     *store.Store
	cfg       decision.Config
	first     mechanisms.Descriptor
	next      uint64
	exhausted bool
	left      map[uint64]bool
}

func newOffice(t *testing.T, quota uint64, change ...func(*decision.Config)) *office {
	return officeOf(t, "silo", quota, change...)
}

func officeOf(t *testing.T, model string, quota uint64, change ...func(*decision.Config)) *office {
	e, err := experiment.Read("x.yaml", fmt.Appendf(nil, file, model))
	require.NoError(t, err)
	shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
	require.NoError(t, err)
	first, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	require.NoError(t, err)
	cfg := decision.Config{Experiment: e.Name, Shared: shared, Deadline: time.Hour, Keys: keys}
	for _, f := range change {
		f(&cfg)
	}
	s, err := store.Open(t.TempDir(), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	o := &office{t: t, store: s, cfg: cfg, first: first, left: map[uint64]bool{}}
	o.start(quota)
	return o
}

// start is a fresh process on the same disk.
func (o *office) start(quota uint64) {
	require.NoError(o.t, o.store.Sync())
	desk, err := decision.New(o.cfg, o.first, o.first.Version, quota)
	require.NoError(o.t, err)
	require.NoError(o.t, desk.Restore(o.store, func(leaf uint64) bool { return o.left[leaf] }))
	o.Desk = desk
	o.next = desk.Newest() + 1
}

func (o *office) decide(now int64) (decision.Decision, uint64) {
	number := o.next
	o.next++
	d, writes, err := o.Decide(now, number, mechanisms.None{}, func(uint64) (bool, []store.Write, error) { return !o.exhausted, nil, nil })
	require.NoError(o.t, err)
	o.store.Put(writes)
	return d, number
}

func noPermit() (budget.Permit, error) {
	return budget.Permit{}, errors.New("not asked for in silo")
}

func (o *office) reward(now int64, number uint64, f mechanisms.Feedback) (decision.Outcome, error) {
	outcome, writes, err := o.Reward(now, number, f, noPermit)
	o.store.Put(writes)
	return outcome, err
}

func (o *office) close(leaf uint64) decision.ClosedLeaf {
	c, err := o.Close(leaf)
	require.NoError(o.t, err)
	o.left[leaf] = true
	o.store.Put(o.Forget(leaf))
	return c
}

func (o *office) must(now int64, number uint64, x float64) {
	outcome, err := o.reward(now, number, mechanisms.Reward{X: x})
	require.NoError(o.t, err)
	require.Equal(o.t, decision.Accepted, outcome)
}

func TestWhatHappensToARewardIsAnAnswer(t *testing.T) {
	hour := time.Hour.Milliseconds()
	half, other := mechanisms.Reward{X: 0.5}, mechanisms.Reward{X: 0.25}
	for name, c := range map[string]struct {
		before func(o *office, n uint64)
		at     int64
		f      mechanisms.Feedback
		want   decision.Outcome
	}{
		"the first":                   {nil, 1, half, decision.Accepted},
		"in the last millisecond":     {nil, hour, half, decision.Accepted},
		"a millisecond later":         {nil, hour + 1, half, decision.Late},
		"the same again":              {func(o *office, n uint64) { o.must(1, n, 0.5) }, 2, half, decision.Duplicate},
		"the same again, but late":    {func(o *office, n uint64) { o.must(1, n, 0.5) }, hour + 1, half, decision.Duplicate},
		"another value":               {func(o *office, n uint64) { o.must(1, n, 0.5) }, 2, other, decision.Conflict},
		"after the end":               {func(o *office, n uint64) { o.Stop() }, 1, half, decision.Closed},
		"the same again, after it":    {func(o *office, n uint64) { o.must(1, n, 0.5); o.Stop() }, 1, half, decision.Duplicate},
		"after it was forgotten":      {func(o *office, n uint64) { o.store.Put(o.Expire(hour+1, 10)) }, hour + 1, half, decision.Unknown},
		"the same, after a restart":   {func(o *office, n uint64) { o.must(1, n, 0.5); o.start(4) }, 2, half, decision.Duplicate},
		"another, after a restart":    {func(o *office, n uint64) { o.must(1, n, 0.5); o.start(4) }, 2, other, decision.Conflict},
		"the first, after a restart":  {func(o *office, n uint64) { o.start(4) }, 2, half, decision.Accepted},
		"from one who can't teach":    {func(o *office, n uint64) {}, 1, half, decision.Accepted},
		"when its leaf has left":      {func(o *office, n uint64) { o.close(0) }, 1, half, decision.Accepted},
		"and its leaf has left twice": {func(o *office, n uint64) { o.close(0); o.decide(1); o.close(1) }, 1, half, decision.Accepted},
	} {
		for _, exhausted := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", exhausted ", exhausted), func(t *testing.T) {
				o := newOffice(t, 4)
				o.exhausted = exhausted
				_, n := o.decide(0)
				if c.before != nil {
					c.before(o, n)
				}
				got, err := o.reward(c.at, n, c.f)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			})
		}
	}
	o := newOffice(t, 4)
	got, err := o.reward(0, 99, half)
	require.NoError(t, err)
	assert.Equal(t, decision.Unknown, got, "a number of nobody's")
}

// The same error whether she still teaches or not, and whether her leaf is there or
// not: nothing is told about her. The decision stays open.
func TestBadFeedbackIsAnErrorForEverybodyAlike(t *testing.T) {
	for name, c := range map[string]struct {
		f      mechanisms.Feedback
		reason string
	}{
		"not a number":      {mechanisms.Reward{X: math.NaN()}, "REWARD_NOT_FINITE"},
		"infinite":          {mechanisms.Reward{X: math.Inf(1)}, "REWARD_NOT_FINITE"},
		"minus infinite":    {mechanisms.Reward{X: math.Inf(-1)}, "REWARD_NOT_FINITE"},
		"above the range":   {mechanisms.Reward{X: 41.4242}, "REWARD_OUT_OF_RANGE"},
		"below the range":   {mechanisms.Reward{X: -41.4242}, "REWARD_OUT_OF_RANGE"},
		"of another shape":  {mechanisms.Runtime{Seconds: 41.4242}, "MALFORMED"},
		"of a duel's shape": {mechanisms.Duel{FirstWon: true}, "MALFORMED"},
	} {
		t.Run(name, func(t *testing.T) {
			var texts []string
			for _, where := range []string{"open leaf", "exhausted", "leaf has left", "exhausted, leaf has left", "learning has ended"} {
				o := newOffice(t, 2)
				o.exhausted = strings.Contains(where, "exhausted")
				_, n := o.decide(0)
				if strings.Contains(where, "left") {
					o.close(0)
				}
				if strings.Contains(where, "ended") {
					ended := o.first
					ended.Ended = true
					require.NoError(t, o.Use(ended, ended.Version))
					o.store.Put(o.Drop())
				}
				before := o.Counts()
				_, err := o.reward(1, n, c.f)
				require.Error(t, err, where)
				assert.Equal(t, c.reason, posse.As(err).Reason, where)
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, posse.As(err)), "41.4", where)
				assert.Equal(t, before, o.Counts(), "nothing half done: %s", where)
				texts = append(texts, err.Error())
				o.must(2, n, 0.5)
			}
			for _, text := range texts {
				assert.Equal(t, texts[0], text)
			}
		})
	}
}

func TestARecordIsInOneLeafOnly(t *testing.T) {
	o := newOffice(t, 2)
	var numbers []uint64
	for range 4 { // two full leaves
		_, n := o.decide(0)
		numbers = append(numbers, n)
	}
	assert.Equal(t, []uint64{0, 1}, o.Full(false))
	assert.Equal(t, uint64(4), o.Ready())
	o.must(1, numbers[0], 1)
	first := o.close(0)
	o.must(1, numbers[1], 1) // its leaf has left: into the next
	second := o.close(1)
	o.must(1, numbers[2], 1) // both have left: into one that opens for it
	o.start(2)               // and what is in there survives
	o.must(1, numbers[3], 1)
	o.decide(1)
	o.decide(1)
	third := o.close(2)

	sums := func(c decision.ClosedLeaf) (n int64) {
		for _, x := range c.Raw.Block("sum") {
			n += x
		}
		return n
	}
	counts := func(c decision.ClosedLeaf) (n int64) {
		for _, x := range c.Raw.Block("count") {
			n += x
		}
		return n
	}
	unit := sums(first)
	require.Positive(t, unit)
	assert.Equal(t, []int64{unit, unit, 2 * unit}, []int64{sums(first), sums(second), sums(third)})
	assert.Equal(t, []int64{2, 2, 2}, []int64{counts(first), counts(second), counts(third)}, "counts are those of public slots")
	_, err := o.Close(2)
	assert.Error(t, err, "a leaf is closed once")
}

func TestTheLeafOfAClockIsClosedAsItIs(t *testing.T) {
	o := newOffice(t, 0)
	assert.Empty(t, o.Full(true), "an empty leaf is none")
	_, n := o.decide(0)
	assert.Empty(t, o.Full(false))
	assert.Equal(t, []uint64{0}, o.Full(true))
	o.must(1, n, 1)
	assert.Equal(t, "[1 0 0]", fmt.Sprint(o.close(0).Raw.Block("count")))
	d, _ := o.decide(1)
	assert.Equal(t, uint64(1), d.Leaf)
	assert.Equal(t, mechanisms.Arm(1), d.Action, "slots go on")
	assert.Zero(t, o.Ready(), "the public clock is not used")
}

func TestLearningEnds(t *testing.T) {
	o := newOffice(t, 2)
	_, n := o.decide(0)
	assert.Empty(t, o.Drop(), "leaves are kept while something will be made of them")
	ended := o.first
	ended.Ended, ended.Version = true, 5
	require.NoError(t, o.Use(ended, ended.Version))
	o.store.Put(o.Drop())
	o.must(1, n, 0.5)
	d, _ := o.decide(1)
	assert.Equal(t, [2]any{uint64(5), false}, [2]any{d.Version, d.Teaches})
	o.start(2)
	assert.Empty(t, o.Full(true), "raw sums are gone from the disk")
}

func TestAClosedExperimentSaysSo(t *testing.T) {
	o := newOffice(t, 2)
	o.Stop()
	_, _, err := o.Decide(0, 1, mechanisms.None{}, nil)
	assert.Equal(t, "EXPERIMENT_CLOSED", posse.As(err).Reason)
}

func TestTooManyPendingIsSaid(t *testing.T) {
	o := newOffice(t, 100, func(c *decision.Config) { c.MaxPending = 3 })
	var numbers []uint64
	for range 3 {
		_, n := o.decide(0)
		numbers = append(numbers, n)
	}
	full := func(now int64) string {
		_, _, err := o.Decide(now, o.next, mechanisms.None{}, func(uint64) (bool, []store.Write, error) { return true, nil, nil })
		if err == nil {
			return ""
		}
		return posse.As(err).Reason
	}
	assert.Equal(t, "TOO_MANY_PENDING", full(0))
	for range 3 { // a reward makes room
		o.must(0, numbers[0], 0.5)
		_, n := o.decide(0)
		numbers = append(numbers[1:], n)
	}
	o.must(0, numbers[0], 0.5)
	assert.Equal(t, "TOO_MANY_PENDING", full(0), "six are remembered, since a reward may come twice")
	later := time.Hour.Milliseconds() + 1
	o.store.Put(o.Expire(later, 100))
	assert.Empty(t, full(later))
}

func TestExpiryIsBoundedAndInOrder(t *testing.T) {
	o := newOffice(t, 100)
	for i := range 10 {
		o.decide(int64(i))
	}
	o.next += 1 << 30 // a restart after a crash
	o.decide(10)
	at := time.Hour.Milliseconds() + 5
	assert.Len(t, o.Expire(at, 3), 3)
	assert.Len(t, o.Expire(at, 100), 2, "0 to 4 are over")
	assert.Equal(t, uint64(6), o.Counts().Pending)
	assert.Len(t, o.Expire(at+100, 100), 6)
}

func TestAKeyGetsTheSameAnswerForADay(t *testing.T) {
	o := newOffice(t, 100)
	day := int64(24 * time.Hour / time.Millisecond)
	user := [16]byte{1}
	_, ok, err := o.Repeated(0, "k", user, mechanisms.None{})
	require.NoError(t, err)
	require.False(t, ok)
	d, number := o.decide(0)
	o.store.Put(o.Remember(0, "k", user, mechanisms.None{}, number, d))
	for _, restart := range []bool{false, true} {
		if restart {
			o.start(100)
		}
		again, ok, err := o.Repeated(day-1, "k", user, mechanisms.None{})
		require.NoError(t, err)
		require.True(t, ok)
		assert.Equal(t, d, again)
		for name, other := range map[string]func() error{
			"another user": func() error { _, _, err := o.Repeated(1, "k", [16]byte{2}, mechanisms.None{}); return err },
			"a context": func() error {
				_, _, err := o.Repeated(1, "k", user, mechanisms.Features{X: []float64{41.4242}})
				return err
			},
		} {
			err := other()
			require.Error(t, err, name)
			assert.Equal(t, "CONFLICT", posse.As(err).Reason)
			assert.NotContains(t, err.Error(), "41.4")
		}
		_, ok, _ = o.Repeated(1, "another", user, mechanisms.None{})
		assert.False(t, ok)
		_, ok, _ = o.Repeated(day, "k", user, mechanisms.None{})
		assert.False(t, ok, "its day is over")
	}
	// answered anew before it was forgotten: it stays for its new day
	e, number := o.decide(day)
	o.store.Put(o.Remember(day, "k", user, mechanisms.None{}, number, e))
	o.store.Put(o.Expire(day+1, 100))
	again, ok, err := o.Repeated(day+1, "k", user, mechanisms.None{})
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, e, again)
	o.store.Put(o.Expire(2*day, 100))
	o.start(100)
	_, ok, _ = o.Repeated(day+1, "k", user, mechanisms.None{})
	assert.False(t, ok, "forgotten on the disk too")
}

func TestKeysAreLimitedAndNeverForgottenInSilence(t *testing.T) {
	o := newOffice(t, 100, func(c *decision.Config) { c.MaxPending = 2 })
	for _, k := range []string{"a", "b"} {
		o.store.Put(o.Remember(0, k, [16]byte{}, mechanisms.None{}, 1, decision.Decision{Action: mechanisms.Pair{First: 1, Second: 2}}))
	}
	_, _, err := o.Repeated(1, "c", [16]byte{}, mechanisms.None{})
	assert.Equal(t, "TOO_MANY_PENDING", posse.As(err).Reason)
	o.start(100)
	d, ok, err := o.Repeated(1, "a", [16]byte{}, mechanisms.None{})
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Equal(t, mechanisms.Pair{First: 1, Second: 2}, d.Action)
}

func TestLocalRecordsAreRandomisedBeforeTheyAreAddedUp(t *testing.T) {
	o := officeOf(t, "local", 1_000)
	_, n := o.decide(0)
	_, err := o.reward(1, n, mechanisms.Reward{X: 0.5})
	require.Error(t, err, "no permit, no record")
	asked := 0
	outcome, writes, err := o.Reward(1, n, mechanisms.Reward{X: 0.5}, func() (budget.Permit, error) {
		asked++
		cost, err := o.first.Layout.RecordSpend()
		require.NoError(t, err)
		f, err := budget.NewFilter(budget.Pure, cost, "a record")
		require.NoError(t, err)
		return f.Charge(cost)
	})
	o.store.Put(writes)
	require.NoError(t, err)
	assert.Equal(t, decision.Accepted, outcome)
	assert.Equal(t, 1, asked)
	sum := o.close(o.Full(true)[0]).Raw.Block("sum")[0]
	assert.Equal(t, o.first.Layout[1].Record, max(sum, -sum), "a record in the middle became one at an end")
}

func TestIdsAreTheNodesOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range []uint64{0, 1, 2, 1 << 30, 1<<48 - 1} {
		id := keys.NewID(n)
		assert.Len(t, id, 26)
		assert.False(t, seen[id])
		seen[id] = true
		for _, last := range "0123456789abcdefghjkmnpqrstvwxyz" {
			other := id[:len(id)-1] + string(last)
			_, ok := keys.Sequence(other)
			assert.Equal(t, other == id, ok, "one decision, one id: the last letter has spare bits")
		}
		got, ok := keys.Sequence(strings.ToUpper(id))
		assert.True(t, ok)
		assert.Equal(t, n, got)
		_, ok = decision.Keys{ID: []byte("another node's"), User: keys.User}.Sequence(id)
		assert.False(t, ok)
		for i := range id[:25] { // the last character holds two spare bits
			forged := id[:i] + string("01"[b(id[i] == '0')]) + id[i+1:]
			_, ok = keys.Sequence(forged)
			assert.False(t, ok, "one character of %d changed", i)
		}
	}
	for _, id := range []string{"", "0", "not an id", strings.Repeat("0", 25), strings.Repeat("0", 27), "лллллллллллллллллллллллллл"} {
		_, ok := keys.Sequence(id)
		assert.False(t, ok, id)
	}
	assert.NotEqual(t, keys.Pseudonym("a"), keys.Pseudonym("b"))
	assert.NotEqual(t, keys.Pseudonym("a"), decision.Keys{ID: keys.ID, User: []byte("other")}.Pseudonym("a"))
}

func b(x bool) int {
	if x {
		return 1
	}
	return 0
}

// Writes that reach the store in the order of the calls are a consistent desk at
// every moment.
func TestConcurrentUseLosesNothing(t *testing.T) {
	o := newOffice(t, 1_000)
	var order sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				order.Lock()
				_, n := o.decide(0)
				order.Unlock()
				order.Lock()
				_, err := o.reward(0, n, mechanisms.Reward{X: 1})
				order.Unlock()
				assert.NoError(t, err)
				o.Counts()
				o.Full(true)
			}
		})
	}
	all.Wait()
	before := o.Counts()
	assert.Equal(t, [3]uint64{800, 800, 0}, [3]uint64{before.Decisions, before.Rewards, before.Pending})
	o.start(1_000)
	assert.Equal(t, before, o.Counts())
	leaf := o.close(0)
	assert.Equal(t, int64(800), leaf.Raw.Block("count")[0]+leaf.Raw.Block("count")[1]+leaf.Raw.Block("count")[2])
}

// With pooling a node's windows may play less than the version leaves in play, or other arms. Its reports are under the
// version's own descriptor all the same, before and after a restart, and count the slots of what was played.
func TestAWindowPlaysByTheNodesOwnDescriptor(t *testing.T) {
	o := newOffice(t, 4)
	own := o.first
	own.Plan = append(append([]byte(nil), o.first.Plan[:16]...), 2, 0, 0, 0) // the third arm alone
	require.NoError(t, o.UseOwn(o.first, own, 0))
	for range 2 {
		d, n := o.decide(0)
		assert.Equal(t, mechanisms.Arm(2), d.Action)
		o.must(1, n, 0.5)
	}
	o.start(4) // which knows of no own descriptor yet: the leaf has its own
	for range 2 {
		d, _ := o.decide(0)
		assert.Equal(t, mechanisms.Arm(2), d.Action)
	}
	assert.EqualValues(t, 4, o.Ready())
	closed := o.close(0)
	assert.Equal(t, o.first.Encode(), closed.Descriptor.Encode())
	assert.Equal(t, []int64{0, 0, 4}, closed.Raw.Block("count"))

	own.Ended = true
	require.NoError(t, o.UseOwn(o.first, own, 0))
	for range 6 {
		d, _ := o.decide(0)
		assert.Equal(t, mechanisms.Arm(2), d.Action)
		assert.False(t, d.Teaches)
	}
	assert.Empty(t, o.Full(true), "nothing is reported any more")
	assert.EqualValues(t, 8, o.Ready(), "and the public clock goes on")
}
