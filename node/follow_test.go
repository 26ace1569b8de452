package node

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// lines is a log that a test reads.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func logged(to *lines) func(*Config) {
	return func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{} // a second may look like a canary
				}
				return a
			},
		}))
	}
}

func TestAMessageThatWasLostIsSentAgainByteForByte(t *testing.T) {
	l := newLeader(t, yaml, 4)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visits(t, n, 0, 4)
	failures := map[string]int{}
	l.change(func() {
		l.lose = func(q *possev1.NodeRequest) error { // recorded, or not, and never answered
			kind := "report"
			switch {
			case q.GetOffer() != nil:
				kind = "offer"
				if failures[kind] == 0 {
					l.view.Round.Offered = false
				}
			case q.GetReport() != nil:
				if failures[kind] == 0 {
					l.view.Round.Delivered = false
				}
			default:
				return nil
			}
			if failures[kind]++; failures[kind] <= 2 {
				return &posse.Error{Code: posse.Unavailable, Reason: "NO_LEADER", Message: "the leader died just then"}
			}
			return nil
		}
	})
	l.openRound(1)
	l.offer(1)
	l.until("the offer twice", func() bool { return len(l.offers[1]) >= 2 })
	l.settle(true)
	l.report(1)
	l.until("the report twice", func() bool { return len(l.reports[1]) >= 2 })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, all := range [][][]byte{l.offers[1], l.reports[1]} {
		for _, raw := range all {
			assert.Equal(t, all[0], raw)
		}
	}
}

// A leader that falls silent in the middle of a request, as one does whose machine lost its network, holds the node up
// for answerTime and no longer.
func TestAMessageThatIsNeverAnsweredIsSentAgain(t *testing.T) {
	l := newLeader(t, yaml, 4)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visits(t, n, 0, 4)
	silent := 1
	l.change(func() {
		l.mute = func(q *possev1.NodeRequest) bool {
			if q.GetOffer() == nil {
				return false
			}
			silent--
			return silent >= 0
		}
	})
	l.openRound(1)
	assert.NotEmpty(t, l.offer(1).GetLeaves())
	assert.GreaterOrEqual(t, l.count("Offer"), 2)
}

func TestTheLeaderIsFoundAndFollowed(t *testing.T) {
	first, second := newLeader(t, yaml, 4), newLeader(t, yaml, 4)
	dir := nodeDir(t, first, second)
	leads := second.host.ID()
	first.refuse = func(*possev1.NodeRequest) error { return unavailable(leads) }
	n := run(t, dir)
	joined(t, n, "solver")
	visits(t, n, 0, 4)
	second.openRound(1)
	second.offer(1)
	assert.Zero(t, first.count("Offer"), "a replica that does not lead gets no offer")

	// the leader dies; the other one takes over in the middle of the round
	second.stop()
	assert.NotEmpty(t, ask(t, n, 9).ID, "decisions go on")
	assert.Equal(t, decision.Accepted, tell(t, n, ask(t, n, 10).ID, 1))
	first.change(func() {
		first.refuse = nil
		first.view.Round = &possev1.NodeRound{Id: 1, Phase: possev1.RoundPhase_OFFERING}
	})
	first.offer(1)
	assert.Equal(t, second.offers[1][0], first.offers[1][0], "the same bytes for the same round, whoever leads")
	first.settle(true)
	assert.Len(t, first.report(1).GetLeaves(), 1)
}

func TestARefusedNodeSaysWhyAndDoesNotHammer(t *testing.T) {
	var log lines
	l := newLeader(t, yaml, 4)
	l.refuse = func(*possev1.NodeRequest) error {
		return &posse.Error{Code: posse.PermissionDenied, Reason: "NOT_ENROLLED", Message: "this peer is not enrolled", Hint: "join with an invite"}
	}
	run(t, nodeDir(t, l), logged(&log), func(c *Config) { c.Retry = 40 * time.Millisecond })
	l.until("asked again", func() bool { return l.asked["Watch"] >= 3 })
	time.Sleep(400 * time.Millisecond)
	assert.Less(t, l.count("Watch"), 14, "the delay doubles")
	assert.Contains(t, log.String(), "NOT_ENROLLED")
	assert.Contains(t, log.String(), "join with an invite")
}

