package books

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

const credit = incentives.Credit

// story applies orders with ids and times of their own.
func story(t require.TestingT, orders ...Order) *Book {
	b := New()
	for i, o := range orders {
		if o.ID == "" {
			o.ID = fmt.Sprintf("tx-%d", i)
		}
		o.Time = int64(i) * 60_000
		_, err := b.Apply(o)
		require.NoError(t, err, "order %d: %s", i, o.Kind)
	}
	return b
}

func fund(amount incentives.Credits) Order {
	return Order{Kind: Fund, Experiment: "dosing", Party: "operator", Amount: amount}
}

func open(round uint64, reserve incentives.Credits, nodes int) Order {
	return Order{Kind: OpenRound, Experiment: "dosing", Round: round, Amount: reserve, Nodes: nodes}
}

func settle(round uint64, payments ...Payment) Order {
	return Order{Kind: Settle, Experiment: "dosing", Round: round, Payments: payments}
}

func publish(round uint64, delivered ...string) Order {
	return Order{Kind: Publish, Experiment: "dosing", Round: round, Delivered: delivered}
}

func abort(round uint64) Order {
	return Order{Kind: AbortRound, Experiment: "dosing", Round: round}
}

var twoWinners = []Payment{{Node: "north", Amount: 6 * credit, Bid: 4 * credit}, {Node: "south", Amount: 33_333_333, Bid: 5 * credit, ByReserve: true}}

func TestRoundHoldsItsReserveAndPaysThoseWhoDelivered(t *testing.T) {
	reserve := incentives.AnnouncedReserve(40*credit, 100*credit, 3)
	b := story(t, fund(100*credit), open(1, reserve, 3))
	assert.Equal(t, incentives.Credits(99_999_999), b.Balance(Escrow("dosing", 1)))
	assert.Equal(t, incentives.Credits(1), b.Balance(Budget("dosing")))

	b = story(t, fund(100*credit), open(1, reserve, 3), settle(1, twoWinners...))
	assert.Equal(t, incentives.Credits(39_333_333), b.Balance(Escrow("dosing", 1)))

	b = story(t, fund(100*credit), open(1, reserve, 3), settle(1, twoWinners...), publish(1, "north"))
	assert.Equal(t, []Balance{{"experiment:dosing:budget", 94 * credit}, {"external:operator", -100 * credit}, {"node:north:payable", 6 * credit}}, b.Balances(),
		"what was not delivered is not paid, and the finished round holds nothing")
	assert.Equal(t, Published, b.Round("dosing", 1))
}

func TestAbortPaysNobodyBeforeAndAfterSettling(t *testing.T) {
	for _, orders := range [][]Order{{abort(1)}, {settle(1, twoWinners...), abort(1)}} {
		b := story(t, append([]Order{fund(100 * credit), open(1, 33_333_333, 3)}, orders...)...)
		assert.Equal(t, 100*credit, b.Balance(Budget("dosing")))
		assert.Equal(t, Aborted, b.Round("dosing", 1))
	}
}

func TestClosingReturnsProRataWithTheRemainderToTheFirstSponsor(t *testing.T) {
	penalty := Order{Kind: Penalty, Experiment: "dosing", Party: "north", Amount: 2}
	b := story(t,
		Order{Kind: Fund, Experiment: "dosing", Party: "zeta", Amount: 2},
		Order{Kind: Fund, Experiment: "dosing", Party: "alpha", Amount: 1},
		Order{Kind: MakeDeposit, Party: "north", Amount: 5}, penalty,
		open(1, 1, 1), settle(1, Payment{Node: "north", Amount: 1}), publish(1, "north"),
		Order{Kind: Close, Experiment: "dosing"})
	// Budget 2: alpha ⌊2/3⌋ = 0, zeta ⌊4/3⌋ = 1, remainder 1 to alpha. Penalties 2 likewise.
	assert.Equal(t, incentives.Credits(-1+1+1), b.Balance(Sponsor("alpha")))
	assert.Equal(t, incentives.Credits(-2+1+1), b.Balance(Sponsor("zeta")))
	assert.Equal(t, incentives.Credits(1), b.Balance(Payable("north")), "payables stay until withdrawn")
	_, err := b.Apply(Order{ID: "late", Kind: Fund, Experiment: "dosing", Party: "zeta", Amount: 1})
	assert.Equal(t, "EXPERIMENT_CLOSED", posse.As(err).Reason)
}

