package continual

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/noise"
)

// pulse is a law that gives size once, at the given draw, and 0 else.
type pulse struct {
	at, drawn int
	size      int64
}

func (p *pulse) Fill(dst []int64, _ noise.Source) {
	for i := range dst {
		dst[i] = 0
		if p.drawn == p.at {
			dst[i] = p.size
		}
	}
	p.drawn++
}

// script is a law that gives these numbers in turn.
type script struct{ z []int64 }

func (s *script) Fill(dst []int64, _ noise.Source) {
	copy(dst, s.z)
	s.z = s.z[len(dst):]
}

func increments(t *testing.T, d Design, z ...int64) (y []int64) {
	stream := must(NewStream(d, &script{z}, 1))
	for range z {
		one := []int64{0}
		require.NoError(t, stream.Next(one, nil))
		y = append(y, one[0])
	}
	return y
}

// The rows of private-learning 3.1, Checks.
func TestIncrementsReproduceTheStatedRows(t *testing.T) {
	assert.Equal(t, []int64{5, -6, 3}, increments(t, must(NewSquareRoot(3)), 5, -3, 2))
	assert.Equal(t, []int64{1, 1, 3, -1}, increments(t, must(NewTree(4, 2)), 1, 2, 3, 4))
	assert.Equal(t, []int64{7, -2, 9}, increments(t, must(NewFresh(3)), 7, -2, 9))
}

// Two runs with equal outputs that differ by δ in one leaf: the noise z shifts by the
// column of C times δ, rounded to one of its neighbours (BLT: and 2^−10 more).
// Source: private-learning 3.1, Checks.
func TestOneLeafShiftsTheNoiseByAColumn(t *testing.T) {
	const leaves = 200
	for name, d := range map[string]Design{"sqrt": must(NewSquareRoot(leaves)), "blt": must(NewBLT(leaves, 8))} {
		c, slack := d.coefficients(), 0.0
		if d.Mechanism == BLT {
			slack = shiftSlack
		}
		for _, delta := range []int64{1, 2, 77, 1 << 10, 1 << 24} {
			for _, leaf := range []int{0, 1, 100, leaves - 1} {
				src, law := noise.NewSeeded(uint64(delta)+uint64(leaf)), must(noise.NewDiscreteGaussian(1<<20, 1))
				var z []int64
				for range leaves {
					z = append(z, law.Sample(src))
				}
				y := increments(t, d, z...)
				other := must(NewStream(d, &script{}, 1))
				worst := 0.0
				for i := range leaves {
					want := y[i]
					if i == leaf {
						want -= delta // x + δ and y − δ give the same output
					}
					probe, r := must(NewStream(d, &script{[]int64{0}}, 1)), []int64{0}
					require.NoError(t, probe.Restore(other.Encode()))
					require.NoError(t, probe.Next(r, nil)) // −r: what the stream takes off z
					shifted := want - r[0]
					other.law = &script{[]int64{shifted}}
					require.NoError(t, other.Next(r, nil))
					require.Equal(t, want, r[0])
					shift := 0.0
					if i >= leaf {
						shift = c[i-leaf] * float64(delta)
					}
					worst = math.Max(worst, math.Abs(float64(z[i]-shifted)-shift))
				}
				assert.Less(t, worst, 1+slack+1e-9, "%s, δ %d, leaf %d", name, delta, leaf)
			}
		}
	}
}

// Sums of 64 and of 128 bits are the same sums.
func TestNarrowAndBroadSumsAgree(t *testing.T) {
	d, law := must(NewSquareRoot(60)), must(noise.NewDiscreteGaussian(1<<60, 1))
	one, two := &history{column: d.column, cells: 3}, &history{column: d.column, cells: 3, most: math.MaxInt64}
	src := noise.NewSeeded(1)
	for step := uint64(1); step <= 60; step++ {
		a := make([]int64, 3)
		law.Fill(a, src)
		b := append([]int64(nil), a...)
		require.NoError(t, one.next(a, step))
		require.NoError(t, two.next(b, step))
		require.Equal(t, a, b)
	}
	assert.ErrorIs(t, one.next([]int64{1 << 61, 0, 0}, 60), errTooLarge)
}

func laws(t *testing.T, d Design, cells int) noise.Law {
	t.Helper()
	return must(d.GaussianLaw(1<<32, cells, dp.Spend{PicoRho: dp.PicoPerRho / 2}))
}

