package ldp

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func exact(e float64) Epsilon { return Epsilon{uint64(e * 100), 100} }

// The table of worst-case variances, private-learning 4: to its digits, and 1e-4 for
// the grid.
func TestVariancesReproduceTheStatedTable(t *testing.T) {
	for _, row := range []struct{ e, laplace, staircase, duchi0, duchi1, piecewise0, piecewise1, hybrid, oue float64 }{
		{0.25, 128, 127.667, 64.6677, 63.6677, 77.7119, 85.2223, 64.6677, 63.6677},
		{0.5, 32, 31.6681, 16.6708, 15.6708, 17.7018, 21.2226, 16.6708, 15.6708},
		{1, 8, 7.6724, 4.6827, 3.6827, 3.6821, 5.2236, 4.2890, 3.6827},
		{2, 2, 1.6909, 1.7241, 0.7241, 0.6456, 1.2276, 1.0423, 0.7241},
		{4, 0.5, 0.2599, 1.0760, 0.0760, 0.0848, 0.2414, 0.2190, 0.0760},
	} {
		e := exact(row.e)
		near := func(want, got float64, name string) {
			assert.InDelta(t, want, got, 6e-5+1e-4*want, "%s, ε %v", name, row.e)
		}
		near(row.laplace, must(NewLaplace(e, 16)).Variance(0), "Laplace")
		near(row.staircase, must(NewStaircase(e, 16)).Variance(0), "staircase")
		near(row.duchi0, must(NewDuchi(e, 1<<16)).Variance(0), "Duchi, 0")
		assert.InDelta(t, row.duchi1, must(NewDuchi(e, 1<<16)).Variance(1), 6e-5)
		near(row.piecewise0, must(NewPiecewise(e, 16)).Variance(0), "piecewise, 0")
		near(row.piecewise1, must(NewPiecewise(e, 16)).Variance(1), "piecewise, 1")
		h := must(NewHybrid(e, 16))
		near(row.hybrid, math.Max(h.Variance(0), h.Variance(1)), "hybrid")
		near(row.oue, must(NewOUE(e, 10)).Variance(1, 0), "OUE")
		if row.e > hybridAbove {
			near(h.Variance(0), h.Variance(1), "hybrid, constant in y")
		}
	}
}

// Clip, then randomise: the rows of private-learning 4.
func TestBoundsReproduceTheStatedRows(t *testing.T) {
	c := func(e float64) float64 { return 1 / math.Tanh(e/2) }
	for _, row := range []struct{ v, u, n, l, e, b, r float64 }{
		{0.5, 8, 1000, math.Log(1000), 1, 3.321374, 2.534373}, {1, 8, 1000, math.Log(1000), 1, 2.804138, 1.426464}, {1, 4, 100000, 10, 0.25, 2.965314, 0.674465},
	} {
		b, r := Bound(1+row.v, row.u, row.n, row.l, c(row.e))
		assert.InDelta(t, row.b, b, 1e-6)
		assert.InDelta(t, row.r, r, 1e-6)
	}
}

// density is the exact probability of an output.
type density interface {
	chance(q, output int64) *big.Rat
}

func rat(c chance) *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(uint64(c)), new(big.Int).Lsh(big.NewInt(1), 64))
}

func (p Piecewise) chance(q, output int64) *big.Rat {
	left, rest := p.place(q)
	in := new(big.Rat).Quo(rat(p.inside), new(big.Rat).SetInt64(p.window))
	out := new(big.Rat).Sub(big.NewRat(1, 1), rat(p.inside))
	out.Quo(out, new(big.Rat).SetInt64(2*p.most+1-p.window))
	at := func(l int64) *big.Rat {
		if output >= l && output < l+p.window {
			return in
		}
		return out
	}
	share := new(big.Rat).SetFrac(new(big.Int).SetUint64(rest), new(big.Int).Lsh(big.NewInt(1), uint(p.bits)+1))
	a := new(big.Rat).Mul(at(left+1), share)
	return a.Add(a, new(big.Rat).Mul(at(left), new(big.Rat).Sub(big.NewRat(1, 1), share)))
}

