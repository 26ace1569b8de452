package state

import (
	"encoding/json"

	"github.com/posse-dev/posse/protocols/checkpoint"
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
	r.Leaf = checkpoint.Leaf{Sequence: r.Sequence, Kind: kind, View: view, Result: r.Value}.Encode()
	if err := t.Log.tree.Append(checkpoint.Hash(r.Leaf)); err != nil {
		r.halt = err
		return r
	}
	t.Log.Size++
	return r
}

// Root returns the root of the log at its present size.
func (l *Log) Root() []byte {
	root, err := l.tree.Root()
	if err != nil {
		panic("state: a range without a root: " + err.Error()) // it begins at 0
	}
	return root
}
