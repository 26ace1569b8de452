package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/possev1"
)

// recordOffers records a batch of signed offers, one by one: a bad one is refused
// alone. The signatures were checked by who proposed them; the log carries them.
func (t *turn) recordOffers(c *possev1.RecordOffers) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Offering)
	if err != nil {
		return t.lateOffers(c, err)
	}
	view := offersView{Experiment: e.Name, Round: r.ID}
	var result Result
	for _, signed := range c.GetOffers() {
		item := Item{Node: signed.GetNode()}
		offer, duplicate, err := t.offer(e, r, signed)
		switch {
		case err != nil:
			item.Err = posse.As(err)
			if first := r.Offer(signed.GetNode()); item.Err.Reason == "CONFLICT" && first != nil && !first.Conflict {
				first.Conflict = true
				e.Member(first.Node).Conflicts++
				view.Conflicts = append(view.Conflicts, conflictView{first.Node, hexOf(first.Digest), hexOf(digest(signed.GetSigned().GetOffer()))})
			}
		case duplicate:
			item.Duplicate = true
		default:
			t.take(e, r, offer)
			view.Offers = append(view.Offers, viewOffer(e, offer, signed.GetSigned()))
		}
		result.Items = append(result.Items, item)
	}
	if len(view.Offers)+len(view.Conflicts) > 0 {
		t.view = view
	}
	return result
}

// lateOffers answers offers for a round that takes none: what was recorded is a
// duplicate, anything else is refused.
func (t *turn) lateOffers(c *possev1.RecordOffers, late error) Result {
	e := t.Experiment(c.GetExperiment())
	if e == nil {
		return refusal(late)
	}
	var result Result
	for _, signed := range c.GetOffers() {
		item := Item{Node: signed.GetNode(), Err: posse.As(late)}
		got, known := e.Recorded(c.GetRound(), signed.GetNode())
		if known && got.Digest == digest(signed.GetSigned().GetOffer()) {
			item.Err, item.Duplicate = nil, true
		}
		result.Items = append(result.Items, item)
	}
	return result
}

// Recorded returns what is remembered of a node's offer and report in a round, open
// or finished.
func (e *Experiment) Recorded(round uint64, node string) (Offered, bool) {
	if r := e.Round; r != nil && r.ID == round {
		o := r.Offer(node)
		if o == nil {
			return Offered{}, false
		}
		out := Offered{Node: node, Digest: o.Digest}
		if report := r.Report(node); report != nil {
			out.Report = report.Digest
		}
		return out, true
	}
	if record := e.Record(round); record != nil {
		for _, o := range record.Offered {
			if o.Node == node {
				return o, true
			}
		}
	}
	return Offered{}, false
}

// offer checks one offer. It changes nothing.
func (t *turn) offer(e *Experiment, r *Round, signed *possev1.NodeOffer) (offer *Offer, duplicate bool, err error) {
	n := t.Node(signed.GetNode())
	if n == nil || n.Revoked {
		return nil, false, notEnrolled()
	}
	raw := signed.GetSigned().GetOffer()
	if first := r.Offer(n.Name); first != nil {
		if first.Digest == digest(raw) {
			return nil, true, nil
		}
		return nil, false, conflict("offer", "another offer of this node is recorded in this round")
	}
	var o possev1.Offer
	if err := proto.Unmarshal(raw, &o); err != nil || hasUnknown(o.ProtoReflect()) {
		return nil, false, malformed("offer", "no offer of this version", "an Offer")
	}
	if o.GetExperiment() != e.Name || o.GetRound() != r.ID {
		return nil, false, &posse.Error{
			Code: posse.InvalidArgument, Reason: "WRONG_EXPERIMENT", Field: "offer",
			Message: "the offer was signed for another experiment or round",
		}
	}
	if len(o.GetNonce()) != 32 {
		return nil, false, malformed("nonce", "another length", "32 bytes")
	}
	if o.GetBidMicro() < 0 || o.GetBidMicro() > int64(incentives.MaxCredits) {
		return nil, false, outOfRange("bid", "outside", "[0, 1000000] credits")
	}
	if n := len(o.GetLeaves()); n == 0 || n > possev1.LeavesMax {
		return nil, false, outOfRange("leaves", fmt.Sprint(n), fmt.Sprintf("[1, %d]", possev1.LeavesMax))
	}
	offer = &Offer{Node: n.Name, Bid: incentives.Credits(o.GetBidMicro()), Nonce: [32]byte(o.GetNonce()), Digest: digest(raw)}
	member := e.Member(n.Name)
	for i, l := range o.GetLeaves() {
		claim, err := e.claim(member, l)
		if err != nil {
			return nil, false, err
		}
		if i > 0 && claim.Leaf <= offer.Leaves[i-1].Leaf {
			return nil, false, malformed("leaves", "not in ascending order", "each leaf once, ascending")
		}
		offer.Leaves = append(offer.Leaves, claim)
	}
	return offer, false, nil
}

