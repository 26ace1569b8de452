package rounds

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

func TestANumberThatNoRecordsCanMakeIsRefused(t *testing.T) {
	layout := statistics.Layout{
		{Name: "count", Shape: []int{2}, Record: 1, Claim: true},
		{Name: "sum", Shape: []int{2}, Scale: 4, Record: 16, L1: 16, L2Squared: 256, Noise: statistics.LaplacePerReport, Num: 32, Den: 1},
		{Name: "square", Shape: []int{2}, Scale: 4, Record: 4, L1: 8, L2Squared: 16, Noise: statistics.GaussianPerReport, Num: 100, Den: 1},
		{Name: "sign", Shape: []int{2}, Record: 8, L1: 16, L2Squared: 256, Noise: statistics.DuchiPerRecord, Num: 1, Den: 1},
	}
	const records = 1000
	most := map[string]int64{ // by hand: records, and 91 scales or 64 σ of noise
		"count": records, "sum": 16*records + 91*32, "square": 4*records + 64*10, "sign": 8 * records,
	}
	for i, b := range layout {
		for _, c := range []struct {
			value int64
			want  bool
		}{
			{most[b.Name], true},
			{-most[b.Name], true},
			{most[b.Name] + 2, false},
			{-most[b.Name] - 2, false},
			{math.MaxInt64, false},
			{math.MinInt64, false},
		} {
			s := layout.Empty()
			s.Blocks[i].Sum[1] = c.value
			assert.Equal(t, c.want, plausible(layout, s, records), "%s of %d", b.Name, c.value)
			if b.Claim {
				assert.Equal(t, c.want, plausible(layout, layout.Claim(s), records), "%s of %d, claimed", b.Name, c.value)
			}
		}
	}
	assert.False(t, plausible(layout[:1], layout.Empty(), records), "a block that the layout does not have")
}
