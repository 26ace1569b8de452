package books

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// ErrUnbalanced says that a book broke one of its own invariants. It is a defect or
// damage, never bad input: whoever sees it must stop.
var ErrUnbalanced = errors.New("the books do not balance")

// Balance is an account and what is in it.
type Balance struct {
	Account Account
	Amount  incentives.Credits
}

// Book is a set of accounts with their history. Use [New] or [Restore]; the zero value
// is not valid. It is not safe for concurrent use.
type Book struct {
	balances []Balance // by account; escrows of finished rounds are dropped
	history  []Transaction
	applied  map[string]int // id to its place in history; looked up, never ranged over
	rounds   map[roundKey]*roundRecord
	funding  map[string][]Balance // experiment to sponsors with what they gave, by account
	closed   map[string]bool
	// What came in from outside less what was returned, kept apart from the balances
	// so that a check of one against the other can fail.
	inflow incentives.Credits
}

// New returns an empty book.
func New() *Book {
	return &Book{
		applied: map[string]int{}, rounds: map[roundKey]*roundRecord{}, funding: map[string][]Balance{}, closed: map[string]bool{},
	}
}

// Restore rebuilds a book by posting its transactions again, in order. Any transaction
// whose postings its order does not lead to is refused.
func Restore(history []Transaction) (*Book, error) {
	b := New()
	for i, tx := range history {
		if err := b.Post(tx); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	return b, nil
}

// Apply carries an order out and returns its transaction. The same order again is no
// error and changes nothing; another order under a known id is refused (CONFLICT).
// Any error leaves the book as it was, except [ErrUnbalanced], after which it must not
// be used.
func (b *Book) Apply(o Order) (Transaction, error) {
	if at, ok := b.applied[o.ID]; ok {
		if b.history[at].Order.equal(o) {
			return b.history[at].clone(), nil
		}
		return Transaction{}, &posse.Error{
			Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "id", Value: o.ID,
			Message: "another order with this id was applied", Hint: "give each order an id of its own",
		}
	}
	postings, err := b.postings(o)
	if err != nil {
		return Transaction{}, err
	}
	tx := Transaction{Order: o.clone(), Postings: postings}
	next, err := b.after(tx)
	if err != nil {
		return Transaction{}, err
	}
	b.commit(tx, next)
	if err := b.Check(); err != nil {
		return Transaction{}, err
	}
	return tx.clone(), nil
}

// Post applies a recorded transaction: its order is carried out, and the postings
// must be those that the order leads to, in their order. It is what an auditor and a
// restored replica call.
func (b *Book) Post(tx Transaction) error {
	if at, ok := b.applied[tx.ID]; ok {
		if b.history[at].Order.equal(tx.Order) && slices.Equal(b.history[at].Postings, tx.Postings) {
			return nil
		}
		_, err := b.Apply(tx.Order)
		if err == nil {
			err = wrongPostings(tx)
		}
		return err
	}
	postings, err := b.postings(tx.Order)
	if err != nil {
		return err
	}
	if !slices.Equal(postings, tx.Postings) {
		return wrongPostings(tx)
	}
	_, err = b.Apply(tx.Order)
	return err
}

func wrongPostings(tx Transaction) error {
	return &posse.Error{
		Code: posse.DataLoss, Reason: "LOG_DAMAGED", Field: "postings", Value: tx.ID,
		Message: "the recorded postings are not those of the order", Hint: "the record was changed; audit it against the log",
	}
}

// Balance returns what is in an account, 0 for one that was never used.
func (b *Book) Balance(a Account) incentives.Credits {
	if at, ok := find(b.balances, a); ok {
		return b.balances[at].Amount
	}
	return 0
}

// Balances returns all accounts by name. Escrows of finished rounds are left out:
// they are empty.
func (b *Book) Balances() []Balance { return slices.Clone(b.balances) }

// Transactions returns everything that was applied, in order. The slices inside are
// the book's own and must not be changed.
func (b *Book) Transactions() []Transaction { return slices.Clip(b.history) }

// after returns the balances that the postings would lead to, or refuses them: a sum
// that is not 0, an overflow, an account below 0 that may not be.
func (b *Book) after(tx Transaction) ([]Balance, error) {
	next := slices.Clone(b.balances)
	sum := incentives.Credits(0)
	touched := make([]Account, 0, len(tx.Postings))
	for _, p := range tx.Postings {
		at, ok := find(next, p.Account)
		if !ok {
			next = slices.Insert(next, at, Balance{Account: p.Account})
		}
		var fits, sums bool
		next[at].Amount, fits = add(next[at].Amount, p.Amount)
		sum, sums = add(sum, p.Amount)
		if !fits || !sums {
			return nil, posse.OutOfRange("amount", "a balance beyond 63 bits", "balances of at most 9223372036854.775807 credits", "")
		}
		touched = append(touched, p.Account)
	}
	if sum != 0 {
		return nil, fmt.Errorf("%w: postings of %s sum to %d", ErrUnbalanced, tx.ID, sum)
	}
	for _, a := range touched {
		if at, _ := find(next, a); next[at].Amount < 0 && !a.mayBeNegative() {
			return nil, overdrawn(tx.Order, a)
		}
	}
	return next, nil
}

func overdrawn(o Order, a Account) error {
	e := &posse.Error{
		Code: posse.ResourceExhausted, Reason: "EXPERIMENT_EXHAUSTED", Field: "amount", Value: o.Amount.String(),
		Message: fmt.Sprintf("%s does not hold enough", a), Hint: "fund the experiment, or lower the amount",
	}
	if strings.HasPrefix(string(a), "node:") {
		e.Code, e.Reason, e.Hint = posse.FailedPrecondition, "FIELD_OUT_OF_RANGE", "lower the amount"
	} else if o.Kind == OpenRound {
		e.Code = posse.FailedPrecondition
	}
	return e
}

// commit makes the transaction part of the book; nothing can fail any more.
func (b *Book) commit(tx Transaction, next []Balance) {
	b.balances = next
	b.applied[tx.ID] = len(b.history)
	b.history = append(b.history, tx)
	key := roundKey{tx.Experiment, tx.Round}
	switch tx.Kind {
	case Fund:
		b.inflow += tx.Amount
		given := b.funding[tx.Experiment]
		at, ok := find(given, Sponsor(tx.Party))
		if !ok {
			given = slices.Insert(given, at, Balance{Account: Sponsor(tx.Party)})
		}
		given[at].Amount += tx.Amount
		b.funding[tx.Experiment] = given
	case MakeDeposit:
		b.inflow += tx.Amount
	case ReturnDeposit:
		b.inflow -= tx.Amount
	case OpenRound:
		b.rounds[key] = &roundRecord{state: Open, reserve: tx.Amount, nodes: tx.Nodes}
	case Settle:
		b.rounds[key].state, b.rounds[key].payments = Settled, tx.Payments
	case Publish, AbortRound:
		b.rounds[key].state = Published
		if tx.Kind == AbortRound {
			b.rounds[key].state = Aborted
		}
		if at, ok := find(b.balances, Escrow(tx.Experiment, tx.Round)); ok && b.balances[at].Amount == 0 {
			b.balances = slices.Delete(b.balances, at, at+1)
		}
	case Close:
		b.closed[tx.Experiment] = true
		for _, p := range tx.Postings {
			if p.Account.mayBeNegative() {
				b.inflow -= p.Amount
			}
		}
	}
}

// Check verifies every invariant over the whole book: balances sum to 0; only money
// from outside is negative; no finished round holds escrow, nor an open one more than
// its reserve for each node; what came in less what was returned is what is held and
// what was settled. The error wraps [ErrUnbalanced].
func (b *Book) Check() error {
	sum, held := incentives.Credits(0), incentives.Credits(0)
	for _, balance := range b.balances {
		var fits bool
		if sum, fits = add(sum, balance.Amount); !fits {
			return fmt.Errorf("%w: their sum overflows", ErrUnbalanced)
		}
		if balance.Account.mayBeNegative() {
			continue
		}
		if balance.Amount < 0 {
			return fmt.Errorf("%w: %s is negative", ErrUnbalanced, balance.Account)
		}
		held += balance.Amount
		if experiment, round, ok := balance.Account.escrowOf(); ok {
			r := b.rounds[roundKey{experiment, round}]
			if r == nil || r.state != Open && r.state != Settled || balance.Amount > r.reserve*incentives.Credits(r.nodes) {
				return fmt.Errorf("%w: %s holds money of a round that is %q", ErrUnbalanced, balance.Account, b.Round(experiment, round))
			}
		}
	}
	if sum != 0 {
		return fmt.Errorf("%w: they sum to %d", ErrUnbalanced, sum)
	}
	if held != b.inflow {
		return fmt.Errorf("%w: %d came in and %d is accounted for", ErrUnbalanced, b.inflow, held)
	}
	return nil
}

// find returns the place of an account in a sorted list, and whether it is there.
func find(balances []Balance, a Account) (int, bool) {
	return slices.BinarySearchFunc(balances, a, func(b Balance, a Account) int { return strings.Compare(string(b.Account), string(a)) })
}

// add returns a + b and whether it fits.
func add(a, b incentives.Credits) (incentives.Credits, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}
