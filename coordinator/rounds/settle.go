package rounds

import (
	"crypto/sha256"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// offerCame checks an offer and queues it for the next batch, or answers at once.
func (t *turn) offerCame(e OfferCame) {
	var o possev1.Offer
	if err := proto.Unmarshal(e.Signed.GetOffer(), &o); err != nil {
		t.answer(e.Ticket, false, malformed("offer"))
		return
	}
	d, x := t.desk(o.GetExperiment()), t.state.Experiment(o.GetExperiment())
	if d == nil {
		t.answer(e.Ticket, false, wrongExperiment())
		return
	}
	if got, known := x.Recorded(o.GetRound(), e.Node); known && got.Digest == sha256.Sum256(e.Signed.GetOffer()) {
		t.answer(e.Ticket, true, nil)
		return
	}
	if x.Round == nil || x.Round.ID != o.GetRound() || x.Round.Phase != state.Offering {
		t.answer(e.Ticket, false, closed(x, o.GetRound()))
		return
	}
	if err := t.signed(e.Node, peer.OfferContext, e.Signed.GetOffer(), e.Signed.GetSignature()); err != nil {
		t.answer(e.Ticket, false, err)
		return
	}
	if len(o.GetLeaves()) == 0 { // nothing to offer in this round
		d.declined[e.Node] = o.GetRound()
		t.answer(e.Ticket, false, nil)
		t.advance(d.name)
		return
	}
	if err := t.fits(x, &o); err != nil {
		t.answer(e.Ticket, false, err)
		return
	}
	d.offers = append(d.offers, queued{node: e.Node, round: o.GetRound(), ticket: e.Ticket, offer: e.Signed})
	t.advance(d.name)
}

// signed checks that the node itself wrote the message.
func (t *turn) signed(node, context string, message, signature []byte) error {
	n := t.state.Node(node)
	if n == nil || n.Revoked {
		return &posse.Error{
			Code: posse.PermissionDenied, Reason: "NOT_ENROLLED", Field: "node",
			Message: "the node is not enrolled", Hint: "join with an invite",
		}
	}
	return t.config.Verify(n.PeerID, context, message, signature)
}

// fits holds the claims of an offer to their descriptors, and what a record is said
// to have cost to the first one: epsilon may be lowered later, never raised.
func (t *turn) fits(e *state.Experiment, o *possev1.Offer) error {
	p, err := t.problem(e)
	if err != nil {
		return err
	}
	first, err := p.descriptor(e, e.Initial().Digest)
	if err != nil {
		return err
	}
	most, err := first.Layout.RecordSpend()
	if err != nil {
		return err
	}
	for _, l := range o.GetLeaves() {
		if len(l.GetDescriptor_()) != 32 {
			return malformed("leaves.descriptor")
		}
		spend := dp.Spend{NanoEpsilon: l.GetNanoEpsilon(), PicoRho: l.GetPicoRho(), AttoDelta: l.GetAttoDelta()}
		if spend.Exceeds(most) {
			return malformed("leaves.nano_epsilon")
		}
		d, claim, err := p.claim(e, [32]byte(l.GetDescriptor_()), l.GetClaim())
		if err != nil {
			return err
		}
		if p.shared.Check(d, claim) != nil || !plausible(d.Layout, claim, p.file.Rounds.MaxRecords) {
			return malformed("leaves.claim")
		}
		if _, err := p.shared.Information(d, claim); err != nil {
			return malformed("leaves.claim")
		}
	}
	return nil
}

func wrongExperiment() error {
	return &posse.Error{
		Code: posse.NotFound, Reason: "WRONG_EXPERIMENT", Field: "experiment", Message: "there is no such experiment",
	}
}

// offering records the offers that came, or settles when nobody is waited for.
func (t *turn) offering(e *state.Experiment, d *desk) {
	if len(d.offers) > 0 {
		var batch []queued
		batch, d.offers = batchOf(d.offers)
		c := &possev1.RecordOffers{Experiment: e.Name, Round: e.Round.ID}
		for _, q := range batch {
			c.Offers = append(c.Offers, &possev1.NodeOffer{Node: q.node, Signed: q.offer})
		}
		t.propose(d, "offers", &possev1.Command{Body: &possev1.Command_RecordOffers{RecordOffers: c}}, batch...)
		return
	}
	if t.now < e.Round.OfferBy && t.waits(e, d) {
		return
	}
	t.settle(e, d)
}

// waits reports whether some node that is there has neither offered nor declined.
func (t *turn) waits(e *state.Experiment, d *desk) bool {
	young := t.now-t.config.Elected < graceMs
	for _, n := range t.state.Active() {
		seen, known := t.seen[n.Name]
		there := known && t.now-seen < seenMs || young && !known
		if there && e.Round.Offer(n.Name) == nil && d.declined[n.Name] != e.Round.ID {
			return true
		}
	}
	return false
}

// Lots are a round's offers as the auction takes them, recomputed from the state.
type Lots struct {
	Rule   auction.Rule
	Offers []incentives.Offer
	Bad    []string // offers whose information can't be used, by node
	Struck []string // offers of nodes that won and did not deliver too often, by node
}

// Depends says how much the open round of an experiment depends on single nodes, and
// what its target is called: coverage or threshold.
func Depends(c catalogue.Catalogue, e *state.Experiment) (auction.Dependence, string, error) {
	p, err := newProblem(c, e)
	if err != nil {
		return auction.Dependence{}, "", err
	}
	lots, err := p.lots(e)
	if err != nil {
		return auction.Dependence{}, "", err
	}
	target := "coverage"
	if lots.Rule.Threshold != 0 {
		target = "threshold"
	}
	depends, err := auction.Depends(lots.Rule, lots.Offers)
	return depends, target, err
}

// lots reads the recorded offers.
func (t *turn) lots(e *state.Experiment) (Lots, error) {
	p, err := t.problem(e)
	if err != nil {
		return Lots{}, err
	}
	return p.lots(e)
}

func (p *problem) lots(e *state.Experiment) (Lots, error) {
	var parts []*state.Part
	if v := e.Newest(); v != nil {
		parts = v.Parts
	}
	prior, err := p.prior(parts, e)
	if err != nil {
		return Lots{}, err
	}
	out := Lots{Rule: auction.Rule{Prior: prior, Reserve: e.Round.Reserve}}
	if money := p.file.Incentives; money != nil {
		out.Rule.Coverage, out.Rule.Threshold = money.Coverage.Float64(), money.Threshold.Float64()
	}
	for _, o := range e.Round.Offers {
		if e.Rules.Paid && auction.Struck(failures(e, o.Node), e.Round.ID) {
			out.Struck = append(out.Struck, o.Node)
			continue
		}
		worth, err := p.worth(e, o)
		if err != nil {
			out.Bad = append(out.Bad, o.Node)
			continue
		}
		out.Offers = append(out.Offers, incentives.Offer{Node: o.Node, Bid: o.Bid, Information: worth})
	}
	return out, nil
}

// failures are the rounds that a node won and did not deliver in, ascending. A round
// that ended early, by the operator or for want of others, is nobody's failure.
func failures(e *state.Experiment, node string) (out []uint64) {
	for _, r := range e.Rounds {
		over := r.Phase == state.Published || r.Reason == "deadline"
		won := slices.ContainsFunc(r.Winners, func(p state.Payment) bool { return p.Node == node })
		if over && won && !slices.Contains(r.Delivered, node) {
			out = append(out, r.ID)
		}
	}
	return out
}

// settle picks and prices the winners. Without any the round is aborted: reports
// stay on offer at their nodes.
func (t *turn) settle(e *state.Experiment, d *desk) {
	lots, err := t.lots(e)
	if err != nil || len(lots.Offers) == 0 {
		t.abort(e, d, "quorum")
		return
	}
	c := &possev1.Settle{Experiment: e.Name, Round: e.Round.ID, Inputs: inputs(e, lots)}
	for _, node := range lots.Bad {
		c.Excluded = append(c.Excluded, &possev1.Exclusion{Node: node, Reason: string(auction.InformationInvalid)})
	}
	for _, node := range lots.Struck {
		c.Excluded = append(c.Excluded, &possev1.Exclusion{Node: node, Reason: string(auction.NotDelivering)})
	}
	if e.Rules.Paid {
		out, err := auction.Settle(lots.Rule, lots.Offers)
		if err != nil {
			t.abort(e, d, "quorum")
			return
		}
		for _, node := range out.Winners {
			c.Winners = append(c.Winners, &possev1.Payment{Node: node, Micro: int64(out.Payments[node])})
		}
		for _, o := range lots.Offers {
			if reason, left := out.Excluded[o.Node]; left {
				c.Excluded = append(c.Excluded, &possev1.Exclusion{Node: o.Node, Reason: string(reason)})
			}
		}
		c.Pivotal, c.InformationShare = out.Pivotal, uint64(max(0, out.ShareUnits))
	} else {
		for _, o := range lots.Offers {
			c.Winners = append(c.Winners, &possev1.Payment{Node: o.Node})
		}
		c.InformationShare = 1 << 32
	}
	if len(c.Winners) < max(1, int(e.Rules.MinContributors)) {
		t.abort(e, d, "quorum")
		return
	}
	t.propose(d, "settle", &possev1.Command{Body: &possev1.Command_Settle{Settle: c}})
}

// inputs is the SHA-256 of what a settlement was computed from: the offers' digests
// and the announced reserve, with the version that the prior is.
func inputs(e *state.Experiment, lots Lots) []byte {
	text := []byte("posse/1 settle\x00" + e.Name + "\x00" + uintText(e.Round.ID) + "\x00" + uintText(e.Version()) + "\x00" + uintText(uint64(lots.Rule.Reserve)))
	for _, o := range e.Round.Offers {
		text = append(text, o.Digest[:]...)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// eligible are the offers that the information game is played over: all that took
// part in the auction, chosen or not, so that a low bid buys no contribution.
func (l Lots) eligible(r *state.Round) (nodes []string, worth []statistics.Information) {
	for _, o := range l.Offers {
		if slices.ContainsFunc(r.Excluded, func(x state.Exclusion) bool { return x.Node == o.Node }) {
			continue
		}
		nodes, worth = append(nodes, o.Node), append(worth, o.Information)
	}
	return nodes, worth
}
