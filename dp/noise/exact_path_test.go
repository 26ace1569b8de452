package noise

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// hostile is a source whose words tie, touch the edges and repeat far more often
// than uniform ones: it leads the fast paths to where they must give up.
type hostile struct {
	gen  *Seeded
	last uint64
}

func (h *hostile) Uint64() uint64 {
	w := h.gen.Uint64()
	switch h.gen.Uint64() % 8 {
	case 0:
		w = h.last
	case 1:
		w = 0
	case 2:
		w = math.MaxUint64
	case 3:
		w = h.last + 1
	case 4:
		w &^= 1<<50 - 1 // lands on multiples of large steps
	}
	h.last = w
	return w
}

func (*hostile) sealed() {}

// both draws with the fast path and with the exact one on the same words, and
// returns the two results and how many words were left unread by each.
func both[T any](seed uint64, draw func(s *stream) T) (fast, exact T, sameWords bool) {
	var a, b stream
	a.reset(&hostile{gen: NewSeeded(seed)}, 1)
	b.reset(&hostile{gen: NewSeeded(seed)}, 1)
	b.narrow = 64 // as wide as in production, but never fast
	fast, exact = draw(&a), draw(&b)
	return fast, exact, a.src.Uint64() == b.src.Uint64()
}

func TestFastPathsAgreeWithTheExactOnes(t *testing.T) {
	t.Run("laplace", rapid.MakeCheck(func(t *rapid.T) {
		num := rapid.Uint64Range(1, maxLaplaceScale).Draw(t, "num") << rapid.IntRange(0, 12).Draw(t, "shift")
		den := rapid.Uint64Range(max(1, num/maxLaplaceScale+1), math.MaxUint64>>rapid.IntRange(0, 63).Draw(t, "length")|1<<13).Draw(t, "den")
		l, err := NewDiscreteLaplace(num, den)
		if err != nil {
			t.Fatal(err)
		}
		fast, exact, same := both(rapid.Uint64().Draw(t, "seed"), l.draw)
		if fast != exact || !same {
			t.Fatalf("scale %d/%d: fast %d, exact %d, same words %v", num, den, fast, exact, same)
		}
	}))
	t.Run("gaussian", rapid.MakeCheck(func(t *rapid.T) {
		den := rapid.Int64Range(1, 1<<32).Draw(t, "den")
		num := new(big.Int).Lsh(big.NewInt(rapid.Int64Range(den>>minSigma2Bits+1, math.MaxInt64).Draw(t, "num")), uint(rapid.IntRange(0, 37).Draw(t, "shift")))
		g, err := NewDiscreteGaussianRat(new(big.Rat).SetFrac(num, big.NewInt(den)))
		if err != nil {
			t.Fatal(err)
		}
		fast, exact, same := both(rapid.Uint64().Draw(t, "seed"), g.draw)
		if fast != exact || !same {
			t.Fatalf("σ² %v: fast %d, exact %d, same words %v", g.Sigma2(), fast, exact, same)
		}
	}))
}

// A word next to γ is the one place where the fast acceptance must ask for the
// exact fraction; uniform words get there once in 2^43.
func TestFastAcceptanceAgreesNextToGamma(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.Int64Range(1, math.MaxInt64).Draw(t, "den")
		num := rapid.Int64Range(0, den).Draw(t, "num")
		whole := rapid.Int64Range(0, 2).Draw(t, "whole")
		gamma := new(big.Rat).SetFrac64(num, den)
		gamma.Add(gamma, new(big.Rat).SetInt64(whole))
		scaled := new(big.Int).Lsh(gamma.Num(), 48)
		near := scaled.Quo(scaled, gamma.Denom()).Uint64()
		off := rapid.Int64Range(-gammaSlack+2, gammaSlack-2).Draw(t, "error of the fast γ")
		if int64(near)+off < 0 {
			off = 0
		}
		word := near<<16 + uint64(rapid.Int64Range(-40<<16, 40<<16).Draw(t, "distance of the word"))
		head := make([]uint64, 0, 8)
		for range whole { // each whole unit: a real, one that falls from it, one that does not
			head = append(head, 2, 1, 3)
		}
		head = append(head, word, rapid.Uint64().Draw(t, "next"))
		run := func(accept func(s *stream) bool) (bool, int) {
			src := &replay{digits: head}
			var s stream
			s.reset(src, 1)
			ok := accept(&s)
			return ok, src.pos
		}
		exact := func() (n, d *big.Int) { return new(big.Int).Set(gamma.Num()), new(big.Int).Set(gamma.Denom()) }
		a, used := run(func(s *stream) bool { return s.acceptNear(uint64(int64(near)+off), gammaSlack, exact) })
		n, d := exact()
		b, used2 := run(func(s *stream) bool { return s.acceptRat(n, d) })
		if a != b || used != used2 {
			t.Fatalf("γ %v, word %#x: fast %v after %d words, exact %v after %d", gamma, word, a, used, b, used2)
		}
	})
}