func TestProRataDoesNotOverflow(t *testing.T) {
	shares := proRata(1<<62, []Balance{{"a", 1 << 61}, {"b", 1 << 61}})
	assert.Equal(t, []Balance{{"a", 1 << 61}, {"b", 1 << 61}}, shares)
}

func TestRefusedOrdersChangeNothing(t *testing.T) {
	paid := []Order{fund(100 * credit), open(1, 33_333_333, 3), settle(1, twoWinners...)}
	published := append(slices.Clone(paid), publish(1, "north", "south"))
	for name, row := range map[string]struct {
		before        []Order
		order         Order
		reason, field string
	}{
		"an order without an id's time":    {nil, Order{Kind: Fund, Experiment: "e", Party: "p", Amount: 1, Time: -1}, "FIELD_OUT_OF_RANGE", "time"},
		"an unknown kind":                  {nil, Order{Kind: "gift"}, "FIELD_UNKNOWN_VALUE", "kind"},
		"a missing experiment":             {nil, Order{Kind: Fund, Party: "p", Amount: 1}, "FIELD_MISSING", "experiment"},
		"no amount":                        {nil, Order{Kind: Fund, Experiment: "e", Party: "p"}, "FIELD_MISSING", "amount"},
		"a negative amount":                {nil, Order{Kind: Fund, Experiment: "e", Party: "p", Amount: -1}, "FIELD_OUT_OF_RANGE", "amount"},
		"a field of another kind":          {nil, Order{Kind: Close, Experiment: "e", Round: 3}, "FIELD_NOT_APPLICABLE", "round"},
		"a colon in a name":                {nil, Order{Kind: Fund, Experiment: "e:budget", Party: "p", Amount: 1}, "FIELD_OUT_OF_RANGE", "experiment"},
		"a sponsor called settlement":      {nil, Order{Kind: Fund, Experiment: "e", Party: "settlement", Amount: 1}, "FIELD_OUT_OF_RANGE", "party"},
		"more money than books hold":       {[]Order{fund(1 << 62)}, Order{Kind: Fund, Experiment: "e", Party: "p", Amount: 1}, "FIELD_OUT_OF_RANGE", "amount"},
		"opening without the money":        {[]Order{fund(10)}, open(1, 4, 3), "EXPERIMENT_EXHAUSTED", "amount"},
		"an escrow beyond 62 bits":         {[]Order{fund(10)}, open(1, math.MaxInt64, math.MaxInt64), "FIELD_OUT_OF_RANGE", "nodes"},
		"opening twice":                    {paid, open(1, 1, 1), "ROUND_CLOSED", "round"},
		"settling before opening":          {paid, settle(2), "ROUND_CLOSED", "round"},
		"settling twice":                   {paid, settle(1), "ROUND_CLOSED", "round"},
		"publishing before settling":       {paid[:2], publish(1), "ROUND_CLOSED", "round"},
		"publishing twice":                 {published, publish(1), "ROUND_CLOSED", "round"},
		"aborting what is published":       {published, abort(1), "ROUND_CLOSED", "round"},
		"a payment above the reserve":      {paid[:2], settle(1, Payment{Node: "n", Amount: 33_333_334}), "FIELD_OUT_OF_RANGE", "payments[0].amount"},
		"a payment below the bid":          {paid[:2], settle(1, Payment{Node: "n", Amount: 1, Bid: 2}), "FIELD_OUT_OF_RANGE", "payments[0].amount"},
		"a node paid twice":                {paid[:2], settle(1, Payment{Node: "n"}, Payment{Node: "n"}), "FIELD_OUT_OF_RANGE", "payments[1].node"},
		"more winners than nodes":          {paid[:2], settle(1, Payment{Node: "a"}, Payment{Node: "b"}, Payment{Node: "c"}, Payment{Node: "d"}), "FIELD_OUT_OF_RANGE", "payments"},
		"delivery by a loser":              {paid, publish(1, "west"), "FIELD_OUT_OF_RANGE", "delivered[0]"},
		"delivery twice":                   {paid, publish(1, "north", "north"), "FIELD_OUT_OF_RANGE", "delivered[1]"},
		"withdrawing more than earned":     {published, Order{Kind: Withdraw, Party: "north", Amount: 7 * credit}, "FIELD_OUT_OF_RANGE", "amount"},
		"a penalty beyond the deposit":     {paid, Order{Kind: Penalty, Experiment: "dosing", Party: "north", Amount: 1}, "FIELD_OUT_OF_RANGE", "amount"},
		"closing over an open round":       {paid, Order{Kind: Close, Experiment: "dosing"}, "ROUND_CLOSED", "experiment"},
		"closing what was never funded":    {paid, Order{Kind: Close, Experiment: "other"}, "FIELD_OUT_OF_RANGE", "experiment"},
		"another order under a known id":   {paid, Order{ID: "tx-0", Kind: Fund, Experiment: "dosing", Party: "operator", Amount: 1}, "CONFLICT", "id"},
		"the same order at another moment": {paid, Order{ID: "tx-0", Kind: Fund, Experiment: "dosing", Party: "operator", Amount: 100 * credit, Time: 1}, "CONFLICT", "id"},
	} {
		t.Run(name, func(t *testing.T) {
			b, same := story(t, row.before...), story(t, row.before...)
			if row.order.ID == "" {
				row.order.ID = "new"
			}
			_, err := b.Apply(row.order)
			require.Error(t, err)
			assert.Equal(t, row.reason, posse.As(err).Reason)
			assert.Equal(t, row.field, posse.As(err).Field)
			assert.Equal(t, same, b)
		})
	}
	_, err := New().Apply(Order{Kind: Fund, Experiment: "e", Party: "p", Amount: 1})
	assert.Equal(t, "id", posse.As(err).Field)
}