// claim checks one leaf of an offer: one that was offered before is the very same
// release, and none was bought before.
func (e *Experiment) claim(m *Member, l *possev1.LeafClaim) (Claim, error) {
	if len(l.GetDescriptor_()) != 32 || len(l.GetDigest()) != 32 {
		return Claim{}, malformed("leaves.digest", "another length", "32 bytes")
	}
	c := Claim{
		Leaf: l.GetLeaf(), Descriptor: [32]byte(l.GetDescriptor_()), Digest: [32]byte(l.GetDigest()), Claim: l.GetClaim(),
		Spend: dp.Spend{NanoEpsilon: l.GetNanoEpsilon(), PicoRho: l.GetPicoRho(), AttoDelta: l.GetAttoDelta()},
	}
	if !e.Known(c.Descriptor) {
		return c, malformed("leaves.descriptor", "unknown", "the digest of a descriptor of this experiment")
	}
	if _, err := statistics.Decode(c.Claim); err != nil {
		return c, malformed("leaves.claim", "no statistics", "canonical bytes of statistics")
	}
	if at, offered := m.leaf(c.Leaf); offered {
		known := m.Leaves[at]
		if known.Bought != 0 {
			return c, &posse.Error{
				Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "leaves.leaf", Value: fmt.Sprint(c.Leaf),
				Message: fmt.Sprintf("the leaf was bought in round %d", known.Bought), Hint: "a leaf is sold once",
			}
		}
		if known.Digest != c.Digest || known.Descriptor != c.Descriptor || known.Spend != c.Spend {
			return c, &posse.Error{
				Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "leaves.digest", Value: fmt.Sprint(c.Leaf),
				Message: "the leaf was offered before with other bytes", Hint: "a leaf is noised once and offered as it is",
			}
		}
	}
	return c, nil
}

// take records an offer, and enters what its new leaves cost into the ledger: in
// local and silo the whole report is charged by the node when it offers.
func (t *turn) take(e *Experiment, r *Round, offer *Offer) {
	m := e.Member(offer.Node)
	for _, c := range offer.Leaves {
		if at, offered := m.leaf(c.Leaf); !offered {
			m.Leaves = slices.Insert(m.Leaves, at, Leaf{Number: c.Leaf, Descriptor: c.Descriptor, Digest: c.Digest, Spend: c.Spend, Offered: r.ID})
		}
	}
	m.Offers++
	m.LastOffer, m.Changed = t.now, t.index
	at, _ := r.offer(offer.Node)
	r.Offers = slices.Insert(r.Offers, at, offer)
}

func notEnrolled() *posse.Error {
	return &posse.Error{
		Code: posse.PermissionDenied, Reason: "NOT_ENROLLED", Field: "node",
		Message: "the node is not enrolled", Hint: "join with an invite",
	}
}

// BidCommitment is what the log shows of a bid unless bids are public:
//
//	SHA-256("posse/1 bid" ‖ 0x00 ‖ bid in micro-credits as 8 bytes, big endian ‖ nonce)
//
// The nonce has 256 bits and is never published beside it, so the few possible bids
// can't be tried; showing the nonce opens the commitment.
func BidCommitment(bid incentives.Credits, nonce [32]byte) [32]byte {
	text := binary.BigEndian.AppendUint64([]byte("posse/1 bid\x00"), uint64(bid))
	return sha256.Sum256(append(text, nonce[:]...))
}

// NonceHash is what the draw of grants takes, and the log shows, in a nonce's place:
// SHA-256("posse/1 nonce" ‖ 0x00 ‖ nonce). The nonce itself would open the bid.
func NonceHash(nonce [32]byte) [32]byte {
	return sha256.Sum256(append([]byte("posse/1 nonce\x00"), nonce[:]...))
}