func TestANodeWaitsInPeaceForTheFirstExperiment(t *testing.T) {
	l := newLeader(t, yaml, 4)
	l.empty = true
	n := run(t, nodeDir(t, l))
	l.until("a watch", func() bool { return l.asked["Watch"] > 0 })
	time.Sleep(200 * time.Millisecond)
	assert.LessOrEqual(t, l.count("Watch"), 2, "the second one is not answered until there is something")
	l.change(func() { l.empty = false })
	joined(t, n, l.name)
}

func TestANodeThatNobodyAnswersSaysSoOnce(t *testing.T) {
	var log lines
	l := newLeader(t, yaml, 4)
	dir := nodeDir(t, l)
	l.refuse = func(*possev1.NodeRequest) error { return unavailable("") }
	begin := time.Now()
	n := run(t, dir, logged(&log), func(c *Config) {
		c.Now = func() time.Time { return begin.Add(50 * time.Since(begin)) } // five seconds are a tenth of one
	})
	said := func(what string) func() bool { return func() bool { return strings.Contains(log.String(), what) } }
	require.Eventually(t, said("no replica of the coordinator answers"), 20*time.Second, time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	assert.Equal(t, 1, strings.Count(log.String(), "no replica of the coordinator answers"))
	l.change(func() { l.refuse = nil })
	require.Eventually(t, said("the coordinator answers again"), 60*time.Second, time.Millisecond)
	joined(t, n, "solver")
}

func TestBackOffDoublesUpToAMinuteAndIsForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	l := &link{replicas: []string{"a", "b", "c"}, retry: 200 * time.Millisecond, now: func() time.Time { return now }}
	largest := time.Duration(0)
	for i := range 60 {
		l.fail()
		wait := l.until.Sub(now)
		assert.LessOrEqual(t, wait, min(maxRetry, 200*time.Millisecond<<min(i, 20)))
		assert.GreaterOrEqual(t, wait, time.Duration(0))
		largest = max(largest, wait)
	}
	assert.Greater(t, largest, 10*time.Second)
	l.until = now.Add(time.Second)
	_, ok, err := l.call(context.Background(), nil)
	assert.False(t, ok)
	assert.Equal(t, posse.Unavailable, posse.As(err).Code, "nothing is sent meanwhile: there is no host to send with")
	l.obey(&possev1.Refusal{RetryAfterMs: 5000})
	assert.Equal(t, now.Add(5*time.Second), l.until)
	l.obey(&possev1.Refusal{RetryAfterMs: 1 << 31})
	assert.Equal(t, now.Add(time.Minute), l.until, "no leader silences a node for longer")
	l.found(2)
	assert.Equal(t, [2]int{2, 0}, [2]int{l.at, l.failed})
	assert.True(t, l.until.IsZero())

	l.elsewhere(nil)
	assert.Equal(t, 0, l.at, "the next one, round and round")
	l.elsewhere(&posse.Error{Reason: "NO_LEADER", Value: "c"})
	assert.Equal(t, 2, l.at)
	l.elsewhere(&posse.Error{Reason: "NO_LEADER", Value: "a stranger"})
	assert.Equal(t, 0, l.at, "a name that is not in the cluster's file is not followed")
}

