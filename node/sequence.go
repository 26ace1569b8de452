package node

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/posse-dev/posse/node/store"
)

// sequence numbers the node's decisions. Numbers that were given and did not reach
// the disk before a crash lie in a gap: at every start it jumps ahead, and keeps
// where from and to, so that a lost decision is told from an expired one.
type sequence struct {
	next atomic.Uint64
	gaps [][2]uint64 // [from, to)
}

// jump is more than a node can decide between two commits of the store.
const jump = 1 << 20

const (
	bucketNode = "node"
	keyGaps    = "gaps"
	keyKeys    = "keys"
)

// open reads the gaps and adds the one of this start. newest is the largest number
// on the disk.
func (q *sequence) open(s *store.Store, newest uint64) error {
	if err := s.Each(bucketNode, func(k, v []byte) error {
		if string(k) == keyGaps {
			for ; len(v) >= 16; v = v[16:] {
				q.gaps = append(q.gaps, [2]uint64{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])})
			}
		}
		return nil
	}); err != nil {
		return err
	}
	from := newest + 1
	if n := len(q.gaps); n > 0 {
		from = max(from, q.gaps[n-1][1])
	}
	if newest == 0 && len(q.gaps) == 0 {
		q.next.Store(1)
	} else {
		q.next.Store(from + jump)
	}
	q.gaps = append(q.gaps, [2]uint64{from, q.next.Load()})
	var out []byte
	for _, g := range q.gaps {
		out = binary.BigEndian.AppendUint64(out, g[0])
		out = binary.BigEndian.AppendUint64(out, g[1])
	}
	s.Put([]store.Write{{Bucket: bucketNode, Key: []byte(keyGaps), Value: out}})
	return nil
}

func (q *sequence) take() uint64 { return q.next.Add(1) - 1 }

// lost reports whether a number was given before a crash and is on no disk.
func (q *sequence) lost(n uint64) bool {
	for _, g := range q.gaps {
		if n >= g[0] && n < g[1] {
			return true
		}
	}
	return false
}