func (h Hybrid) chance(q, output int64) *big.Rat {
	out := new(big.Rat)
	if output >= -h.piecewise.most && output <= h.piecewise.most {
		out = h.piecewise.chance(q, output)
		out.Mul(out, rat(h.share))
	}
	if output == h.duchi.size || output == -h.duchi.size {
		p := new(big.Rat).SetFrac(h.duchi.threshold(q), all)
		if output < 0 {
			p.Sub(big.NewRat(1, 1), p)
		}
		out.Add(out, p.Mul(p, new(big.Rat).Sub(big.NewRat(1, 1), rat(h.share))))
	}
	return out
}

// The guarantee on the rounded probabilities themselves: no two of 101 inputs (all
// steps of a window's end among them) give an output with a ratio above e^ε, and the
// ratio nearly reaches it. Planted: probabilities rounded up.
func TestRatiosOfDensitiesNeverExceedTheirBound(t *testing.T) {
	for _, e := range []Epsilon{{1, 4}, {1, 1}, {3, 1}, {12, 1}} {
		low, _ := powerOfE(e.Num, e.Den)
		p, h := must(NewPiecewise(e, 8)), must(NewHybrid(e, 8))
		planted := p
		planted.inside++
		for name, row := range map[string]struct {
			d       density
			exceeds bool
		}{"piecewise": {p, false}, "hybrid": {h, false}, "planted": {planted, true}} {
			outputs := []int64{0, p.most, -p.most, h.duchi.size, -h.duchi.size}
			for i := range int64(40) {
				left, _ := p.place(-256 + 12*i)
				outputs = append(outputs, left, left+1, left+p.window-1, left+p.window)
			}
			most := new(big.Rat)
			for _, o := range outputs {
				var least, largest *big.Rat
				for q := int64(-256); q <= 256; q += 8 {
					c := row.d.chance(q, o)
					if c.Sign() == 0 {
						continue // an output of the other part alone
					}
					if least == nil || c.Cmp(least) < 0 {
						least = c
					}
					if largest == nil || c.Cmp(largest) > 0 {
						largest = c
					}
				}
				if least != nil {
					if r := new(big.Rat).Quo(largest, least); r.Cmp(most) > 0 {
						most = r
					}
				}
			}
			assert.Equal(t, row.exceeds, most.Cmp(low) > 0, "%s, ε %v", name, e)
			got, _ := most.Float64()
			assert.Greater(t, got, 0.999*math.Exp(e.Float64()), "%s, ε %v", name, e)
		}
		assert.GreaterOrEqual(t, new(big.Rat).Mul(rat(must(NewStaircase(e, 8)).decay), low).Cmp(big.NewRat(1, 1)), 0, "staircase")
		k := must(NewKRR(e, 7))
		other := new(big.Rat).Sub(big.NewRat(1, 1), rat(k.true))
		other.Quo(other, big.NewRat(6, 1))
		assert.LessOrEqual(t, new(big.Rat).Quo(rat(k.true), other).Cmp(low), 0, "k-RR")
		o := must(NewOUE(e, 7))
		keep := new(big.Rat).Sub(big.NewRat(1, 1), rat(o.flip))
		assert.LessOrEqual(t, keep.Quo(keep, rat(o.flip)).Cmp(low), 0, "OUE")
	}
}

// The weights of the staircase, Δ apart, on a small grid: exact.
func TestTheStaircaseFallsByTheDecay(t *testing.T) {
	s := must(NewStaircase(Epsilon{1, 2}, 4))
	b, p := s.decay.float64(), s.firstP.float64()
	weight := func(i int64) float64 {
		i = max(i, -i)
		w := math.Pow(b, float64(i/s.width)) / 2
		if i%s.width < s.step {
			return w * p / float64(s.step)
		}
		return w * (1 - p) / float64(s.width-s.step)
	}
	worst := 0.0
	for i := int64(-200); i <= 200; i++ {
		for d := -s.width; d <= s.width; d++ {
			worst = math.Max(worst, math.Log(weight(i)/weight(i+d)))
		}
	}
	assert.InDelta(t, 0.5, worst, 1e-12)
	assert.LessOrEqual(t, -math.Log(b), 0.5)
}

