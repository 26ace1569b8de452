package state

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/possev1"
)

// phases are worlds that stand at each point of a round.
func phases(t *testing.T) map[string]func() *world {
	d0 := descriptorOf(0, false)
	steps := []struct {
		name string
		do   func(*world)
	}{
		{"empty", func(*world) {}},
		{"idle", func(w *world) { w.begin("north", "south") }},
		{"offering", func(w *world) { w.must(w.opening(1)) }},
		{"offered", func(w *world) {
			w.must(offering(1, offerOf("north", 1, 1, d0, 0), offerOf("south", 1, 1, d0, 0)))
		}},
		{"collecting", func(w *world) { w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5})) }},
		{"collected", func(w *world) { w.must(reporting(1, reportOf("north", 1, d0, 0))) }},
		{"published", func(w *world) { w.must(publication(1, false)) }},
	}
	all := map[string]func() *world{}
	for i, s := range steps {
		all[s.name] = func() *world {
			w := newWorld(t)
			for _, before := range steps[:i+1] {
				before.do(w)
			}
			return w
		}
	}
	return all
}

// Every command in every phase has a defined result, and a refused one changes
// nothing.
func TestEveryCommandInEveryPhaseIsAcceptedOrChangesNothing(t *testing.T) {
	d0 := descriptorOf(0, false)
	accepted := map[string][]string{
		"open":       {"idle", "published"},
		"offer":      {"offering", "offered", "collecting", "collected", "published"}, // later ones as duplicates or refused one by one
		"settle":     {"offered"},
		"report":     {"offering", "offered", "collecting", "collected", "published", "idle"},
		"publish":    {"collected"},
		"abort":      {"offering", "offered", "collecting", "collected"},
		"commit":     {"offering", "offered", "collecting", "collected"},
		"redraw":     {"published"},
		"invite":     {"idle", "offering", "offered", "collecting", "collected", "published"},
		"checkpoint": {"idle", "offering", "offered", "collecting", "collected", "published"},
	}
	for phase, at := range phases(t) {
		commands := map[string]func(*world) *possev1.Command{
			"open":    func(w *world) *possev1.Command { return w.opening(w.nextRound()) },
			"offer":   func(*world) *possev1.Command { return offering(1, offerOf("north", 1, 1, d0, 0)) },
			"settle":  func(*world) *possev1.Command { return settlement(1, &possev1.Payment{Node: "north", Micro: 5}) },
			"report":  func(*world) *possev1.Command { return reporting(1, reportOf("north", 1, d0, 0)) },
			"publish": func(*world) *possev1.Command { return publication(1, false) },
			"abort":   func(*world) *possev1.Command { return abortion(1, "operator") },
			"commit": func(*world) *possev1.Command {
				return &possev1.Command{Body: &possev1.Command_CommitSeed{CommitSeed: &possev1.CommitSeed{Experiment: "dosing", Round: 1, SeedCommit: bytes32("x")}}}
			},
			"redraw": func(w *world) *possev1.Command { w.now += 100; return redraw(1) },
			"invite": func(w *world) *possev1.Command { return w.invite("east", 1) },
			"checkpoint": func(*world) *possev1.Command {
				return &possev1.Command{Body: &possev1.Command_CosignCheckpoint{CosignCheckpoint: &possev1.CosignCheckpoint{
					Size: 1, Root: bytes32("root"), Signatures: []*possev1.Cosignature{{Replica: "r1", Note: []byte("note")}},
				}}}
			},
		}
		for name, make := range commands {
			t.Run(phase+" "+name, func(t *testing.T) {
				w := at()
				c := make(w)
				before := w.content(t)
				r := w.do(c)
				require.NoError(t, r.Halt())
				expected := false
				for _, p := range accepted[name] {
					expected = expected || p == phase
				}
				itemsRefused := len(r.Items) > 0 && r.Items[0].Err != nil
				switch {
				case r.Err != nil:
					assert.False(t, expected && name != "offer" && name != "report", "refused: %v", r.Err)
					assert.NotEmpty(t, r.Err.Reason)
				case !itemsRefused:
					assert.True(t, expected, "accepted")
				}
				if r.Leaf == nil {
					assert.Equal(t, before, w.content(t), "a refused command changed the state")
				} else {
					assert.NotEqual(t, before, w.content(t))
				}
				assert.EqualValues(t, len(w.log), w.m.state.Applied)
			})
		}
	}
}

