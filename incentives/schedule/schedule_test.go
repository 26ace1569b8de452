package schedule

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
)

// example is the worked example of spec/incentives.md 2.4.
var example = []float64{8, 6.5, 6, 3, 2, 1, 0, -0.4}

func total(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum
}

func TestFairEqualExample(t *testing.T) {
	got, err := FairEqual(example, Params{Equality: 0.2, Grants: 3, Floor: 0.05})
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{1, 0.971706, 0.710916, 0.109022, 0.058356, 0.05, 0.05, 0.05}, got, 5e-7)
}

func drawParams(t *rapid.T) ([]float64, Params) {
	psi := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-5, 5), rapid.SampledFrom([]float64{0, 1, 2})), 1, 12).Draw(t, "contributions")
	k := rapid.IntRange(1, len(psi)).Draw(t, "grants")
	return psi, Params{
		Equality: rapid.SampledFrom([]float64{1e-4, 0.01, 0.2, 1, 100}).Draw(t, "equality"), Grants: k,
		Floor: rapid.Float64Range(0, 1).Draw(t, "floor") * float64(k) / float64(len(psi)),
	}
}

func TestFairEqualSumsIsMonotoneEqualForEqualsAndFreeOfScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		psi, p := drawParams(t)
		pi, err := FairEqual(psi, p)
		require.NoError(t, err)
		// 1e-12 of the sum, and one bit of ln c, which is as large as 1/κ.
		assert.InDelta(t, p.Grants, total(pi), 1e-12*float64(p.Grants)*(1+1/p.Equality))
		for i := range psi {
			assert.GreaterOrEqual(t, pi[i], p.Floor*(1-1e-12))
			assert.LessOrEqual(t, pi[i], 1.0)
			for j := range psi {
				if psi[i] > psi[j] {
					assert.GreaterOrEqual(t, pi[i], pi[j])
				}
				if psi[i] == psi[j] {
					assert.Equal(t, pi[i], pi[j])
				}
			}
		}
		scaled := slices.Clone(psi)
		for i := range scaled {
			scaled[i] *= 4 // a power of two: the same bits
		}
		again, err := FairEqual(scaled, p)
		require.NoError(t, err)
		assert.Equal(t, pi, again)
	})
}

func TestFairEqualGoesFromTheBestToEveryoneWithEquality(t *testing.T) {
	flat, err := FairEqual(example, Params{Equality: 100, Grants: 2})
	require.NoError(t, err)
	assert.InDelta(t, 0.25, flat[0], 0.01)
	steep, err := FairEqual(example, Params{Equality: 1e-4, Grants: 2, Floor: 0.05})
	require.NoError(t, err)
	assert.InDelta(t, 1, steep[0], 1e-9)
	assert.InDelta(t, 0.05, steep[7], 1e-9)
	none, err := FairEqual([]float64{0, -1, 0}, Params{Equality: 0.2, Grants: 2})
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{2. / 3, 2. / 3, 2. / 3}, none, 1e-12)
}