// Means and variances of 10^6 draws within 5.5 standard deviations, false alarm 4e-8
// each. Planted: the gain of another ε, and the variance of another input.
func TestOutputsAreUnbiasedAndVaryAsStated(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	for name, m := range map[string]Mean{
		"duchi": must(NewDuchi(Epsilon{1, 1}, 1<<16)), "piecewise": must(NewPiecewise(Epsilon{1, 1}, 16)), "hybrid": must(NewHybrid(Epsilon{2, 1}, 16)),
		"laplace": must(NewLaplace(Epsilon{1, 1}, 16)), "staircase": must(NewStaircase(Epsilon{1, 1}, 16)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := noise.NewSeeded(31)
			for _, y := range []float64{0, 0.37, -1} {
				q := int64(y * 65536)
				n := n
				if name == "duchi" {
					n /= 10 // big integers
				}
				unit := m.Gain() * 65536
				mean, square, fourth := 0.0, 0.0, 0.0
				for range n {
					o := m.Randomise(q, src)
					if m.Largest() > 0 && (o > m.Largest() || o < -m.Largest()) {
						t.Fatalf("%d is beyond %d", o, m.Largest())
					}
					x := float64(o)/unit - float64(q)/65536
					mean += x / float64(n)
					square += x * x / float64(n)
					fourth += x * x * x * x / float64(n)
				}
				sd := math.Sqrt(m.Variance(y))
				assert.InDelta(t, 0, mean, 5.5*sd/math.Sqrt(float64(n)), "y %v", y)
				slack := 5.5*math.Sqrt((fourth-square*square)/float64(n)) + 1e-9
				assert.InDelta(t, m.Variance(y), square, slack, "y %v", y)
				assert.Greater(t, math.Abs(m.Variance(y)*1.1-square), slack, "planted: a tenth more")
			}
		})
	}
}

func TestTheBestIsDuchiForSmallEpsilons(t *testing.T) {
	assert.IsType(t, Duchi{}, must(Best(Epsilon{1, 1}, 16)))
	assert.IsType(t, Hybrid{}, must(Best(Epsilon{101, 100}, 16)))
	for _, e := range []float64{0.25, 0.5, 0.7, 1, 1.5, 2, 4} {
		best := must(Best(exact(e), 16))
		worst := func(m Mean) float64 { return math.Max(m.Variance(0), m.Variance(1)) }
		for _, other := range []Mean{must(NewDuchi(exact(e), 1<<16)), must(NewLaplace(exact(e), 16)), must(NewPiecewise(exact(e), 16)), must(NewStaircase(exact(e), 16))} {
			assert.LessOrEqual(t, worst(best), worst(other)*1.1, "ε %v", e)
		}
	}
}

func TestSettingsOutsideTheirRangeAreNamed(t *testing.T) {
	e := func(_ any, err error) error { return err }
	for i, row := range []struct {
		err   error
		field string
	}{
		{e(NewDuchi(Epsilon{}, 1)), "epsilon"},
		{e(NewDuchi(Epsilon{21, 1}, 1)), "epsilon"},
		{e(NewDuchi(Epsilon{1, 1}, 0)), "record"},
		{e(NewPiecewise(Epsilon{1, 0}, 16)), "epsilon"},
		{e(NewPiecewise(Epsilon{1, 1}, 3)), "fractionBits"},
		{e(NewHybrid(Epsilon{1, 1}, 41)), "fractionBits"},
		{e(NewLaplace(Epsilon{1, 1}, 41)), "fractionBits"},
		{e(NewStaircase(Epsilon{1, 1}, 41)), "fractionBits"},
		{e(NewStaircase(Epsilon{0, 1}, 16)), "epsilon"},
		{e(NewLaplace(Epsilon{0, 1}, 16)), "epsilon"},
		{e(Best(Epsilon{1, 2}, 41)), "fractionBits"},
		{e(NewKRR(Epsilon{1, 1}, 1)), "symbols"},
		{e(NewOUE(Epsilon{1, 1}, 1<<20+1)), "symbols"},
		{e(NewHadamard(Epsilon{}, 2)), "epsilon"},
		{e(NewPrivUnit(Epsilon{1, 1}, 1)), "dimension"},
		{e(NewPrivUnit(Epsilon{}, 3)), "epsilon"},
	} {
		var bad *posse.Error
		require.True(t, errors.As(row.err, &bad), fmt.Sprint(i))
		assert.Equal(t, row.field, bad.Field)
	}
}
