package state

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse/protocols/possev1"
)

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
