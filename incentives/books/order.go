package books

import (
	"fmt"
	"math/bits"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// postings derives what an order moves, from the order and the book, and refuses what
// it may not do. It changes nothing.
func (b *Book) postings(o Order) ([]Posting, error) {
	if err := b.checkFields(o); err != nil {
		return nil, err
	}
	var out []Posting
	move := func(from, to Account, amount incentives.Credits) {
		if amount != 0 {
			out = append(out, Posting{from, -amount}, Posting{to, amount})
		}
	}
	budget, escrow := Budget(o.Experiment), Escrow(o.Experiment, o.Round)
	r := b.rounds[roundKey{o.Experiment, o.Round}]
	state := b.Round(o.Experiment, o.Round)
	switch o.Kind {
	case Fund:
		if err := b.fits(o.Amount); err != nil {
			return nil, err
		}
		move(Sponsor(o.Party), budget, o.Amount)
	case OpenRound:
		if state != "" {
			return nil, wrongState(o, state)
		}
		hi, held := bits.Mul64(uint64(o.Amount), uint64(o.Nodes))
		if hi != 0 || held > 1<<62 {
			return nil, posse.OutOfRange("nodes", fmt.Sprint(o.Nodes), "an escrow below 2^62 micro-credits", "")
		}
		move(budget, escrow, incentives.Credits(held))
	case Settle:
		if state != Open {
			return nil, wrongState(o, state)
		}
		total, err := checkPayments(o.Payments, r.reserve, r.nodes)
		if err != nil {
			return nil, err
		}
		move(escrow, budget, b.Balance(escrow)-total)
	case Publish:
		if state != Settled {
			return nil, wrongState(o, state)
		}
		if err := checkDelivered(o.Delivered, r.payments); err != nil {
			return nil, err
		}
		for _, p := range r.payments {
			to := budget
			if slices.Contains(o.Delivered, p.Node) {
				to = Payable(p.Node)
			}
			move(escrow, to, p.Amount)
		}
	case AbortRound:
		if state != Open && state != Settled {
			return nil, wrongState(o, state)
		}
		move(escrow, budget, b.Balance(escrow))
	case Withdraw:
		move(Payable(o.Party), Settlement, o.Amount)
	case MakeDeposit:
		if err := b.fits(o.Amount); err != nil {
			return nil, err
		}
		move(Sponsor(o.Party), Deposit(o.Party), o.Amount)
	case ReturnDeposit:
		move(Deposit(o.Party), Sponsor(o.Party), o.Amount)
	case Penalty:
		move(Deposit(o.Party), Penalties(o.Experiment), o.Amount)
	case Close:
		if err := b.noRoundOpen(o); err != nil {
			return nil, err
		}
		for _, account := range []Account{budget, Penalties(o.Experiment)} {
			for _, share := range proRata(b.Balance(account), b.funding[o.Experiment]) {
				move(account, share.Account, share.Amount)
			}
		}
	}
	return out, nil
}

// maxInflow bounds all money that is inside, so that no sum of balances overflows.
const maxInflow incentives.Credits = 1 << 62

func (b *Book) fits(amount incentives.Credits) error {
	if amount > maxInflow-b.inflow {
		return posse.OutOfRange("amount", amount.String(), "at most "+(maxInflow-b.inflow).String()+" more", "all books together hold at most 2^62 micro-credits")
	}
	return nil
}

// reads says which fields a kind reads.
type reads struct{ experiment, round, party, amount bool }

func (k Kind) reads() (reads, bool) {
	switch k {
	case Fund, Penalty:
		return reads{experiment: true, party: true, amount: true}, true
	case OpenRound:
		return reads{experiment: true, round: true, amount: true}, true
	case Settle, Publish, AbortRound:
		return reads{experiment: true, round: true}, true
	case Withdraw, MakeDeposit, ReturnDeposit:
		return reads{party: true, amount: true}, true
	case Close:
		return reads{experiment: true}, true
	default:
		return reads{}, false
	}
}

// checkFields refuses fields that are missing, out of range, or not the kind's own.
func (b *Book) checkFields(o Order) error {
	if o.ID == "" || len(o.ID) > maxName {
		return posse.OutOfRange("id", fmt.Sprintf("%d bytes", len(o.ID)), "1 to 256 bytes", "")
	}
	if o.Time < 0 {
		return posse.OutOfRange("time", fmt.Sprint(o.Time), "Unix milliseconds from 0", "")
	}
	needs, known := o.Kind.reads()
	if !known {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "kind", Value: string(o.Kind),
			Message: "there is no such kind of order",
		}
	}
	for _, field := range []struct {
		name       string
		needed, is bool
	}{
		{"experiment", needs.experiment, o.Experiment != ""},
		{"round", needs.round, o.Round != 0},
		{"party", needs.party, o.Party != ""},
		{"amount", needs.amount, o.Amount != 0 || o.Kind == OpenRound},
		{"nodes", o.Kind == OpenRound, o.Nodes != 0},
		{"payments", o.Kind == Settle && len(o.Payments) > 0, len(o.Payments) > 0},
		{"delivered", o.Kind == Publish && len(o.Delivered) > 0, len(o.Delivered) > 0},
	} {
		if field.needed && !field.is {
			return &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: field.name, Message: field.name + " is required to " + string(o.Kind)}
		}
		if !field.needed && field.is {
			return &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_NOT_APPLICABLE", Field: field.name,
				Message: field.name + " says nothing in an order of kind " + string(o.Kind), Hint: "leave it out",
			}
		}
	}
	if o.Amount < 0 {
		return posse.OutOfRange("amount", o.Amount.String(), "a positive amount", "")
	}
	if o.Nodes < 0 {
		return posse.OutOfRange("nodes", fmt.Sprint(o.Nodes), "at least 1", "")
	}
	if needs.experiment {
		if err := checkName("experiment", o.Experiment); err != nil {
			return err
		}
		if b.closed[o.Experiment] {
			return &posse.Error{
				Code: posse.FailedPrecondition, Reason: "EXPERIMENT_CLOSED", Field: "experiment", Value: o.Experiment,
				Message: "the account of the experiment is closed", Hint: "create a new experiment",
			}
		}
	}
	if !needs.party {
		return nil
	}
	if Sponsor(o.Party) == Settlement {
		return posse.OutOfRange("party", o.Party, "any other name", "this account stands for money that left")
	}
	return checkName("party", o.Party)
}

