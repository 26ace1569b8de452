package robust

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/mechanisms"
)

func radiusAt(m mechanisms.Moment, n, l, b float64, noise Noise) float64 {
	var c Clipping
	c.Add(n, b, m, 62)
	c.AddLaplace(noise.Releases, noise.Scale*b)
	c.Hoeffding = n * noise.Local * noise.Local * b * b
	return c.Radius(m, l)
}

// The rows of private-learning 1.2 and 4, with their tolerances: the radius to 1e-6,
// the bound to 1e-3 (a flat minimum). 1.2 takes Δ1 = 2B, so b = 2B/ε.
func TestBestBoundAndRadiusReproduceTheStatedRows(t *testing.T) {
	duchi := func(epsilon float64) float64 { return (math.Exp(epsilon) + 1) / math.Expm1(epsilon) }
	ln := math.Log
	for name, row := range map[string]struct {
		v, u, n, l    float64
		noise         Noise
		bound, radius float64
	}{
		"1.2, no noise":              {0.5, 8, 1000, ln(1000), Noise{}, 25.555, 1.474278},
		"1.2, ε 1, v ½":              {0.5, 8, 1000, ln(1000), Noise{Releases: 1, Scale: 2}, 13.801, 1.723863},
		"1.2, ε 1, v 1":              {1, 8, 1000, ln(1000), Noise{Releases: 1, Scale: 2}, 10.4199, 0.7163337},
		"1.2, ε ¼":                   {1, 4, 10000, ln(2000), Noise{Releases: 1, Scale: 8}, 12.3209, 0.2403052},
		"4, ε 1, v ½":                {0.5, 8, 1000, ln(1000), Noise{Local: duchi(1)}, 3.321374, 2.534373},
		"4, ε 1, v 1":                {1, 8, 1000, ln(1000), Noise{Local: duchi(1)}, 2.804138, 1.426464},
		"4, ε ¼, a hundred thousand": {1, 4, 100000, 10, Noise{Local: duchi(0.25)}, 2.965314, 0.674465},
	} {
		t.Run(name, func(t *testing.T) {
			m := mechanisms.Moment{Order: 1 + row.v, Bound: row.u}
			b := BestBound(m, row.n, row.l, row.noise, 1e-6, 1e12)
			assert.InEpsilon(t, row.bound, b, 1e-3)
			assert.InEpsilon(t, row.radius, radiusAt(m, row.n, row.l, b, row.noise), 1e-6)
			if row.noise.Local > 0 { // B* = (v·c_v·u/(C·√(2L/n)))^(1/(1+v))
				closed := math.Pow(row.v*BiasConstant(m.Order)*row.u/(row.noise.Local*math.Sqrt(2*row.l/row.n)), 1/m.Order)
				assert.InEpsilon(t, closed, b, 1e-6)
			}
		})
	}
}

func TestBiasConstantIsTheLargestShareBeyondTheBound(t *testing.T) {
	assert.Equal(t, 0.25, BiasConstant(2))
	assert.InDelta(t, 0.3849, BiasConstant(1.5), 5e-5)
	for _, p := range []float64{1.01, 1.2, 1.5, 1.9, 2} { // against a scan of (x−1)/x^p
		most := 0.0
		for x := 1.0; x < 300; x += 0.001 {
			most = max(most, (x-1)/math.Pow(x, p))
		}
		assert.InEpsilon(t, most, BiasConstant(p), 1e-5, "p = %v", p)
	}
}

// The golden section finds what a scan finds, and nothing on the way is better.
func TestNoBoundIsBetterThanTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := mechanisms.Moment{
			Order: rapid.Float64Range(1.01, 2).Draw(t, "order"), Bound: math.Exp(rapid.Float64Range(-20, 20).Draw(t, "ln u")),
		}
		n := math.Exp(rapid.Float64Range(0, 16).Draw(t, "ln n"))
		l := rapid.Float64Range(0.1, 60).Draw(t, "l")
		noise := Noise{Releases: float64(rapid.IntRange(0, 100).Draw(t, "releases")), Scale: rapid.Float64Range(0, 100).Draw(t, "scale")}
		if rapid.Bool().Draw(t, "local") {
			noise = Noise{Local: rapid.Float64Range(1, 100).Draw(t, "C")}
		}
		unit := math.Pow(m.Bound, 1/m.Order)
		best := radiusAt(m, n, l, BestBound(m, n, l, noise, unit*1e-6, unit*1e12), noise)
		require.False(t, math.IsNaN(best))
		for k := -60; k <= 120; k++ {
			assert.GreaterOrEqual(t, radiusAt(m, n, l, unit*math.Pow(10, float64(k)/10), noise), best*(1-1e-9))
		}
	})
}

