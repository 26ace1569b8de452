package audit_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/audit"
	"github.com/posse-dev/posse/dp/noise"
)

// confidence of every game here: a whole mechanism is called broken with a chance of
// at most 1e-6 each.
const confidence = 1 - 1e-6

func TestBoundsAsTabulated(t *testing.T) {
	for _, row := range []struct {
		k, other, n       uint64
		delta, confidence float64
		want              float64
	}{
		{1000, 400, 1e5, 0, 0.95, 0.75582576},
		{5000, 1000, 1e5, 1e-5, 0.99, 1.49284171},
		{0, 0, 1000, 0, 0.95, 0},
		{30, 0, 1e4, 0, 0.95, 1.70300405},
	} {
		got, err := audit.LowerBound(row.k, row.other, row.n, row.delta, row.confidence)
		require.NoError(t, err)
		assert.InDelta(t, row.want, got, 1e-7)
	}
	for _, row := range []struct {
		m, r, v           uint64
		delta, alpha      float64
		want, looseWithin float64
	}{
		{100, 100, 100, 0, 0.05, 3.492965431, 1e-8},
		{1000, 1000, 1000, 0, 0.05, 5.809068339, 1e-8},
		{1000, 600, 600, 1e-5, 0.05, 5.270399464, 1e-7},
		{1000, 1000, 700, 0, 0.05, 0.732010862, 1e-8},
		{1000, 200, 190, 1e-5, 0.05, 2.393618277, 1e-7},
		{5000, 500, 480, 1e-6, 0.01, 2.657149629, 1e-7},
	} {
		got, err := audit.OneRun(row.m, row.r, row.v, row.delta, 1-row.alpha)
		require.NoError(t, err)
		assert.InDelta(t, row.want, got, row.looseWithin, "%v", row)
	}
	for _, row := range []struct {
		m, guesses, right uint64
		want              float64
	}{{1000, 1000, 900, 0.880396}, {1000, 200, 190, 0.908054}, {10000, 10000, 5300, 0.048290}, {1000, 1000, 520, 0}} {
		got, err := audit.OneRunGDP(row.m, row.guesses, row.right, 0.95)
		require.NoError(t, err)
		assert.InDelta(t, row.want, got, 2e-6, "%v", row)
	}
}

func TestEachBugIsSeenAndNoWholeMechanismIsBlamed(t *testing.T) {
	for i, bug := range audit.Bugs() {
		t.Run(bug.Name, func(t *testing.T) {
			whole, err := audit.Game{Play: bug.Whole, Plays: bug.Plays, Confidence: confidence}.Run(noise.NewSeeded(uint64(i)))
			require.NoError(t, err)
			assert.False(t, whole.Violates(bug.Claim), "%+v", whole)
			broken, err := audit.Game{Play: bug.Broken, Plays: bug.Plays, Confidence: confidence}.Run(noise.NewSeeded(100 + uint64(i)))
			require.NoError(t, err)
			assert.True(t, broken.Violates(bug.Claim), "%+v", broken)
		})
	}
}

// The Gaussian's promise has a δ, so the event must beat that too.
func TestGaussianReleaseIsAttacked(t *testing.T) {
	const epsilon, delta = 1, 1e-3
	// σ² for (1, 1e-3) by the exact δ of the discrete Gaussian is 5.8; a tenth of it breaks the claim
	view := func(sigma2 *big.Rat) audit.View {
		g, err := noise.NewDiscreteGaussianRat(sigma2)
		require.NoError(t, err)
		return func(with bool, src noise.Source) float64 {
			x := g.Sample(src)
			if with {
				x++
			}
			return float64(x)
		}
	}
	whole, err := audit.Game{Play: view(big.NewRat(6, 1)), Plays: 20_000, Delta: delta, Confidence: confidence}.Run(noise.NewSeeded(1))
	require.NoError(t, err)
	assert.False(t, whole.Violates(epsilon), "%+v", whole)
	broken, err := audit.Game{Play: view(big.NewRat(6, 10)), Plays: 20_000, Delta: delta, Confidence: confidence}.Run(noise.NewSeeded(2))
	require.NoError(t, err)
	assert.True(t, broken.Violates(epsilon), "%+v", broken)
}

func TestBadInputIsRefused(t *testing.T) {
	for name, err := range map[string]error{
		"no plays":        second(audit.LowerBound(0, 0, 0, 0, 0.9)),
		"more than plays": second(audit.LowerBound(3, 0, 2, 0, 0.9)),
		"delta":           second(audit.LowerBound(1, 0, 2, math.NaN(), 0.9)),
		"confidence":      second(audit.LowerBound(1, 0, 2, 0, 1)),
		"guesses":         second(audit.OneRun(10, 11, 1, 0, 0.9)),
		"no guesses":      second(audit.OneRunGDP(10, 0, 0, 0.9)),
		"no game":         third(audit.Game{}.Run(noise.NewSeeded(1))),
		"a NaN": third(audit.Game{Play: func(bool, noise.Source) float64 { return math.NaN() }, Plays: 100, Confidence: 0.9}.
			Run(noise.NewSeeded(1))),
	} {
		assert.Error(t, err, name)
	}
}

func second(_ float64, err error) error    { return err }
func third(_ audit.Bound, err error) error { return err }

func ExampleGame() {
	bug := audit.Bugs()[0]
	game := audit.Game{Play: bug.Broken, Plays: bug.Plays, Confidence: 0.999}
	bound, _ := game.Run(noise.NewSeeded(1))
	fmt.Println(bug.Name, "breaks its claim:", bound.Violates(bug.Claim))
	// Output: laplace-half-scale breaks its claim: true
}
