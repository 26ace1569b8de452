package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Nonce is the 32 random bytes that a node's offer carried.
type Nonce struct {
	Node  string
	Value [32]byte
}

// Commitment returns SHA-256(s), which the leader publishes before any offer is made.
func Commitment(secret [32]byte) [32]byte { return sha256.Sum256(secret[:]) }

// Seed returns the seed of a round's draw:
//
//	SHA-256(s ‖ experiment ‖ round ‖ nonces in the order of their nodes' ids)
//
// round as 8 bytes, big endian. The leader committed to s before it saw the nonces,
// and the nodes chose them without s, so neither chooses the seed alone. The order of
// the argument does not matter. Source: spec/incentives.md 2.4.
func Seed(secret [32]byte, experiment string, round uint64, nonces []Nonce) [32]byte {
	sorted := slices.Clone(nonces)
	slices.SortFunc(sorted, func(a, b Nonce) int { return strings.Compare(a.Node, b.Node) })
	text := append(secret[:], experiment...)
	text = binary.BigEndian.AppendUint64(text, round)
	for _, nonce := range sorted {
		text = append(text, nonce.Value[:]...)
	}
	return sha256.Sum256(text)
}

// RedrawSeed returns the seed of the k-th draw of the same version after its first,
// SHA-256(seed ‖ k as 8 bytes, big endian). Nothing new is committed to: the draws
// after the last version go on from its seed.
func RedrawSeed(seed [32]byte, k uint64) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(seed[:], k))
}