func TestSchedulesRefuseBadInput(t *testing.T) {
	good := Params{Equality: 0.2, Grants: 1}
	for name, row := range map[string]struct {
		psi   []float64
		p     Params
		field string
	}{
		"nobody":         {nil, good, "contributions"},
		"no grants":      {[]float64{1}, Params{Equality: 1}, "grantsPerVersion"},
		"too many":       {[]float64{1}, Params{Equality: 1, Grants: 2}, "grantsPerVersion"},
		"equality 0":     {[]float64{1}, Params{Grants: 1}, "equality"},
		"equality NaN":   {[]float64{1}, Params{Equality: math.NaN(), Grants: 1}, "equality"},
		"floor too high": {[]float64{1, 2}, Params{Equality: 1, Grants: 1, Floor: 0.6}, "floor"},
		"negative floor": {[]float64{1, 2}, Params{Equality: 1, Grants: 1, Floor: -0.1}, "floor"},
		"NaN":            {[]float64{1, math.NaN()}, good, "contributions[1]"},
		"infinite":       {[]float64{math.Inf(-1), 1}, good, "contributions[0]"},
	} {
		_, err := FairEqual(row.psi, row.p)
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
	_, err := Probabilities("fair", []float64{1}, good)
	assert.Equal(t, "kind", posse.As(err).Field)
}

func TestDefaultsAreValidForAnyNumberOfNodes(t *testing.T) {
	for n := 1; n <= 60; n++ {
		pi, err := FairEqual(make([]float64, n), DefaultParams(n))
		require.NoError(t, err, n)
		assert.InDelta(t, DefaultParams(n).Grants, total(pi), 1e-9)
	}
	assert.Equal(t, Params{Equality: 0.2, Grants: 3, Floor: 0.05}, DefaultParams(8))
}

func TestComparisonSchedules(t *testing.T) {
	p := Params{Equality: 0.2, Grants: 2, Floor: 0}
	psi := []float64{4, 2, 1, 0}
	for kind, want := range map[Kind][]float64{
		Everyone: {1, 1, 1, 1}, Random: {0.5, 0.5, 0.5, 0.5}, Proportional: {1, 2. / 3, 1. / 3, 0},
	} {
		got, err := Probabilities(kind, psi, p)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, got, 1e-9, kind)
	}
	fair, err := Probabilities(FairEqualKind, psi, p)
	require.NoError(t, err)
	reverse, err := Probabilities(Reverse, psi, p)
	require.NoError(t, err)
	assert.Greater(t, fair[0], fair[3])
	assert.Less(t, reverse[0], reverse[3])
	few, err := Probabilities(Proportional, []float64{1, 0, 0, 0}, p)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{1, 1. / 3, 1. / 3, 1. / 3}, few, 1e-9, "the rest share what the worthy can't use")
}

func TestSuccessiveDrawProbabilities(t *testing.T) {
	got, err := Successive([]float64{5, 3, 2, 1, 0.5}, 2)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{0.740939, 0.553161, 0.393542, 0.206796, 0.105562}, got, 5e-7)
	assert.InDelta(t, 2, total(got), 1e-12)
}

func TestSuccessiveDrawEqualsEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Float64Range(0.05, 20), 2, 5).Draw(t, "weights")
		k := rapid.IntRange(1, len(weights)).Draw(t, "k")
		want := make([]float64, len(weights))
		var walk func(chosen []int, probability float64)
		walk = func(chosen []int, probability float64) {
			if len(chosen) == k {
				for _, i := range chosen {
					want[i] += probability
				}
				return
			}
			left := 0.0
			for i, w := range weights {
				if !slices.Contains(chosen, i) {
					left += w
				}
			}
			for i, w := range weights {
				if !slices.Contains(chosen, i) {
					walk(append(slices.Clone(chosen), i), probability*w/left)
				}
			}
		}
		walk(nil, 1)
		got, err := Successive(weights, k)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, got, 1e-10)
	})
}

func TestQuotasSumExactlyAndStayBesideTheirProbabilities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		psi, p := drawParams(t)
		p.Equality = max(p.Equality, 0.01)
		pi, err := FairEqual(psi, p)
		require.NoError(t, err)
		q, err := Quotas(pi, p.Grants)
		require.NoError(t, err)
		sum := uint64(0)
		for i := range q {
			sum += q[i]
			assert.LessOrEqual(t, q[i], One)
			assert.InDelta(t, pi[i]*float64(One), float64(q[i]), 2)
		}
		assert.Equal(t, uint64(p.Grants)*One, sum)
	})
}

