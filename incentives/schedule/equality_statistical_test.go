package schedule

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gaps plays the schedule over so many versions and returns, for each node, the mean
// over the versions from first on of v·ln(v/(v − s)), s being how many versions the node
// is behind: d times smaller it is the log-determinant gap when information grows by
// the same in each version. A node that was never granted one is v − 1 behind.
func gaps(t *testing.T, p Params, versions, first int) (pi, mean []float64) {
	pi, err := FairEqual(example, p)
	require.NoError(t, err)
	quotas, err := Quotas(pi, p.Grants)
	require.NoError(t, err)
	ids, held := make([]string, len(pi)), make([]int, len(pi))
	for i := range ids {
		ids[i], held[i] = fmt.Sprint("n", i), 1
	}
	mean = make([]float64, len(pi))
	for v := 1; v <= versions; v++ {
		var seed [32]byte
		binary.BigEndian.PutUint64(seed[:], uint64(v))
		granted, err := Draw(seed, ids, quotas)
		require.NoError(t, err)
		for _, id := range granted {
			held[id[1]-'0'] = v
		}
		if v < first {
			continue
		}
		for i, h := range held {
			mean[i] += float64(v) * math.Log(float64(v)/float64(h)) / float64(versions-first+1)
		}
	}
	return pi, mean
}

// Equality in the long run: staleness is geometric, so that the gap times v goes to
// (1 − π)/π, and the gap itself to 0. False alarm: a node of chance π is granted some
// 19,800 of 99,000 versions at π = 0.2; the mean of its staleness has a relative
// standard error of at most √(6/19,800) = 1.8 %, and the five nodes at the floor
// together of 0.8 %: 5 % is six of these, below 1e-8. The seeds are fixed.
func TestGapsGoToZeroAsStalenessIsGeometric(t *testing.T) {
	const versions, first = 100_000, 1000 // 100/π is 500
	pi, mean := gaps(t, Params{Equality: 0.2, Grants: 3, Floor: 0.2}, versions, first)
	floor, n := 0.0, 0.0
	for i := range pi {
		if pi[i] < 0.2+1e-9 {
			floor, n = floor+mean[i], n+1
		}
		if pi[i] > 1-1e-9 {
			assert.Zero(t, mean[i], "who gets every version is never behind")
		}
	}
	require.GreaterOrEqual(t, n, 5.0)
	assert.InEpsilon(t, (1-0.2)/0.2, floor/n, 0.05)
}

// The twin: without a floor, and with contributions taken seriously, the worst node is
// never granted anything and its gap grows with the logarithm of the versions.
func TestWithoutAFloorTheGapOfTheWorstStays(t *testing.T) {
	_, mean := gaps(t, Params{Equality: 0.01, Grants: 3, Floor: 0}, 5000, 1000)
	assert.Greater(t, mean[7]/5000, 1.0, "nats, for each dimension")
	_, mean = gaps(t, Params{Equality: 0.01, Grants: 3, Floor: 0.05}, 5000, 1000)
	assert.Less(t, mean[7]/5000, 0.05)
}
