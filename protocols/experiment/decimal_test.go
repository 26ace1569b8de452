package experiment

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDecimalsAreReadExactlyAndWrittenShortest(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1", "+1": "1", "-1": "-1", "0": "0", "-0.0": "0", "0e5": "0", "1.50": "1.5", ".5": "0.5", "5.": "5",
		"1e5": "100000", "1E5": "100000", "100000": "100000", "1e-6": "1e-6", "0.000001": "1e-6", "0.00012": "0.00012",
		"12.5e-1": "1.25", "1e12": "1000000000000", "1e20": "1e20", "123456789012345678": "123456789012345678",
		"1e400": "1e400", "-2.5e-300": "-25e-301",
	} {
		d, err := ParseDecimal(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, d.String(), text)
		r, ok := new(big.Rat).SetString(text)
		require.True(t, ok, text)
		assert.Zero(t, r.Cmp(d.Rat()), text)
	}
}

func TestWhatIsNoDecimalIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "-", ".", "e5", "1e", "1_000", "0x10", "0b1", "0o7", "007", "1/2", ".inf", "NaN", "Infinity", " 1", "1 ", "1,5", "--1", "1e1.5", "१",
		"1e401", "1e-401", "1e99999999999999999999", "12345678901234567890123456789012345678901",
	} {
		_, err := ParseDecimal(text)
		assert.Error(t, err, text)
	}
}

func TestEqualNumbersAreEqualValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		shift := rapid.IntRange(-30, 30).Draw(t, "shift")
		r := new(big.Rat).SetInt64(n)
		for range max(shift, -shift) {
			if shift > 0 {
				r.Mul(r, big.NewRat(10, 1))
			} else {
				r.Quo(r, big.NewRat(10, 1))
			}
		}
		d, err := ParseDecimal(r.FloatString(30))
		require.NoError(t, err)
		assert.Zero(t, d.Rat().Cmp(r))
		again, err := ParseDecimal(d.String())
		require.NoError(t, err)
		assert.Equal(t, d, again)
		assert.Equal(t, r.Sign(), d.Sign())
	})
}
