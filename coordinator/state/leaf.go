package state

import (
	"encoding/binary"
	"encoding/json"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// leafView is the JSON object in every leaf: when, who asked, and the kind's view.
type leafView struct {
	Time  int64  `json:"time"`
	Actor string `json:"actor,omitempty"`
	Body  any    `json:"body"`
}

// actorMax bounds the name of who asked, in bytes.
const actorMax = 64

// leaf appends the command to the transparency log. Only the hashes that the next
// root needs stay in the state (RFC 6962); the bytes go to whoever asked for the
// command to be applied.
func (t *turn) leaf(r Result, kind string) Result {
	view, err := json.Marshal(leafView{Time: t.now, Actor: t.actor[:min(len(t.actor), actorMax)], Body: t.view})
	if err != nil {
		r.halt = err // the views are plain structs: a fault of this program
		return r
	}
	r.Sequence = t.Log.Size
	r.Leaf = encodeLeaf(r.Sequence, kind, view, r.Value)
	if err := t.Log.tree.Append(rfc6962.DefaultHasher.HashLeaf(r.Leaf), nil); err != nil {
		r.halt = err
		return r
	}
	t.Log.Size++
	return r
}

// Root returns the root of the log at its present size.
func (l *Log) Root() []byte {
	if l.Size == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	root, err := l.tree.GetRootHash(nil)
	if err != nil {
		panic("state: a compact range without a root: " + err.Error()) // it begins at 0
	}
	return root
}

func ranges() *compact.RangeFactory {
	return &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
}

func encodeLeaf(sequence uint64, kind string, view []byte, result string) []byte {
	out := binary.LittleEndian.AppendUint64(nil, sequence)
	for _, part := range []string{kind, string(view), result} {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}
