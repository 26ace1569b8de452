package dp_test

import (
	"encoding"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp"
)

func spends() *rapid.Generator[dp.Spend] {
	return rapid.Custom(func(t *rapid.T) dp.Spend {
		return dp.Spend{
			NanoEpsilon: rapid.Uint64().Draw(t, "ε"), PicoRho: rapid.Uint64().Draw(t, "ρ"), AttoDelta: rapid.Uint64().Draw(t, "δ"),
		}
	})
}

func TestSpendNeverWraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := spends().Draw(t, "a"), spends().Draw(t, "b")
		sum, err := a.Add(b)
		fits := func(x, y uint64) bool { return x <= math.MaxUint64-y }
		if all := fits(a.NanoEpsilon, b.NanoEpsilon) && fits(a.PicoRho, b.PicoRho) && fits(a.AttoDelta, b.AttoDelta); all != (err == nil) {
			t.Fatalf("fits %v, error %v", all, err)
		}
		if err == nil && (a.Exceeds(sum) || b.Exceeds(sum) || sum.Left(a) != b) {
			t.Fatalf("%v + %v = %v", a, b, sum)
		}
	})
	_, err := dp.Spend{PicoRho: 1 << 63}.Times(2)
	assert.Error(t, err)
}

func TestSpendRoundsAgainstTheSpender(t *testing.T) {
	third, err := dp.SpendOfRho(big.NewRat(1, 3))
	require.NoError(t, err)
	assert.Equal(t, uint64(333_333_333_334), third.PicoRho)
	least, err := dp.SpendOfDelta(big.NewRat(1, math.MaxInt64))
	require.NoError(t, err)
	assert.Equal(t, uint64(1), least.AttoDelta, "what costs anything costs a unit")
	_, err = dp.SpendOfEpsilon(big.NewRat(-1, 2))
	assert.Error(t, err)

	rapid.Check(t, func(t *rapid.T) {
		s := spends().Draw(t, "spend")
		exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(s.NanoEpsilon), new(big.Int).SetUint64(dp.NanoPerEpsilon))
		above, below := new(big.Rat).SetFloat64(s.Epsilon()), new(big.Rat).SetFloat64(s.EpsilonLeft())
		if above.Cmp(exact) < 0 || below.Cmp(exact) > 0 {
			t.Fatalf("%v is not between %v and %v", exact, s.EpsilonLeft(), s.Epsilon())
		}
		if up := math.Nextafter(s.EpsilonLeft(), math.Inf(1)); s.Epsilon() > up {
			t.Fatalf("%v and %v are more than a float apart", s.EpsilonLeft(), s.Epsilon())
		}
	})
}

func TestPureSpendInARhoAccount(t *testing.T) {
	for _, row := range []struct {
		name string
		in   dp.Spend
		rho  uint64
	}{
		{"ε 1 is ρ 1/2", dp.Spend{NanoEpsilon: 1e9}, 5e11},
		{"rounded up", dp.Spend{NanoEpsilon: 1}, 1},
		{"odd", dp.Spend{NanoEpsilon: 3001}, 5}, // 9006001/2e6 = 4.503
		{"with its own ρ", dp.Spend{NanoEpsilon: 2e9, PicoRho: 7}, 2e12 + 7},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, err := row.in.ZCDP()
			require.NoError(t, err)
			assert.Equal(t, dp.Spend{PicoRho: row.rho}, out)
		})
	}
	_, err := dp.Spend{NanoEpsilon: math.MaxUint64}.ZCDP()
	assert.Error(t, err)
}

func TestWordsSurviveText(t *testing.T) {
	for _, m := range []dp.Model{dp.Local, dp.Silo, dp.Central, dp.Distributed} {
		var back dp.Model
		roundTrip(t, m, &back)
		assert.Equal(t, m, back)
	}
	for _, u := range []dp.Unit{dp.Reward, dp.User} {
		var back dp.Unit
		roundTrip(t, u, &back)
		assert.Equal(t, u, back)
	}
	for _, r := range []dp.Relation{dp.ZeroOut, dp.Replace} {
		var back dp.Relation
		roundTrip(t, r, &back)
		assert.Equal(t, r, back)
	}
	_, err := dp.ParseModel("silos")
	assert.ErrorContains(t, err, "local, silo, central, distributed")
	for _, zero := range []encoding.TextMarshaler{dp.Model(0), dp.Unit(0), dp.Relation(0)} {
		_, err := zero.MarshalText()
		assert.Error(t, err, "the zero value is not valid")
	}
}

func roundTrip(t *testing.T, in encoding.TextMarshaler, out encoding.TextUnmarshaler) {
	t.Helper()
	text, err := in.MarshalText()
	require.NoError(t, err)
	require.NoError(t, out.UnmarshalText(text))
}

func FuzzWords(f *testing.F) {
	for _, word := range []string{"silo", "user", "replace", "remove", "", "SILO", "local "} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		// a word that is read is written back as it was, and any other is an error
		if m, err := dp.ParseModel(word); err == nil && (m.String() != word || !m.Valid()) {
			t.Fatalf("%q reads as %v", word, m)
		}
		if u, err := dp.ParseUnit(word); err == nil && (u.String() != word || !u.Valid()) {
			t.Fatalf("%q reads as %v", word, u)
		}
		if r, err := dp.ParseRelation(word); err == nil && (r.String() != word || !r.Valid()) {
			t.Fatalf("%q reads as %v", word, r)
		}
	})
}