func (w *world) nextRound() uint64 {
	if e := w.experiment(); e != nil {
		return e.Opened + 1
	}
	return 1
}

// A random history is the same on every replica: in any batches, from any snapshot.
func TestAnyBatchingAndAnySnapshotLeadToTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.begin("north", "south", "west")
		nodes := []string{"north", "south", "west", "nobody"}
		leaves := map[string]uint64{}
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			round := w.nextRound() - 1
			node := rapid.SampledFrom(nodes).Draw(t, "node")
			switch rapid.IntRange(0, 10).Draw(t, "kind") {
			case 0:
				w.do(w.opening(round + 1))
			case 1, 2:
				w.do(offering(round, offerOf(node, round, rapid.Int64Range(-1, 11_000_000).Draw(t, "bid"), descriptorOf(0, false), leaves[node])))
			case 3, 4:
				w.do(settlement(round, &possev1.Payment{Node: node, Micro: rapid.Int64Range(-1, 11_000_000).Draw(t, "payment")}))
			case 5, 6:
				w.do(reporting(round, reportOf(node, round, descriptorOf(0, false), leaves[node])))
			case 7, 8:
				c := publication(round, false)
				if round > 1 {
					c.GetPublish().Quotas = quotas(1, "north", "south", "west")
				}
				if r := w.do(c); r.Err == nil {
					for _, n := range nodes {
						leaves[n]++
					}
				}
			case 9:
				w.do(abortion(round, "quorum"))
			case 10:
				w.now += 60
				w.do(redraw(rapid.Uint64Range(1, 2).Draw(t, "draw")))
			}
			require.NoError(t, w.last.Halt())
			require.NoError(t, w.m.state.book.Check())
		}
		want := w.m.Hash()

		other := New()
		var buffer bytes.Buffer
		cut := rapid.IntRange(0, len(w.log)).Draw(t, "snapshot")
		for from := 0; from < len(w.log); {
			to := from + rapid.IntRange(1, len(w.log)-from).Draw(t, "batch")
			if from < cut {
				to = min(to, cut)
			}
			var indexes []uint64
			for i := from; i < to; i++ {
				indexes = append(indexes, uint64(i+1))
			}
			other.ApplyBatch(w.log[from:to], indexes)
			if from = to; from == cut {
				write, err := other.Snapshot()
				require.NoError(t, err)
				require.NoError(t, write(&buffer))
				other = New()
				require.NoError(t, other.Restore(bytes.NewReader(buffer.Bytes())))
			}
		}
		require.Equal(t, want, other.Hash())
		require.Equal(t, w.m.state.Log.Root(), other.state.Log.Root())
	})
}

func TestEveryDamageToASnapshotIsSeenAndChangesNothing(t *testing.T) {
	w := phases(t)["collected"]()
	write, err := w.m.Snapshot()
	require.NoError(t, err)
	var whole bytes.Buffer
	require.NoError(t, write(&whole))
	m := New()
	require.NoError(t, m.Restore(bytes.NewReader(whole.Bytes())))
	require.Equal(t, w.m.Hash(), m.Hash())
	for n := range whole.Len() {
		require.Error(t, m.Restore(bytes.NewReader(whole.Bytes()[:n])), "cut at %d", n)
		flipped := bytes.Clone(whole.Bytes())
		flipped[n] ^= 1 << (n % 8)
		require.Error(t, m.Restore(bytes.NewReader(flipped)), "flipped at %d", n)
	}
	require.Error(t, m.Restore(bytes.NewReader(append(bytes.Clone(whole.Bytes()), 0))))
	assert.Equal(t, w.m.Hash(), m.Hash())
}

