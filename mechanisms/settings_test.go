package mechanisms_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/posse-dev/posse/mechanisms"
)

func TestPerRecordIsRoundedDownToWholeNanoEpsilon(t *testing.T) {
	nano := func(n int64) *big.Rat { return big.NewRat(n, 1_000_000_000) }
	for _, row := range []struct {
		epsilon *big.Rat
		c       uint64
		want    *big.Rat
	}{
		{big.NewRat(1, 1), 0, nano(1_000_000_000)},
		{big.NewRat(1, 1), 1, nano(1_000_000_000)},
		{big.NewRat(1, 1), 3, nano(333_333_333)},
		{big.NewRat(2, 3), 2, nano(333_333_333)},
		{big.NewRat(1, 10_000_000_000), 1, new(big.Rat)},
		{big.NewRat(20, 1), 1_000_000, nano(20_000)},
	} {
		got := mechanisms.Privacy{Epsilon: row.epsilon, MaxContributions: row.c}.PerRecord()
		assert.Zero(t, row.want.Cmp(got), "%s over %d: %s", row.epsilon, row.c, got)
	}
}