// The fast γ must be within its stated slack; were the slack too small the test of
// the two paths would hardly notice.
func TestFastGammaIsWithinItsSlack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.Int64Range(1, 1<<32).Draw(t, "den") // σ ≥ 1: below, there is no fast γ
		num := new(big.Int).Lsh(big.NewInt(rapid.Int64Range(den, math.MaxInt64).Draw(t, "num")), uint(rapid.IntRange(0, 37).Draw(t, "shift")))
		g, err := NewDiscreteGaussianRat(new(big.Rat).SetFrac(num, big.NewInt(den)))
		if err != nil || g.kappa == 0 {
			t.Fatalf("%d/%d: no fast γ (%v)", num, den, err)
		}
		top := g.t * 31
		m := rapid.Uint64Range(0, top-1).Draw(t, "m")
		exactNum, exactDen := g.gamma(m)
		exact := new(big.Rat).SetFrac(exactNum, exactDen)
		fast := new(big.Rat).SetFrac(new(big.Int).SetUint64(g.fastGamma(m)), new(big.Int).Lsh(big.NewInt(1), 48))
		off, _ := exact.Sub(exact, fast).Float64()
		if math.Abs(off) > 2*0x1p-48 {
			t.Fatalf("σ² %v, m %d: fast γ is off by %g units", g.Sigma2(), m, off*0x1p48)
		}
	})
}

func TestScalesOutsideTheirRangeAreRefused(t *testing.T) {
	for _, row := range [][2]uint64{{0, 1}, {1, 0}, {1<<50 + 1, 1}, {math.MaxUint64, 2}, {1<<51 + 1, 2}} {
		_, err := NewDiscreteLaplace(row[0], row[1])
		assert.Error(t, err, "%v", row)
	}
	_, err := NewDiscreteLaplace(1<<50, 1)
	require.NoError(t, err)
	for _, row := range []*big.Rat{
		new(big.Rat), big.NewRat(-1, 1), big.NewRat(1, 1<<21), big.NewRat(1, 1<<20+1), big.NewRat(1<<40, 1<<33-1),
		new(big.Rat).SetInt(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 100), big.NewInt(1))),
	} {
		_, err := NewDiscreteGaussianRat(row)
		assert.Error(t, err, "%v", row)
	}
	for _, row := range []*big.Rat{big.NewRat(1, 1<<20), new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 100))} {
		g, err := NewDiscreteGaussianRat(row)
		require.NoError(t, err)
		g.Sample(NewSeeded(1))
	}
	assert.Panics(t, func() { DiscreteLaplace{}.Sample(NewSeeded(1)) }, "a zero law must not add no noise")
	assert.Panics(t, func() { DiscreteGaussian{}.Sample(NewSeeded(1)) })
}

// A digit next to the edge of a cell is where the floor of a multiple is not yet
// known; with uniform words this is rare (scale/2^64).
func TestFastFloorAgreesNextToTheEdgesOfCells(t *testing.T) {
	slow := 0
	rapid.Check(t, func(t *rapid.T) {
		num := rapid.Uint64Range(1, maxLaplaceScale).Draw(t, "num")
		den := rapid.Uint64Range(1, 1<<rapid.IntRange(0, 20).Draw(t, "size")).Draw(t, "den")
		l, err := NewDiscreteLaplace(num, den)
		if err != nil {
			t.Fatal(err)
		}
		k := rapid.Uint64Range(0, num/den).Draw(t, "cell")
		edge := new(big.Int).SetUint64(k)
		edge.Mul(edge, new(big.Int).SetUint64(den)).Lsh(edge, 64)
		edge.Quo(edge, new(big.Int).SetUint64(num))
		f := edge.Uint64() + uint64(rapid.IntRange(-2, 2).Draw(t, "off"))
		digits := []uint64{0, f, math.MaxUint64, rapid.Uint64().Draw(t, "second digit"), rapid.Uint64().Draw(t, "third")}
		run := func(narrow uint) (int64, int) {
			src := &replay{digits: digits}
			var s stream
			s.reset(src, 1)
			s.narrow = narrow
			return l.draw(&s), src.pos
		}
		fast, used := run(0)
		exact, used2 := run(64)
		if fast != exact || used != used2 {
			t.Fatalf("scale %d/%d, digit %#x: fast %d after %d words, exact %d after %d", num, den, f, fast, used, exact, used2)
		}
		if used > 3 {
			slow++
		}
	})
	assert.Positive(t, slow, "no edge was met: the test shows nothing")
}
