package noise

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// Secure is randomness for noise that protects people: AES-256 in counter mode,
// keyed from the operating system. The zero value is ready, any number of
// goroutines may use it, and all values share the generators behind it.
//
// Each generator gives blocks of 4 KiB. The first 48 bytes of a block are the next
// key and counter and are never given out ("fast key erasure": Bernstein 2017), so
// that who reads the memory cannot reconstruct what was drawn before; every 1 MiB
// 48 fresh bytes of the system are mixed in; bytes are overwritten with zeros as
// they are used. If the system's randomness fails the Go runtime ends the process,
// which is safe: a spend is durable before its noise is drawn.
type Secure struct{}

const (
	secureSeed    = 48   // AES-256 key and counter block
	secureBlock   = 4096 // bytes given out per key
	secureRefills = 256  // blocks per fresh seed of the system: 1 MiB
)

// The generators behind Secure: a pool hands each to one goroutine at a time, and
// the generation makes all of them take fresh seeds after a Rekey. This is the one
// shared state of the package; it holds nothing but unpredictable bytes.
var (
	securePool       = sync.Pool{New: func() any { return new(generator) }}
	secureGeneration atomic.Uint64
)

// Uint64 returns 64 uniform bits.
func (Secure) Uint64() uint64 {
	g := takeGenerator()
	if g.pos == len(g.block) {
		g.refill()
	}
	w := binary.LittleEndian.Uint64(g.block[g.pos:])
	clear(g.block[g.pos : g.pos+8])
	g.pos += 8
	securePool.Put(g)
	return w
}

// Rekey makes every generator start from fresh bytes of the system before it
// gives another word. Who releases calls it first: two copies of one process (a
// virtual machine that was restored from a snapshot, or started twice) would draw the
// same noise, and the difference of what they release would show the data.
func (Secure) Rekey() { secureGeneration.Add(1) }

func (Secure) sealed() {}

// fill sets dst to uniform words.
func (Secure) fill(dst []uint64) {
	g := takeGenerator()
	for len(dst) > 0 {
		if g.pos == len(g.block) {
			g.refill()
		}
		n := min(len(dst), (len(g.block)-g.pos)/8)
		from := g.block[g.pos : g.pos+8*n]
		for i := range n {
			dst[i] = binary.LittleEndian.Uint64(from[8*i:])
		}
		clear(from)
		g.pos += 8 * n
		dst = dst[n:]
	}
	securePool.Put(g)
}

// generator is used by one goroutine at a time and never copied: a copy would
// give the same stream twice.
type generator struct {
	_          noCopy
	seed       [secureSeed]byte
	refills    int // until the next fresh seed
	generation uint64
	pos        int // in block; len(block) when used up
	block      [secureBlock]byte
}

func takeGenerator() *generator {
	g := securePool.Get().(*generator)
	g.renew(secureGeneration.Load())
	return g
}

// renew drops what a generator holds if it is new or from before a Rekey.
func (g *generator) renew(now uint64) {
	if g.refills == 0 && g.pos == 0 || g.generation != now {
		clear(g.block[:])
		g.pos, g.refills, g.generation = len(g.block), 0, now
	}
}

// refill draws the next seed and the next block with the present key.
func (g *generator) refill() {
	if g.refills == 0 {
		var fresh [secureSeed]byte
		rand.Read(fresh[:]) // never returns an error: the runtime ends the process
		for i := range g.seed {
			g.seed[i] ^= fresh[i]
		}
		clear(fresh[:])
		g.refills = secureRefills
	}
	g.refills--
	block, err := aes.NewCipher(g.seed[:32])
	if err != nil {
		panic("noise: " + err.Error()) // only for a wrong key size
	}
	keystream := cipher.NewCTR(block, g.seed[32:])
	clear(g.seed[:])
	clear(g.block[:])
	keystream.XORKeyStream(g.seed[:], g.seed[:])
	keystream.XORKeyStream(g.block[:], g.block[:])
	g.pos = 0
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
