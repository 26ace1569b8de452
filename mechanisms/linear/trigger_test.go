package linear

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/audit"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// scene is a node whose users all look alike, and one user, the canary, who does not.
// The view is when the node speaks: after how many decisions.
func scene(p *Shared, raw bool) func(with bool, src noise.Source) float64 {
	d := must(p.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
	w := must(p.Open(d))
	add := func(x ...float64) []float64 { return x }
	return func(with bool, src noise.Source) float64 {
		set, exact := p.layout.Empty(), newTriangle(2)
		record := func(x []float64) {
			must0(set.Add(must(w.Record(nil, mechanisms.Features{X: x}, mechanisms.Arm(0), mechanisms.Reward{X: 1}))))
			for i := range x {
				for j := range i + 1 {
					exact.row(i)[j] += x[i] * x[j]
				}
			}
		}
		for range 50 {
			record(add(1, 0))
		}
		start := (1 + exact.row(0)[0]) * (1 + exact.row(1)[1]) // at the last report
		if with {
			record(add(0, 1))
		}
		if !raw {
			for i, b := range p.layout {
				must0(noise.Add(set.Blocks[i].Sum, must(noise.NewDiscreteGaussian(b.Num, b.Den)), src))
			}
			return float64(must(p.PublishedTrigger(mechanisms.Model{Parts: []mechanisms.Part{{Descriptor: d, Releases: 1, Sum: set}}}, 50, 2)))
		}
		// planted: decisions until the determinant of the raw matrix has doubled
		n := 0
		for (1+exact.row(0)[0]+float64(n))*(1+exact.row(1)[1]) < 2*start {
			n++
		}
		return float64(n)
	}
}

func must0(err error) {
	if err != nil {
		panic(err)
	}
}

// The leaky trigger of private-learning 0.1 is told apart from the clean one by a canary
// game: what a silo's timing shows of one user stays below the ε of its promise, and far
// above it where raw contexts decide. Confidence 1 − 1e-6.
func TestALeakyTriggerIsToldApart(t *testing.T) {
	p := must(NewPrivateLinUCB(settings(1, 2, 1000, dp.Silo, 0.02)))
	game := func(raw bool) audit.Bound {
		return must(audit.Game{Play: scene(p, raw), Plays: 2000, Delta: 1e-6, Confidence: 1 - 1e-6}.Run(noise.NewSeeded(9)))
	}
	clean, leaky := game(false), game(true)
	t.Logf("clean %+v, leaky %+v", clean, leaky)
	assert.False(t, clean.Violates(1.1), "ρ 0.02 is ε 1.07 at δ 1e-6")
	assert.True(t, leaky.Violates(1.1))
}

func TestTheTriggerFollowsWhatIsPublished(t *testing.T) {
	p := must(NewPrivateLinUCB(settings(1, 2, 100_000, dp.Silo, 0)))
	d := must(p.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
	w, set := must(p.Open(d)), p.layout.Empty()
	for i := range 1000 {
		angle := float64(i)
		require.NoError(t, set.Add(must(w.Record(nil, mechanisms.Features{X: []float64{math.Cos(angle), math.Sin(angle)}}, mechanisms.Arm(0), mechanisms.Reward{X: 1}))))
	}
	m := mechanisms.Model{Parts: []mechanisms.Part{{Descriptor: d, Releases: 1, Sum: set}}}
	n := must(p.PublishedTrigger(m, 1000, 4))
	assert.InDelta(t, 1000, float64(n), 10, "in two dimensions twice the data is four times the determinant")
	assert.Equal(t, uint64(1), must(p.PublishedTrigger(mechanisms.Model{}, 0, 2)))
	assert.Equal(t, uint64(100_000), must(p.PublishedTrigger(mechanisms.Model{Parts: []mechanisms.Part{{Descriptor: d, Sum: p.layout.Empty()}}}, 10, 2)), "contexts of zeros never get there")
	for _, bad := range []float64{1, 0, math.NaN(), 1e7} {
		_, err := p.PublishedTrigger(m, 1000, bad)
		assert.ErrorContains(t, err, "out of range")
	}
}
