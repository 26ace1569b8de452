package node

import (
	"encoding/binary"

	"github.com/posse-dev/posse/node/store"
)

// sequence numbers the node's decisions. Numbers that were given and did not reach
// the disk before a crash lie in a gap: the next start jumps over all that the node
// may have given, and keeps where from and to, so that a lost decision is told from
// one that has expired, and no number is given twice. Not safe for concurrent use.
type sequence struct {
	next uint64
	gaps [][2]uint64 // [from, to)
}

// jump is more decisions than can be in memory and on no disk: each of a hundred
// experiments refuses after [decision.MaxPending]. 48 bits hold 2^18 crashes.
const jump = 1 << 30

const (
	bucketNode = "node"
	keyGaps    = "gaps" // pairs of numbers
	keyNext    = "next" // there after a Close, and only until the next start
	keyKeys    = "keys"
)

// open goes on where the last Close ended, or, after a crash, adds a gap. newest is
// the largest number on the disk. The writes must be on the disk before the first
// decision.
func (q *sequence) open(s *store.Store, newest uint64) ([]store.Write, error) {
	ended := uint64(0)
	if err := s.Each(bucketNode, func(k, v []byte) error {
		switch {
		case string(k) == keyGaps:
			for ; len(v) >= 16; v = v[16:] {
				q.gaps = append(q.gaps, [2]uint64{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])})
			}
		case string(k) == keyNext && len(v) == 8:
			ended = binary.BigEndian.Uint64(v)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if ended > newest {
		q.next = ended
		return []store.Write{{Bucket: bucketNode, Key: []byte(keyNext)}}, nil
	}
	from := newest + 1
	q.next = from + jump
	if n := len(q.gaps); n > 0 && from < q.gaps[n-1][1] { // no decision since the last crash
		q.next = q.gaps[n-1][1] + jump
		q.gaps[n-1][1] = q.next
	} else {
		q.gaps = append(q.gaps, [2]uint64{from, q.next})
	}
	var out []byte
	for _, g := range q.gaps {
		out = binary.BigEndian.AppendUint64(out, g[0])
		out = binary.BigEndian.AppendUint64(out, g[1])
	}
	return []store.Write{{Bucket: bucketNode, Key: []byte(keyGaps), Value: out}}, nil
}

// end is what to write at a Close, after the last decision.
func (q *sequence) end() []store.Write {
	return []store.Write{{Bucket: bucketNode, Key: []byte(keyNext), Value: binary.BigEndian.AppendUint64(nil, q.next)}}
}

// lost reports whether a number was given before a crash and is on no disk.
func (q *sequence) lost(n uint64) bool {
	for _, g := range q.gaps {
		if n >= g[0] && n < g[1] {
			return true
		}
	}
	return false
}
