package arms

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// policies 17.2: mean 0.5, n = 10, ln t = ln 100, where q has a closed form.
func TestTheEntropyBoundIsTheClosedForm(t *testing.T) {
	level := math.Log(100) / 10
	assert.InDelta(t, (1+math.Sqrt(1-math.Exp(-2*level)))/2, entropyBound(0.5, level), 1e-10)
	assert.InDelta(t, 0.887909, entropyBound(0.5, level), 1e-6)
	assert.Equal(t, 1.0, entropyBound(1, level))
	assert.InDelta(t, 1-math.Exp(-0.3), entropyBound(0, 0.3), 1e-11, "kl(0, q) = −ln(1 − q)")
}

// One-armed means with a gap of 1000 temperatures neither overflow nor lose the sum.
func TestSoftmaxKeepsItsSumAndItsLeader(t *testing.T) {
	s, err := NewSoftmax(Problem{Arms: 3, Horizon: 10, Range: &mechanisms.Range{Low: 0, High: 1}})
	require.NoError(t, err)
	for a, x := range []float64{0, 1, 0.9} {
		require.NoError(t, s.Observe(mechanisms.Round{}, mechanisms.None{}, mechanisms.Arm(a), mechanisms.Reward{X: x}))
	}
	seen, src := map[mechanisms.Arm]float64{}, noise.NewSeeded(1)
	for range 200_000 {
		a, p, err := s.Choose(mechanisms.Round{T: 4}, mechanisms.None{}, src)
		require.NoError(t, err)
		seen[a] = p
	}
	// exp(−10), 1 and exp(−1) over their sum; the mean 0.9 is 58982/65536
	e := math.Exp((58982.0/65536 - 1) / 0.1)
	assert.InDelta(t, 1/(1+e+math.Exp(-10)), seen[1], 1e-12)
	assert.InDelta(t, e/(1+e+math.Exp(-10)), seen[2], 1e-12)
	assert.InDelta(t, math.Exp(-10)/(1+e+math.Exp(-10)), seen[0], 1e-12)
}