func TestRetriedOrderIsAppliedOnce(t *testing.T) {
	b := story(t, fund(100*credit), open(1, 33_333_333, 3), settle(1, twoWinners...), publish(1, "north"))
	before := b.Balances()
	for _, tx := range b.Transactions() {
		again, err := b.Apply(tx.Order)
		require.NoError(t, err)
		assert.Equal(t, tx, again)
		require.NoError(t, b.Post(tx))
	}
	assert.Equal(t, before, b.Balances())
	assert.Len(t, b.Transactions(), 4)
}

func TestBookIsNotChangedThroughItsOrders(t *testing.T) {
	payments := slices.Clone(twoWinners)
	b := story(t, fund(100*credit), open(1, 33_333_333, 3), settle(1, payments...))
	payments[0].Amount = 33_333_333
	_, err := b.Apply(Order{ID: "p", Kind: Publish, Experiment: "dosing", Round: 1, Delivered: []string{"north"}})
	require.NoError(t, err)
	assert.Equal(t, 6*credit, b.Balance(Payable("north")))
}

// randomHistory plays orders of which many are refused: late, twice, overdrawn.
func randomHistory(t *rapid.T, steps int) *Book {
	b := New()
	nodes := []string{"a", "b", "c"}
	for i := range steps {
		o := Order{
			ID:   fmt.Sprint(rapid.IntRange(max(0, i-3), i).Draw(t, "id")),
			Time: int64(i), Kind: rapid.SampledFrom([]Kind{
				Fund, OpenRound, OpenRound, Settle, Settle, Publish, Publish, AbortRound, Withdraw, MakeDeposit, ReturnDeposit, Penalty, Close,
			}).Draw(t, "kind"),
		}
		needs, _ := o.Kind.reads()
		if needs.experiment {
			o.Experiment = rapid.SampledFrom([]string{"e", "e", "f"}).Draw(t, "experiment")
		}
		if o.Kind == Close && rapid.IntRange(0, 4).Draw(t, "close seldom") > 0 {
			continue
		}
		if needs.round {
			o.Round = uint64(rapid.IntRange(1, 4).Draw(t, "round"))
		}
		if needs.party {
			o.Party = rapid.SampledFrom(nodes).Draw(t, "party")
		}
		if needs.amount {
			o.Amount = incentives.Credits(rapid.Int64Range(0, 50).Draw(t, "amount"))
		}
		switch o.Kind {
		case Fund:
			o.Amount *= 10
		case OpenRound:
			o.Nodes = 3
		case Settle:
			for _, node := range nodes[:rapid.IntRange(0, 3).Draw(t, "winners")] {
				o.Payments = append(o.Payments, Payment{Node: node, Amount: incentives.Credits(rapid.Int64Range(0, 50).Draw(t, "payment"))})
			}
		case Publish:
			if r := b.rounds[roundKey{o.Experiment, o.Round}]; r != nil {
				for _, p := range r.payments {
					if rapid.Bool().Draw(t, "delivered") {
						o.Delivered = append(o.Delivered, p.Node)
					}
				}
			}
		}
		_, err := b.Apply(o)
		require.NotErrorIs(t, err, ErrUnbalanced)
		require.NoError(t, b.Check())
	}
	return b
}

