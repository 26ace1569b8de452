package statistics

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
	"github.com/posse-dev/posse/mechanisms/ldp"
)

// alarm of each test here: 6 cells and 5 pairs of neighbours at 1e-8 stay below 1e-6
// together. The seeds are fixed, so a pass stays a pass.
const alarm = 1e-8

const releases = 20_000

// mass is the discrete Laplace law of scale 64/3, cut at ±half; both tails go to the
// outermost cells.
func mass(half int) []float64 {
	p := math.Exp(-3.0 / 64)
	out := make([]float64, 2*half+1)
	for i := range out {
		k := math.Abs(float64(i - half))
		out[i] = (1 - p) / (1 + p) * math.Pow(p, k)
	}
	tail := math.Pow(p, float64(half)) / (1 + p)
	out[0], out[2*half] = tail, tail
	return out
}

// rejections looks at what a door let out of a set of zeros: each cell's law, and
// that neighbouring cells are no more often equal than independent ones.
func rejections(t *testing.T, release func() *Set) (laws, pairs int) {
	const half = 150
	want := mass(half)
	equal := 0.0
	p := math.Exp(-3.0 / 64)
	for k := -2000.0; k <= 2000; k++ {
		equal += math.Pow((1-p)/(1+p)*math.Pow(p, math.Abs(k)), 2)
	}
	counts, same := make([][]uint64, 6), make([]uint64, 5)
	for c := range counts {
		counts[c] = make([]uint64, 2*half+1)
	}
	for range releases {
		sum := release().Blocks[1].Sum
		for c, v := range sum {
			counts[c][half+int(min(half, max(-half, v)))]++
			if c > 0 && v == sum[c-1] {
				same[c-1]++
			}
		}
	}
	for _, n := range counts {
		r, err := stattest.ChiSquare(n, want, alarm)
		require.NoError(t, err)
		if r.Rejected() {
			laws++
		}
	}
	for _, n := range same {
		r, err := stattest.Binomial(n, releases, equal, alarm)
		require.NoError(t, err)
		if r.Rejected() {
			pairs++
		}
	}
	return laws, pairs
}

// door releases zeros through the real door, after its twist.
func door(t *testing.T, l Layout, seed uint64, twist func(*Set)) func() *Set {
	src := noise.NewSeeded(seed)
	return func() *Set {
		out, err := l.Release(l.Empty(), permit(t, cost(t, l)), src)
		require.NoError(t, err)
		twist(out)
		return out
	}
}

func TestReleasedCellsHaveIndependentNoiseOfTheDeclaredLaw(t *testing.T) {
	half := shape()
	half[1].Num /= 2
	for name, row := range map[string]struct {
		layout      Layout
		twist       func(*Set)
		laws, pairs bool // what must be rejected
	}{
		"the door":                   {shape(), func(*Set) {}, false, false},
		"planted: half the scale":    {half, func(*Set) {}, true, true},
		"planted: one cell as it is": {shape(), func(s *Set) { s.Blocks[1].Sum[3] = 0 }, true, true},
		"planted: one noise twice":   {shape(), func(s *Set) { s.Blocks[1].Sum[1] = s.Blocks[1].Sum[0] }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			laws, pairs := rejections(t, door(t, row.layout, 77, row.twist))
			assert.Equal(t, row.laws, laws > 0, "%d cells of another law", laws)
			assert.Equal(t, row.pairs, pairs > 0, "%d pairs that are not independent", pairs)
		})
	}
}

// The signs of the local door: 200,000 records of one input, against the stated chance.
func TestRandomisedRecordsHaveTheStatedChance(t *testing.T) {
	const n, q = 200_000, 9
	b := local()[1]
	d, err := ldp.NewDuchi(ldp.Epsilon{Num: b.Num, Den: b.Den}, b.Record)
	require.NoError(t, err)
	stated := 0.5 + float64(q)/16*math.Tanh(0.25)/2
	for name, row := range map[string]struct {
		q      int64
		reject bool
	}{"the door": {q, false}, "planted: the sign alone": {16, true}} {
		src, plus := noise.NewSeeded(78), uint64(0)
		for range n {
			if d.Randomise(row.q, src) > 0 {
				plus++
			}
		}
		r, err := stattest.Binomial(plus, n, stated, 1e-6)
		require.NoError(t, err)
		assert.Equal(t, row.reject, r.Rejected(), "%s: %s", name, r)
	}
}
