package statistics

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
)

func mustGram(t require.TestingT, d int, entries ...float64) Information {
	v, err := Gram(d, entries)
	require.NoError(t, err)
	return v
}

func TestInformationRefusesWhatIsNotInformation(t *testing.T) {
	for name, row := range map[string]struct {
		make  func() (Information, error)
		field string
	}{
		"no arms":              {func() (Information, error) { return Counts(), nil }, "dimension"},
		"too many arms":        {func() (Information, error) { return Counts(make([]float64, 1025)...), nil }, "dimension"},
		"a count that is NaN":  {func() (Information, error) { return Counts(1, math.NaN()), nil }, "counts[1]"},
		"an infinite count":    {func() (Information, error) { return Counts(math.Inf(1)), nil }, "counts[0]"},
		"a negative count":     {func() (Information, error) { return Counts(1, 2, -1), nil }, "counts[2]"},
		"a count beyond 2^62":  {func() (Information, error) { return Counts(1e300), nil }, "counts[0]"},
		"dimension 0":          {func() (Information, error) { return Gram(0, nil) }, "dimension"},
		"dimension 1,025":      {func() (Information, error) { return Gram(1025, make([]float64, 1025*1025)) }, "dimension"},
		"too few entries":      {func() (Information, error) { return Gram(2, []float64{1, 0, 0}) }, "gram"},
		"an entry that is NaN": {func() (Information, error) { return Gram(1, []float64{math.NaN()}) }, "gram[0]"},
		"asymmetry":            {func() (Information, error) { return Gram(2, []float64{1, 0.1, 0.2, 1}) }, "gram"},
		"negative eigenvalue":  {func() (Information, error) { return Gram(2, []float64{1, 2, 2, 1}) }, "gram"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := row.make()
			if err == nil {
				err = v.Valid()
			}
			var e *posse.Error
			require.True(t, errors.As(err, &e), "accepted")
			assert.Equal(t, row.field, e.Field)
			assert.NotEmpty(t, e.Allowed)
		})
	}
}

func TestInformationAcceptsRoundingOfTheSender(t *testing.T) {
	assert.NoError(t, mustGram(t, 2, 1, 0.5, 0.5+1e-12, 1).Valid())
	assert.NoError(t, mustGram(t, 2, 1, 1, 1, 1-1e-12).Valid(), "rank one, its second eigenvalue negative by rounding")
	assert.NoError(t, mustGram(t, 2, 0, 0, 0, 0).Valid())
	assert.NoError(t, Counts(0, 0).Valid())
}

func TestInformationLogDetAgreesWithTheDeterminantByHand(t *testing.T) {
	got, err := Counts(2, 3, 4).LogDet()
	require.NoError(t, err)
	assert.InDelta(t, math.Log(24), got, 1e-14)

	got, err = mustGram(t, 2, 4, 1, 1, 3).LogDet()
	require.NoError(t, err)
	assert.InDelta(t, math.Log(11), got, 1e-14)

	for name, v := range map[string]Information{"an empty arm": Counts(1, 0), "rank one": mustGram(t, 2, 1, 1, 1, 1), "none": {}} {
		_, err = v.LogDet()
		assert.Error(t, err, name)
	}
}

func TestInformationAddsOneKindAndDimensionOnly(t *testing.T) {
	sum, err := Counts(1, 2).Add(Counts(3, 4))
	require.NoError(t, err)
	assert.Equal(t, Counts(4, 6), sum)

	_, err = Counts(1, 2).Add(Counts(1))
	assert.ErrorContains(t, err, "dimension")
	_, err = Counts(1).Add(mustGram(t, 1, 1))
	assert.ErrorContains(t, err, "one kind")
	_, err = Counts(MaxInformationEntry).Add(Counts(MaxInformationEntry))
	assert.ErrorContains(t, err, "2^62")
}

func TestInformationIsNotChangedThroughItsInputsOrSums(t *testing.T) {
	n := []float64{1, 2}
	v := Counts(n...)
	n[0] = 99
	_, err := v.Add(v)
	require.NoError(t, err)
	assert.Equal(t, 1.0, v.At(0, 0))

	entries := []float64{1, 0, 0, 1}
	g := mustGram(t, 2, entries...)
	entries[0] = 99
	_, err = g.LogDet()
	require.NoError(t, err)
	assert.Equal(t, 1.0, g.At(0, 0))
}

func TestCountsAreTheDiagonalCaseOfGram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SliceOfN(rapid.Float64Range(1e-3, 1e6), 1, 6).Draw(t, "n")
		a, err := Counts(n...).LogDet()
		require.NoError(t, err)
		b, err := Counts(n...).Dense().LogDet()
		require.NoError(t, err)
		assert.InDelta(t, a, b, 1e-12*(1+math.Abs(a)))
	})
}

func TestRepairLowersByTheConfidenceAndClipsAtZero(t *testing.T) {
	got, err := Counts(10, 3, -5).Repair(2, 2)
	require.NoError(t, err)
	assert.Equal(t, Counts(6, 0, 0), got)

	got, err = Counts(10, -5).Repair(0, 2)
	require.NoError(t, err)
	assert.Equal(t, Counts(10, 0), got)

	// Eigenvalues 3 and −1 on (1,1)/√2 and (1,−1)/√2: lowered by 0.5·√2 and clipped.
	noisy := mustGram(t, 2, 1, 2, 2, 1)
	require.Error(t, noisy.Valid())
	got, err = noisy.Repair(1, 0.5)
	require.NoError(t, err)
	require.NoError(t, got.Valid())
	want := (3 - 0.5*math.Sqrt2) / 2
	for i := range 2 {
		for j := range 2 {
			assert.InDelta(t, want, got.At(i, j), 1e-12)
		}
	}

	for name, arguments := range map[string][2]float64{"z below 0": {-1, 1}, "z above 6": {7, 1}, "z NaN": {math.NaN(), 1}, "sigma NaN": {1, math.NaN()}, "sigma infinite": {1, math.Inf(1)}} {
		_, err = Counts(1).Repair(arguments[0], arguments[1])
		assert.Error(t, err, name)
	}
}

func TestRepairAlwaysGivesValidInformationAndNeverMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.IntRange(1, 4).Draw(t, "d")
		entries := make([]float64, d*d)
		for i := range d {
			for j := i; j < d; j++ {
				entries[i*d+j] = rapid.Float64Range(-100, 100).Draw(t, "entry")
				entries[j*d+i] = entries[i*d+j]
			}
		}
		z := rapid.Float64Range(0, 6).Draw(t, "z")
		low, err := mustGram(t, d, entries...).Repair(z, 1)
		require.NoError(t, err)
		assert.NoError(t, low.Valid())
		clipped, err := mustGram(t, d, entries...).Repair(0, 1)
		require.NoError(t, err)
		prior := Counts(make([]float64, d)...).Dense()
		for i := range d {
			prior.gram[i*d+i] = 1
		}
		a, err := low.Add(prior)
		require.NoError(t, err)
		b, err := clipped.Add(prior)
		require.NoError(t, err)
		lower, err := a.LogDet()
		require.NoError(t, err)
		upper, err := b.LogDet()
		require.NoError(t, err)
		assert.LessOrEqual(t, lower, upper+1e-9)
	})
}
