package schedule

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// excess returns the largest deviation of grant frequencies from quotas over seeds, in
// standard errors. shift plants a bug: it draws with quotas moved from node 0 to node 7.
func excess(t *testing.T, shift uint64) float64 {
	const seeds = 20_000
	pi, err := FairEqual(example, Params{Equality: 0.2, Grants: 3, Floor: 0.05})
	require.NoError(t, err)
	quotas, err := Quotas(pi, 3)
	require.NoError(t, err)
	ids := make([]string, len(quotas))
	counts := map[string]int{}
	for i := range ids {
		ids[i] = fmt.Sprint("n", i)
	}
	drawn := append([]uint64{}, quotas...)
	drawn[3] -= shift
	drawn[7] += shift
	for i := range uint64(seeds) {
		var seed [32]byte
		binary.BigEndian.PutUint64(seed[:], i)
		granted, err := Draw(seed, ids, drawn)
		require.NoError(t, err)
		for _, id := range granted {
			counts[id]++
		}
	}
	worst := 0.0
	for i, q := range quotas {
		p := float64(q) / float64(One)
		if q == One {
			require.Equal(t, seeds, counts[ids[i]])
			continue
		}
		worst = max(worst, math.Abs(float64(counts[ids[i]])-seeds*p)/math.Sqrt(seeds*p*(1-p)))
	}
	return worst
}

// False alarm: 5.6 standard errors are passed with probability 2.2e-8 under the normal
// limit, times 8 nodes 1.8e-7; the binomial of 20,000 and p ≥ 0.05 adds less than a
// factor 4, so below 1e-6. The seeds are fixed.
func TestGrantFrequenciesAreTheQuotas(t *testing.T) {
	assert.Less(t, excess(t, 0), 5.6)
	assert.Greater(t, excess(t, One/50), 5.6, "planted: two hundredths of a chance moved")
}
