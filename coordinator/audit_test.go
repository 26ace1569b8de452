package coordinator_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/verify"
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
