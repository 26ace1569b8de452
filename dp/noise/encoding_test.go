package noise

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func mustEncoding(t require.TestingT, bits uint8, bound *big.Rat) Encoding {
	e, err := NewEncoding(bits, bound)
	require.NoError(t, err)
	return e
}

func TestEncodeRoundsToTheNearestEvenAndClips(t *testing.T) {
	e := mustEncoding(t, 2, big.NewRat(3, 1)) // units of a quarter
	for _, row := range []struct {
		in  float64
		out int64
	}{
		{0, 0},
		{0.125, 0},
		{0.375, 2},
		{-0.125, 0},
		{-0.375, -2},
		{0.13, 1},
		{2.9, 12},
		{3, 12},
		{1000, 12},
		{-1e300, -12},
		{math.SmallestNonzeroFloat64, 0},
		{math.MaxFloat64, 12},
	} {
		got, err := e.Encode(row.in)
		require.NoError(t, err)
		assert.Equal(t, row.out, got, "%v", row.in)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := e.Encode(bad)
		assert.ErrorContains(t, err, "not a finite number")
	}
	assert.Equal(t, 0.75, e.Decode(3))
}

func TestEncodingRefusesBoundsThatDoNotFit(t *testing.T) {
	for _, row := range []struct {
		bits  uint8
		bound *big.Rat
	}{{41, big.NewRat(1, 1)}, {16, new(big.Rat)}, {16, big.NewRat(-1, 1)}, {40, big.NewRat(1<<12, 1)}, {0, big.NewRat(1, 4)}} {
		_, err := NewEncoding(row.bits, row.bound)
		assert.Error(t, err, "%v", row)
	}
	assert.Panics(t, func() { _, _ = Encoding{}.Encode(1) })
}

func TestIntegerSensitivitiesAsTabulated(t *testing.T) {
	assert.Equal(t, "70368756040948", mustEncoding(t, 20, big.NewRat(8, 1)).L2Squared(2).String())
	assert.Equal(t, "1050625", mustEncoding(t, 10, big.NewRat(1, 1)).L2Squared(4).String())
	assert.Equal(t, "1026", mustEncoding(t, 10, big.NewRat(1, 1)).L1(4).String())
	assert.Equal(t, int64(65536), mustEncoding(t, 16, big.NewRat(1, 1)).Limit())
	assert.Equal(t, int64(11141), mustEncoding(t, 16, big.NewRat(17, 100)).Limit()) // 11141.12
}

func TestEncodedNumbersNeverExceedTheirSensitivity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := mustEncoding(t, uint8(rapid.IntRange(2, 30).Draw(t, "bits")), big.NewRat(rapid.Int64Range(1, 1000).Draw(t, "num"), rapid.Int64Range(1, 3).Draw(t, "den")))
		v := rapid.SliceOfN(rapid.Float64(), 1, 9).Draw(t, "v")
		dst := make([]int64, len(v))
		if err := e.EncodeVector(dst, v); err != nil {
			t.Fatal(err)
		}
		if squaredNorm(dst).Cmp(e.L2Squared(len(v))) > 0 {
			t.Fatalf("%v became %v, beyond %v", v, dst, e.L2Squared(len(v)))
		}
		for _, x := range v {
			n, err := e.Encode(x)
			if err != nil || n > e.Limit() || n < -e.Limit() {
				t.Fatalf("%v became %d, beyond %d (%v)", x, n, e.Limit(), err)
			}
			scaled := new(big.Rat).SetInt64(n)
			scaled.Quo(scaled, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(e.bits))))
			got, _ := scaled.Float64()
			if got != e.Decode(n) {
				t.Fatalf("decode %d: %v, exactly %v", n, e.Decode(n), got)
			}
		}
	})
}

func TestEnforcementHoldsWithoutTheFloats(t *testing.T) {
	e := mustEncoding(t, 4, big.NewRat(1, 1))
	x := []int64{16, 16, -16, 16}
	e.enforce(x)
	assert.LessOrEqual(t, squaredNorm(x).Int64(), e.L2Squared(4).Int64())
	assert.Equal(t, int64(8), x[0], "scaled by as little as the whole numbers allow")
}

func FuzzEncode(f *testing.F) {
	f.Add(uint8(16), int64(17), int64(100), 0.5)
	f.Add(uint8(40), int64(1), int64(1), math.Copysign(0, -1))
	f.Fuzz(func(t *testing.T, bits uint8, num, den int64, v float64) {
		if den == 0 {
			return
		}
		e, err := NewEncoding(bits, big.NewRat(num, den))
		if err != nil {
			return
		}
		n, err := e.Encode(v)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if err == nil {
				t.Fatal("not refused")
			}
			return
		}
		if err != nil || n > e.Limit() || n < -e.Limit() {
			t.Fatalf("%v became %d, limit %d, %v", v, n, e.Limit(), err)
		}
	})
}
