package statistics

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
)

// local is a layout whose sum is randomised record by record.
func local() Layout {
	l := shape()
	l[1].Noise, l[1].Num, l[1].Den = DuchiPerRecord, 1, 2
	return l
}

func permit(t *testing.T, spend dp.Spend) budget.Permit {
	t.Helper()
	kind := budget.Pure
	if spend.PicoRho > 0 {
		kind = budget.ZCDP
	}
	f, err := budget.NewFilter(kind, spend, "the test")
	require.NoError(t, err)
	p, err := f.Charge(spend)
	require.NoError(t, err)
	return p
}

func cost(t *testing.T, l Layout) dp.Spend {
	t.Helper()
	s, err := l.RecordSpend()
	require.NoError(t, err)
	return s
}

func TestRecordSpendAddsUpTheBlocksRoundedUp(t *testing.T) {
	l := shape() // 32/(64/3) = 1.5
	assert.Equal(t, dp.Spend{NanoEpsilon: 1_500_000_000}, cost(t, l))
	assert.Equal(t, dp.Spend{NanoEpsilon: 500_000_000}, cost(t, local()))
	l[1].Num, l[1].Den = 96, 1 // a third
	assert.Equal(t, dp.Spend{NanoEpsilon: 333_333_334}, cost(t, l))
	l[1].Noise = GaussianPerReport // 512/(2·96)
	assert.Equal(t, dp.Spend{PicoRho: 2_666_666_666_667}, cost(t, l))
	both := append(shape(), BlockSpec{Name: "sign", Record: 1, L1: 2, L2Squared: 4, Noise: DuchiPerRecord, Num: 1, Den: 4})
	assert.Equal(t, dp.Spend{NanoEpsilon: 1_750_000_000}, cost(t, both))
	assert.True(t, cost(t, shape()[:1]).Zero())
}

func TestTheDoorOpensOnceAndForTheWholeCharge(t *testing.T) {
	tooSmall := dp.Spend{NanoEpsilon: 1_499_999_999}
	used := permit(t, cost(t, shape()))
	require.NoError(t, used.Use())
	spent := permit(t, cost(t, shape()))
	_, err := shape().Release(filled(1, 2, 3), spent, noise.NewSeeded(1))
	require.NoError(t, err)
	for name, p := range map[string]budget.Permit{
		"the zero permit": {}, "a used one": used, "one of a smaller charge": permit(t, tooSmall), "the permit of another release": spent,
	} {
		t.Run(name, func(t *testing.T) {
			raw := filled(1, 2, 3, 4)
			out, err := shape().Release(raw, p, noise.NewSeeded(1))
			assert.ErrorIs(t, err, budget.ErrPermit)
			assert.Nil(t, out)
			assert.Equal(t, filled(1, 2, 3, 4), raw)

			record := []Increment{{0, 1, 1}, {1, 2, 7}}
			err = local().Randomise(record, p, noise.NewSeeded(1))
			if name == "one of a smaller charge" {
				assert.NoError(t, err, "it covers a record of the local layout")
				return
			}
			assert.ErrorIs(t, err, budget.ErrPermit)
			assert.Equal(t, []Increment{{0, 1, 1}, {1, 2, 7}}, record)
		})
	}
}

func TestARefusedReleaseDrawsNoNoise(t *testing.T) {
	one, two := noise.NewSeeded(9), noise.NewSeeded(9)
	_, err := shape().Release(filled(1), budget.Permit{}, one)
	require.Error(t, err)
	assert.Equal(t, two.Uint64(), one.Uint64())
}

func TestReleaseLeavesThePublicPartAndTheRawSetAlone(t *testing.T) {
	raw := filled(1, 2, 3, 4, 5, 6, 7, 8, 9)
	out, err := shape().Release(raw, permit(t, cost(t, shape())), noise.NewSeeded(2))
	require.NoError(t, err)
	assert.Equal(t, filled(1, 2, 3, 4, 5, 6, 7, 8, 9), raw)
	assert.Equal(t, raw.Blocks[0], out.Blocks[0])
	assert.NotEqual(t, raw.Blocks[1], out.Blocks[1])
	assert.True(t, shape().Fits(out))
}

func TestNothingWithoutNoiseIsReleased(t *testing.T) {
	plain := shape()
	plain[1].Noise, plain[1].Num, plain[1].Den = Public, 0, 0
	_, err := plain.Release(filled(1), permit(t, dp.Spend{NanoEpsilon: 1}), noise.NewSeeded(3))
	var e *posse.Error
	require.True(t, errors.As(err, &e))
	assert.Equal(t, "NO_NOISE", e.Reason)

	_, err = shape().Release(&Set{}, permit(t, cost(t, shape())), noise.NewSeeded(3))
	assert.ErrorIs(t, err, ErrShape)
}

func TestLocalStatisticsLeaveAsTheyAre(t *testing.T) {
	raw := filled(1, 2, 3, 16)
	out, err := local().Release(raw, budget.Permit{}, noise.NewSeeded(4))
	require.NoError(t, err, "each record was charged and randomised as it came")
	assert.Equal(t, raw, out)
	out.Blocks[1].Sum[0]++
	assert.Equal(t, filled(1, 2, 3, 16), raw, "a copy")

	record := []Increment{{1, 0, 3}}
	require.NoError(t, shape().Randomise(record, budget.Permit{}, noise.NewSeeded(4)), "not this layout's door")
	assert.Equal(t, []Increment{{1, 0, 3}}, record)
}

