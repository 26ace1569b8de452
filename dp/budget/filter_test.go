package budget_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
)

func epsilon(nano uint64) dp.Spend { return dp.Spend{NanoEpsilon: nano} }

func TestFilterRefusesWhenBudgetWouldBeExceeded(t *testing.T) {
	for _, row := range []struct {
		name         string
		limit, spend uint64 // nano-ε
		fit          int
	}{
		{"a tenth in one", 1e9, 1e8, 10},
		{"0.3 in one", 1e9, 3e8, 3},
		{"a tenth in 0.3, where floats say two", 3e8, 1e8, 3},
		{"more than the limit", 1e9, 1e9 + 1, 0},
		{"the whole limit", 1e9, 1e9, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			f, err := budget.NewFilter(budget.Pure, epsilon(row.limit), "the release")
			require.NoError(t, err)
			for range row.fit {
				permit, err := f.Charge(epsilon(row.spend))
				require.NoError(t, err)
				assert.NoError(t, permit.Use())
			}
			before := f.Spent()
			assert.ErrorIs(t, f.Check(epsilon(row.spend)), budget.ErrExhausted)
			permit, err := f.Charge(epsilon(row.spend))
			require.ErrorIs(t, err, budget.ErrExhausted)
			assert.ErrorIs(t, permit.Use(), budget.ErrPermit, "a refused charge gives no permit")
			assert.Equal(t, before, f.Spent(), "a refusal changes nothing")
		})
	}
}

func TestRefusalTellsSpentAskedAndWhoseLimitApart(t *testing.T) {
	f, err := budget.NewFilter(budget.Pure, epsilon(1e9), "experiment dosing")
	require.NoError(t, err)
	_, err = f.Charge(epsilon(7e8))
	require.NoError(t, err)
	_, err = f.Charge(epsilon(4e8))
	var e *posse.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, posse.ResourceExhausted, e.Code)
	assert.Equal(t, "BUDGET_SPENT", e.Reason)
	assert.Equal(t, "privacy budget of experiment dosing is spent, got ε 0.4 more, with ε 0.7 spent, allowed at most ε 1 in all, "+
		"ε 0.3 left: nothing was charged or released; budgets are never refunded", e.Error())
	var r *budget.Refusal
	require.ErrorAs(t, err, &r)
	assert.Equal(t, budget.Refusal{Whose: "experiment dosing", Limit: epsilon(1e9), Spent: epsilon(7e8), Asked: epsilon(4e8)}, *r)
}

func TestZCDPFilterTakesPureSpendsAsHalfTheirSquare(t *testing.T) {
	f, err := budget.NewFilter(budget.ZCDP, dp.Spend{PicoRho: 1e12, AttoDelta: 5}, "x")
	require.NoError(t, err)
	_, err = f.Charge(epsilon(1e9))
	require.NoError(t, err)
	assert.Equal(t, dp.Spend{PicoRho: 5e11}, f.Spent())
	_, err = f.Charge(dp.Spend{PicoRho: 1e11, AttoDelta: 6})
	require.ErrorIs(t, err, budget.ErrExhausted, "δ has a limit too")
	_, err = f.Charge(dp.Spend{PicoRho: 5e11, AttoDelta: 5})
	require.NoError(t, err)
	assert.True(t, f.Remaining().Zero())
}

func TestFilterRefusesSpendsThatItCannotAdd(t *testing.T) {
	pure, err := budget.NewFilter(budget.Pure, epsilon(1e9), "x")
	require.NoError(t, err)
	for name, spend := range map[string]dp.Spend{
		"nothing": {}, "a ρ": {PicoRho: 1}, "a δ": {NanoEpsilon: 1, AttoDelta: 1},
	} {
		_, err := pure.Charge(spend)
		require.Error(t, err, name)
		assert.NotErrorIs(t, err, budget.ErrExhausted, name)
		assert.Equal(t, posse.InvalidArgument, posse.As(err).Code)
		assert.Error(t, pure.Restore(spend), name)
	}
	for name, limit := range map[string]dp.Spend{"nothing": {}, "ρ for pure": {PicoRho: 1}, "δ for pure": {NanoEpsilon: 1, AttoDelta: 1}} {
		_, err := budget.NewFilter(budget.Pure, limit, "x")
		assert.Error(t, err, name)
	}
	_, err = budget.NewFilter(budget.ZCDP, epsilon(1), "x")
	assert.Error(t, err)
	_, err = budget.NewFilter(0, epsilon(1), "x")
	assert.Error(t, err)
}