func TestLedgersOfManyReportsAddUpToOne(t *testing.T) {
	m := mechanisms.Moment{Order: 1.5, Bound: 8}
	var one, parts Clipping
	one.Add(900, 5, m, 16)
	for range 3 {
		parts.Add(300, 5, m, 16)
	}
	assert.InEpsilon(t, one.Radius(m, 7), parts.Radius(m, 7), 1e-12)

	one.AddLaplace(4, 2)
	for range 4 {
		parts.AddLaplace(1, 2)
	}
	assert.InEpsilon(t, one.Radius(m, 7), parts.Radius(m, 7), 1e-12)
	assert.InDelta(t, (2*2*math.Sqrt(4*7)+2*7)/900, one.Radius(m, 7)-func() float64 {
		var quiet Clipping
		quiet.Add(900, 5, m, 16)
		return quiet.Radius(m, 7)
	}(), 1e-12, "four Laplaces of scale 2")
}

func TestRadiusGrowsWithEverythingThatIsUncertain(t *testing.T) {
	m := mechanisms.Moment{Order: 1.5, Bound: 8}
	var c Clipping
	assert.Equal(t, math.Inf(1), c.Radius(m, 3))
	assert.Equal(t, math.Inf(1), c.BoundedRadius(3))
	c.Add(0, 5, m, 16)
	c.Add(-4, 5, m, 16)
	assert.Equal(t, Clipping{}, c, "no records, no entry")

	c.Add(100, 5, m, 16)
	base := c.Radius(m, 3)
	for name, change := range map[string]func(*Clipping){
		"coarser fixed point": func(c *Clipping) { c.Rounding *= 256 },
		"Laplace noise":       func(c *Clipping) { c.AddLaplace(1, 1) },
		"Gaussian noise":      func(c *Clipping) { c.Gaussian += 1 },
		"another unsold leaf": func(c *Clipping) { c.AddLaplace(1, 1); c.AddLaplace(1, 1) },
		"randomised records":  func(c *Clipping) { c.Hoeffding = 100 * 25 * 100 },
	} {
		worse := c
		change(&worse)
		assert.Greater(t, worse.Radius(m, 3), base, name)
		assert.Greater(t, worse.Radius(m, 4), worse.Radius(m, 3), "%s, surer", name)
	}
	more := c
	more.Add(100, 5, m, 16)
	assert.Less(t, more.Radius(m, 3), base)
	assert.Less(t, c.BoundedRadius(3), base, "what is declared needs no moment")
	assert.InDelta(t, 5*math.Sqrt(2*3*100)/100, c.BoundedRadius(3), 5.0/(1<<16))
}

func TestMomentsOutsideTheRangeAreRefused(t *testing.T) {
	for _, m := range []mechanisms.Moment{{Order: 2, Bound: 1}, {Order: 1.0001, Bound: 1e12}} {
		assert.NoError(t, ValidateMoment(m))
	}
	for name, row := range map[string]struct {
		m     mechanisms.Moment
		field string
	}{
		"order 1": {mechanisms.Moment{Order: 1, Bound: 1}, "reward.moment.order"}, "order 2.5": {mechanisms.Moment{Order: 2.5, Bound: 1}, "reward.moment.order"},
		"order NaN": {mechanisms.Moment{Order: math.NaN(), Bound: 1}, "reward.moment.order"}, "bound 0": {mechanisms.Moment{Order: 2}, "reward.moment.bound"},
		"bound below 0": {mechanisms.Moment{Order: 2, Bound: -1}, "reward.moment.bound"}, "bound NaN": {mechanisms.Moment{Order: 2, Bound: math.NaN()}, "reward.moment.bound"},
		"bound infinite": {mechanisms.Moment{Order: 2, Bound: math.Inf(1)}, "reward.moment.bound"},
	} {
		assert.ErrorContains(t, ValidateMoment(row.m), row.field, name)
	}
}