func TestRandomiseMakesSignsOfTheDeclaredSize(t *testing.T) {
	src := noise.NewSeeded(5)
	seen := map[int64]int{}
	for range 200 {
		record := []Increment{{0, 1, 1}, {1, 2, 7}}
		require.NoError(t, local().Randomise(record, permit(t, cost(t, local())), src))
		assert.Equal(t, Increment{0, 1, 1}, record[0])
		seen[record[1].Value]++
	}
	assert.Len(t, seen, 2)
	assert.Positive(t, seen[16])
	assert.Positive(t, seen[-16])
}

func TestEnforceStopsARecordThatWouldCostMoreThanItsCharge(t *testing.T) {
	gaussian := shape()
	gaussian[1].Noise, gaussian[1].L1, gaussian[1].L2Squared = GaussianPerReport, 64, 512
	for name, row := range map[string]struct {
		layout Layout
		record []Increment
		fits   bool
	}{
		"nothing":                   {shape(), nil, true},
		"a count and a sum":         {shape(), []Increment{{0, 0, 1}, {1, 0, 16}}, true},
		"all of L1":                 {shape(), []Increment{{1, 0, 16}, {1, 5, -16}}, true},
		"a cell beyond its bound":   {shape(), []Increment{{1, 0, 17}}, false},
		"the same below zero":       {shape(), []Increment{{1, 0, -17}}, false},
		"the smallest integer":      {shape(), []Increment{{1, 0, math.MinInt64}}, false},
		"a count of two":            {shape(), []Increment{{0, 0, 2}}, false},
		"one more than L1":          {shape(), []Increment{{1, 0, 16}, {1, 1, 16}, {1, 2, 1}}, false},
		"one cell twice":            {shape(), []Increment{{1, 0, 8}, {1, 0, 8}}, false},
		"cells out of order":        {shape(), []Increment{{1, 1, 8}, {1, 0, 8}}, false},
		"blocks out of order":       {shape(), []Increment{{1, 1, 8}, {0, 0, 1}}, false},
		"a block that there is not": {shape(), []Increment{{2, 0, 1}}, false},
		"a negative block":          {shape(), []Increment{{-1, 0, 1}}, false},
		"a cell that there is not":  {shape(), []Increment{{1, 6, 1}}, false},
		"one sign":                  {local(), []Increment{{1, 0, 16}}, true},
		"two signs for one charge":  {local(), []Increment{{1, 0, 8}, {1, 1, 8}}, false},
		"all of L2":                 {gaussian, []Increment{{1, 0, 16}, {1, 1, 16}}, true},
		"within L1 but not L2":      {gaussian, []Increment{{1, 0, 16}, {1, 1, 16}, {1, 2, 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := row.layout.Enforce(row.record)
			if row.fits {
				assert.NoError(t, err)
			} else {
				assert.Error(t, err)
			}
		})
	}
}

func TestErrorsOfTheDoorShowNoNumbers(t *testing.T) {
	err := shape().Enforce([]Increment{{1, 0, 987654321}})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "987654321")
	assert.False(t, bytes.Contains([]byte(posse.As(err).Value), []byte("987654321")))
}

// Gaussian noise record by record: every number of the record takes its own, the rest
// of the set none, and each record is charged in ρ.
func TestRecordsTakeGaussianNoise(t *testing.T) {
	l := Layout{
		{Name: "gram", Shape: []int{6}, Scale: 8, Record: 100, L1: 600, L2Squared: 20000, Noise: GaussianPerRecord, Num: 1_000_000, Den: 1},
		{Name: "count", Shape: []int{2}, Record: 1, Claim: true},
	}
	require.NoError(t, l.Validate())
	assert.True(t, l.PerRecord())
	assert.False(t, l.PerReport())
	cost, err := l.RecordSpend()
	require.NoError(t, err)
	assert.Equal(t, dp.Spend{PicoRho: 1e10}, cost, "20000/(2·10^6)")

	record := []Increment{{0, 0, 100}, {0, 1, 0}, {0, 2, -100}, {1, 1, 1}}
	require.NoError(t, l.Enforce(record))
	assert.Error(t, l.Enforce([]Increment{{0, 0, 101}}), "more than was declared")
	assert.Error(t, l.Randomise(record, budget.Permit{}, noise.NewSeeded(1)), "nothing passes that was not charged")
	filter, err := budget.NewFilter(budget.ZCDP, dp.Spend{PicoRho: 1e10}, "a record")
	require.NoError(t, err)
	permit, err := filter.Charge(cost)
	require.NoError(t, err)
	require.NoError(t, l.Randomise(record, permit, noise.NewSeeded(1)))
	assert.NotEqual(t, int64(100), record[0].Value)
	assert.NotZero(t, record[1].Value, "a number that is 0 takes noise, too")
	assert.Equal(t, int64(1), record[3].Value)
	assert.Equal(t, "discrete-gaussian, each record", l[0].Noise.String())
	assert.Error(t, l.Randomise(record, permit, noise.NewSeeded(1)), "a permit is used once")
}