func TestPermitWorksOnce(t *testing.T) {
	f, err := budget.NewFilter(budget.Pure, epsilon(1e9), "x")
	require.NoError(t, err)
	permit, err := f.Charge(epsilon(10))
	require.NoError(t, err)
	assert.Equal(t, epsilon(10), permit.Spend())
	assert.ErrorIs(t, permit.UseFor(epsilon(11)), budget.ErrPermit, "a release that costs more than was charged")
	copied := permit
	require.NoError(t, permit.UseFor(epsilon(10)))
	assert.ErrorIs(t, permit.Use(), budget.ErrPermit)
	assert.ErrorIs(t, copied.Use(), budget.ErrPermit, "a copy is not a second permit")
	assert.True(t, copied.Used())

	var zero budget.Permit
	assert.ErrorIs(t, zero.Use(), budget.ErrPermit)
	assert.ErrorIs(t, zero.UseFor(dp.Spend{}), budget.ErrPermit)
	assert.True(t, zero.Used())
	assert.True(t, zero.Spend().Zero())

	shared, err := f.Charge(epsilon(10))
	require.NoError(t, err)
	var used atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if shared.Use() == nil {
				used.Add(1)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, used.Load())
}

// chargeTogether charges one unit count times from several goroutines and returns
// how many were refused.
func chargeTogether(count int, charge func() error) (refused int64) {
	var n atomic.Int64
	var wg sync.WaitGroup
	const workers = 8
	for w := range workers {
		wg.Go(func() {
			for range count/workers + b2i(w < count%workers) {
				if charge() != nil {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return n.Load()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestConcurrentChargesNeverOverspendByOne(t *testing.T) {
	const count = 200_000
	f, err := budget.NewFilter(budget.Pure, epsilon(count-1), "x")
	require.NoError(t, err)
	assert.EqualValues(t, 1, chargeTogether(count, func() error { _, err := f.Charge(epsilon(1)); return err }))
	assert.Equal(t, epsilon(count-1), f.Spent())
}

func TestTwinThatChecksThenAddsOverspends(t *testing.T) {
	const count = 20_000
	var spent atomic.Uint64
	refused := chargeTogether(count, func() error {
		before := spent.Load()
		if before+1 > count/2 {
			return budget.ErrExhausted
		}
		runtime.Gosched() // as a lock that is given up between the check and the sum
		spent.Store(before + 1)
		return nil
	})
	assert.Less(t, refused, int64(count/2), "more charges passed than the limit allows: the test above would see it")
}

// Ten million unit charges on a budget of one less: part of `make soak`.
func TestTenMillionConcurrentCharges(t *testing.T) {
	if os.Getenv("POSSE_SOAK") == "" {
		t.Skip("ten million charges: run `make soak`, which sets POSSE_SOAK")
	}
	const count = 10_000_000
	f, err := budget.NewFilter(budget.Pure, epsilon(count-1), "x")
	require.NoError(t, err)
	assert.EqualValues(t, 1, chargeTogether(count, func() error { _, err := f.Charge(epsilon(1)); return err }))
	assert.Equal(t, epsilon(count-1), f.Spent())
}

func BenchmarkFilterCharge(b *testing.B) {
	f, _ := budget.NewFilter(budget.Pure, epsilon(math.MaxUint64), "x")
	for b.Loop() {
		_, _ = f.Charge(epsilon(1))
	}
}

func TestSpentNeverDecreasesNorExceedsTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]budget.Kind{budget.Pure, budget.ZCDP}).Draw(t, "kind")
		limit := epsilon(rapid.Uint64Range(1, math.MaxUint64).Draw(t, "limit"))
		if kind == budget.ZCDP {
			limit = dp.Spend{PicoRho: limit.NanoEpsilon, AttoDelta: rapid.Uint64().Draw(t, "δ")}
		}
		f, err := budget.NewFilter(kind, limit, "x")
		if err != nil {
			t.Fatal(err)
		}
		twin, _ := budget.NewFilter(kind, limit, "x") // rebuilt by Restore alone
		for _, s := range rapid.SliceOf(rapid.Custom(func(t *rapid.T) dp.Spend {
			return dp.Spend{
				NanoEpsilon: rapid.Uint64().Draw(t, "ε"), PicoRho: rapid.Uint64Range(0, 9).Draw(t, "ρ"), AttoDelta: rapid.Uint64Range(0, 3).Draw(t, "δ"),
			}
		})).Draw(t, "spends") {
			before := f.Spent()
			check := f.Check(s)
			_, err := f.Charge(s)
			if (check == nil) != (err == nil) {
				t.Fatalf("check %v, charge %v", check, err)
			}
			after := f.Spent()
			switch {
			case err != nil && after != before:
				t.Fatalf("a refusal changed %v to %v", before, after)
			case err == nil && (!after.Exceeds(before) || before.Exceeds(after)):
				t.Fatalf("a charge took %v to %v", before, after)
			case after.Exceeds(limit):
				t.Fatalf("%v beyond %v", after, limit)
			}
			if err == nil {
				if err := twin.Restore(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		if twin.Spent() != f.Spent() || twin.Remaining() != f.Remaining() {
			t.Fatalf("restored to %v, was %v", twin.Spent(), f.Spent())
		}
	})
}

func TestRestoreBeyondTheLimitIsKept(t *testing.T) {
	f, err := budget.NewFilter(budget.Pure, epsilon(10), "x")
	require.NoError(t, err)
	require.NoError(t, f.Restore(epsilon(25)))
	assert.Equal(t, epsilon(25), f.Spent())
	assert.True(t, f.Remaining().Zero())
	require.NoError(t, f.Restore(epsilon(math.MaxUint64)))
	assert.Equal(t, epsilon(math.MaxUint64), f.Spent(), "saturated, not wrapped")
	_, err = f.Charge(epsilon(1))
	assert.ErrorIs(t, err, budget.ErrExhausted)
}

func ExampleFilter() {
	f, _ := budget.NewFilter(budget.Pure, dp.Spend{NanoEpsilon: 1_000_000_000}, "the release")
	permit, _ := f.Charge(dp.Spend{NanoEpsilon: 600_000_000})
	fmt.Println(permit.Use(), f.Remaining())
	_, err := f.Charge(dp.Spend{NanoEpsilon: 600_000_000})
	fmt.Println(err)
	// Output:
	// <nil> ε 0.4
	// privacy budget of the release is spent, got ε 0.6 more, with ε 0.6 spent, allowed at most ε 1 in all, ε 0.4 left: nothing was charged or released; budgets are never refunded
}

// What was charged does not depend on the order, to the last unit.
func TestAnyOrderOfChargesCostsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spends := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) dp.Spend {
			if rapid.Bool().Draw(t, "pure") {
				return dp.Spend{NanoEpsilon: rapid.Uint64Range(1, 1e9).Draw(t, "ε")}
			}
			return dp.Spend{PicoRho: rapid.Uint64Range(1, 1e12).Draw(t, "ρ"), AttoDelta: rapid.Uint64Range(0, 1e9).Draw(t, "δ")}
		}), 1, 20).Draw(t, "spends")
		total := func(list []dp.Spend) dp.Spend {
			f, err := budget.NewFilter(budget.ZCDP, dp.Spend{PicoRho: 1e15, AttoDelta: 1e15}, "x")
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				if _, err := f.Charge(s); err != nil {
					t.Fatal(err)
				}
			}
			return f.Spent()
		}
		if a, b := total(spends), total(rapid.Permutation(spends).Draw(t, "order")); a != b {
			t.Fatalf("%v in one order, %v in another", a, b)
		}
	})
}
