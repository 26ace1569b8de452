package verify

import (
	"slices"
	"strings"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
)

// Opening shows a bid that the log holds as a commitment.
type Opening struct {
	Experiment string `json:"experiment"`
	Round      uint64 `json:"round"`
	Node       string `json:"node"`
	Bid        int64  `json:"bid"`   // micro-credits
	Nonce      digest `json:"nonce"` // hexadecimal in JSON
}

type openingKey struct {
	experiment string
	round      uint64
	node       string
}

// Payments is what an audit of the payments found.
type Payments struct {
	Rounds     uint64 `json:"rounds"`     // paid and settled
	Recomputed uint64 `json:"recomputed"` // of them, those whose bids are public or opened
	// OtherBids is how many bids that were not made were tried in the recomputed
	// rounds: each node's at 0, 0.5, 0.9, 1.1 and 2 times and above the reserve, each
	// winner's at its payment and a micro-credit over it.
	OtherBids   uint64       `json:"otherBids"`
	Settlements []Settlement `json:"settlements"`
	Rivals      []Rival      `json:"rivals"`
	Problems    []Problem    `json:"problems"`
	Verdict     string       `json:"verdict"` // consistent or violated
}

// Settlement is one paid round. Money is in micro-credits.
type Settlement struct {
	Experiment string             `json:"experiment"`
	Round      uint64             `json:"round"`
	Winners    int                `json:"winners"`
	Pivotal    int                `json:"pivotal"` // of the winners
	Paid       incentives.Credits `json:"paid"`    // if all delivered
	// ReserveCost is what the same winners would have cost at the reserve.
	ReserveCost incentives.Credits `json:"reserveCost"`
	Recomputed  bool               `json:"recomputed"`
}

// Rival says how often one node's offer set another's price in recomputed rounds, and
// how often it won at that. A rival that sets prices and hardly ever wins may bid
// high for a friend: that is not prevented, and bounded by the reserve.
type Rival struct {
	Node  string `json:"node"`  // whose price was set
	SetBy string `json:"setBy"` // by whose offer
	Times uint64 `json:"times"`
	Won   uint64 `json:"won"` // of these rounds, those that SetBy won in itself
}

// AuditPayments verifies a log with everything that [Log] looks at, and audits each
// paid round: the auction again, and what every node would have got with another bid
// ([auction.Counterfactuals]). Bids that are neither public nor opened leave a round
// unrecomputed, which is no problem and is said.
func AuditPayments(b Bundle) Payments {
	r := newReplay(b)
	r.payments = &paymentAudit{pairs: map[[2]string]*Rival{}}
	checked := r.run(b)
	out := Payments{
		Rounds: uint64(len(r.payments.rounds)), Recomputed: checked.Rounds.Recomputed, OtherBids: r.payments.tried,
		Settlements: r.payments.rounds, Problems: checked.Problems, Verdict: "consistent",
	}
	for _, rival := range r.payments.pairs {
		out.Rivals = append(out.Rivals, *rival)
	}
	slices.SortFunc(out.Rivals, func(a, b Rival) int {
		if c := strings.Compare(a.Node, b.Node); c != 0 {
			return c
		}
		return strings.Compare(a.SetBy, b.SetBy)
	})
	if len(out.Problems) > 0 {
		out.Verdict = "violated"
	}
	return out
}

// paymentAudit is what an audit gathers while it replays.
type paymentAudit struct {
	rounds []Settlement
	tried  uint64
	pairs  map[[2]string]*Rival
}

// settlement sums a recorded round up.
func settlement(o *roundLog) Settlement {
	out := Settlement{Experiment: o.Experiment, Round: o.Round, Winners: len(o.winners), Pivotal: len(o.pivotal)}
	for _, w := range o.winners {
		out.Paid += incentives.Credits(w.Amount)
		out.ReserveCost += incentives.Credits(o.Reserve)
	}
	return out
}

// settled audits a round that was recomputed. Where the record holds within the
// tolerance for another processor's floats, other bids are compared with the
// recomputed payments, so that the comparison is exact.
func (p *paymentAudit) settled(r *replay, o *roundLog, rule auction.Rule, offers []incentives.Offer, recorded auction.Outcome, holds bool) {
	p.rounds[len(p.rounds)-1].Recomputed = true
	again, err := auction.Settle(rule, offers)
	if err != nil {
		return // said by Verify
	}
	if !slices.Equal(again.Pivotal, o.pivotal) {
		r.fail("round %d says that %v are pivotal, and %v are", o.Round, o.pivotal, again.Pivotal)
	}
	for node, rival := range again.SetBy {
		key := [2]string{node, rival}
		if p.pairs[key] == nil {
			p.pairs[key] = &Rival{Node: node, SetBy: rival}
		}
		p.pairs[key].Times++
		if slices.Contains(again.Winners, rival) {
			p.pairs[key].Won++
		}
	}
	if holds {
		recorded = again
	}
	all, err := auction.Counterfactuals(rule, offers, recorded)
	if err != nil {
		r.fail("other bids can't be tried: %v", err)
		return
	}
	p.tried += uint64(len(all))
	for _, c := range all {
		if c.Breach != "" {
			r.fail("round %d is not truthful for %s, with %s: %s", o.Round, c.Node, c.Instead, c.Breach)
		}
	}
}
