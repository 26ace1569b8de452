package robust

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
	"github.com/posse-dev/posse/mechanisms"
)

// Each of 20,000 samples of 500 Pareto rewards may miss the mean by more than the
// radius with chance at most 4·e^(−l), here 0.05: more than 1,150 misses have a chance
// below 1e-6. The planted radii, a tenth (what bonus tuned uses, without a guarantee) and
// one without bias, variance and noise, must be seen. Source: private-learning 1.3, Properties.
func TestTheRadiusCoversTheMeanOfHeavyTails(t *testing.T) {
	const samples, n, order = 20_000, 500, 1.5
	l := math.Log(4 / 0.05)
	shape, scale := order+0.05, 1.0
	mean := shape * scale / (shape - 1)
	m := mechanisms.Moment{Order: order, Bound: shape * math.Pow(scale, order) / (shape - order)}
	law := Noise{Releases: 1, Scale: 2}
	b := BestBound(m, n, l, law, 1e-6, 1e12)
	var c Clipping
	c.Add(n, b, m, 16)
	c.AddLaplace(1, 2*b)
	var quiet Clipping
	quiet.Add(n, b, m, 16)
	quiet.Bias, quiet.Variance = 0, 0

	src := noise.NewSeeded(51)
	var missed, tenth, bare uint64
	for range samples {
		sum := 2 * b * noise.Exponential(src)
		if noise.Float64(src) < 0.5 {
			sum = -sum
		}
		for range n {
			x := scale * math.Pow(1-noise.Float64(src), -1/shape)
			sum += math.Min(x, b)
		}
		off := math.Abs(sum/n - mean)
		if off > c.Radius(m, l) {
			missed++
		}
		if off > 0.1*c.Radius(m, l) {
			tenth++
		}
		if off > quiet.Radius(m, l) {
			bare++
		}
	}
	assert.GreaterOrEqual(t, stattest.UpperTail(missed, samples, 0.05), 1e-6)
	assert.Less(t, stattest.UpperTail(tenth, samples, 0.05), 1e-6, "planted: a tenth, %d misses", tenth)
	assert.Less(t, stattest.UpperTail(bare, samples, 0.05), 1e-6, "planted: without bias, variance and noise, %d misses", bare)
}
