package books

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/incentives"
)

// TestBooksBalanceAfterALongHistory plays 100,000 orders, with POSSE_SOAK a million,
// of which many are refused, through rounds that open, settle, are published or
// aborted, with retries, and replays them from the start and from points in between,
// as a replica does from a snapshot.
func TestBooksBalanceAfterALongHistory(t *testing.T) {
	orders := 100_000
	if os.Getenv("POSSE_SOAK") != "" {
		orders = 1_000_000
	}
	r := rand.New(rand.NewPCG(1, 2))
	nodes := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	b, round, refused := New(), uint64(1), 0
	for i := range orders {
		o := Order{ID: fmt.Sprint(i - r.IntN(2)*r.IntN(3)), Time: int64(i), Experiment: "dosing", Round: round}
		switch r.IntN(9) {
		case 0:
			o.Kind, o.Round, o.Party, o.Amount = Fund, 0, "operator", incentives.Credits(r.IntN(500))
		case 1, 2:
			o.Kind, o.Amount, o.Nodes = OpenRound, incentives.Credits(r.IntN(50)), len(nodes)
		case 3, 4:
			o.Kind = Settle
			for _, node := range nodes[:r.IntN(len(nodes))] {
				o.Payments = append(o.Payments, Payment{Node: node, Amount: incentives.Credits(r.IntN(20))})
			}
		case 5, 6:
			o.Kind = Publish
			if record := b.rounds[roundKey{"dosing", round}]; record != nil {
				for _, p := range record.payments {
					if r.IntN(5) > 0 {
						o.Delivered = append(o.Delivered, p.Node)
					}
				}
			}
		case 7:
			o.Kind = AbortRound
			if r.IntN(4) > 0 {
				continue
			}
		case 8:
			o = Order{ID: o.ID, Time: o.Time, Kind: Withdraw, Party: nodes[r.IntN(len(nodes))], Amount: incentives.Credits(r.IntN(40))}
		}
		if _, err := b.Apply(o); err != nil {
			require.False(t, errors.Is(err, ErrUnbalanced), err)
			refused++
		}
		if state := b.Round("dosing", round); state == Published || state == Aborted {
			round++
		}
	}
	require.NoError(t, b.Check())
	assert.Greater(t, round, uint64(2000))
	assert.Greater(t, refused, 1000)
	again, err := Restore(b.Transactions())
	require.NoError(t, err)
	assert.Equal(t, b.Balances(), again.Balances())

	for tenths := 1; tenths < 10; tenths += 4 {
		at := len(b.Transactions()) * tenths / 10
		part, err := Restore(b.Transactions()[:at])
		require.NoError(t, err)
		for _, tx := range b.Transactions()[at/2:] { // half of the part again: each is a retry
			require.NoError(t, part.Post(tx))
		}
		assert.Equal(t, b.Balances(), part.Balances())
		assert.Len(t, part.Transactions(), len(b.Transactions()))
	}
}
