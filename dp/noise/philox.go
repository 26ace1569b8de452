package noise

import "math/bits"

// Philox is a stream that can start anywhere at once: a word is a function of a
// key and a counter, so streams of (run, node, round) need no seeds of their own.
// For simulation, never for noise that protects people. Not for concurrent use,
// not to be copied. The zero value is the stream of key and counter zero.
//
// Philox4x64-10 of Salmon, Moraes, Dror and Shaw 2011, as numpy has it (numpy adds
// one to the counter before the first block; we use it as it is).
type Philox struct {
	_       noCopy
	key     [2]uint64
	counter [4]uint64
	used    uint8 // words of block given out, plus one; 0 = none made yet
	block   [4]uint64
}

// NewPhilox returns a stream with a key; [Philox.Place] puts it somewhere.
func NewPhilox(key [2]uint64) *Philox { return &Philox{key: key} }

// NewSeededAt returns the stream of key (key, 0) that starts at block counter.
// Each block has four words.
func NewSeededAt(key, counter uint64) *Philox {
	return &Philox{key: [2]uint64{key}, counter: [4]uint64{counter}}
}

// Place moves the stream to the first word of a counter's block. The first word
// of the counter counts blocks upward from here, carrying into the others.
func (p *Philox) Place(counter [4]uint64) { p.counter, p.used = counter, 0 }

// Uint64 returns the next word.
func (p *Philox) Uint64() uint64 {
	if p.used == 0 || p.used == 5 {
		p.block = philoxBlock(p.key, p.counter)
		for i := range p.counter {
			p.counter[i]++
			if p.counter[i] != 0 {
				break
			}
		}
		p.used = 1
	}
	w := p.block[p.used-1]
	p.used++
	return w
}

func (*Philox) sealed() {}

// philoxBlock is the function itself; constants are those of the paper.
func philoxBlock(key [2]uint64, c [4]uint64) [4]uint64 {
	const (
		m0, m1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157
		w0, w1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
	)
	k0, k1 := key[0], key[1]
	for range 10 {
		h0, l0 := bits.Mul64(m0, c[0])
		h1, l1 := bits.Mul64(m1, c[2])
		c = [4]uint64{h1 ^ c[1] ^ k0, l1, h0 ^ c[3] ^ k1, l0}
		k0 += w0
		k1 += w1
	}
	return c
}
