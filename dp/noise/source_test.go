package noise

import (
	"math"
	"math/bits"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/stattest"
)

func TestPhiloxIsThePublishedFunction(t *testing.T) {
	// numpy 2: Philox(key=[7, 9], counter=[4, 3, 2, 1]), which adds one first
	p := NewPhilox([2]uint64{7, 9})
	p.Place([4]uint64{5, 3, 2, 1})
	for _, want := range []uint64{0xba2989f7ca4d470d, 0x2df86d4f3e849ee4, 0x1161ff1393c6bd15, 0x9c0e7ce7e18f73ef} {
		assert.Equal(t, want, p.Uint64())
	}
}

func TestPhiloxStartsAnywhere(t *testing.T) {
	run := NewSeededAt(3, 0)
	var words []uint64
	for range 12 {
		words = append(words, run.Uint64())
	}
	late := NewSeededAt(3, 2)
	assert.Equal(t, words[8], late.Uint64())
	late.Place([4]uint64{1})
	assert.Equal(t, words[4], late.Uint64(), "placing forgets the rest of the block")
	end := NewPhilox([2]uint64{3})
	end.Place([4]uint64{math.MaxUint64, 5})
	for range 4 {
		end.Uint64()
	}
	carried := NewPhilox([2]uint64{3})
	carried.Place([4]uint64{0, 6})
	assert.Equal(t, carried.Uint64(), end.Uint64(), "the counter carries")
}

func TestSeededIsPinned(t *testing.T) {
	// golden files of other packages rest on these words
	s := NewSeeded(7)
	assert.Equal(t, [2]uint64{0x0caa78f6f7fe89db, 0x9d466492d3039137}, [2]uint64{s.Uint64(), s.Uint64()})
	assert.NotEqual(t, NewSeeded(7).Uint64(), NewSeeded(8).Uint64())
}

func TestSecureNeverRepeatsAcrossGoroutinesAndRekeys(t *testing.T) {
	const workers, words = 8, 20_000
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var src Secure
			mine := make([]uint64, 0, words)
			buf := make([]uint64, 300)
			for len(mine) < words {
				src.fill(buf)
				mine = append(mine, buf...)
				mine = append(mine, src.Uint64())
				src.Rekey()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, w := range mine {
				assert.False(t, seen[w], "a word came twice")
				seen[w] = true
			}
		})
	}
	wg.Wait()
	assert.GreaterOrEqual(t, len(seen), workers*words)
}

// A restored snapshot of a machine gives the same words as the machine, until both
// take fresh bytes of the system.
func TestCopiesOfAProcessPartAtARekey(t *testing.T) {
	machine := &generator{}
	machine.renew(1)
	machine.refill()
	snapshot := &generator{
		seed: machine.seed, refills: machine.refills, generation: machine.generation, pos: machine.pos, block: machine.block,
	}
	next := func(g *generator, generation uint64) [16]byte {
		g.renew(generation)
		if g.pos == len(g.block) {
			g.refill()
		}
		defer func() { g.pos += 16 }()
		return [16]byte(g.block[g.pos:])
	}
	assert.Equal(t, next(machine, 1), next(snapshot, 1), "a copy repeats the noise")
	for range 3 {
		assert.NotEqual(t, next(machine, 2), next(snapshot, 2))
	}
}

func TestSecureBitsAreBalanced(t *testing.T) {
	// fresh randomness at each run: the false alarm is a true chance, 64·1e-9
	const n = 1 << 16
	buf := make([]uint64, n)
	Secure{}.fill(buf)
	for bit := range 64 {
		var ones uint64
		for _, w := range buf {
			ones += w >> bit & 1
		}
		r, err := stattest.Binomial(ones, n, 0.5, 1e-9)
		require.NoError(t, err)
		assert.False(t, r.Rejected(), "bit %d: %v", bit, r)
	}
}

func TestGeneratorForgets(t *testing.T) {
	g := &generator{}
	g.pos = len(g.block)
	g.refill()
	first := g.seed
	block := g.block
	g.refill()
	assert.NotEqual(t, first, g.seed, "the key is replaced at each refill")
	assert.NotEqual(t, block, g.block)
	assert.Equal(t, secureRefills-2, g.refills)
	g.refills = 0
	g.refill()
	assert.Equal(t, secureRefills-1, g.refills, "fresh bytes of the system after 1 MiB")

	var s stream
	s.reset(Secure{}, 256)
	for range 10 {
		DiscreteLaplace{1, 1}.draw(&s)
	}
	s.wipe()
	assert.Zero(t, s.words, "used words are overwritten")
}

