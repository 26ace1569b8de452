package statistics

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
)

func shape() Layout {
	return Layout{
		{Name: "count", Shape: []int{3}, Record: 1, Claim: true},
		{Name: "sum", Shape: []int{3, 2}, Scale: 4, Record: 16, L1: 32, L2Squared: 512, Noise: LaplacePerReport, Num: 64, Den: 3},
	}
}

func filled(values ...int64) *Set {
	s := shape().Empty()
	for i, v := range values {
		if i < 3 {
			s.Blocks[0].Sum[i] = v
		} else {
			s.Blocks[1].Sum[i-3] = v
		}
	}
	return s
}

func drawSet(t *rapid.T, name string) *Set {
	return filled(rapid.SliceOfN(rapid.Int64Range(-1<<60, 1<<60), 9, 9).Draw(t, name)...)
}

func TestMergeIsExactAdditionInAnyOrderAndGrouping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawSet(t, "a"), drawSet(t, "b"), drawSet(t, "c")
		left := a.Clone()
		require.NoError(t, left.Merge(b))
		require.NoError(t, left.Merge(c))
		right := c.Clone()
		require.NoError(t, right.Merge(b))
		require.NoError(t, right.Merge(a))
		assert.Equal(t, left.Encode(), right.Encode())
		for k, v := range left.Blocks[1].Sum {
			assert.Equal(t, a.Blocks[1].Sum[k]+b.Blocks[1].Sum[k]+c.Blocks[1].Sum[k], v)
		}
	})
}

func TestMergeRefusesOverflowAndChangesNothing(t *testing.T) {
	for name, row := range map[string]struct {
		a, b int64
		fits bool
	}{
		"the largest sum":        {MaxSum - 2, 1, true},
		"one beyond":             {MaxSum - 1, 1, false},
		"the smallest sum":       {-MaxSum + 2, -1, true},
		"one below":              {-MaxSum + 1, -1, false},
		"both at half the word":  {math.MaxInt64, math.MaxInt64, false},
		"both at the far end":    {math.MinInt64, math.MinInt64, false},
		"opposite and too large": {MaxSum - 1, math.MinInt64, false},
		"back into the range":    {MaxSum - 1, -MaxSum + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, o := filled(5, 0, 0, 0, row.a), filled(7, 0, 0, 0, row.b)
			before := s.Clone()
			err := s.Merge(o)
			if row.fits {
				require.NoError(t, err)
				assert.Equal(t, row.a+row.b, s.Blocks[1].Sum[1])
				return
			}
			assert.ErrorIs(t, err, ErrOverflow)
			assert.Equal(t, before, s, "the first block was not merged either")
			assert.NotContains(t, err.Error(), "4611686018427387", "the sum stays secret")
		})
	}
}

func TestMergeRefusesAnotherShape(t *testing.T) {
	for name, change := range map[string]func(*Set){
		"fewer blocks":  func(s *Set) { s.Blocks = s.Blocks[:1] },
		"another name":  func(s *Set) { s.Blocks[0].Name = "counts" },
		"another scale": func(s *Set) { s.Blocks[1].Scale++ },
		"fewer cells":   func(s *Set) { s.Blocks[1].Sum = s.Blocks[1].Sum[:5] },
	} {
		t.Run(name, func(t *testing.T) {
			s, o := filled(1), filled(1)
			change(o)
			assert.ErrorIs(t, s.Merge(o), ErrShape)
			assert.ErrorIs(t, o.Merge(s), ErrShape)
			assert.Equal(t, filled(1), s)
			assert.False(t, shape().Fits(o))
		})
	}
	assert.True(t, shape().Fits(filled(1)))
}

func TestAddTakesARecordWhollyOrNotAtAll(t *testing.T) {
	s := filled(1, 2, 3)
	require.NoError(t, s.Add([]Increment{{0, 1, 1}, {1, 5, -16}}))
	want := filled(1, 3, 3)
	want.Blocks[1].Sum[5] = -16
	assert.Equal(t, want, s)

	for name, row := range map[string]struct {
		record []Increment
		err    error
	}{
		"a block that there is not":     {[]Increment{{0, 0, 1}, {2, 0, 1}}, ErrShape},
		"a negative block":              {[]Increment{{0, 0, 1}, {-1, 0, 1}}, ErrShape},
		"a cell that there is not":      {[]Increment{{0, 0, 1}, {1, 6, 1}}, ErrShape},
		"a negative cell":               {[]Increment{{0, 0, 1}, {1, -1, 1}}, ErrShape},
		"a sum that does not fit":       {[]Increment{{0, 0, 1}, {1, 0, MaxSum}}, ErrOverflow},
		"one cell three times, wrapped": {[]Increment{{1, 0, MaxSum - 1}, {1, 0, MaxSum - 1}, {1, 0, MaxSum - 1}}, ErrOverflow},
		"one cell twice, just too much": {[]Increment{{1, 0, MaxSum - 1}, {1, 0, 1}}, ErrOverflow},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorIs(t, s.Add(row.record), row.err)
			assert.Equal(t, want, s)
		})
	}
}

func TestZeroAndBlockReadWhatIsThere(t *testing.T) {
	assert.True(t, shape().Empty().Zero())
	assert.False(t, filled(0, 0, 0, 1).Zero())
	assert.Equal(t, []int64{1, 2, 3}, filled(1, 2, 3).Block("count"))
	assert.Nil(t, filled(1).Block("none"))
	claim := shape().Claim(filled(1, 2, 3, 4))
	assert.Equal(t, &Set{Blocks: []Block{{Name: "count", Sum: []int64{1, 2, 3}}}}, claim)
}

