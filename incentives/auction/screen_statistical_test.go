package auction

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/stattest"
)

func screenMust(t *testing.T, tolerance, delta float64) Screen {
	s, err := NewScreen(tolerance, delta)
	require.NoError(t, err)
	return s
}

func TestHalfInflatedClaimsAreSuspendedInTheTwentiethRound(t *testing.T) {
	s := screenMust(t, 0.2, 1e-6)
	for round := uint64(1); round <= 20; round++ {
		assert.False(t, s.Suspended(round), round)
		var err error
		s, err = s.Observe(round, 0.5)
		require.NoError(t, err)
	}
	assert.True(t, s.Suspended(21))
	assert.True(t, s.Suspended(36))
	assert.False(t, s.Suspended(37), "the first suspension is of 16 rounds")
	assert.Equal(t, 1.0, s.Evidence())
}

func TestSuspensionsDoubleUpToTheSixth(t *testing.T) {
	s := screenMust(t, 0.2, 1e-3)
	var lengths []uint64
	for round := uint64(1); len(lengths) < 8; round++ {
		next, err := s.Observe(round, 1)
		require.NoError(t, err)
		if next.until != s.until {
			lengths = append(lengths, next.until-round-1)
			round = next.until - 1
		}
		s = next
	}
	assert.Equal(t, []uint64{16, 32, 64, 128, 256, 512, 512, 512}, lengths)
}

// everSuspended plays honest nodes whose inflation is 1 with chance τ, 300 rounds each.
func everSuspended(t *testing.T, runs int, suspends func(Screen, int, float64) bool) uint64 {
	r := rand.New(rand.NewPCG(3, 4))
	n := uint64(0)
	for range runs {
		s := screenMust(t, 0.2, 0.01)
		sum := 0.0
		for round := 1; round <= 300; round++ {
			x := 0.0
			if r.Float64() < 0.2 {
				x = 1
			}
			sum += x
			var err error
			s, err = s.Observe(uint64(round), x)
			require.NoError(t, err)
			if suspends(s, round, sum) {
				n++
				break
			}
		}
	}
	return n
}

// False alarm: the count passes the 1 − 1e-7 bound of a binomial of chance δ = 0.01
// with probability 1e-7 at most. The seed is fixed.
func TestHonestNodesAreSeldomSuspended(t *testing.T) {
	const runs = 4000
	ville := everSuspended(t, runs, func(s Screen, _ int, _ float64) bool { return s.suspensions > 0 })
	assert.Greater(t, stattest.UpperTail(ville, runs, 0.01), 1e-7)
	plain := everSuspended(t, runs, func(_ Screen, round int, sum float64) bool { return sum/float64(round) > 0.2 })
	assert.Less(t, stattest.UpperTail(plain, runs, 0.01), 1e-7, "planted: a screen that compares the mean with the tolerance")
}

func TestInflationIsAShareOfTheClaim(t *testing.T) {
	for _, row := range [][3]float64{{2, 1, 0.5}, {2, 3, 0}, {0, 0, 0}, {1, -5, 1}, {math.NaN(), 1, 1}, {1, math.NaN(), 1}, {math.Inf(1), math.Inf(1), 1}} {
		assert.Equal(t, row[2], Inflation(row[0], row[1]), row)
	}
}

func TestScreenRefusesBadSettingsAndInflations(t *testing.T) {
	for _, x := range []float64{0, 1, math.NaN()} {
		_, err := NewScreen(x, 0.1)
		assert.Equal(t, "inflationTolerance", posse.As(err).Field)
		_, err = NewScreen(0.1, x)
		assert.Equal(t, "delta", posse.As(err).Field)
	}
	s := screenMust(t, 0.2, 0.1)
	for _, x := range []float64{-0.1, 1.1, math.NaN()} {
		after, err := s.Observe(1, x)
		assert.Error(t, err)
		assert.Equal(t, s, after)
	}
}
