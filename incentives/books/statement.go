package books

import (
	"slices"

	"github.com/posse-dev/posse/incentives"
)

// Statement is a node's account for a period: what it had earned and not withdrawn,
// what happened, what is left. It is for that node alone, since it has its bids.
type Statement struct {
	Node    string
	Opening incentives.Credits
	Lines   []Line
	Closing incentives.Credits
}

// Line is a round that the node won, a withdrawal, or a movement of its deposit.
type Line struct {
	Time       int64 // Unix milliseconds
	Kind       Kind  // Publish, AbortRound, Withdraw, MakeDeposit, ReturnDeposit, Penalty
	Experiment string
	Round      uint64
	Bid        incentives.Credits // of a round
	Payment    incentives.Credits // that the settlement fixed for the round
	Delivered  bool               // false: the payment was not booked
	ByReserve  bool               // the reserve set the price; else a rival's offer did
	Amount     incentives.Credits // what it changed of the node's payable
	Deposit    incentives.Credits // what it changed of the node's deposit
}

// Statement returns the node's statement for times in [from, to), Unix milliseconds.
func (b *Book) Statement(node string, from, to int64) Statement {
	s := Statement{Node: node}
	balance := incentives.Credits(0)
	for _, tx := range b.history {
		change, deposit := incentives.Credits(0), incentives.Credits(0)
		for _, p := range tx.Postings {
			switch p.Account {
			case Payable(node):
				change += p.Amount
			case Deposit(node):
				deposit += p.Amount
			}
		}
		if tx.Time < from {
			s.Opening += change
		}
		if tx.Time < to {
			balance += change
		}
		if tx.Time < from || tx.Time >= to {
			continue
		}
		line := Line{Time: tx.Time, Kind: tx.Kind, Experiment: tx.Experiment, Round: tx.Round, Amount: change, Deposit: deposit}
		switch tx.Kind {
		case Publish, AbortRound:
			payments := b.rounds[roundKey{tx.Experiment, tx.Round}].payments
			at := slices.IndexFunc(payments, func(p Payment) bool { return p.Node == node })
			if at < 0 {
				continue
			}
			line.Bid, line.Payment, line.ByReserve = payments[at].Bid, payments[at].Amount, payments[at].ByReserve
			line.Delivered = slices.Contains(tx.Delivered, node)
		case Withdraw, MakeDeposit, ReturnDeposit, Penalty:
			if tx.Party != node {
				continue
			}
		default:
			continue
		}
		s.Lines = append(s.Lines, line)
	}
	s.Closing = balance
	return s
}