// Prefixes vary as stated, for every t: 20,000 streams of T ≤ 100 in
// 1 ± 6·√(2/20000); all positions together fail with 2e-7. Drawing the noise of each
// leaf afresh is the planted twin.
func TestPrefixesVaryAsStated(t *testing.T) {
	runs := 20_000
	if testing.Short() {
		runs = 4000
	}
	zeta := 6 * math.Sqrt(2/float64(runs))
	for name, d := range map[string]Design{
		"tree": must(NewTree(40, 2)), "arity 5": must(NewTree(40, 5)), "sqrt": must(NewSquareRoot(40)), "blt": must(NewBLT(40, 8)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const horizon = 40
			law := must(noise.NewDiscreteGaussian(1<<20, 1)) // coarse enough for rounding not to matter
			// the unit: σ² = ‖column‖²·unit
			norm := d.norm2
			if d.levels > 0 {
				norm = float64(d.levels)
			}
			src := noise.NewSeeded(12)
			squares, y := make([]float64, horizon), []int64{0}
			for range runs {
				s := must(NewStream(d, law, 1))
				sum := int64(0)
				for i := range horizon {
					if err := s.Next(y, src); err != nil {
						t.Fatal(err)
					}
					sum += y[0]
					squares[i] += float64(sum) * float64(sum) / float64(runs)
				}
			}
			planted := false
			for i := range squares {
				unit := float64(1<<20) / norm
				ratio := squares[i] / unit / d.Variance(uint64(i+1), false)
				assert.InDelta(t, 1, ratio, zeta, "t = %d", i+1)
				planted = planted || math.Abs(squares[i]/(float64(1<<20)*float64(i+1))-1) > zeta
			}
			assert.True(t, planted, "planted: fresh noise")
		})
	}
}

// The whole stream costs what was promised and hardly less, in the account's words.
func TestTheLawKeepsThePromise(t *testing.T) {
	rho := dp.Spend{PicoRho: dp.PicoPerRho / 10}
	for name, d := range map[string]Design{
		"fresh": must(NewFresh(50)), "tree": must(NewTree(50, 3)), "sqrt": must(NewSquareRoot(50)), "blt": must(NewBLT(50, 8)),
	} {
		law := must(d.GaussianLaw(1<<40, 10, rho))
		event := must(d.Event(law, 1<<20, 10))
		assert.LessOrEqual(t, event.Rho, 0.1*(1+1e-9), name)
		assert.Greater(t, event.Rho, 0.0999, name)
		bounds, err := account.Compose([]account.Event{event}, 1e-6)
		require.NoError(t, err, name)
		assert.NotZero(t, bounds)

		// worst pairs never exceed ‖R(x − x')‖²/(2σ²) ≤ ρ
		sigma2, _ := law.Sigma2().Float64()
		_, norm := matrix(d)
		assert.LessOrEqual(t, norm*(1<<40)/(2*sigma2), 0.1*(1+1e-9), name)
		if d.levels == 0 {
			_, err := d.LaplaceLaw(1, dp.Spend{NanoEpsilon: dp.NanoPerEpsilon})
			assert.ErrorContains(t, err, "tree", name)
			continue
		}
		laplace := must(d.LaplaceLaw(1<<16, dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}))
		pure := must(d.Event(laplace, 1<<16, 10))
		assert.InDelta(t, 1, pure.Epsilon, 1e-9, name)
	}
	_, err := must(NewFresh(3)).GaussianLaw(0, 1, rho)
	assert.Error(t, err)
	_, err = must(NewFresh(3)).Event(&script{}, 1, 1)
	assert.Error(t, err)
	_, err = must(NewTree(1<<19, 2)).LaplaceLaw(1<<63, dp.Spend{NanoEpsilon: 1})
	assert.Error(t, err)
}

// A stream that is stored and restored anywhere goes on as if nothing had happened, and
// ends with its horizon.
func TestStreamsGoOnAfterARestart(t *testing.T) {
	for name, d := range map[string]Design{
		"fresh": must(NewFresh(20)), "tree": must(NewTree(20, 2)), "sqrt": must(NewSquareRoot(20)), "blt": must(NewBLT(20, 8)),
	} {
		law := laws(t, d, 3)
		whole := must(NewStream(d, law, 3))
		src, again := noise.NewSeeded(3), noise.NewSeeded(3)
		stopped := must(NewStream(d, law, 3))
		a, b := make([]int64, 3), make([]int64, 3)
		for range 20 {
			require.NoError(t, whole.Next(a, src))
			fresh := must(NewStream(d, law, 3))
			require.NoError(t, fresh.Restore(stopped.Encode()), name)
			stopped = fresh
			require.NoError(t, stopped.Next(b, again))
			require.Equal(t, a, b, name)
		}
		assert.ErrorIs(t, whole.Next(a, src), ErrExhausted, name)
		assert.Equal(t, uint64(20), whole.Drawn())
		bytes := whole.Encode()
		for _, bad := range [][]byte{nil, bytes[:len(bytes)-1], append([]byte{}, append(bytes, 0)...), append([]byte{99, 0, 0, 0, 0, 0, 0, 0}, bytes[8:]...)} {
			assert.Error(t, must(NewStream(d, law, 3)).Restore(bad), name)
		}
		assert.Error(t, whole.Next(a[:1], src))
	}
}

