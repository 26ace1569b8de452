package noise

import (
	"encoding/binary"
	"math/rand/v2"
)

// Seeded is a stream that anyone can draw again from its seed: for simulation and
// tests, never for noise that protects people. Not for concurrent use. It must not
// be copied, since a copy would give the same noise twice. The zero value is not
// ready; use [NewSeeded].
type Seeded struct {
	_   noCopy
	gen *rand.ChaCha8
}

// NewSeeded returns the stream of a seed: ChaCha8 with the seed as the first eight
// bytes of its key and "posse/noise/v1" after them. The words of a seed are fixed
// for good: golden files rest on them.
func NewSeeded(seed uint64) *Seeded {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	copy(key[8:], "posse/noise/v1")
	return &Seeded{gen: rand.NewChaCha8(key)}
}

// Uint64 returns the next word.
func (s *Seeded) Uint64() uint64 { return s.gen.Uint64() }

func (*Seeded) sealed() {}
