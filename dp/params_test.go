package dp_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

func TestParamsRefuseWhatIsOutsideTheirRange(t *testing.T) {
	for _, row := range []struct {
		name, epsilon, delta, field, reason string
	}{
		{"zero epsilon", "0", "0", "privacy.epsilon", "FIELD_OUT_OF_RANGE"},
		{"negative epsilon", "-1", "0", "privacy.epsilon", "FIELD_OUT_OF_RANGE"},
		{"large epsilon", "20.000000001", "0", "privacy.epsilon", "FIELD_OUT_OF_RANGE"},
		{"not a number", "NaN", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"infinity", "Inf", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"fraction", "1/3", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"hexadecimal", "0x1", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"underscore", "1_0", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"empty", "", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"huge exponent", "1e999999999", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"two signs", "+-1", "0", "privacy.epsilon", "FIELD_TYPE"},
		{"large delta", "1", "0.0010001", "privacy.delta", "FIELD_OUT_OF_RANGE"},
		{"negative delta", "1", "-1e-9", "privacy.delta", "FIELD_OUT_OF_RANGE"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := dp.NewParams(row.epsilon, row.delta)
			var e *posse.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, row.field, e.Field)
			assert.Equal(t, row.reason, e.Reason)
			assert.NotEmpty(t, e.Allowed)
		})
	}
	_, err := dp.NewParams("0", "1")
	assert.Len(t, posse.As(err).Problems, 2, "both problems are told at once")
}

func TestParamsAreExact(t *testing.T) {
	p, err := dp.NewParams("0.1", "1e-6")
	require.NoError(t, err)
	assert.Zero(t, p.Epsilon().Cmp(big.NewRat(1, 10)), "0.1 is a tenth and not a float")
	assert.Equal(t, dp.Spend{NanoEpsilon: 1e8, AttoDelta: 1e12}, p.Limit())
	p.Epsilon().SetInt64(7) // a copy
	assert.Zero(t, p.Epsilon().Cmp(big.NewRat(1, 10)))

	tenth, err := dp.SpendOfEpsilon(big.NewRat(1, 10))
	require.NoError(t, err)
	three, err := tenth.Times(3)
	require.NoError(t, err)
	p3, err := dp.NewParams("0.3", "0")
	require.NoError(t, err)
	assert.False(t, three.Exceeds(p3.Limit()), "0.1 three times fits in 0.3")
}

func TestExactlyMaxContributionsRecordsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Uint64Range(1, 20_000_000_000).Draw(t, "nano-ε")
		c := rapid.Uint64Range(1, min(1_000_000, nano)).Draw(t, "maxContributions")
		p, err := dp.NewParams(fmt.Sprintf("%d.%09d", nano/1e9, nano%1e9), "0")
		if err != nil {
			t.Fatal(err)
		}
		record, err := p.RecordSpend(c)
		if err != nil {
			t.Fatal(err)
		}
		all, err := record.Times(c)
		if err != nil || all.Exceeds(p.Limit()) {
			t.Fatalf("%d records of %v exceed %v", c, record, p.Limit())
		}
		exact, err := p.PerRecord(c)
		if err != nil {
			t.Fatal(err)
		}
		charged := new(big.Rat).SetFrac(new(big.Int).SetUint64(record.NanoEpsilon), big.NewInt(1e9))
		gap := new(big.Rat).Sub(exact, charged)
		if gap.Sign() < 0 || gap.Cmp(big.NewRat(1, 1e9)) >= 0 {
			t.Fatalf("a record's spend is %v from ε/maxContributions", gap)
		}
	})
	p, err := dp.NewParams("1e-9", "0")
	require.NoError(t, err)
	_, err = p.RecordSpend(2)
	assert.Error(t, err, "a record that costs nothing is refused")
	_, err = p.PerRecord(0)
	assert.Error(t, err)
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"1", "0.1", "1e-6", "-.5E+3", ".", "e", "1e400", "1e401", "0x1p-2", "1/2", "Inf", "1_0", "٣"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := dp.Decimal("field", text)
		if err != nil {
			e := posse.As(err)
			if e.Field != "field" || e.Reason != "FIELD_TYPE" {
				t.Fatalf("%v", e)
			}
			return
		}
		if strings.ContainsAny(text, "/_xXpP") || len(text) > 64 {
			t.Fatalf("took %q as %v", text, x)
		}
		if y, ok := new(big.Rat).SetString(text); !ok || x.Cmp(y) != 0 {
			t.Fatalf("%q became %v", text, x)
		}
	})
}

func ExampleParams() {
	p, _ := dp.NewParams("1", "0")
	record, _ := p.RecordSpend(3)
	all, _ := record.Times(3)
	fmt.Println("limit:", p.Limit())
	fmt.Println("a record:", record)
	fmt.Println("left after three:", p.Limit().Left(all))
	// Output:
	// limit: ε 1
	// a record: ε 0.333333333
	// left after three: ε 1e-09
}
