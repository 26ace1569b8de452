package noise

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fixed(t *testing.T, num, den uint64) FixedLaplace {
	t.Helper()
	l, err := NewDiscreteLaplace(num, den)
	require.NoError(t, err)
	return NewFixedLaplace(l)
}

func TestFixedLaplaceFollowsItsLaw(t *testing.T) {
	for _, row := range [][2]uint64{{1, 1}, {1, 4}, {10, 1}, {7, 3}} {
		f := fixed(t, row[0], row[1])
		b := float64(row[0]) / float64(row[1])
		sample := make([]int64, draws)
		f.Fill(sample, NewSeeded(3))
		assert.Empty(t, laplaceLaw(b).rejections(t, sample), "scale %v", b)
		// the twin: without its highest likely digit a magnitude ends too early
		cut := f
		cut.thresholds = f.thresholds[:max(1, len(f.thresholds)-5)]
		cut.Fill(sample, NewSeeded(4))
		assert.NotEmpty(t, laplaceLaw(b).rejections(t, sample), "scale %v, digits cut off", b)
	}
}

// The chance of every magnitude, multiplied up from the thresholds, is the geometric
// one to the last digit of a float and within the stated distance altogether.
func TestFixedLaplaceDigitsMakeTheGeometricLaw(t *testing.T) {
	for _, row := range [][2]uint64{{1, 1}, {1, 4}, {5, 1}, {7, 3}} {
		f := fixed(t, row[0], row[1])
		p := math.Exp(-float64(row[1]) / float64(row[0]))
		one := new(big.Float).SetPrec(300).SetInt(new(big.Int).Lsh(big.NewInt(1), 128))
		for g := uint64(0); g < 1<<min(len(f.thresholds), 7); g++ {
			chance := big.NewFloat(1).SetPrec(300)
			for i, threshold := range f.thresholds {
				digit := new(big.Int).SetUint64(threshold[0])
				digit.Add(digit.Lsh(digit, 64), new(big.Int).SetUint64(threshold[1]))
				x := new(big.Float).SetPrec(300).Quo(new(big.Float).SetPrec(300).SetInt(digit), one)
				if g>>i&1 == 0 {
					x.Sub(big.NewFloat(1).SetPrec(300), x)
				}
				chance.Mul(chance, x)
			}
			got, _ := chance.Float64()
			assert.InDelta(t, 1, got/((1-p)*math.Pow(p, float64(g))), 1e-12+0x1p-120/math.Pow(p, float64(g)), "%v of %v", g, row)
		}
		assert.Less(t, f.Distance(), 0x1p-98)
		assert.Greater(t, f.Distance(), 0.0)
	}
	// e^−1 to 40 digits
	x := expNegative(big.NewRat(1, 1))
	text := new(big.Float).SetPrec(400).Quo(new(big.Float).SetPrec(400).SetInt(x), new(big.Float).SetPrec(400).SetInt(new(big.Int).Lsh(big.NewInt(1), fixedDigit)))
	assert.Equal(t, "0.3678794411714423215955237701614608674458", text.Text('f', 40))
}

// constant gives one word for ever and counts.
type constant struct {
	word uint64
	n    int
}

func (c *constant) Uint64() uint64 { c.n++; return c.word }
func (*constant) sealed()          {}

func TestFixedLaplaceTakesAsManyWordsWhateverItDraws(t *testing.T) {
	for _, row := range [][2]uint64{{1, 16}, {1, 1}, {1 << 17, 1}, {1 << 50, 1}} {
		f := fixed(t, row[0], row[1])
		dst := make([]int64, 10)
		for _, word := range []uint64{0, 1, math.MaxUint64, 1 << 63} {
			c := &constant{word: word}
			f.Fill(dst, c)
			assert.Equal(t, 10*f.Words(), c.n)
			assert.Equal(t, make([]int64, 10), dst, "both magnitudes are the same")
		}
	}
	assert.Panics(t, func() { FixedLaplace{}.Fill(make([]int64, 1), NewSeeded(1)) })
	var _ Law = FixedLaplace{}
}