func TestWhatANewerVersionWroteStopsTheReplica(t *testing.T) {
	encode := func(c *possev1.Command) []byte {
		raw, err := proto.Marshal(c)
		require.NoError(t, err)
		return raw
	}
	known := &possev1.Command{Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{Cluster: "main", Origin: "o"}}}
	unknownField := []byte{0xf8, 0x3f, 1} // field 1023, varint
	nested := &possev1.Command{Body: &possev1.Command_Bootstrap{Bootstrap: &possev1.Bootstrap{Cluster: "main", Origin: "o"}}}
	nested.GetBootstrap().ProtoReflect().SetUnknown(unknownField)
	newer := &possev1.Command{MinReader: CommandVersion + 1, Body: known.Body}
	for name, raw := range map[string][]byte{
		"an unknown kind":                      {0x08, 1},
		"an unknown field":                     append(encode(known), unknownField...),
		"an unknown field in a nested message": encode(nested),
		"a newer version":                      encode(newer),
		"no message":                           {0xff},
	} {
		t.Run(name, func(t *testing.T) {
			m := New()
			before := m.Hash()
			r := m.Apply(7, raw)
			require.Error(t, r.Halt())
			assert.Equal(t, "VERSION_UNSUPPORTED", posse.As(r.Halt()).Reason)
			assert.Contains(t, r.Halt().Error(), "log entry 7")
			assert.Equal(t, before, m.Hash(), "not even the index moved")
		})
	}
	assert.NoError(t, New().Apply(7, encode(known)).Halt())
}

func TestARequestWithAnIdIsAppliedOnce(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	d0 := descriptorOf(0, false)
	w.must(w.opening(1))
	w.must(offering(1, offerOf("north", 1, 1, d0, 0)))
	w.must(settlement(1, &possev1.Payment{Node: "north", Micro: 5}))
	w.must(reporting(1, reportOf("north", 1, d0, 0)))
	w.must(publication(1, false))
	pay := func(id string) *possev1.Command {
		return &possev1.Command{RequestId: bytes32(id)[:16], Body: &possev1.Command_Withdraw{Withdraw: &possev1.Withdraw{Node: "north", Micro: 2}}}
	}
	assert.Equal(t, "3", w.must(pay("a")).Value)
	again := w.must(pay("a"))
	assert.True(t, again.Duplicate)
	assert.Equal(t, "3", again.Value)
	assert.Equal(t, "1", w.must(pay("b")).Value)
	assert.Error(t, w.do(pay("c")).Error(), "more than is there")
	other := w.invite("east", 1)
	other.RequestId = bytes32("a")[:16]
	assert.Equal(t, "CONFLICT", w.do(other).Err.Reason)
}

func TestAnInviteEnrolsOnePeer(t *testing.T) {
	w := newWorld(t)
	w.bootstrap()
	w.must(w.invite("north", 3))
	assert.Equal(t, "INVITE_REFUSED", w.do(enrolment("south", "peer-1")).Err.Reason, "unknown")
	w.must(enrolment("north", "peer-1"))
	assert.True(t, w.must(enrolment("north", "peer-1")).Duplicate)
	refused := w.do(enrolment("north", "peer-2")).Err
	assert.Equal(t, w.do(enrolment("south", "peer-1")).Err, refused, "a stranger learns nothing from the refusal")
	assert.Equal(t, "CONFLICT", w.do(w.invite("north", 1)).Err.Reason, "the name is taken")

	late := w.invite("east", 1)
	late.GetCreateInvite().ExpiresMs = w.now + 1 + 60_000
	w.must(late)
	w.now = late.GetCreateInvite().ExpiresMs - 1
	assert.Equal(t, refused, w.do(enrolment("east", "peer-3")).Err, "expired to the millisecond")

	w.must(w.invite("west", 1))
	w.must(&possev1.Command{Body: &possev1.Command_RevokeInvite{RevokeInvite: &possev1.RevokeInvite{Name: "west"}}})
	assert.Equal(t, refused, w.do(enrolment("west", "peer-4")).Err)

	w.must(&possev1.Command{Body: &possev1.Command_RevokeNode{RevokeNode: &possev1.RevokeNode{Name: "north"}}})
	assert.Nil(t, w.m.state.NodeOf("peer-1"))
	w.must(w.invite("north-2", 1))
	assert.Equal(t, refused, w.do(enrolment("north-2", "peer-1")).Err, "a revoked identity stays out")
}

