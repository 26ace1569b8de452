package schedule

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	posse "github.com/posse-dev/posse"
)

// One is probability 1 as a quota: 2^32.
const One uint64 = 1 << 32

// Draw returns the nodes that a seed grants, by id: systematic sampling, in which node
// i is picked with probability exactly quotas[i]/2^32 over uniform seeds, and exactly
// Σ quotas / 2^32 nodes are picked.
//
//	order nodes by SHA-256(seed ‖ 0x00 ‖ id);  u = first 4 bytes of SHA-256(seed ‖ 0x01), big endian
//	i is granted iff some u + m·2^32, m ≥ 0, lies in [C, C + quotas[i]), C the sum before i
//
// Ids are unique; each quota is at most 2^32 and their sum a multiple of 2^32. The
// order of the arguments does not matter. Integers only.
// Source: spec/incentives.md 2.4; systematic sampling: Madow 1949.
func Draw(seed [32]byte, ids []string, quotas []uint64) ([]string, error) {
	if len(ids) != len(quotas) {
		return nil, posse.OutOfRange("quotas", fmt.Sprint(len(quotas)), fmt.Sprintf("one for each of %d nodes", len(ids)), "")
	}
	type place struct {
		key   [32]byte
		id    string
		quota uint64
	}
	places := make([]place, len(ids))
	total := uint64(0)
	for i, id := range ids {
		if quotas[i] > One {
			return nil, posse.OutOfRange(fmt.Sprintf("quotas[%d]", i), fmt.Sprint(quotas[i]), "[0, 2^32]", "")
		}
		total += quotas[i] // below 2^64 for fewer than 2^32 nodes
		places[i] = place{sha256.Sum256(append(append(seed[:], 0), id...)), id, quotas[i]}
	}
	if total%One != 0 {
		return nil, posse.OutOfRange("quotas", fmt.Sprint(total), "a sum that is a multiple of 2^32", "")
	}
	slices.SortFunc(places, func(a, b place) int { return bytes.Compare(a.key[:], b.key[:]) })
	for i := 1; i < len(places); i++ {
		if places[i].key == places[i-1].key {
			return nil, posse.OutOfRange("ids", places[i].id, "each node once", "")
		}
	}
	start := sha256.Sum256(append(seed[:], 1))
	u := uint64(binary.BigEndian.Uint32(start[:4]))
	granted := make([]string, 0, total/One)
	before := uint64(0)
	for _, p := range places {
		after := before + p.quota
		if gridPoints(after, u) > gridPoints(before, u) {
			granted = append(granted, p.id)
		}
		before = after
	}
	slices.Sort(granted)
	return granted, nil
}

// gridPoints counts the points u + m·2^32, m ≥ 0, below x.
func gridPoints(x, u uint64) uint64 {
	if x <= u {
		return 0
	}
	return (x-u-1)/One + 1
}
