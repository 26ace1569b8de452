package budget_test

import (
	"encoding/binary"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
)

func user(n uint64) (u budget.User) {
	binary.LittleEndian.PutUint64(u[:], n)
	return u
}

func TestOneLimitOfAUserAcrossExperiments(t *testing.T) {
	l, err := budget.NewUserLimit(epsilon(10))
	require.NoError(t, err)
	require.NoError(t, l.Open("dosing", epsilon(8)))
	require.NoError(t, l.Open("pricing", epsilon(8)))
	a, b := user(1), user(2)

	require.NoError(t, l.Charge("dosing", a, epsilon(8)))
	err = l.Charge("dosing", a, epsilon(1))
	var r *budget.Refusal
	require.ErrorAs(t, err, &r)
	assert.Equal(t, budget.Refusal{Whose: "the user in experiment dosing", Limit: epsilon(8), Spent: epsilon(8), Asked: epsilon(1)}, *r)

	err = l.Charge("pricing", a, epsilon(3))
	require.ErrorAs(t, err, &r)
	assert.Equal(t, budget.Refusal{Whose: "the user across all experiments", Limit: epsilon(10), Spent: epsilon(8), Asked: epsilon(3)}, *r)
	assert.ErrorIs(t, err, budget.ErrExhausted)
	assert.Equal(t, "BUDGET_SPENT", posse.As(err).Reason)
	assert.NotContains(t, err.Error(), "0100000000", "no pseudonym in an error")
	own, total := l.SpentBy("pricing", a)
	assert.True(t, own.Zero(), "all or nothing")
	assert.Equal(t, epsilon(8), total)

	require.NoError(t, l.Charge("pricing", b, epsilon(3)), "another user goes on")
	require.NoError(t, l.Charge("pricing", a, epsilon(2)))
	assert.Equal(t, epsilon(8), l.Spent("dosing"))
	assert.Equal(t, epsilon(3), l.Spent("pricing"), "the worst user's")
	assert.Equal(t, epsilon(10), l.SpentAll())
	assert.True(t, l.Spent("unknown").Zero())
}

func TestUserLimitRefusesWhatItCannotHold(t *testing.T) {
	l, err := budget.NewUserLimit(epsilon(10))
	require.NoError(t, err)
	assert.Error(t, l.Charge("dosing", user(1), epsilon(1)), "not opened")
	assert.Error(t, l.Open("gaussian", dp.Spend{PicoRho: 5}), "a ρ has no pure ε")
	assert.Error(t, l.Open("empty", dp.Spend{}))
	require.NoError(t, l.Open("dosing", epsilon(3)))
	require.NoError(t, l.Open("dosing", epsilon(3)), "again with the same limit")
	assert.Equal(t, posse.AlreadyExists, posse.As(l.Open("dosing", epsilon(4))).Code)
	assert.Error(t, l.Charge("dosing", user(1), dp.Spend{}), "a record that costs nothing is a bug")
	_, seen, err := l.AtLimit("dosing", epsilon(1))
	require.NoError(t, err)
	assert.Zero(t, seen, "a refusal does not make a user seen")
	_, err = budget.NewUserLimit(dp.Spend{})
	assert.Error(t, err)
}

func TestPureExperimentsUnderALimitInRho(t *testing.T) {
	l, err := budget.NewUserLimit(dp.Spend{PicoRho: 1e12})
	require.NoError(t, err)
	require.NoError(t, l.Open("pure", epsilon(2e9)))
	require.NoError(t, l.Open("zcdp", dp.Spend{PicoRho: 1e12}))
	require.NoError(t, l.Charge("pure", user(1), epsilon(1e9)))
	assert.ErrorIs(t, l.Charge("zcdp", user(1), dp.Spend{PicoRho: 6e11}), budget.ErrExhausted)
	require.NoError(t, l.Charge("zcdp", user(1), dp.Spend{PicoRho: 5e11}))
	assert.Equal(t, dp.Spend{PicoRho: 1e12}, l.SpentAll())
	assert.Equal(t, epsilon(1e9), l.Spent("pure"), "in the units of the experiment")

	require.NoError(t, l.Open("again", epsilon(2e9)))
	require.NoError(t, l.Charge("again", user(2), epsilon(5e8)))
	require.NoError(t, l.Charge("again", user(2), epsilon(5e8)))
	rebuilt, err := budget.NewUserLimit(l.LimitAll())
	require.NoError(t, err)
	require.NoError(t, rebuilt.Open("again", epsilon(2e9)))
	for u, s := range l.Users("again") {
		require.NoError(t, rebuilt.RestoreOwn("again", u, s))
	}
	for u, s := range l.Totals() {
		require.NoError(t, rebuilt.RestoreTotal(u, s))
	}
	own, total := rebuilt.SpentBy("again", user(2))
	assert.Equal(t, epsilon(1e9), own)
	assert.Equal(t, dp.Spend{PicoRho: 25e10}, total, "ε = 1/2 twice is ρ = 1/4, not ρ = 1/2")
}

