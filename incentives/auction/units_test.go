package auction

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// slowBeats is the order of offers in unlimited integers.
func slowBeats(a, b claim) bool {
	x := new(big.Int).Mul(big.NewInt(a.gain), big.NewInt(b.bid))
	y := new(big.Int).Mul(big.NewInt(b.gain), big.NewInt(a.bid))
	if c := x.Cmp(y); c != 0 {
		return c > 0
	}
	return a.index < b.index
}

func drawClaim(t *rapid.T, index int) claim {
	limit := rapid.SampledFrom([]int64{3, 1e6, 1 << 49}).Draw(t, "largest gain")
	most := rapid.SampledFrom([]int64{2, 1e6, 1e12}).Draw(t, "largest bid")
	return claim{rapid.Int64Range(1, limit).Draw(t, "gain"), rapid.Int64Range(0, most).Draw(t, "bid"), index}
}

func TestBeatsIsTheOrderOfUnlimitedIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawClaim(t, 0), drawClaim(t, 1), drawClaim(t, 2)
		assert.Equal(t, slowBeats(a, b), a.beats(b))
		assert.NotEqual(t, a.beats(b), b.beats(a), "one of two always wins")
		if a.beats(b) && b.beats(c) {
			assert.True(t, a.beats(c), "transitive")
		}
	})
}

func TestBidOfZeroBeatsEveryPositiveBid(t *testing.T) {
	assert.True(t, claim{1, 0, 9}.beats(claim{1 << 49, 1, 0}))
	assert.True(t, claim{1, 0, 0}.beats(claim{1 << 49, 0, 1}), "among zeros the smaller id")
}

func TestHighestWinningBidWinsAndOneMoreLoses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rival := drawClaim(t, 1)
		gain := rapid.Int64Range(1, 1<<49).Draw(t, "own gain")
		index := rapid.SampledFrom([]int{0, 2}).Draw(t, "own index")
		limit := rapid.Int64Range(0, 1e12).Draw(t, "limit")
		p := highestWinningBid(gain, index, rival, limit)
		if p >= 0 {
			assert.True(t, slowBeats(claim{gain, p, index}, rival))
		}
		if p < limit {
			assert.False(t, slowBeats(claim{gain, p + 1, index}, rival))
		}
		assert.LessOrEqual(t, p, limit)
	})
}