func TestANodeThatFindsAnotherUnderItsNameReleasesNothingMore(t *testing.T) {
	for _, field := range []string{"offer", "report", "leaves.digest", "an offer that is not its own"} {
		t.Run(field, func(t *testing.T) {
			var log lines
			l := newLeader(t, yaml, 4)
			n := run(t, nodeDir(t, l), logged(&log))
			joined(t, n, "solver")
			visits(t, n, 0, 4)
			l.change(func() {
				l.refuse = func(q *possev1.NodeRequest) error {
					if q.GetOffer() == nil {
						return nil
					}
					if strings.Contains(field, " ") {
						return closed()
					}
					return &posse.Error{Code: posse.AlreadyExists, Reason: "CONFLICT", Field: field, Message: "another one is recorded"}
				}
			})
			l.openRound(1)
			if strings.Contains(field, " ") {
				l.until("the offer", func() bool { return l.asked["Offer"] > 0 })
				l.change(func() { l.view.Round = &possev1.NodeRound{Id: 2, Phase: possev1.RoundPhase_OFFERING, Offered: true} })
			}
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "nothing more is released") }, 10*time.Second, time.Millisecond)
			visits(t, n, 4, 8)
			l.change(func() { l.refuse = nil })
			l.openRound(3)
			assert.Len(t, l.offer(3).GetLeaves(), 1, "what was released before is still on offer")
			l.openRound(4)
			assert.Len(t, l.offer(4).GetLeaves(), 1)
			assert.Equal(t, 1, strings.Count(log.String(), "nothing more is released"))
			assert.NotEmpty(t, ask(t, n, 99).ID, "decisions go on")
		})
	}
}

func TestALeafThatWasSoldLongAgoLeavesTheOffer(t *testing.T) {
	l := newLeader(t, yaml, 4)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visits(t, n, 0, 8)
	l.change(func() {
		l.refuse = func(q *possev1.NodeRequest) error {
			var o possev1.Offer
			if proto.Unmarshal(q.GetOffer().GetOffer(), &o) == nil && len(o.GetLeaves()) > 0 && o.GetLeaves()[0].GetLeaf() == 0 {
				return &posse.Error{Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "leaves.leaf", Value: "0", Message: "the leaf was bought in round 1"}
			}
			return nil
		}
	})
	l.openRound(70)
	l.until("the refusal", func() bool { return l.asked["Offer"] > 0 })
	l.openRound(71)
	assert.Len(t, l.offer(71).GetLeaves(), 1)
}

// A version that the log does not prove is not used, whoever sends it; the node
// says so and decides on.
func TestVersionsThatTheLogDoesNotProveAreRefused(t *testing.T) {
	forged := func(b *possev1.ModelBundle) mechanisms.Model {
		m, err := mechanisms.DecodeModel(b.GetModel())
		if err != nil {
			panic(err)
		}
		m.Parts[0].Sum.Blocks[1].Sum[0]++
		return m
	}
	for name, spoil := range map[string]func(l *leader) func(*possev1.ModelBundle){
		"a forged model": func(*leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) { b.Model = forged(b).Encode() }
		},
		"a forged descriptor": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) { d := l.now; d.Epoch++; b.Descriptor_ = d.Encode() }
		},
		"a leaf of another kind": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) { replace(b, l.bundle("withdraw", l.model, l.now)) }
		},
		"another experiment's leaf": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) {
				l.name = "other"
				replace(b, l.bundle("publish", l.model, l.now))
				l.name = "solver"
			}
		},
		"a proof of another leaf": func(*leader) func(*possev1.ModelBundle) { return func(b *possev1.ModelBundle) { b.LeafIndex++ } },
		"a stranger's checkpoint": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) { b.Checkpoint = newLeaderNote(l) }
		},
		"no checkpoint": func(*leader) func(*possev1.ModelBundle) { return func(b *possev1.ModelBundle) { b.Checkpoint = nil } },
		"the version before": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) { replace(b, l.bundles[1]) }
		},
		"a log that was written anew": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) {
				fork := newLeader(l.t, yaml, 4)
				fork.signer = l.signer
				fork.bundle("publish", mechanisms.Model{Version: 9}, l.now)
				replace(b, fork.bundle("publish", l.model, l.now))
				b.Consistency, _ = fork.tree.Consistency(1, 2)
			}
		},
		"less noise than was promised": func(l *leader) func(*possev1.ModelBundle) {
			return func(b *possev1.ModelBundle) {
				d := l.now
				d.Layout = append(statistics.Layout(nil), d.Layout...)
				for i := range d.Layout {
					if d.Layout[i].Num > 1 {
						d.Layout[i].Num = 1
					}
				}
				replace(b, l.bundle("publish", l.model, d))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lines
			l := newLeader(t, yaml, 4)
			n := run(t, nodeDir(t, l), logged(&log))
			joined(t, n, "solver")
			visits(t, n, 0, 4)
			l.openRound(1)
			l.offer(1)
			l.settle(true)
			r := l.report(1)
			l.publish(r)
			wait(t, n, "version 1", func() bool { s, _ := n.Status("solver"); return s.Version == 1 })
			l.publish(nil, spoil(l))
			l.until("asked for version 2", func() bool { return l.asked["Fetch"] >= 2 })
			require.Eventually(t, func() bool { return strings.Contains(log.String(), "ALARM") }, 10*time.Second, time.Millisecond)
			s, _ := n.Status("solver")
			assert.Equal(t, uint64(1), s.Version)
			assert.LessOrEqual(t, ask(t, n, 50).Version, uint64(1))

			if name != "a forged model" {
				return // it takes a second or two to ask again
			}
			l.change(func() { l.bundles[2] = l.bundle("publish", l.model, l.now) })
			wait(t, n, "the true version 2", func() bool { s, _ := n.Status("solver"); return s.Version == 2 })
		})
	}
}

