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
		p.advance()
		p.used = 1
	}
	w := p.block[p.used-1]
	p.used++
	return w
}

// Fill writes the next words to dst: the same as so many calls of Uint64, in less
// time.
func (p *Philox) Fill(dst []uint64) {
	for len(dst) > 0 && p.used != 0 && p.used != 5 {
		dst[0] = p.Uint64()
		dst = dst[1:]
	}
	for len(dst) >= 8 && p.counter[0] != ^uint64(0) {
		philoxPair((*[8]uint64)(dst), p.key, p.counter, p.counter[0]+1)
		p.advance()
		p.advance()
		dst = dst[8:]
	}
	for i := range dst {
		dst[i] = p.Uint64()
	}
}

// advance counts to the next block.
func (p *Philox) advance() {
	for i := range p.counter {
		p.counter[i]++
		if p.counter[i] != 0 {
			return
		}
	}
}

func (*Philox) sealed() {}

// The constants of the paper: multipliers, and what is added to the key each round.
const (
	philoxM0, philoxM1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157
	philoxW0, philoxW1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
)

// philoxBlock is the function itself.
func philoxBlock(key [2]uint64, c [4]uint64) [4]uint64 {
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for range 10 {
		h0, l0 := bits.Mul64(philoxM0, c0)
		h1, l1 := bits.Mul64(philoxM1, c2)
		c0, c1, c2, c3 = h1^c1^k0, l1, h0^c3^k1, l0
		k0 += philoxW0
		k1 += philoxW1
	}
	return [4]uint64{c0, c1, c2, c3}
}

// philoxPair writes the blocks of counters c and c with another first word. Its
// rounds wait for each other; two blocks at once hide most of that.
func philoxPair(dst *[8]uint64, key [2]uint64, c [4]uint64, other uint64) {
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	d0, d1, d2, d3 := other, c[1], c[2], c[3]
	for range 10 {
		h0, l0 := bits.Mul64(philoxM0, c0)
		h1, l1 := bits.Mul64(philoxM1, c2)
		g0, m0 := bits.Mul64(philoxM0, d0)
		g1, m1 := bits.Mul64(philoxM1, d2)
		c0, c1, c2, c3 = h1^c1^k0, l1, h0^c3^k1, l0
		d0, d1, d2, d3 = g1^d1^k0, m1, g0^d3^k1, m0
		k0 += philoxW0
		k1 += philoxW1
	}
	*dst = [8]uint64{c0, c1, c2, c3, d0, d1, d2, d3}
}
