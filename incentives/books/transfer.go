package books

import (
	"slices"

	"github.com/posse-dev/posse/incentives"
)

// Kind says what an order does.
type Kind string

// The kinds of orders and the fields each of them reads beside ID and Time.
const (
	Fund          Kind = "fund"           // Experiment, Party (the sponsor), Amount
	OpenRound     Kind = "open"           // Experiment, Round, Amount (the announced reserve), Nodes
	Settle        Kind = "settle"         // Experiment, Round, Payments
	Publish       Kind = "publish"        // Experiment, Round, Delivered
	AbortRound    Kind = "abort"          // Experiment, Round
	Withdraw      Kind = "withdraw"       // Party (the node), Amount
	MakeDeposit   Kind = "deposit"        // Party (the node), Amount
	ReturnDeposit Kind = "return-deposit" // Party (the node), Amount
	Penalty       Kind = "penalty"        // Experiment, Party (the node), Amount
	Close         Kind = "close"          // Experiment
)

// Order is what is to happen. Fields that its kind does not read must be zero.
type Order struct {
	ID         string // unique; the same order under the same id is applied once
	Time       int64  // Unix milliseconds, from the log
	Kind       Kind
	Experiment string
	Round      uint64 // from 1
	Party      string
	Amount     incentives.Credits // positive; the reserve of OpenRound may be 0 (an unpaid round)
	Nodes      int                // enrolled active nodes, each of which the reserve is held for
	Payments   []Payment          // winners in the order of picking
	Delivered  []string           // the winners whose valid report arrived
}

// Payment is what a settlement fixed for one winner.
type Payment struct {
	Node   string
	Amount incentives.Credits // at most the round's announced reserve
	Bid    incentives.Credits // at most Amount; for the node's own statement, never exported
	// ByReserve tells whether the reserve set the price, or (false) a rival's offer.
	ByReserve bool
}

// Posting moves an amount into an account, or out of it when negative.
type Posting struct {
	Account Account
	Amount  incentives.Credits
}

// Transaction is an order and the postings that it came to.
type Transaction struct {
	Order
	Postings []Posting // sum exactly 0, none of them 0
}

// equal reports whether two orders ask for the same.
func (o Order) equal(p Order) bool {
	return o.ID == p.ID && o.Time == p.Time && o.Kind == p.Kind && o.Experiment == p.Experiment && o.Round == p.Round &&
		o.Party == p.Party && o.Amount == p.Amount && o.Nodes == p.Nodes &&
		slices.Equal(o.Payments, p.Payments) && slices.Equal(o.Delivered, p.Delivered)
}

// clone copies an order, so that nobody changes the book's history from outside.
func (o Order) clone() Order {
	o.Payments, o.Delivered = slices.Clone(o.Payments), slices.Clone(o.Delivered)
	return o
}

func (tx Transaction) clone() Transaction {
	return Transaction{Order: tx.Order.clone(), Postings: slices.Clone(tx.Postings)}
}
