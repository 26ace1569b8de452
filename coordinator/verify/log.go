package verify

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// Bundle is what an outsider was given: the leaves from 0 on, signed checkpoints,
// and the keys that he pinned. Threshold is how many known replicas must have signed
// the newest checkpoint; 0 means 1. Openings show bids to an auditor; none are needed.
type Bundle struct {
	Leaves      [][]byte
	Checkpoints [][]byte
	Origin      string
	Verifiers   []string
	Threshold   int
	Openings    []Opening
}

// Result is what the replay found. Verified means that there are no problems.
type Result struct {
	Size       uint64      `json:"size"`
	Root       string      `json:"root"`
	Checkpoint uint64      `json:"checkpoint"` // size of the newest signed head
	Signatures []Signature `json:"signatures"` // on it
	Rounds     Rounds      `json:"rounds"`
	Spends     []Spend     `json:"spends"`
	Balanced   bool        `json:"balanced"`
	Verified   bool        `json:"verified"`
	Problems   []Problem   `json:"problems"`
	// Book is the books as the log leads to them. Bids are in it where they are known.
	Book *books.Book `json:"-"`
}

// Signature is one replica's on the newest checkpoint.
type Signature struct {
	Replica string `json:"replica"`
	Time    string `json:"time"` // RFC 3339, UTC
}

// Rounds counts what was replayed; Recomputed are the auctions whose bids are public
// or opened.
type Rounds struct {
	Published  uint64 `json:"published"`
	Aborted    uint64 `json:"aborted"`
	Recomputed uint64 `json:"recomputed"`
}

// Spend is what one node said that the records of its offered leaves cost, at most
// a leaf.
type Spend struct {
	Node       string  `json:"node"`
	Experiment string  `json:"experiment"`
	Leaves     uint64  `json:"leaves"`
	Epsilon    float64 `json:"epsilon"` // of one record, rounded up
	Delta      float64 `json:"delta"`
}

// Problem is a leaf that breaks a rule: what the log says, and which rule.
type Problem struct {
	Index   uint64 `json:"index"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// maxProblems bounds what is listed; the first ones tell where to look.
const maxProblems = 100

// Log verifies a bundle. It goes on after a problem, so that all of them show.
func Log(b Bundle) Result { return newReplay(b).run(b) }

func newReplay(b Bundle) *replay {
	r := &replay{
		experiments: map[string]*experimentLog{}, nodes: map[string]string{}, revoked: map[string]bool{},
		book: books.New(), balanced: true, openings: make(map[openingKey]Opening, len(b.Openings)),
	}
	for _, o := range b.Openings {
		r.openings[openingKey{o.Experiment, o.Round, o.Node}] = o
	}
	return r
}

func (r *replay) run(b Bundle) Result {
	var tree checkpoint.Tree
	for i, raw := range b.Leaves {
		leaf, err := checkpoint.DecodeLeaf(raw)
		switch {
		case err != nil:
			r.problem(uint64(i), "", "the leaf can't be read: %v", err)
		case leaf.Sequence != uint64(i):
			r.problem(uint64(i), leaf.Kind, "leaf %d says that it is number %d", i, leaf.Sequence)
		default:
			r.index, r.kind = leaf.Sequence, leaf.Kind
			r.leaf(leaf)
		}
		tree.Append(checkpoint.Hash(raw))
	}
	out := Result{Size: tree.Size(), Rounds: r.rounds, Spends: r.spends(), Balanced: r.balanced, Book: r.book}
	if root, err := tree.Root(tree.Size()); err == nil {
		out.Root = fmt.Sprintf("%x", root)
	}
	newest := checkpoint.Head{}
	for i, note := range slices.Concat(r.notes, b.Checkpoints) {
		head, signatures, err := checkpoint.Open(note, b.Origin, b.Verifiers, 1)
		if err != nil {
			r.problem(uint64(i), "checkpoint", "checkpoint %d: %v", i, err)
			continue
		}
		if head.Size > tree.Size() {
			r.problem(uint64(i), "checkpoint", "a checkpoint is signed for %d leaves, and there are %d", head.Size, tree.Size())
			continue
		}
		if root, err := tree.Root(head.Size); err != nil || !bytes.Equal(root, head.Root) {
			r.problem(uint64(i), "checkpoint", "the root of %d leaves is not the signed one: this is another history", head.Size)
			continue
		}
		switch {
		case head.Size > newest.Size:
			newest, out.Signatures = head, nil
		case head.Size < newest.Size:
			continue
		}
		for _, s := range signatures {
			out.add(s)
		}
	}
	out.Checkpoint = newest.Size
	if want := max(1, b.Threshold); len(out.Signatures) < want {
		r.problem(newest.Size, "checkpoint", "the newest checkpoint has %d of %d signatures", len(out.Signatures), want)
	}
	out.Problems, out.Verified = r.problems, len(r.problems) == 0
	return out
}

func (r *Result) add(s checkpoint.Signature) {
	for _, old := range r.Signatures {
		if old.Replica == s.Name {
			return
		}
	}
	r.Signatures = append(r.Signatures, Signature{Replica: s.Name, Time: s.Time.Format(time.RFC3339)})
}