func TestAnInviteIsForANodeOrForAReplicaAndNeverForTheOther(t *testing.T) {
	w := newWorld(t)
	w.bootstrap()
	node, replica := w.invite("north", 1), w.invite("r3", 1)
	replica.GetCreateInvite().Role = "replica"
	w.must(node)
	w.must(replica)
	as := func(name, peer, key string) *possev1.Command {
		c := enrolment(name, peer)
		c.GetEnrol().CheckpointKey = []byte(key)
		return c
	}
	for _, wrong := range []*possev1.Command{as("north", "peer-1", "key"), as("r3", "peer-2", "")} {
		before := w.content(t)
		r := w.do(wrong)
		require.NotNil(t, r.Err)
		assert.Equal(t, "INVITE_REFUSED", r.Err.Reason)
		assert.Equal(t, before, w.content(t), "nobody is enrolled and the invite is still good")
	}
	w.must(as("north", "peer-1", ""))
	w.must(as("r3", "peer-2", "key"))
	assert.NotNil(t, w.m.state.NodeOf("peer-1"))
	assert.NotNil(t, w.m.state.ReplicaOf("peer-2"))
}

func TestWindowsShareARoundByWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		n := rapid.IntRange(1, 12).Draw(t, "nodes")
		for i := range n {
			s.Nodes = append(s.Nodes, &Node{Name: fmt.Sprintf("n%02d", i), Weight: rapid.Uint64Range(0, weightMax).Draw(t, "weight")})
		}
		e := &Experiment{Rules: Rules{RoundDecisions: rapid.Uint64Range(1, 1_000_000).Draw(t, "decisions")}}
		sum := uint64(0)
		for _, q := range s.Window(e) {
			sum += q.Units
			if e.Rules.RoundDecisions >= uint64(n) {
				assert.Positive(t, q.Units)
			}
		}
		assert.Equal(t, e.Rules.RoundDecisions, sum)
	})
	s := newState()
	for i, weight := range []uint64{28, 20, 15, 12, 9, 7, 5, 4} {
		s.Nodes = append(s.Nodes, &Node{Name: fmt.Sprint(i), Weight: weight})
	}
	var got []uint64
	for _, q := range s.Window(&Experiment{Rules: Rules{RoundDecisions: 1000, MaxRecords: 250}}) {
		got = append(got, q.Units)
	}
	assert.Equal(t, []uint64{250, 200, 150, 120, 90, 70, 50, 40}, got, "capped by the bound on records")
}

func TestAStateThatIsNotTheLeadersStopsTheReplica(t *testing.T) {
	w := newWorld(t)
	w.begin("north")
	for w.m.state.Commands%MarkEvery != 0 || w.m.state.Commands == 0 {
		w.do(abortion(9, "quorum")) // refused, and counted
	}
	index, hash := w.m.Mark()
	require.EqualValues(t, MarkEvery, index)
	check := func(hash []byte) *possev1.Command {
		return &possev1.Command{Body: &possev1.Command_CheckState{CheckState: &possev1.CheckState{Index: index, Hash: hash}}}
	}
	w.must(check(hash[:]))
	r := w.do(check(bytes32("another")))
	require.Error(t, r.Halt())
	assert.Equal(t, "STATE_DIVERGED", posse.As(r.Halt()).Reason)
}

func FuzzReadSnapshotBody(f *testing.F) {
	w := newWorld(f)
	w.begin("north")
	w.must(w.opening(1))
	f.Add(w.m.state.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(data)
		if err == nil && !bytes.Equal(s.encode(), data) {
			t.Fatal("two encodings of one state")
		}
	})
}
