package verify

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
)

// settle books what a settlement fixed and, where bids are public, holds the auction
// again.
func (r *replay) settle(b settleBody) {
	e, o := r.round(b.Experiment, b.Round)
	if e == nil {
		return
	}
	if o.settled {
		r.fail("round %d is settled twice", b.Round)
		return
	}
	o.settled, o.winners, o.pivotal, o.share = true, b.Winners, b.Pivotal, b.Share
	for _, x := range b.Excluded {
		o.left = append(o.left, x.Node)
	}
	bids, open := r.bids(o)
	var payments []books.Payment
	for _, p := range b.Winners {
		if o.offer(p.Node) == nil {
			r.fail("%s is bought and offered nothing", p.Node)
		}
		if p.Amount > o.Reserve {
			r.fail("%s is paid %d, above the announced reserve of %d", p.Node, p.Amount, o.Reserve)
		}
		payment := books.Payment{Node: p.Node, Amount: incentives.Credits(p.Amount), ByReserve: o.Paid && p.Amount == o.Reserve}
		if at := slices.IndexFunc(o.offers, func(x offerBody) bool { return x.Node == p.Node }); open && at >= 0 {
			payment.Bid = bids[at]
		}
		payments = append(payments, payment)
	}
	if !o.Paid {
		return
	}
	r.struck(e, o, b)
	r.booked(books.Order{
		ID: id("settle", b.Experiment, b.Round), Kind: books.Settle, Experiment: b.Experiment, Round: b.Round, Payments: payments,
	})
	if r.payments != nil {
		r.payments.rounds = append(r.payments.rounds, settlement(o))
	}
	if open {
		r.auction(e, o, bids)
	}
}

// struck holds who was left out for not delivering to what the log says of it.
func (r *replay) struck(e *experimentLog, o *roundLog, b settleBody) {
	for _, offer := range o.offers {
		said := slices.Contains(b.Excluded, leftBody{offer.Node, string(auction.NotDelivering)})
		if is := auction.Struck(e.failures[offer.Node], o.Round); is != said {
			r.fail("that %s is left out of round %d for not delivering is %v, and follows to be %v", offer.Node, o.Round, said, is)
		}
	}
}

// auction settles again where all bids are public or opened.
func (r *replay) auction(e *experimentLog, o *roundLog, bids []incentives.Credits) {
	rule, worth, ok := r.lots(e, o)
	if !ok {
		return
	}
	var offers []incentives.Offer
	for i, offer := range o.offers {
		if worth[i].Dimension() > 0 && !auction.Struck(e.failures[offer.Node], o.Round) {
			offers = append(offers, incentives.Offer{Node: offer.Node, Bid: bids[i], Information: worth[i]})
		}
	}
	recorded := auction.Outcome{Payments: credits(o.winners), ShareUnits: int64(o.share)}
	for _, w := range o.winners {
		recorded.Winners = append(recorded.Winners, w.Node)
	}
	holds := true
	for _, d := range auction.Verify(rule, offers, recorded, auction.AuditTolerance()) {
		if d.Violation {
			holds = false
			r.fail("the auction of round %d gives another result: %s of %s is %s, recomputed %s", o.Round, d.Field, d.Node, d.Recorded, d.Recomputed)
		}
	}
	r.rounds.Recomputed++
	if r.payments != nil {
		r.payments.settled(r, o, rule, offers, recorded, holds)
	}
}

// bids returns what each offer of a round asks, and whether all are known: public in
// the log, or opened. A bid that is not the committed one is a problem.
func (r *replay) bids(o *roundLog) ([]incentives.Credits, bool) {
	out := make([]incentives.Credits, len(o.offers))
	for i, offer := range o.offers {
		if len(offer.Signed) == 0 {
			opened, known := r.openings[openingKey{o.Experiment, o.Round, offer.Node}]
			if !known {
				return nil, false
			}
			if commitment(opened.Bid, opened.Nonce[:]) != offer.Bid {
				r.fail("what was given as the bid of %s in round %d is not what it committed to", offer.Node, o.Round)
				return nil, false
			}
			out[i] = incentives.Credits(opened.Bid)
			continue
		}
		var signed possev1.Offer
		if err := proto.Unmarshal(offer.Signed, &signed); err != nil {
			r.fail("the offer of %s can't be read", offer.Node)
			return nil, false
		}
		if commitment(signed.GetBidMicro(), signed.GetNonce()) != offer.Bid {
			r.fail("the bid of %s is not the one that was committed to", offer.Node)
		}
		out[i] = incentives.Credits(signed.GetBidMicro())
	}
	return out, true
}

// lots returns the rule of a round and what each offer is worth, of dimension 0 where
// that can't be told: such an offer was left out of the auction, too. It reads no bid.
func (r *replay) lots(e *experimentLog, o *roundLog) (rule auction.Rule, worth []statistics.Information, ok bool) {
	file, err := experiment.Read(o.Experiment, e.file)
	if err != nil || file.Incentives == nil {
		r.fail("the experiment's file can't be read: %v", err)
		return rule, nil, false
	}
	shared, err := catalogue.Default().Shared(file.Policy.Name, file.Settings())
	if err != nil {
		r.fail("the experiment's policy is not known here: %v", err)
		return rule, nil, false
	}
	prior, err := published(shared, e.model)
	if err != nil {
		r.fail("what was published can't be weighed: %v", err)
		return rule, nil, false
	}
	worth = make([]statistics.Information, len(o.offers))
	for i, offer := range o.offers {
		if v, err := r.worth(shared, e, offer); err == nil {
			worth[i] = v
		}
	}
	return auction.Rule{
		Prior: prior, Reserve: incentives.Credits(o.Reserve),
		Coverage: file.Incentives.Coverage.Float64(), Threshold: file.Incentives.Threshold.Float64(),
	}, worth, true
}

// published is the auction's prior: the identity and everything published.
func published(shared mechanisms.Shared, m mechanisms.Model) (statistics.Information, error) {
	identity := statistics.Counts(slices.Repeat([]float64{1}, shared.Dimension())...)
	var sum statistics.Information
	for i, p := range m.Parts {
		more, err := shared.Information(p.Descriptor, p.Descriptor.Layout.Claim(p.Sum))
		if err != nil {
			return sum, err
		}
		if i == 0 {
			sum = more
		} else if sum, err = sum.Add(more); err != nil {
			return sum, err
		}
	}
	if len(m.Parts) == 0 {
		return identity, nil
	}
	sum, err := sum.Repair(0, 0) // noise may leave a negative count
	if err != nil {
		return sum, err
	}
	if !sum.Diagonal() {
		identity = identity.Dense()
	}
	return sum.Add(identity)
}

// worth is the information of one offer.
func (r *replay) worth(shared mechanisms.Shared, e *experimentLog, offer offerBody) (total statistics.Information, err error) {
	for i, c := range offer.Leaves {
		d, err := mechanisms.DecodeDescriptor(e.descriptors[c.Descriptor])
		if err != nil {
			return total, err
		}
		claim, err := statistics.Decode(c.Claim)
		if err != nil {
			return total, err
		}
		more, err := shared.Information(d, claim)
		if err != nil {
			return total, err
		}
		if i == 0 {
			total = more
		} else if total, err = total.Add(more); err != nil {
			return total, err
		}
	}
	return total, total.Valid()
}