// checkPayments returns the sum of a settlement's payments, each for another node and
// within [bid, reserve].
func checkPayments(payments []Payment, reserve incentives.Credits, nodes int) (incentives.Credits, error) {
	if len(payments) > nodes {
		return 0, posse.OutOfRange("payments", fmt.Sprint(len(payments)), fmt.Sprintf("at most the %d nodes held for", nodes), "")
	}
	total := incentives.Credits(0)
	seen := make(map[string]bool, len(payments))
	for i, p := range payments {
		field := fmt.Sprintf("payments[%d]", i)
		if err := checkName(field+".node", p.Node); err != nil {
			return 0, err
		}
		if seen[p.Node] {
			return 0, posse.OutOfRange(field+".node", p.Node, "each node once", "")
		}
		seen[p.Node] = true
		if p.Amount < 0 || p.Amount > reserve || p.Bid < 0 || p.Bid > p.Amount {
			return 0, posse.OutOfRange(field+".amount", p.Amount.String(), "between the bid and the round's reserve of "+reserve.String(), "")
		}
		total += p.Amount // at most reserve·nodes, which fits
	}
	return total, nil
}

func checkDelivered(delivered []string, payments []Payment) error {
	for i, node := range delivered {
		won := slices.ContainsFunc(payments, func(p Payment) bool { return p.Node == node })
		if !won || slices.Contains(delivered[:i], node) {
			return posse.OutOfRange(fmt.Sprintf("delivered[%d]", i), node, "winners of the round, each once", "nobody else is paid")
		}
	}
	return nil
}

// noRoundOpen refuses to close over money that is held.
func (b *Book) noRoundOpen(o Order) error {
	if _, funded := b.funding[o.Experiment]; !funded {
		return &posse.Error{
			Code: posse.NotFound, Reason: "FIELD_OUT_OF_RANGE", Field: "experiment", Value: o.Experiment,
			Message: "the experiment was never funded",
		}
	}
	for _, balance := range b.balances {
		if experiment, round, ok := balance.Account.escrowOf(); ok && experiment == o.Experiment {
			return &posse.Error{
				Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "experiment", Value: o.Experiment,
				Message: fmt.Sprintf("round %d of %s still holds escrow", round, experiment), Hint: "publish or abort it first",
			}
		}
	}
	return nil
}

// proRata splits an amount by what each sponsor gave, rounded down, the remainder to
// the first sponsor by name. Products are taken in 128 bits.
func proRata(amount incentives.Credits, given []Balance) []Balance {
	if len(given) == 0 {
		return nil
	}
	total := incentives.Credits(0)
	for _, g := range given {
		total += g.Amount
	}
	out, rest := slices.Clone(given), amount
	for i, g := range given {
		hi, lo := bits.Mul64(uint64(amount), uint64(g.Amount))
		share, _ := bits.Div64(hi, lo, uint64(total)) // g ≤ total, so it fits
		out[i].Amount = incentives.Credits(share)
		rest -= out[i].Amount
	}
	out[0].Amount += rest
	return out
}