func replace(b, with *possev1.ModelBundle) {
	proto.Reset(b)
	proto.Merge(b, with)
}

// newLeaderNote is a head of the same log signed by a key that nobody named.
func newLeaderNote(l *leader) []byte {
	other := newLeader(l.t, yaml, 4)
	other.tree = l.tree
	b := &possev1.ModelBundle{LeafIndex: l.tree.Size() - 1}
	other.prove(b)
	return b.Checkpoint
}

func TestAnExperimentThatPromisesTooLittleIsNotTakenPartIn(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		change func(*leader)
		guard  dp.Spend
		want   string
	}{
		"more than the guard allows": {strings.Replace(yaml, "epsilon: 1", "epsilon: 2", 1), nil, dp.Spend{}, "BUDGET_SPENT"},
		"other noise than the file": {yaml, func(l *leader) {
			d := l.now
			d.Layout = append(statistics.Layout(nil), d.Layout...)
			d.Layout[1].Num = 1
			l.view.InitialDescriptor = d.Encode()
		}, dp.Spend{}, "DESCRIPTOR_REFUSED"},
		"another name":  {yaml, func(l *leader) { l.view.Name = "other" }, dp.Spend{}, "another name"},
		"no experiment": {yaml, func(l *leader) { l.view.File = []byte("epsilon: 1") }, dp.Spend{}, "required"},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			l := newLeader(t, c.file, 4)
			if c.change != nil {
				c.change(l)
			}
			n := run(t, nodeDir(t, l), logged(&log))
			require.Eventually(t, func() bool { return strings.Contains(log.String(), c.want) }, 10*time.Second, time.Millisecond, log.String)
			_, err := n.Decide(context.Background(), Question{Experiment: "solver", User: "u"})
			assert.Equal(t, posse.NotFound, posse.As(err).Code)
			for range 3 {
				l.change(func() {})
			}
			time.Sleep(50 * time.Millisecond)
			assert.Equal(t, 1, strings.Count(log.String(), "not taken part in"), "said once, not with every view")
		})
	}
}