func TestBooksBalanceAfterAnyHistoryAndReplayToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := randomHistory(t, 60)
		again, err := Restore(b.Transactions())
		require.NoError(t, err)
		assert.Equal(t, b.Balances(), again.Balances())
		assert.Equal(t, b, again)
		assert.True(t, slices.IsSortedFunc(b.Balances(), func(x, y Balance) int {
			return slices.Compare([]byte(x.Account), []byte(y.Account))
		}))
	})
}

func TestEveryMutationOfASinglePostingIsCaught(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		history := randomHistory(t, 40).Transactions()
		for i, tx := range history {
			for j := range tx.Postings {
				for name, mutate := range map[string]func(*Posting){
					"amount":  func(p *Posting) { p.Amount++ },
					"sign":    func(p *Posting) { p.Amount = -p.Amount },
					"account": func(p *Posting) { p.Account = Payable("thief") },
				} {
					bad := slices.Clone(history)
					bad[i] = tx.clone()
					mutate(&bad[i].Postings[j])
					_, err := Restore(bad)
					assert.Error(t, err, "%s of posting %d of transaction %d", name, j, i)
				}
			}
		}
	})
}

func TestCheckSeesEachBrokenInvariant(t *testing.T) {
	for name, breaks := range map[string]func(*Book){
		"money from nowhere": func(b *Book) { b.balances[0].Amount++ },
		"a negative node": func(b *Book) {
			at, _ := find(b.balances, Payable("north"))
			b.balances[at].Amount -= 7 * credit
			b.balances[0].Amount += 7 * credit
		},
		"escrow of a finished round": func(b *Book) {
			at, _ := find(b.balances, Escrow("dosing", 1))
			b.balances = slices.Insert(b.balances, at, Balance{Escrow("dosing", 1), 1})
			b.balances[0].Amount--
		},
		"more came in than is there": func(b *Book) { b.inflow++ },
		"settled without a record":   func(b *Book) { b.inflow-- },
	} {
		t.Run(name, func(t *testing.T) {
			b := story(t, fund(100*credit), open(1, 33_333_333, 3), settle(1, twoWinners...), publish(1, "north"))
			require.NoError(t, b.Check())
			breaks(b)
			assert.ErrorIs(t, b.Check(), ErrUnbalanced)
		})
	}
}
