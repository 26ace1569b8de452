package checkpoint

import (
	"fmt"
	"math/bits"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Nodes returns the hash of the complete subtree of 2^level leaves that begins at
// leaf index·2^level: from a [Tree], or from stored tiles.
type Nodes func(level uint, index uint64) ([]byte, error)

// Tree holds the hashes of a log in memory, about 64 bytes a leaf. The zero value
// is an empty tree, ready to use. It is not safe for concurrent use.
type Tree struct {
	levels [][][]byte // levels[l][i] is the node of 2^l leaves from i·2^l
}

// Append adds the hash of the next leaf.
func (t *Tree) Append(leafHash []byte) {
	hash := leafHash
	for level := 0; ; level++ {
		if level == len(t.levels) {
			t.levels = append(t.levels, nil)
		}
		t.levels[level] = append(t.levels[level], hash)
		n := len(t.levels[level])
		if n%2 == 1 {
			return
		}
		hash = rfc6962.DefaultHasher.HashChildren(t.levels[level][n-2], hash)
	}
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 {
	if len(t.levels) == 0 {
		return 0
	}
	return uint64(len(t.levels[0]))
}

// Node returns one hash; it is a [Nodes].
func (t *Tree) Node(level uint, index uint64) ([]byte, error) {
	if level >= uint(len(t.levels)) || index >= uint64(len(t.levels[level])) {
		return nil, fmt.Errorf("no node %d at level %d in a tree of %d leaves", index, level, t.Size())
	}
	return t.levels[level][index], nil
}

// Root returns the root over the first size leaves.
func (t *Tree) Root(size uint64) ([]byte, error) { return Root(t.Node, size) }

// Inclusion proves that leaf index is among the first size leaves.
func (t *Tree) Inclusion(index, size uint64) ([][]byte, error) { return Inclusion(t.Node, index, size) }

// Consistency proves that the first size1 leaves are the beginning of the first
// size2.
func (t *Tree) Consistency(size1, size2 uint64) ([][]byte, error) {
	return Consistency(t.Node, size1, size2)
}

// Root computes the root over the first size leaves from the at most 64 nodes that
// cover them.
func Root(nodes Nodes, size uint64) ([]byte, error) {
	if size == 0 {
		return EmptyRoot(), nil
	}
	var root []byte
	for rest := size; rest > 0; rest &= rest - 1 { // the smallest, rightmost subtree first
		level := uint(bits.TrailingZeros64(rest))
		left, err := nodes(level, (rest-1)>>level)
		if err != nil {
			return nil, err
		}
		if root == nil {
			root = left
		} else {
			root = rfc6962.DefaultHasher.HashChildren(left, root)
		}
	}
	return root, nil
}

// Inclusion makes the proof of at most ⌈log2 size⌉ hashes that leaf index is in the
// tree of size leaves, 0 ≤ index < size.
func Inclusion(nodes Nodes, index, size uint64) ([][]byte, error) {
	need, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, fmt.Errorf("inclusion proof: %w", err)
	}
	return fetch(nodes, need)
}

// Consistency makes the proof of at most ⌈log2 size2⌉ + 1 hashes that the tree of
// size1 leaves is the beginning of that of size2, size1 ≤ size2.
func Consistency(nodes Nodes, size1, size2 uint64) ([][]byte, error) {
	need, err := proof.Consistency(size1, size2)
	if err != nil {
		return nil, fmt.Errorf("consistency proof: %w", err)
	}
	return fetch(nodes, need)
}

func fetch(nodes Nodes, need proof.Nodes) ([][]byte, error) {
	hashes := make([][]byte, len(need.IDs))
	for i, id := range need.IDs {
		hash, err := nodes(id.Level, id.Index)
		if err != nil {
			return nil, err
		}
		hashes[i] = hash
	}
	return need.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}

// Range is the part of a tree that is needed to append to it and to know its root,
// at most 64 hashes: what a state machine keeps. The zero value is empty and ready
// to use.
type Range struct{ inner *compact.Range }

// NewRange makes a range again from its size and what [Range.Hashes] returned.
func NewRange(size uint64, hashes [][]byte) (*Range, error) {
	inner, err := factory().NewRange(0, size, hashes)
	if err != nil {
		return nil, fmt.Errorf("range of %d leaves: %w", size, err)
	}
	return &Range{inner}, nil
}

func factory() *compact.RangeFactory {
	return &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
}

func (r *Range) range0() *compact.Range {
	if r.inner == nil {
		r.inner = factory().NewEmptyRange(0)
	}
	return r.inner
}

// Append adds the hash of the next leaf.
func (r *Range) Append(leafHash []byte) error { return r.range0().Append(leafHash, nil) }

// Size returns the number of leaves.
func (r *Range) Size() uint64 { return r.range0().End() }

// Hashes returns what must be kept, the largest subtree first.
func (r *Range) Hashes() [][]byte { return r.range0().Hashes() }

// Root returns the root over all leaves.
func (r *Range) Root() ([]byte, error) {
	if r.Size() == 0 {
		return EmptyRoot(), nil
	}
	return r.range0().GetRootHash(nil)
}