func TestSecureZeroesWhatItGave(t *testing.T) {
	g, shared := &generator{}, securePool.New
	securePool = sync.Pool{New: func() any { return g }} // whoever asks gets this one
	t.Cleanup(func() { securePool = sync.Pool{New: shared} })
	Secure{}.Uint64()
	require.Equal(t, 8, g.pos)
	Secure{}.fill(make([]uint64, 9))
	require.Equal(t, 80, g.pos)
	assert.Zero(t, [80]byte(g.block[:80]))
	assert.NotZero(t, [80]byte(g.block[80:160]), "what was not given yet is there")
}

func TestUniformGivesEachResultTheSameNumberOfWords(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 7, 10, 1 << 32, 1<<63 + 1, math.MaxUint64} {
		// words of result r are those from ⌈r·2^64/n⌉ on; of these the first is
		// rejected when it lies below 2^64 mod n in its cell: each keeps ⌊2^64/n⌋
		least := -n % n
		kept, _ := bits.Div64(1, 0, max(n, 2)) // ⌊2^64/n⌋; n = 1 has one result and is not counted
		for _, r := range []uint64{0, 1 % n, n / 2, n - 1} {
			first := firstWord(r, n)
			src := &replay{digits: []uint64{first, math.MaxUint64}}
			got := Uniform(n, src)
			rejected := first*n < least
			if !rejected {
				assert.Equal(t, r, got, "n %d, first word of %d", n, r)
				assert.Equal(t, 1, src.pos)
			} else {
				assert.Greater(t, src.pos, 1, "n %d: a surplus word of %d was kept", n, r)
			}
			if r+1 < n {
				words := firstWord(r+1, n) - first
				if rejected {
					words--
				}
				assert.Equal(t, kept, words, "n %d, result %d", n, r)
			}
		}
	}
	assert.Panics(t, func() { Uniform(0, NewSeeded(1)) })
}

// firstWord returns ⌈r·2^64/n⌉, the least word whose product with n has the high
// word r; r < n.
func firstWord(r, n uint64) uint64 {
	q, rest := bits.Div64(r, 0, n)
	if rest > 0 {
		q++
	}
	return q
}

func TestBernoulliComparesToTheLastDigit(t *testing.T) {
	// 1/3 is 0x5555… in base 2^64: every digit is the same
	const third = 0x5555555555555555
	for _, row := range []struct {
		words []uint64
		want  bool
	}{
		{[]uint64{third - 1}, true},
		{[]uint64{third + 1}, false},
		{[]uint64{third, third - 1}, true},
		{[]uint64{third, third, third + 1}, false},
	} {
		src := &replay{digits: row.words}
		assert.Equal(t, row.want, Bernoulli(1, 3, src))
		assert.Equal(t, len(row.words), src.pos)
	}
	assert.False(t, Bernoulli(1, 2, &replay{digits: []uint64{1 << 63}}), "exactly one half is not below it")
	assert.True(t, Bernoulli(1, 2, &replay{digits: []uint64{1<<63 - 1}}))
	assert.True(t, Bernoulli(5, 5, &replay{}))
	assert.False(t, Bernoulli(0, 5, &replay{digits: []uint64{0}}))
	assert.Panics(t, func() { Bernoulli(2, 1, NewSeeded(1)) })
}

func TestSimulatedVariatesFollowTheirLaws(t *testing.T) {
	src := NewSeeded(11)
	const n = 100_000
	for _, row := range []struct {
		name string
		draw func(Source) float64
		cdf  func(float64) float64
	}{
		{"uniform", Float64, func(x float64) float64 { return max(0, min(1, x)) }},
		{"normal", Normal, func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }},
		{"exponential", Exponential, func(x float64) float64 { return max(0, -math.Expm1(-x)) }},
	} {
		sample := make([]float64, n)
		for i := range sample {
			sample[i] = row.draw(src)
		}
		r, err := stattest.KolmogorovSmirnov(sample, row.cdf, alarm)
		require.NoError(t, err)
		assert.False(t, r.Rejected(), "%s: %v", row.name, r)
		r, err = stattest.KolmogorovSmirnov(sample, func(x float64) float64 { return row.cdf(x * 1.06) }, alarm)
		require.NoError(t, err)
		assert.True(t, r.Rejected(), "%s with a scale off by 6 %% passed: %v", row.name, r)
	}
}

func TestFillIsSoManyWords(t *testing.T) {
	for _, start := range [][4]uint64{{5, 3, 2, 1}, {1<<64 - 3, 1<<64 - 1}} { // the second carries on the way
		for before := range 6 {
			for n := range 40 {
				one, many := NewPhilox([2]uint64{7, 9}), NewPhilox([2]uint64{7, 9})
				one.Place(start)
				many.Place(start)
				for range before {
					one.Uint64()
					many.Uint64()
				}
				got := make([]uint64, n)
				many.Fill(got)
				for i := range got {
					require.Equal(t, one.Uint64(), got[i], "%v, %d before, word %d of %d", start, before, i, n)
				}
				require.Equal(t, one.Uint64(), many.Uint64(), "and what comes after")
			}
		}
	}
}