// model is the plainest budget that can be written: every charge kept, every sum
// made anew.
type model struct {
	all    uint64
	limits map[string]uint64
	paid   []struct {
		experiment string
		user       uint64
		spend      uint64
	}
}

func (m *model) spent(experiment string, user uint64) (own, total uint64) {
	for _, p := range m.paid {
		if p.user == user {
			total += p.spend
			if p.experiment == experiment {
				own += p.spend
			}
		}
	}
	return own, total
}

func TestUserLimitAgreesWithThePlainestOne(t *testing.T) {
	names := []string{"a", "b", "c"}
	rapid.Check(t, func(t *rapid.T) {
		m := model{all: rapid.Uint64Range(1, 30).Draw(t, "all"), limits: map[string]uint64{}}
		l, err := budget.NewUserLimit(epsilon(m.all))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			m.limits[n] = rapid.Uint64Range(1, 20).Draw(t, "limit")
			if err := l.Open(n, epsilon(m.limits[n])); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"charge": func(t *rapid.T) {
				n, u, s := rapid.SampledFrom(names).Draw(t, "experiment"), rapid.Uint64Range(0, 5).Draw(t, "user"), rapid.Uint64Range(1, 6).Draw(t, "spend")
				own, total := m.spent(n, u)
				fits := own+s <= m.limits[n] && total+s <= m.all
				check := l.Check(n, user(u), epsilon(s))
				err := l.Charge(n, user(u), epsilon(s))
				if (err == nil) != fits || (check == nil) != fits {
					t.Fatalf("charge %v, check %v, fits %v", err, check, fits)
				}
				if fits {
					m.paid = append(m.paid, struct {
						experiment string
						user       uint64
						spend      uint64
					}{n, u, s})
				}
			},
			"restore": func(t *rapid.T) {
				n, u, s := rapid.SampledFrom(names).Draw(t, "experiment"), rapid.Uint64Range(0, 5).Draw(t, "user"), rapid.Uint64Range(1, 6).Draw(t, "spend")
				if err := l.Restore(n, user(u), epsilon(s)); err != nil {
					t.Fatal(err)
				}
				m.paid = append(m.paid, struct {
					experiment string
					user       uint64
					spend      uint64
				}{n, u, s})
			},
			"ask": func(t *rapid.T) { // leaves a question whose answer later charges must keep
				n, next := rapid.SampledFrom(names).Draw(t, "experiment"), rapid.Uint64Range(1, 6).Draw(t, "next")
				at, seen, err := l.AtLimit(n, epsilon(next))
				if err != nil {
					t.Fatal(err)
				}
				assertAtLimit(t, &m, n, next, at, seen)
			},
			"": func(t *rapid.T) {
				for _, n := range names {
					at, seen, err := l.AtLimit(n, epsilon(2))
					if err != nil {
						t.Fatal(err)
					}
					assertAtLimit(t, &m, n, 2, at, seen)
					var worst, worstAll uint64
					for u := range uint64(6) {
						own, total := m.spent(n, u)
						worst, worstAll = max(worst, own), max(worstAll, total)
						gotOwn, gotTotal := l.SpentBy(n, user(u))
						if gotOwn != epsilon(own) || gotTotal != epsilon(total) {
							t.Fatalf("user %d in %s: %v, %v, want %d, %d", u, n, gotOwn, gotTotal, own, total)
						}
					}
					if l.Spent(n) != epsilon(worst) || l.SpentAll() != epsilon(worstAll) {
						t.Fatalf("worst in %s %v, want %d; in all %v, want %d", n, l.Spent(n), worst, l.SpentAll(), worstAll)
					}
				}
			},
		})

		// a snapshot rebuilds all of it
		again, _ := budget.NewUserLimit(l.LimitAll())
		for _, n := range names {
			limit, _ := l.Limit(n)
			if err := again.Open(n, limit); err != nil {
				t.Fatal(err)
			}
			for u, s := range l.Users(n) {
				if err := again.RestoreOwn(n, u, s); err != nil {
					t.Fatal(err)
				}
			}
		}
		for u, s := range l.Totals() {
			if err := again.RestoreTotal(u, s); err != nil {
				t.Fatal(err)
			}
		}
		if again.SpentAll() != l.SpentAll() {
			t.Fatal("rebuilt another worst total")
		}
		for _, n := range names {
			for u := range uint64(6) {
				own, total := l.SpentBy(n, user(u))
				if o, all := again.SpentBy(n, user(u)); o != own || all != total {
					t.Fatalf("rebuilt %v, %v, was %v, %v", o, all, own, total)
				}
			}
			if again.Spent(n) != l.Spent(n) {
				t.Fatal("rebuilt another worst user")
			}
		}
	})
}