func TestFixedPointIsTheNearestIntegerOfTheClippedValue(t *testing.T) {
	for name, row := range map[string]struct {
		x, bound float64
		scale    uint8
		want     int64
	}{
		"the bound":               {8, 8, 16, 1 << 16},
		"beyond it":               {1e300, 8, 16, 1 << 16},
		"far below":               {-1e300, 8, 16, -1 << 16},
		"zero":                    {0, 8, 16, 0},
		"a tie goes to even, 0":   {0.5, 1, 0, 0},
		"a tie goes to even, 2":   {1.5, 4, 2, 2},
		"below zero, 2":           {-1.5, 4, 2, -2},
		"a subnormal bound":       {5e-324, 5e-324, 40, 1 << 40},
		"the largest of all":      {math.MaxFloat64, math.MaxFloat64, 40, 1 << 40},
		"half of it":              {math.MaxFloat64 / 2, math.MaxFloat64, 4, 8},
		"a third, to the nearest": {1, 3, 16, 21845},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FixedPoint(row.x, row.bound, row.scale)
			require.NoError(t, err)
			assert.Equal(t, row.want, got)
		})
	}
	for name, row := range map[string]struct {
		x, bound float64
		scale    uint8
		field    string
	}{
		"NaN": {math.NaN(), 1, 4, "value"}, "infinity": {math.Inf(1), 1, 4, "value"}, "no bound": {1, 0, 4, "bound"}, "a negative bound": {1, -1, 4, "bound"},
		"an infinite bound": {1, math.Inf(1), 4, "bound"}, "a bound that is NaN": {1, math.NaN(), 4, "bound"}, "41 bits": {1, 1, 41, "scale"},
	} {
		_, err := FixedPoint(row.x, row.bound, row.scale)
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
}

func TestFixedPointNeverLeavesTheSensitivityAndIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.Float64Range(1e-9, 1e9).Draw(t, "bound")
		scale := rapid.Uint8Range(0, 40).Draw(t, "scale")
		x := rapid.Float64().Draw(t, "x")
		y := rapid.Float64().Draw(t, "y")
		if math.IsInf(x, 0) || math.IsInf(y, 0) {
			return
		}
		p, err := FixedPoint(x, bound, scale)
		require.NoError(t, err)
		q, err := FixedPoint(y, bound, scale)
		require.NoError(t, err)
		limit := int64(1) << scale
		assert.True(t, -limit <= p && p <= limit)
		assert.Equal(t, -p, func() int64 { v, _ := FixedPoint(-x, bound, scale); return v }(), "symmetric")
		if x <= y {
			assert.LessOrEqual(t, p, q)
		}
		// half a unit of the exact quotient, and what the division's own rounding adds
		clipped := math.Max(-bound, math.Min(bound, x))
		exact := new(big.Rat).Quo(new(big.Rat).SetFloat64(clipped), new(big.Rat).SetFloat64(bound))
		exact.Mul(exact, new(big.Rat).SetInt64(limit))
		error64, _ := exact.Sub(exact, new(big.Rat).SetInt64(p)).Float64()
		assert.LessOrEqual(t, math.Abs(error64), 0.5+float64(limit)*0x1p-53)
	})
}

func TestVariancesAreRoundedUpWhereTheyDoNotFit(t *testing.T) {
	num, den, ok := Variance(big.NewRat(7, 3))
	assert.Equal(t, []any{uint64(7), uint64(3), true}, []any{num, den, ok})
	odd := new(big.Int).Lsh(big.NewInt(5), 90)
	wide := new(big.Rat).SetFrac(odd.Add(odd, big.NewInt(1)), new(big.Int).Lsh(big.NewInt(3), 40))
	num, den, ok = Variance(wide)
	assert.Equal(t, []any{uint64(1876499844737707), uint64(1), true}, []any{num, den, ok})
	_, _, ok = Variance(new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 64)))
	assert.False(t, ok)
	_, _, ok = Variance(new(big.Rat))
	assert.False(t, ok)
}

// The check of many sums at once agrees with that of one, at every edge.
func TestManySumsAreCheckedAsOneIs(t *testing.T) {
	edges := []int64{0, 1, -1, MaxSum, MaxSum - 1, MaxSum + 1, -MaxSum, 1 - MaxSum, -MaxSum - 1, MaxSum / 2, -MaxSum / 2, math.MaxInt64, math.MinInt64, math.MinInt64 + 1}
	for _, a := range edges {
		for _, b := range edges {
			_, err := add(a, b)
			assert.Equal(t, err == nil, gather([]int64{0, a, 3}, []int64{0, b, 4}), "%d + %d", a, b)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		_, err := add(a, b)
		sums := []int64{a}
		assert.Equal(t, err == nil, gather(sums, []int64{b}))
		scatter(sums, []int64{b})
		assert.Equal(t, a, sums[0])
	})
}

func TestASetMergedWithItselfIsDoubledOrAsItWas(t *testing.T) {
	s := &Set{Blocks: []Block{{Name: "a", Sum: []int64{3, MaxSum/2 - 1}}}}
	require.NoError(t, s.Merge(s))
	assert.Equal(t, []int64{6, MaxSum - 2}, s.Blocks[0].Sum)
	require.ErrorIs(t, s.Merge(s), ErrOverflow)
	assert.Equal(t, []int64{6, MaxSum - 2}, s.Blocks[0].Sum)
}