// 128-bit arithmetic against math/big.
func TestWideNumbersAreExact(t *testing.T) {
	asBig := func(w wide) *big.Int {
		out := new(big.Int).Lsh(big.NewInt(w.hi), 64)
		return out.Add(out, new(big.Int).SetUint64(w.lo))
	}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.Uint64Range(0, 1<<40).Draw(t, "c")
		x, y := rapid.Int64Range(-(1<<62), 1<<62).Draw(t, "x"), rapid.Int64Range(-(1<<40), 1<<40).Draw(t, "y")
		n := uint(rapid.IntRange(1, 63).Draw(t, "n"))
		p := product(c, x)
		want := new(big.Int).Mul(new(big.Int).SetUint64(c), big.NewInt(x))
		require.Zero(t, want.Cmp(asBig(p)))
		require.Zero(t, new(big.Int).Neg(want).Cmp(asBig(p.negative())))
		half := new(big.Int).Lsh(big.NewInt(1), n-1)
		rounded := new(big.Int).Add(want, half)
		require.Zero(t, rounded.Rsh(rounded, n).Cmp(asBig(p.rounded(n))))
		small := product(1<<38, y)
		require.Zero(t, new(big.Int).Mul(asBig(small), new(big.Int).SetUint64(c)).Cmp(asBig(small.times(c))))
		require.Zero(t, new(big.Int).Add(want, big.NewInt(x)).Cmp(asBig(p.plus(of(x)))))
	})
	_, err := of(1 << 62).int()
	assert.ErrorIs(t, err, errTooLarge)
	_, err = product(1<<40, 1<<40).int()
	assert.ErrorIs(t, err, errTooLarge)
}

// Hybrid: prefixes vary as stated at any length, and never more than three times a
// stream of known length. 4,000 runs, 1 ± 6·√(2/4000), false alarm 2e-7 in all.
func TestHybridsHaveNoHorizon(t *testing.T) {
	const runs, leaves = 4000, 70
	for name, s := range map[string]dp.Spend{"gaussian": {PicoRho: dp.PicoPerRho / 2}, "laplace": {NanoEpsilon: dp.NanoPerEpsilon}} {
		delta := uint64(1 << 40)
		unit := float64(uint64(1) << 40) // Δ²/(2ρ)
		kurtosis := 2.0
		if name == "laplace" {
			delta, unit, kurtosis = 1<<20, 2*float64(uint64(1)<<40), 5
		}
		src, squares, y := noise.NewSeeded(2), make([]float64, leaves), []int64{0}
		for range runs {
			h := must(NewHybrid(delta, 1, s))
			sum := int64(0)
			for i := range leaves {
				if err := h.Next(y, src); err != nil {
					t.Fatal(err)
				}
				sum += y[0]
				squares[i] += float64(sum) * float64(sum) / runs
			}
		}
		h := must(NewHybrid(delta, 1, s))
		for i := range squares {
			v := must(h.Variance(uint64(i + 1)))
			assert.InDelta(t, 1, squares[i]/unit/v, 6*math.Sqrt(kurtosis/runs)+0.01, "%s, t = %d", name, i+1)
		}
	}
	one, two := must(NewHybrid(1<<20, 2, dp.Spend{PicoRho: dp.PicoPerRho})), must(NewHybrid(1<<20, 2, dp.Spend{PicoRho: dp.PicoPerRho}))
	src, again := noise.NewSeeded(3), noise.NewSeeded(3)
	a, b := make([]int64, 2), make([]int64, 2)
	for range 40 {
		require.NoError(t, one.Next(a, src))
		next := must(NewHybrid(1<<20, 2, dp.Spend{PicoRho: dp.PicoPerRho}))
		require.NoError(t, next.Restore(two.Encode()))
		two = next
		require.NoError(t, two.Next(b, again))
		require.Equal(t, a, b)
	}
	assert.Error(t, two.Restore(nil))
	known := must(NewSquareRoot(1023))
	v := must(one.Variance(1022))
	assert.Less(t, v, 3.5*known.Variance(1022, false))
	_, err := NewHybrid(1, 0, dp.Spend{PicoRho: 1})
	assert.Error(t, err)
}