func assertAtLimit(t *rapid.T, m *model, experiment string, next, at, seen uint64) {
	var wantAt, wantSeen uint64
	for u := range uint64(6) {
		own, total := m.spent(experiment, u)
		if own == 0 {
			continue
		}
		wantSeen++
		if own+next > m.limits[experiment] || total+next > m.all {
			wantAt++
		}
	}
	if at != wantAt || seen != wantSeen {
		t.Fatalf("%s, next %d: %d of %d at their limit, want %d of %d", experiment, next, at, seen, wantAt, wantSeen)
	}
}

func TestConcurrentUserChargesNeverOverspendByOne(t *testing.T) {
	const count = 100_000
	l, err := budget.NewUserLimit(epsilon(count - 1))
	require.NoError(t, err)
	require.NoError(t, l.Open("a", epsilon(math.MaxUint64)))
	require.NoError(t, l.Open("b", epsilon(math.MaxUint64)))
	refused := chargeTogether(count/2, func() error { return l.Charge("a", user(7), epsilon(1)) }) +
		chargeTogether(count/2, func() error { return l.Charge("b", user(7), epsilon(1)) })
	assert.EqualValues(t, 1, refused)
	assert.Equal(t, epsilon(count-1), l.SpentAll())
}

func TestMemoryPerPseudonym(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 pseudonyms in memory: left out under -short")
	}
	const n = 200_000
	l, err := budget.NewUserLimit(epsilon(math.MaxUint64))
	require.NoError(t, err)
	require.NoError(t, l.Open("a", epsilon(math.MaxUint64)))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range uint64(n) {
		if err := l.Charge("a", user(i*0x9E3779B97F4A7C15), epsilon(1)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	bytes := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a pseudonym", bytes)
	assert.Less(t, bytes, 200.0)
	runtime.KeepAlive(l)
}

func BenchmarkUserCharge(b *testing.B) {
	for _, prior := range []uint64{10, 1_000, 1_000_000} {
		l, _ := budget.NewUserLimit(epsilon(math.MaxUint64))
		_ = l.Open("a", epsilon(math.MaxUint64))
		_, _, _ = l.AtLimit("a", epsilon(1))
		for i := range prior {
			_ = l.Charge("a", user(i%100_000*0x9E3779B97F4A7C15), epsilon(1))
		}
		b.Run(posseSize(prior), func(b *testing.B) {
			i := uint64(0)
			for b.Loop() {
				i++
				_ = l.Charge("a", user(i%10*0x9E3779B97F4A7C15), epsilon(1))
			}
		})
	}
}

func posseSize(n uint64) string {
	return map[uint64]string{10: "after 10", 1_000: "after 1000", 1_000_000: "after 1e6"}[n]
}
