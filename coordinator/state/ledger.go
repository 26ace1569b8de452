package state

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Entry is one line of the privacy ledger: a release that a node made, with what one
// record in it cost its unit, as the node said. The node's own guard decides; this
// is the book-keeper's copy.
type Entry struct {
	Node  string
	Leaf  uint64
	Round uint64 // in which it was offered first
	Spend dp.Spend
	Sold  uint64 // round in which it was bought, 0: on offer
}

// Ledger returns an experiment's entries, by node and leaf.
func (e *Experiment) Ledger() []Entry {
	var out []Entry
	for _, m := range e.Members {
		for _, l := range m.Leaves {
			out = append(out, Entry{m.Node, l.Number, l.Offered, l.Spend, l.Bought})
		}
	}
	return out
}

// withdraw records that a node was paid out, outside. The result is what is left to
// it, in micro-credits.
func (t *turn) withdraw(c *possev1.Withdraw) Result {
	n := t.Node(c.GetNode())
	if n == nil {
		return refusal(notFound("node", c.GetNode(), "node"))
	}
	if c.GetMicro() <= 0 {
		return refusal(outOfRange("amount", fmt.Sprint(c.GetMicro()), "above 0 micro-credits"))
	}
	if len(c.GetReference()) > addressMax {
		return refusal(outOfRange("reference", "a long text", fmt.Sprintf("at most %d bytes", addressMax)))
	}
	if err := t.order(books.Order{
		ID: fmt.Sprintf("withdraw/%d", t.index), Kind: books.Withdraw, Party: n.Name, Amount: incentives.Credits(c.GetMicro()),
	}); err != nil {
		return refusal(err)
	}
	t.view = withdrawView{Node: n.Name, Amount: c.GetMicro(), Reference: c.GetReference()}
	return Result{Value: fmt.Sprint(int64(t.book.Balance(books.Payable(n.Name))))}
}

// notesMax bounds the signed notes of a checkpoint.
const notesMax = 4096

// cosignCheckpoint keeps the newest tree head that the replicas signed. Signatures
// are data: who reads the log checks them.
func (t *turn) cosignCheckpoint(c *possev1.CosignCheckpoint) Result {
	switch {
	case c.GetSize() > t.Log.Size || len(c.GetRoot()) != 32:
		return refusal(malformed("size", fmt.Sprint(c.GetSize()), fmt.Sprintf("at most %d, with a root of 32 bytes", t.Log.Size)))
	case c.GetSize() <= t.Log.Checkpoint.Size:
		return Result{Duplicate: true}
	case len(c.GetSignatures()) == 0:
		return refusal(malformed("signatures", "none", "at least one"))
	}
	checkpoint := Checkpoint{Size: c.GetSize(), Root: slices.Clone(c.GetRoot())}
	view := checkpointView{Size: c.GetSize(), Root: c.GetRoot()}
	for i, s := range c.GetSignatures() {
		if t.Replica(s.GetReplica()) == nil || len(s.GetNote()) > notesMax ||
			i > 0 && s.GetReplica() <= checkpoint.Signatures[i-1].Replica {
			return refusal(malformed("signatures", printable(s.GetReplica()), "notes of replicas, each once, by name"))
		}
		checkpoint.Signatures = append(checkpoint.Signatures, Cosignature{s.GetReplica(), slices.Clone(s.GetNote())})
		view.Notes = append(view.Notes, noteView{s.GetReplica(), string(s.GetNote())})
	}
	t.Log.Checkpoint = checkpoint
	t.view = view
	return Result{}
}
