package coordinator_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// lie is a log that its writer changed before anybody signed it: hashes and
// signatures are right, and what it says is not.
type lie struct {
	t      *testing.T
	leaves []checkpoint.Leaf
}

// change edits the body of the n-th leaf of a kind, counted from 0.
func (l *lie) change(kind string, n int, edit func(body map[string]any)) {
	for i := range l.leaves {
		if l.leaves[i].Kind != kind {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		var view map[string]any
		decoder := json.NewDecoder(bytes.NewReader(l.leaves[i].View))
		decoder.UseNumber()
		require.NoError(l.t, decoder.Decode(&view))
		edit(view["body"].(map[string]any))
		text, err := json.Marshal(view)
		require.NoError(l.t, err)
		l.leaves[i].View = text
		return
	}
	l.t.Fatalf("there is no such leaf: %s", kind)
}

func (l *lie) drop(kind string) {
	at := slices.IndexFunc(l.leaves, func(x checkpoint.Leaf) bool { return x.Kind == kind })
	require.GreaterOrEqual(l.t, at, 0)
	l.leaves = slices.Delete(l.leaves, at, at+1)
}

// signed numbers the leaves, and signs them with a key of the liar's own.
func (l *lie) signed() verify.Bundle {
	_, key, err := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	require.NoError(l.t, err)
	signer, err := checkpoint.NewSigner("liar", key)
	require.NoError(l.t, err)
	b := verify.Bundle{Origin: "posse.local/posse/posse", Verifiers: []string{signer.Key()}}
	var tree checkpoint.Tree
	for i, leaf := range l.leaves {
		leaf.Sequence = uint64(i)
		b.Leaves = append(b.Leaves, leaf.Encode())
		tree.Append(checkpoint.Hash(leaf.Encode()))
	}
	root, err := tree.Root(tree.Size())
	require.NoError(l.t, err)
	note, err := checkpoint.Sign(checkpoint.Head{Origin: b.Origin, Size: tree.Size(), Root: root}, signer)
	require.NoError(l.t, err)
	b.Checkpoints = [][]byte{note}
	return b
}

// opened reads what a replica keeps for an auditor.
func opened(t *testing.T, c *cluster) (out []verify.Opening) {
	text, err := os.ReadFile(filepath.Join(c.dir, "r1", "openings.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var o verify.Opening
		require.NoError(t, json.Unmarshal([]byte(line), &o))
		out = append(out, o)
	}
	return out
}

func TestPaymentsAreAuditedWithTheBidsThatAReplicaOpens(t *testing.T) {
	c := newCluster(t, 1)
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	c.apply(experimentFile, 4) // bids are commitments by default
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	require.Eventually(t, func() bool { return c.version() >= 5 }, 20*time.Second, time.Millisecond)
	bundle := c.bundle()
	bundle.Threshold = 1
	for _, leaf := range bundle.Leaves {
		require.NotContains(t, string(leaf), "bidMicro")
	}

	sealed := verify.AuditPayments(bundle)
	assert.Equal(t, "consistent", sealed.Verdict, "%v", sealed.Problems)
	assert.GreaterOrEqual(t, sealed.Rounds, uint64(5))
	assert.Zero(t, sealed.Recomputed, "nobody opened a bid")

	bundle.Openings = opened(t, c)
	require.GreaterOrEqual(t, len(bundle.Openings), 5*3)
	audit := verify.AuditPayments(bundle)
	assert.Equal(t, "consistent", audit.Verdict, "%v", audit.Problems)
	assert.Equal(t, audit.Rounds, audit.Recomputed)
	assert.Greater(t, audit.OtherBids, 6*4*uint64(4), "every node's bid was changed in every round")
	for _, s := range audit.Settlements {
		assert.True(t, s.Recomputed)
		assert.Positive(t, s.Winners)
		assert.LessOrEqual(t, s.Paid, s.ReserveCost)
	}

	wrong := bundle
	wrong.Openings = slices.Clone(bundle.Openings)
	wrong.Openings[3].Bid++
	assert.Equal(t, "violated", verify.AuditPayments(wrong).Verdict, "what was opened is not what was committed to")

	// The leader's lies about one round, in a log that is signed and whole.
	tell := func(edit func(body map[string]any)) verify.Payments {
		l := &lie{t: t}
		for _, raw := range bundle.Leaves {
			leaf, err := checkpoint.DecodeLeaf(raw)
			require.NoError(t, err)
			if leaf.Kind != "cosign_checkpoint" {
				l.leaves = append(l.leaves, leaf)
			}
		}
		l.change("settle", 1, edit)
		b := l.signed()
		b.Openings = bundle.Openings
		return verify.AuditPayments(b)
	}
	require.Equal(t, "consistent", tell(func(map[string]any) {}).Verdict)
	bidOf := func(node string) int64 {
		for _, o := range bundle.Openings {
			if o.Node == node {
				return o.Bid
			}
		}
		return 0
	}
	kinds := func(a verify.Payments) string { return fmt.Sprint(a.Problems) }
	payBid := tell(func(b map[string]any) {
		for _, w := range b["winners"].([]any) {
			winner := w.(map[string]any)
			winner["amount"] = bidOf(winner["node"].(string))
		}
	})
	assert.Equal(t, "violated", payBid.Verdict)
	assert.Contains(t, kinds(payBid), "is not truthful", "another bid would have brought more")
	more := tell(func(b map[string]any) {
		winner := b["winners"].([]any)[0].(map[string]any)
		n, err := winner["amount"].(json.Number).Int64()
		require.NoError(t, err)
		winner["amount"] = n - 1000
	})
	assert.Contains(t, kinds(more), "is not truthful")
	pivotal := tell(func(b map[string]any) {
		if b["pivotal"] != nil {
			delete(b, "pivotal")
			return
		}
		b["pivotal"] = []any{b["winners"].([]any)[0].(map[string]any)["node"]}
	})
	assert.Contains(t, kinds(pivotal), "pivotal")
}

func TestWhoDoesNotDeliverIsLeftOutAndTheAuditorAgrees(t *testing.T) {
	c := newCluster(t, 1)
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	nodes[2].lazy = true
	c.apply(strings.NewReplacer("budget: 1000", "budget: 1000, bids: public", "deadline: 5s", "deadline: 300ms", "coverage: 0.7", "coverage: 1").Replace(experimentFile), 3)
	for _, n := range nodes {
		go n.run(t.Context(), 1_000_000)
	}
	require.Eventually(t, func() bool { return c.version() >= 5 }, 20*time.Second, time.Millisecond)
	told := 0
	for _, e := range c.leader().WebView().Events {
		if strings.Contains(e.Text, "most nodes are pivotal") {
			told++
			assert.Contains(t, e.Text, "Since round 1")
			assert.Regexp(t, `a coverage of at most 0\.\d+ mends that`, e.Text)
		}
	}
	assert.Equal(t, 1, told, "an experiment that turned pivotal says so once")
	bundle := c.bundle()
	bundle.Threshold = 1
	audit := verify.AuditPayments(bundle)
	assert.Equal(t, "consistent", audit.Verdict, "%v", audit.Problems)
	at, left := -1, 0
	l := &lie{t: t}
	for _, raw := range bundle.Leaves {
		leaf, err := checkpoint.DecodeLeaf(raw)
		require.NoError(t, err)
		if leaf.Kind == "cosign_checkpoint" {
			continue
		}
		l.leaves = append(l.leaves, leaf)
		if leaf.Kind == "settle" {
			if at++; bytes.Contains(leaf.View, []byte("NOT_DELIVERING")) && left == 0 {
				left = at
			}
		}
	}
	require.Equal(t, 3, left, "out of the fourth round")
	l.change("settle", left, func(b map[string]any) { delete(b, "excluded") })
	assert.Equal(t, "violated", verify.AuditPayments(l.signed()).Verdict, "the leader let it in again")
}

// Four strategies against honest nodes: what is prevented, what is detected, and what is
// neither (docs/explanation/incentives.md).
func TestWhatStrategicNodesGetIsWhatThePageSays(t *testing.T) {
	c := newCluster(t, 1)
	const cost = 1_000_000
	names := []string{"honest", "double", "inflates", "lazy", "invents", "modest"}
	nodes := map[string]*node{}
	for _, name := range names {
		nodes[name] = c.enrol(name, 10)
	}
	nodes["inflates"].inflate, nodes["lazy"].lazy, nodes["invents"].invent = 2, true, true
	c.apply(strings.NewReplacer("budget: 1000", "budget: 1000, bids: public", "deadline: 5s", "deadline: 400ms").Replace(experimentFile), len(names))
	for _, name := range names {
		bid := int64(cost)
		if name == "double" {
			bid = 2 * cost
		}
		go nodes[name].run(t.Context(), bid)
	}
	require.Eventually(t, func() bool { return c.version() >= 6 }, 30*time.Second, time.Millisecond)
	bundle := c.bundle()
	bundle.Threshold = 1
	audit := verify.AuditPayments(bundle)
	assert.Equal(t, "consistent", audit.Verdict, "no other bid would have brought any of them more in any round: %v", audit.Problems)
	assert.Equal(t, audit.Rounds, audit.Recomputed)
	c.leader().View(func(s *state.State) {
		e := s.Experiment("dosing")
		member := func(name string) *state.Member { return e.Member(name) }
		assert.Positive(t, member("inflates").Wins, "it was believed, until it had to deliver")
		assert.Positive(t, member("lazy").Wins)
		assert.Zero(t, member("inflates").Paid, "prevented: a claim that is not delivered is not paid")
		assert.Zero(t, member("inflates").Delivered)
		assert.Zero(t, member("lazy").Paid, "who does not deliver is not paid")
		assert.Positive(t, member("invents").Paid, "neither: invented data that are plausible are paid for")
		assert.Positive(t, member("honest").Paid)
		left := map[string]int{}
		for _, r := range e.Rounds {
			for _, x := range r.Excluded {
				if x.Reason == "NOT_DELIVERING" {
					left[x.Node]++
				}
			}
			for _, w := range r.Winners {
				least := incentives.Credits(cost)
				if w.Node == "double" {
					least *= 2
				}
				assert.GreaterOrEqual(t, w.Amount, least, "a winner is never paid less than it asked")
			}
		}
		assert.Positive(t, left["inflates"]+left["lazy"], "three times in twenty rounds, and they are left out")
		assert.Zero(t, left["honest"]+left["double"]+left["invents"]+left["modest"])
		for _, name := range names {
			assert.NotEmpty(t, member(name).Leaves, "%s: what it spent is counted, bought or not", name)
			for _, leaf := range member(name).Leaves {
				assert.False(t, leaf.Spend.Zero())
			}
		}
	})
}

func TestAnAuditorCatchesAWriterWhoLies(t *testing.T) {
	c := newCluster(t, 1)
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	c.apply(strings.Replace(experimentFile, "budget: 1000", "budget: 1000, bids: public", 1), 4)
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	require.Eventually(t, func() bool { return c.version() >= 5 }, 20*time.Second, time.Millisecond)
	bundle := c.bundle()
	result := verify.Log(verify.Bundle{Leaves: bundle.Leaves, Checkpoints: bundle.Checkpoints, Origin: bundle.Origin, Verifiers: bundle.Verifiers})
	require.Empty(t, result.Problems)
	require.GreaterOrEqual(t, result.Rounds.Recomputed, uint64(5))

	honest := func(t *testing.T) *lie {
		l := &lie{t: t}
		for _, raw := range bundle.Leaves {
			leaf, err := checkpoint.DecodeLeaf(raw)
			require.NoError(t, err)
			if leaf.Kind != "cosign_checkpoint" { // signed by the replicas, whom the liar is not
				l.leaves = append(l.leaves, leaf)
			}
		}
		return l
	}
	require.Empty(t, verify.Log(honest(t).signed()).Problems, "the truth passes")
	number := func(v any, plus int64) json.Number {
		n, err := v.(json.Number).Int64()
		require.NoError(t, err)
		return json.Number(fmt.Sprint(n + plus))
	}
	first := func(v any) map[string]any { return v.([]any)[0].(map[string]any) }
	zeros := strings.Repeat("0", 64)
	for name, tell := range map[string]func(*lie){
		"a winner is paid more": func(l *lie) {
			l.change("settle", 1, func(b map[string]any) { w := first(b["winners"]); w["amount"] = number(w["amount"], 1000) })
		},
		"another node wins": func(l *lie) {
			l.change("settle", 1, func(b map[string]any) {
				won := fmt.Sprint(b["winners"])
				for _, n := range []string{"n0", "n1", "n2", "n3"} {
					if !strings.Contains(won, n) {
						first(b["winners"])["node"] = n
					}
				}
			})
		},
		"the reserve is lowered": func(l *lie) {
			l.change("open_round", 1, func(b map[string]any) { b["reserve"] = number(b["reserve"], -1) })
		},
		"the model is another":        func(l *lie) { l.change("publish", 1, func(b map[string]any) { b["model"] = zeros }) },
		"the secret is another":       func(l *lie) { l.change("publish", 1, func(b map[string]any) { b["secret"] = zeros }) },
		"nobody is granted a version": func(l *lie) { l.change("publish", 3, func(b map[string]any) { b["granted"] = []any{} }) },
		"a friend is likelier": func(l *lie) {
			l.change("publish", 3, func(b map[string]any) { q := first(b["quotas"]); q["units"] = number(q["units"], 1000) })
		},
		"a friend contributed more": func(l *lie) {
			l.change("publish", 1, func(b map[string]any) { q := first(b["contributions"]); q["units"] = number(q["units"], 1000) })
		},
		"who did not deliver is paid": func(l *lie) { l.drop("record_reports") },
		"an offer is left out":        func(l *lie) { l.drop("record_offers") },
		"a round is left out":         func(l *lie) { l.drop("open_round") },
		"a release is another": func(l *lie) {
			l.change("record_offers", 1, func(b map[string]any) { first(first(b["offers"])["leaves"])["digest"] = zeros })
		},
		"a bid is another": func(l *lie) {
			l.change("record_offers", 1, func(b map[string]any) { first(b["offers"])["bid"] = zeros })
		},
		"a signature is another's": func(l *lie) {
			l.change("record_reports", 0, func(b map[string]any) { first(b["reports"])["signature"] = "AAAA" })
		},
		"a claim is another": func(l *lie) {
			l.change("record_offers", 1, func(b map[string]any) {
				claim := first(first(b["offers"])["leaves"])
				raw, err := base64.StdEncoding.DecodeString(claim["claim"].(string))
				require.NoError(t, err)
				set, err := statistics.Decode(raw)
				require.NoError(t, err)
				set.Blocks[0].Sum[0]++
				claim["claim"] = base64.StdEncoding.EncodeToString(set.Encode())
			})
		},
		"a node is not enrolled":       func(l *lie) { l.drop("enrol") },
		"the budget was never paid in": func(l *lie) { l.change("apply_experiment", 0, func(b map[string]any) { delete(b, "funded") }) },
		"money leaves that nobody earned": func(l *lie) {
			l.leaves = append(l.leaves, checkpoint.Leaf{Kind: "withdraw", View: []byte(`{"time":9999999999999,"body":{"node":"n3","amount":999999999}}`)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := honest(t)
			tell(l)
			result := verify.Log(l.signed())
			assert.NotEmpty(t, result.Problems)
			assert.False(t, result.Verified)
		})
	}

	// Whoever changes it afterwards can't even sign it.
	for i := range bundle.Leaves {
		changed := slices.Clone(bundle.Leaves)
		changed[i] = bytes.Clone(changed[i])
		changed[i][len(changed[i])/2] ^= 1
		b := bundle
		b.Leaves, b.Threshold = changed, 1
		require.NotEmpty(t, verify.Log(b).Problems, "leaf %d", i)
	}
}
