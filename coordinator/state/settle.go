package state

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// settle fixes who is chosen and what each is paid on delivery. The leader computed
// it from the recorded offers; the machine holds it to the reserve, to the bids and
// to the offers. A settlement without winners is an abort instead.
func (t *turn) settle(c *possev1.Settle) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Offering)
	if err != nil {
		return refusal(err)
	}
	if len(c.GetWinners()) == 0 {
		return refusal(malformed("winners", "none", "at least one: abort the round instead"))
	}
	if c.GetInformationShare() > 1<<32 {
		return refusal(outOfRange("information_share", fmt.Sprint(c.GetInformationShare()), "[0, 2^32]"))
	}
	if len(c.GetInputs()) != 32 {
		return refusal(malformed("inputs", "another length", "32 bytes"))
	}
	var winners []Payment
	var payments []books.Payment
	for i, w := range c.GetWinners() {
		o := r.Offer(w.GetNode())
		amount := incentives.Credits(w.GetMicro())
		field := fmt.Sprintf("winners[%d]", i)
		switch {
		case o == nil:
			return refusal(malformed(field, printable(w.GetNode()), "a node whose offer is recorded"))
		case slices.ContainsFunc(winners, func(p Payment) bool { return p.Node == o.Node }):
			return refusal(malformed(field, o.Node, "each node once"))
		case !e.Rules.Paid && amount != 0:
			return refusal(outOfRange(field, amount.String(), "0: nobody is paid here"))
		}
		winners = append(winners, Payment{o.Node, amount})
		payments = append(payments, books.Payment{Node: o.Node, Amount: amount, Bid: o.Bid, ByReserve: amount == r.Reserve})
	}
	pivotal, excluded, err := settleNames(r, winners, c)
	if err != nil {
		return refusal(err)
	}
	if e.Rules.Paid {
		if err := t.order(books.Order{
			ID: roundID("settle", e, r.ID), Kind: books.Settle, Experiment: e.Name, Round: r.ID, Payments: payments,
		}); err != nil {
			return refusal(err)
		}
	}
	r.Phase, r.Settled = Collecting, t.now
	r.Winners, r.Pivotal, r.Excluded, r.Share = winners, pivotal, excluded, c.GetInformationShare()
	for _, w := range winners {
		e.Member(w.Node).Wins++
	}
	e.Changed = t.index
	view := settleView{Experiment: e.Name, Round: r.ID, Pivotal: pivotal, Share: r.Share, Inputs: c.GetInputs()}
	for _, w := range winners {
		view.Winners = append(view.Winners, paymentView{w.Node, int64(w.Amount)})
	}
	for _, x := range excluded {
		view.Excluded = append(view.Excluded, exclusionView(x))
	}
	t.view = view
	return Result{}
}

func settleNames(r *Round, winners []Payment, c *possev1.Settle) (pivotal []string, excluded []Exclusion, err error) {
	won := func(node string) bool {
		return slices.ContainsFunc(winners, func(p Payment) bool { return p.Node == node })
	}
	for _, node := range c.GetPivotal() {
		if !won(node) {
			return nil, nil, malformed("pivotal", printable(node), "winners")
		}
		pivotal = append(pivotal, node)
	}
	for _, x := range c.GetExcluded() {
		if r.Offer(x.GetNode()) == nil || won(x.GetNode()) || len(x.GetReason()) > nameMax {
			return nil, nil, malformed("excluded", printable(x.GetNode()), "losers, with a reason")
		}
		excluded = append(excluded, Exclusion{x.GetNode(), x.GetReason()})
	}
	return pivotal, excluded, nil
}
