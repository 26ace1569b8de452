package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"
)

// HashSize is the length of every hash, in bytes.
const HashSize = 32

// LeafMax bounds a leaf, in bytes: the largest Raft command, with room for its
// result and the longer text of its view.
const LeafMax = 64 << 20

// Leaf is one committed command as the public sees it.
type Leaf struct {
	Sequence uint64 // place in the log, from 0, without gaps
	Kind     string // the command's name, "publish"
	View     []byte // what everybody may see of it, JSON
	Result   string // what the state machine made of it
}

// Encode returns the leaf's one encoding: the sequence as u64, then kind, view and
// result, each as its length as u32 and its bytes; little endian.
func (l Leaf) Encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, l.Sequence)
	for _, part := range []string{l.Kind, string(l.View), l.Result} {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

// ErrLeaf is behind the error for bytes that are not the encoding of a leaf.
var ErrLeaf = errors.New("not a leaf")

// DecodeLeaf reads the encoding of a leaf, all of b.
func DecodeLeaf(b []byte) (Leaf, error) {
	if len(b) < 8 || len(b) > LeafMax {
		return Leaf{}, fmt.Errorf("%w: %d bytes, allowed [20, %d]", ErrLeaf, len(b), LeafMax)
	}
	l := Leaf{Sequence: binary.LittleEndian.Uint64(b)}
	rest := b[8:]
	var parts [3][]byte
	for i := range parts {
		if len(rest) < 4 {
			return Leaf{}, fmt.Errorf("%w: it ends early", ErrLeaf)
		}
		n := binary.LittleEndian.Uint32(rest)
		rest = rest[4:]
		if uint64(n) > uint64(len(rest)) {
			return Leaf{}, fmt.Errorf("%w: it ends early", ErrLeaf)
		}
		parts[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 {
		return Leaf{}, fmt.Errorf("%w: %d bytes follow it", ErrLeaf, len(rest))
	}
	l.Kind, l.View, l.Result = string(parts[0]), parts[1], string(parts[2])
	return l, nil
}

// Hash returns the RFC 6962 hash of an encoded leaf, SHA-256(0x00 ‖ leaf).
func Hash(leaf []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(leaf) }

// EmptyRoot returns the root of no leaves, SHA-256 of nothing.
func EmptyRoot() []byte { return rfc6962.DefaultHasher.EmptyRoot() }
