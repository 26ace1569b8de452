package incentives_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
)

func ExampleParseCredits() {
	reserve, _ := incentives.ParseCredits("0.25")
	fmt.Println(int64(reserve), reserve)
	// Output: 250000 0.25
}

func TestParseCreditsReadsDecimalTextExactly(t *testing.T) {
	for text, want := range map[string]incentives.Credits{
		"0": 0, "10": 10_000_000, "0.25": 250_000, "-3.000001": -3_000_001, "007.5": 7_500_000, "-0": 0,
		"9223372036854.775807": math.MaxInt64, "-9223372036854.775807": -math.MaxInt64,
	} {
		got, err := incentives.ParseCredits(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseCreditsRefusesWhatItWouldHaveToRoundOrGuess(t *testing.T) {
	for _, text := range []string{
		"", "-", ".", ".5", "5.", "1e6", "+1", " 1", "1 ", "1,5", "0x10", "1.0000001", "--1", "1.-5", "NaN", "∞", "١",
		"9223372036854.775808", "-9223372036854.775808", "99999999999999999999",
	} {
		_, err := incentives.ParseCredits(text)
		if assert.Error(t, err, "%q", text) && len(text) > 2 {
			assert.NotContains(t, err.Error(), "got "+text, "the text may be a bid")
		}
	}
}

func TestCreditsAreReadBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := incentives.Credits(rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "micro-credits"))
		for _, text := range []string{c.String(), c.Fixed()} {
			got, err := incentives.ParseCredits(text)
			require.NoError(t, err)
			assert.Equal(t, c, got)
		}
	})
}

func TestCreditsStringIsShort(t *testing.T) {
	assert.Equal(t, "100", (100 * incentives.Credit).String())
	assert.Equal(t, "-0.5", (-incentives.Credit / 2).String())
	assert.Equal(t, "33.333333", incentives.Credits(33_333_333).String())
	assert.Equal(t, "-9223372036854.775808", incentives.Credits(math.MinInt64).Fixed())
}

func FuzzParseCredits(f *testing.F) {
	for _, seed := range []string{"10", "0.25", "-3.000001", "1e6", "9223372036854.775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := incentives.ParseCredits(text)
		if err != nil {
			return
		}
		again, err := incentives.ParseCredits(c.String())
		if err != nil || again != c {
			t.Fatalf("%q is %d, written %q, read back %d, %v", text, c, c.String(), again, err)
		}
	})
}
