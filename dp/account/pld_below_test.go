package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The truth lies between the two ends, and the interval is as narrow as is said in
// pld.md: where it is known by convolving the atoms, by a closed form, or by a curve.
func TestTheTruthLiesBetweenBothEnds(t *testing.T) {
	type row struct {
		name   string
		events []Event
		delta  float64
		want   float64
		width  float64 // relative, of the whole interval
	}
	var rows []row
	for seed := range 12 {
		events, delta := smallEvents().Example(seed), math.Exp(rapid.Float64Range(-30, -2).Example(seed))
		rows = append(rows, row{"atoms", events, delta, exactEpsilon(t, events, delta), 0.001})
	}
	for seed := range 6 {
		sigmas := rapid.SliceOfN(rapid.Float64Range(2, 60), 1, 30).Example(seed)
		delta := math.Exp(rapid.Float64Range(-40, -5).Example(seed))
		var events []Event
		var mus []float64
		for _, s := range sigmas {
			events, mus = append(events, Event{Mechanism: Gaussian, Sigma: s}), append(mus, 1/s)
		}
		mu, err := GDPCompose(mus...)
		require.NoError(t, err)
		want, err := GDPEpsilon(mu, delta)
		require.NoError(t, err)
		rows = append(rows, row{"gaussians", events, delta, want, 0.002})
	}
	rows = append(rows,
		row{"laplace, closed form", []Event{{Mechanism: Laplace, Scale: 1}}, 0.01, 1 + 2*math.Log(0.99), 0.002},
		row{"sampled", []Event{{Mechanism: Gaussian, Sigma: 1, Sampling: 0.01, Count: 1000}}, 1e-6, 2.12452, 0.001},
	)
	for _, r := range rows {
		p, err := NewPLD(r.events, r.delta)
		require.NoError(t, err)
		below := p.Below()
		t.Logf("%s: %v ≤ %v ≤ %v, %.2g wide", r.name, below, r.want, p.Epsilon(), (p.Epsilon()-below)/r.want)
		assert.LessOrEqual(t, below, r.want*(1+5e-6)+1e-12, "%v", r)
		assert.GreaterOrEqual(t, p.Epsilon(), r.want*(1-5e-6))
		assert.LessOrEqual(t, p.Epsilon()-below, r.width*r.want+1e-4)
	}
}
