package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

func TestRDPAsTabulated(t *testing.T) {
	for _, row := range []struct {
		event Event
		at    map[float64]float64
	}{
		{Event{Mechanism: Laplace, Scale: 1}, map[float64]float64{2: 0.619123630, 4: 0.813689297, 16: 0.955906768}},
		{Event{Mechanism: Laplace, Scale: 2}, map[float64]float64{2: 0.200303896, 4: 0.320926530, 16: 0.455906779}},
		{Event{Mechanism: RandomizedResponse, Epsilon: math.Log(3)}, map[float64]float64{2: 0.847297860, 4: 1.002870645, 16: 1.079433484}},
		{Event{Mechanism: DiscreteLaplace, Scale: 1}, map[float64]float64{2: 0.735325664, 4: 0.895883260, 16: 0.979115887}},
		{Event{Mechanism: Gaussian, Sigma: 1, Sampling: 0.01}, map[float64]float64{2: 1.71813422075e-4, 8: 8.93643907606e-4, 64: 27.3217318746}},
		{Event{Mechanism: Gaussian, Sigma: 4, Sampling: 0.01}, map[float64]float64{3: 9.68044856232e-6, 64: 2.15209161618e-4}},
		{Event{Mechanism: Gaussian, Sigma: 2, Sampling: 0.1}, map[float64]float64{4: 0.00600328296449, 32: 1.62720230102}},
		{Event{Mechanism: Gaussian, Sigma: 3, Sampling: 1}, map[float64]float64{2: 1.0 / 9, 18: 1}},
	} {
		e, err := row.event.normal("event")
		require.NoError(t, err)
		for a, want := range row.at {
			got, ok := e.rdp(a)
			require.True(t, ok)
			assert.InEpsilon(t, want, got, 2e-9, "%v at %v", row.event, a)
		}
	}
	// the discrete Laplace of a wider shift, against the sum itself
	var sum float64
	c := math.Tanh(0.25)
	for x := -400.0; x <= 400; x++ {
		sum += math.Pow(c*math.Exp(-math.Abs(x)/2), 3) * math.Pow(c*math.Exp(-math.Abs(x-5)/2), -2)
	}
	assert.InEpsilon(t, math.Log(sum)/2, discreteLaplaceRDP(5, 2, 3), 1e-9)
}

func TestGDPAsTabulated(t *testing.T) {
	for _, row := range []struct{ mu, delta, epsilon float64 }{
		{0.1, 1e-6, 0.39685737764408}, {0.5, 1e-6, 2.2540846502197}, {1, 1e-6, 4.8865541174622}, {2, 1e-6, 10.997151214221}, {1, 1e-10, 6.547924066865},
	} {
		got, err := GDPEpsilon(row.mu, row.delta)
		require.NoError(t, err)
		fromAbove(t, row.epsilon, got, 1e-9)
		back, err := GDPDelta(row.mu, got)
		require.NoError(t, err)
		assert.InEpsilon(t, row.delta, back, 1e-8)
	}
	for _, row := range []struct{ mu, epsilon, delta float64 }{{1, 1, 0.12693673750664}, {0.5, 0.5, 0.05244032328767}, {2, 3, 0.18381307654447}} {
		got, err := GDPDelta(row.mu, row.epsilon)
		require.NoError(t, err)
		fromAbove(t, row.delta, got, 1e-9)
	}
	tiny, err := GDPDelta(1, 36.5)
	require.NoError(t, err)
	assert.True(t, tiny > 1e-300 && tiny < 1e-280, "δ far out is small and not zero: %g", tiny)
}

// A loss that no grid holds is left to the other theorems, at once.
func TestLossesTooWideForAGridHaveNoPLD(t *testing.T) {
	for _, list := range [][]Event{
		{{Mechanism: Gaussian, Sigma: 1e-9}, {Mechanism: Laplace, Scale: 1}},
		{{Mechanism: Laplace, Scale: 1e-9}},
		{{Mechanism: DiscreteLaplace, Scale: 1e-9}},
		{{Mechanism: Gaussian, Sigma: 1e-3, Sampling: 0.5, Count: 100}},
		{{Mechanism: PureDP, Epsilon: 100, Count: 1e9}, {Mechanism: Laplace, Scale: 1e-3}},
	} {
		b, err := Compose(list, 1e-6)
		require.NoError(t, err)
		assert.Nil(t, b.PLD, "%v", list)
		assert.False(t, math.IsInf(*b.Best, 0) || math.IsNaN(*b.Best))
	}
}

// A billion releases of a sample of a millionth: what one costs has hardly a digit
// beside 1, and is the leading term of its series.
func TestTinySamplesKeepTheirDigits(t *testing.T) {
	const q, sigma = 1e-9, 1.5
	e, err := Event{Mechanism: Gaussian, Sigma: sigma, Sampling: q}.normal("event")
	require.NoError(t, err)
	for _, a := range []float64{2, 3, 8} {
		got, ok := e.rdp(a)
		require.True(t, ok)
		assert.InEpsilon(t, a/2*q*q*math.Expm1(1/(sigma*sigma)), got, 1e-6)
	}
}

// inexact says by how much two orders of one sum may differ.
const inexact = 1e-9