func TestQuotasGiveMissingUnitsToTheLargestFractionsThenTheSmallerID(t *testing.T) {
	third := 1. / 3 // 2^32/3 = 1431655765.33: one unit is missing
	q, err := Quotas([]float64{third, third, third}, 1)
	require.NoError(t, err)
	assert.Equal(t, []uint64{1431655766, 1431655765, 1431655765}, q)

	_, err = Quotas([]float64{0.5, 0.4}, 1)
	assert.Error(t, err)
	_, err = Quotas([]float64{1.5, -0.5}, 1)
	assert.Error(t, err)
	_, err = Quotas([]float64{math.NaN()}, 1)
	assert.Error(t, err)
}

func TestDrawGrantsExactlyKWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		ids, quotas := make([]string, n), make([]uint64, n)
		for i := range ids {
			ids[i] = fmt.Sprint("node-", i)
		}
		left := uint64(k) * One
		for i := range quotas { // any split that fits
			room := uint64(n-1-i) * One
			low := uint64(0)
			if left > room {
				low = left - room
			}
			quotas[i] = rapid.Uint64Range(low, min(left, One)).Draw(t, "quota")
			left -= quotas[i]
		}
		var seed [32]byte
		copy(seed[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		got, err := Draw(seed, ids, quotas)
		require.NoError(t, err)
		assert.Len(t, got, k)
		assert.True(t, slices.IsSorted(got))
		for i, q := range quotas {
			if q == One {
				assert.Contains(t, got, ids[i])
			}
			if q == 0 {
				assert.NotContains(t, got, ids[i])
			}
		}
		slices.Reverse(ids)
		slices.Reverse(quotas)
		again, err := Draw(seed, ids, quotas)
		require.NoError(t, err)
		assert.Equal(t, got, again)
	})
}

func TestDrawRefusesQuotasThatPromiseMoreOrLess(t *testing.T) {
	for name, row := range map[string]struct {
		ids    []string
		quotas []uint64
	}{
		"another number": {[]string{"a"}, nil}, "over one": {[]string{"a"}, []uint64{2 * One}},
		"half a grant": {[]string{"a"}, []uint64{One / 2}}, "a node twice": {[]string{"a", "a"}, []uint64{One / 2, One / 2}},
	} {
		_, err := Draw([32]byte{}, row.ids, row.quotas)
		assert.Error(t, err, name)
	}
}

func TestSeedsAreThoseOfTheSpecification(t *testing.T) {
	// Golden: SHA-256 of the concatenations, computed outside this package. Never change
	// them to make a test pass; old logs would no longer verify.
	var s [32]byte
	for i := range s {
		s[i] = byte(i)
	}
	a, b := Nonce{Node: "a", Value: [32]byte{1}}, Nonce{Node: "b", Value: [32]byte{2}}
	assert.Equal(t, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd", hex32(Commitment(s)))
	assert.Equal(t, "75136ae3d3e5c86be6ae5849dcd5bbb4f875b1d5b1a4920a1643792659eebf14", hex32(Seed(s, "dosing", 7, []Nonce{b, a})))
	assert.Equal(t, Seed(s, "dosing", 7, []Nonce{a, b}), Seed(s, "dosing", 7, []Nonce{b, a}))
	assert.Equal(t, "38050395e56669428204379a5dd12f520c526068bcccf9fd6cc0a7720a1c7626", hex32(RedrawSeed(s, 3)))
}

func hex32(b [32]byte) string { return hex.EncodeToString(b[:]) }

func TestEveryoneExploresFirstAndNobodyWaitsForEver(t *testing.T) {
	assert.True(t, Exploring(1, 5))
	assert.True(t, Exploring(5, 5))
	assert.False(t, Exploring(6, 5))

	late, err := Overdue([]string{"b", "a", "c"}, []uint64{60, 61, 59}, 60)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, late)
	assert.Equal(t, []string{"a", "b", "z"}, WithOverdue([]string{"z", "b"}, late))
	_, err = Overdue([]string{"a"}, nil, 60)
	assert.Error(t, err)
	_, err = Overdue([]string{"a"}, []uint64{1}, 0)
	assert.Error(t, err)
}