// A declared δ is not spent by pure noise, and a node that allows none takes part all the same.
func TestADeclaredDeltaAsksForNoMore(t *testing.T) {
	l := newLeader(t, strings.Replace(yaml, "epsilon: 1", "epsilon: 1, delta: 1e-6", 1), 4)
	n := run(t, nodeDir(t, l))
	joined(t, n, "solver")
	visits(t, n, 0, 8)
	l.openRound(1)
	assert.Len(t, l.offer(1).GetLeaves(), 2)
	b := account(t, n)
	assert.EqualValues(t, 500_000_000, b.GetSpentNanoEpsilon())
	assert.Zero(t, b.GetSpentAttoDelta())
}

func TestANodeThatHasNotJoinedSaysSo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	_, err := New(testConfig(dir))
	assert.Equal(t, "NOT_ENROLLED", posse.As(err).Reason)
	assert.NoFileExists(t, filepath.Join(dir, clusterFile))
	_, err = peer.LoadOrCreate(dir)
	require.NoError(t, err)
	for name, text := range map[string]string{"empty": "", "no JSON": "{", "no replicas": `{"name":"x"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, clusterFile), []byte(text), 0o600))
		_, err = New(testConfig(dir))
		assert.Equal(t, "MALFORMED", posse.As(err).Reason, name)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, clusterFile)))
	c := Cluster{Name: "north", Cluster: "one", Origin: origin, Replicas: []Replica{{Name: "r", PeerID: "p"}}}
	require.NoError(t, WriteCluster(dir, c))
	require.NoError(t, WriteCluster(dir, c), "the same answer again")
	assert.FileExists(t, filepath.Join(dir, clusterFile))
	for _, err := range []error{WriteCluster(filepath.Join(dir, clusterFile), c), errOf(readCluster(filepath.Join(dir, clusterFile)))} {
		assert.Equal(t, "dir", posse.As(err).Field, "a file is no directory")
		assert.NotEmpty(t, posse.As(err).Hint)
	}
	c.Cluster = "two"
	assert.Equal(t, "CONFLICT", posse.As(WriteCluster(dir, c)).Reason)
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no directory":    func(c *Config) { c.Dir = "" },
		"a negative cost": func(c *Config) { c.Cost = -1 },
		"an absurd cost":  func(c *Config) { c.Cost = 1e12 + 1 },
		"no clock":        func(c *Config) { c.Now = nil },
	} {
		_, err := New(testConfig(t.TempDir(), change))
		assert.Error(t, err, name)
	}
	dir := takenDir(t, 4)
	n, err := New(testConfig(dir))
	require.NoError(t, err)
	_, err = New(testConfig(dir))
	assert.Equal(t, "IN_USE", posse.As(err).Reason, "one process a directory")
	require.NoError(t, n.Close())
}

func TestBadQuestionsAreRefusedAndCostNothing(t *testing.T) {
	n, err := New(testConfig(takenDir(t, 4)))
	require.NoError(t, err)
	defer n.Close()
	before := account(t, n)
	for name, c := range map[string]struct {
		q      Question
		reason string
		field  string
	}{
		"no user":            {Question{Experiment: "solver"}, "FIELD_MISSING", "user"},
		"a long user":        {Question{Experiment: "solver", User: strings.Repeat("u", 257)}, "FIELD_OUT_OF_RANGE", "user"},
		"a long key":         {Question{Experiment: "solver", User: "u", Key: strings.Repeat("k", 257)}, "FIELD_OUT_OF_RANGE", "key"},
		"another experiment": {Question{Experiment: "salver", User: "u"}, posse.As(errOf(n.find("salver"))).Reason, "experiment"},
		"a context":          {Question{Experiment: "solver", User: "u", Context: mechanisms.Features{X: []float64{41.4242}}}, "MALFORMED", "context"},
	} {
		_, err := n.Decide(context.Background(), c.q)
		require.Error(t, err, name)
		assert.Equal(t, [2]string{c.reason, c.field}, [2]string{posse.As(err).Reason, posse.As(err).Field}, name)
		assert.NotContains(t, err.Error(), "41.4")
	}
	assert.True(t, proto.Equal(before, account(t, n)))
}

func errOf[T any](_ T, err error) error { return err }