func TestOrdersBetweenAccountants(t *testing.T) {
	for seed := range 8 {
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
			n := rapid.Uint64Range(1, 20).Draw(t, "count")
			switch rapid.IntRange(0, 3).Draw(t, "mechanism") {
			case 0:
				return Event{Mechanism: Gaussian, Sigma: rapid.Float64Range(2, 50).Draw(t, "σ"), Count: n}
			case 1:
				return Event{Mechanism: Laplace, Scale: rapid.Float64Range(2, 50).Draw(t, "b"), Count: n}
			case 2:
				return Event{Mechanism: DiscreteGaussian, Sigma: rapid.Float64Range(2, 20).Draw(t, "σ"), Count: n}
			default:
				return Event{Mechanism: RandomizedResponse, Epsilon: rapid.Float64Range(0.01, 0.5).Draw(t, "ε"), Count: n}
			}
		}), 1, 4).Example(seed)
		delta := math.Exp(rapid.Float64Range(-30, -5).Example(seed))
		b, err := Compose(events, delta)
		if err != nil {
			t.Fatal(err)
		}
		if *b.PLD > *b.RDP*1.001+1e-6 {
			t.Fatalf("PLD %v above RDP %v", *b.PLD, *b.RDP)
		}
		if *b.RDP > *b.ZCDP*(1+inexact) {
			t.Fatalf("RDP %v above zCDP %v", *b.RDP, *b.ZCDP)
		}
		if b.Basic != nil && *b.Best > *b.Basic {
			t.Fatalf("best %v above basic %v", *b.Best, *b.Basic)
		}
		// any order of composition costs the same, and so does a split count
		back := make([]Event, 0, len(events)+1)
		for i := len(events) - 1; i >= 0; i-- {
			e := events[i]
			if e.Count > 1 {
				one := e
				one.Count, e.Count = 1, e.Count-1
				back = append(back, one)
			}
			back = append(back, e)
		}
		c, err := Compose(back, delta)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range [][2]*float64{{b.ZCDP, c.ZCDP}, {b.RDP, c.RDP}, {b.PLD, c.PLD}, {b.Best, c.Best}} {
			if math.Abs(*p[0]-*p[1]) > 1e-6*(*p[0])+1e-9 {
				t.Fatalf("%v in one order, %v in another", *p[0], *p[1])
			}
		}
		// more noise never means a larger ε
		for i := range events {
			events[i].Sigma *= 1.2
			events[i].Scale *= 1.2
			events[i].Epsilon /= 1.2
		}
		less, err := Compose(events, delta)
		if err != nil || *less.Best > *b.Best {
			t.Fatalf("more noise: %v, before %v (%v)", *less.Best, *b.Best, err)
		}
	}
}

func TestComposeGivesWhatApplies(t *testing.T) {
	b, err := Compose([]Event{{Mechanism: Gaussian, Sigma: 1, Sampling: 0.01, Count: 1000}}, 1e-6)
	require.NoError(t, err)
	assert.Nil(t, b.Basic)
	assert.Nil(t, b.Advanced)
	assert.Nil(t, b.ZCDP)
	assert.InEpsilon(t, 2.436693803, *b.RDP, 1e-9)

	b, err = Compose([]Event{{Mechanism: ZeroConcentrated, Rho: 0.1}}, 1e-6)
	require.NoError(t, err)
	assert.Nil(t, b.PLD, "only a ρ is known: the Gaussian of the same ρ does not dominate")
	assert.InEpsilon(t, 2.14193892839, *b.Best, 1e-9)

	b, err = Compose([]Event{{Mechanism: RandomizedResponse, Epsilon: 0.5, Count: 20}}, 1e-6)
	require.NoError(t, err)
	assert.InEpsilon(t, 13.3736522528, *b.ZCDP, 1e-9, "above basic: the order is a law for Gaussians only")
	assert.InEpsilon(t, 10, *b.Basic, 1e-9)

	b, err = Compose([]Event{{Mechanism: Laplace, Scale: 2, Count: 3}}, 0)
	require.NoError(t, err)
	assert.InEpsilon(t, 1.5, *b.Best, 1e-9)
	assert.Equal(t, dp.ZeroOut, b.Relation)
}

func TestComposeNamesTheBadField(t *testing.T) {
	for _, row := range []struct {
		field string
		delta float64
		event Event
	}{
		{"delta", 1, Event{Mechanism: Gaussian, Sigma: 1}},
		{"delta", math.NaN(), Event{Mechanism: Gaussian, Sigma: 1}},
		{"delta", 0, Event{Mechanism: Gaussian, Sigma: 1}},
		{"delta", 1e-301, Event{Mechanism: Gaussian, Sigma: 1}},
		{"events[1].mechanism", 1e-6, Event{Mechanism: "exponential"}},
		{"events[1].sigma", 1e-6, Event{Mechanism: Gaussian}},
		{"events[1].sigma", 1e-6, Event{Mechanism: Gaussian, Sigma: math.NaN()}},
		{"events[1].sigma", 1e-6, Event{Mechanism: Gaussian, Sigma: math.Inf(1)}},
		{"events[1].sigma", 1e-6, Event{Mechanism: Laplace, Scale: 1, Sigma: 1}},
		{"events[1].sampling", 1e-6, Event{Mechanism: Gaussian, Sigma: 1, Sampling: 1.5}},
		{"events[1].sensitivity", 1e-6, Event{Mechanism: DiscreteGaussian, Sigma: 1, Sensitivity: 0.5}},
		{"events[1].count", 1e-6, Event{Mechanism: Gaussian, Sigma: 1, Count: 2e9}},
		{"events[1].neighbours", 1e-6, Event{Mechanism: Gaussian, Sigma: 1, Neighbours: dp.Replace}},
	} {
		_, err := Compose([]Event{{Mechanism: Laplace, Scale: 1}, row.event}, row.delta)
		require.Error(t, err, "%v", row.event)
		assert.Equal(t, row.field, posse.As(err).Field)
	}
	_, err := Compose(nil, 1e-6)
	assert.Error(t, err)
	_, err = NewPLD([]Event{{Mechanism: Laplace, Scale: 1}}, 0)
	assert.Error(t, err)
}
