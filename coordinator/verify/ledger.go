package verify

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// release is one delivered leaf.
type release struct {
	descriptor digest
	set        *statistics.Set
}

// describe remembers a descriptor's bytes under their digest.
func (r *replay) describe(e *experimentLog, d digest, raw []byte) {
	if len(raw) == 0 {
		return
	}
	if sha256.Sum256(raw) != d {
		r.fail("a descriptor is not the one that its digest names")
		return
	}
	e.descriptors[d] = raw
}

// offers enters what nodes offered. A leaf has one digest for ever, and is not
// offered again once it was bought.
func (r *replay) offers(b offersBody) {
	e, o := r.round(b.Experiment, b.Round)
	if e == nil {
		return
	}
	for _, offer := range b.Offers {
		if r.nodes[offer.Node] == "" {
			r.fail("%s offers and is not enrolled", offer.Node)
		}
		for _, c := range offer.Leaves {
			key := leafKey{offer.Node, c.Leaf}
			if _, known := e.descriptors[c.Descriptor]; !known {
				r.fail("%s offers leaf %d under a descriptor that was never in force", offer.Node, c.Leaf)
			}
			old := e.leaves[key]
			switch {
			case old == nil:
				e.leaves[key] = &leafLog{claim: c}
				spend := dp.Spend{NanoEpsilon: c.NanoEpsilon, PicoRho: c.PicoRho, AttoDelta: c.AttoDelta}
				if spend.Zero() {
					r.fail("%s offers leaf %d, for which nothing was charged", offer.Node, c.Leaf)
				}
				e.worst[offer.Node] = e.worst[offer.Node].Max(spend)
				if !slices.Contains(e.nodes, offer.Node) {
					e.nodes = append(e.nodes, offer.Node)
				}
			case old.claim.Digest != c.Digest || old.claim.Descriptor != c.Descriptor || !bytes.Equal(old.claim.Claim, c.Claim):
				r.fail("%s offers leaf %d with other bytes than before: two noises for one charge", offer.Node, c.Leaf)
			case old.bought != 0:
				r.fail("%s offers leaf %d, which was bought in round %d", offer.Node, c.Leaf, old.bought)
			}
		}
		if len(offer.Signed) > 0 {
			if err := peer.Verify(r.nodes[offer.Node], peer.OfferContext, offer.Signed, offer.Signature); err != nil {
				r.fail("an offer is not signed by %s", offer.Node)
			}
		}
		o.offers = append(o.offers, offer)
	}
	slices.SortFunc(o.offers, func(a, b offerBody) int { return strings.Compare(a.Node, b.Node) })
}

func (o *roundLog) offer(node string) *offerBody {
	for i := range o.offers {
		if o.offers[i].Node == node {
			return &o.offers[i]
		}
	}
	return nil
}

// reports checks that each report is its node's own and is what was offered.
func (r *replay) reports(b reportsBody) {
	e, o := r.round(b.Experiment, b.Round)
	if e == nil {
		return
	}
	for _, got := range b.Reports {
		offer := o.offer(got.Node)
		if offer == nil || !slices.ContainsFunc(o.winners, func(p paymentBody) bool { return p.Node == got.Node }) {
			r.fail("%s reports and was not chosen", got.Node)
			continue
		}
		if _, twice := o.reports[got.Node]; twice {
			r.fail("%s reports twice", got.Node)
			continue
		}
		if err := peer.Verify(r.nodes[got.Node], peer.ReportContext, got.Signed, got.Signature); err != nil {
			r.fail("a report is not signed by %s", got.Node)
		}
		var report possev1.Report
		if err := proto.Unmarshal(got.Signed, &report); err != nil || report.GetExperiment() != b.Experiment || report.GetRound() != b.Round ||
			len(report.GetLeaves()) != len(offer.Leaves) {
			r.fail("the report of %s is not of this round's offer", got.Node)
			continue
		}
		var released []release
		for i, l := range report.GetLeaves() {
			c := offer.Leaves[i]
			set, err := statistics.Decode(l.GetReleased())
			if err != nil || l.GetLeaf() != c.Leaf || sha256.Sum256(l.GetReleased()) != c.Digest || !bytes.Equal(l.GetDescriptor_(), c.Descriptor[:]) {
				r.fail("leaf %d of %s is not the one that was offered", l.GetLeaf(), got.Node)
				continue
			}
			if d, err := mechanisms.DecodeDescriptor(e.descriptors[c.Descriptor]); err != nil || !bytes.Equal(d.Layout.Claim(set).Encode(), c.Claim) {
				r.fail("leaf %d of %s was weighed by another claim than was delivered", l.GetLeaf(), got.Node)
			}
			released = append(released, release{c.Descriptor, set})
		}
		o.reports[got.Node] = released
		o.nodes = append(o.nodes, got.Node)
	}
}

// publish adds up the delivered reports anew and compares with the version that was
// published; books the payments; and draws the grants again.
func (r *replay) publish(b publishBody) {
	e, o := r.round(b.Experiment, b.Round)
	if e == nil {
		return
	}
	r.contributions(e, o, b)
	slices.Sort(o.nodes)
	if !slices.Equal(o.nodes, b.Delivered) {
		r.fail("delivered is %v, and reports came from %v", b.Delivered, o.nodes)
	}
	for _, node := range o.nodes {
		for i, rel := range o.reports[node] {
			r.add(e, rel)
			if l := e.leaves[leafKey{node, o.offer(node).Leaves[i].Leaf}]; l != nil {
				l.bought = b.Round
			}
		}
	}
	e.model.Version++
	if b.Version != e.model.Version {
		r.fail("version %d follows version %d", b.Version, e.model.Version-1)
	}
	if sha256.Sum256(e.model.Encode()) != b.Model {
		r.fail("version %d is not the sum of what was delivered", b.Version)
	}
	r.describe(e, b.Descriptor, b.DescriptorBytes)
	if schedule.Commitment(b.Secret) != o.SeedCommit {
		r.fail("the seed is not the one that was committed before the bids")
	}
	nonces := make([]schedule.Nonce, len(o.offers))
	for i, offer := range o.offers {
		nonces[i] = schedule.Nonce{Node: offer.Node, Value: offer.Nonce}
	}
	e.seed, e.quotas = schedule.Seed(b.Secret, b.Experiment, b.Round, nonces), b.Quotas
	r.chances(e, b)
	if o.Paid {
		r.booked(books.Order{
			ID: id("publish", b.Experiment, b.Round), Kind: books.Publish, Experiment: b.Experiment, Round: b.Round, Delivered: b.Delivered,
		})
	}
	e.failed(o)
	e.open = nil
	r.rounds.Published++
}

// add is the sum that a version must be.
func (r *replay) add(e *experimentLog, rel release) {
	at := slices.IndexFunc(e.model.Parts, func(p mechanisms.Part) bool { return p.Descriptor.Digest() == rel.descriptor })
	if at < 0 {
		d, err := mechanisms.DecodeDescriptor(e.descriptors[rel.descriptor])
		if err != nil {
			r.fail("a descriptor can't be read")
			return
		}
		e.model.Parts = append(e.model.Parts, mechanisms.Part{Descriptor: d, Sum: d.Layout.Empty()})
		at = len(e.model.Parts) - 1
	}
	if err := e.model.Parts[at].Sum.Merge(rel.set); err != nil {
		r.fail("a report does not fit its descriptor: %v", err)
		return
	}
	e.model.Parts[at].Releases++
}

// spends lists what each node said that a record cost.
func (r *replay) spends() []Spend {
	out := []Spend{}
	for _, name := range r.order {
		e := r.experiments[name]
		for _, node := range e.nodes {
			leaves := uint64(0)
			for k := range e.leaves {
				if k.node == node {
					leaves++
				}
			}
			out = append(out, Spend{Node: node, Experiment: name, Leaves: leaves, Epsilon: e.worst[node].Epsilon(), Delta: e.worst[node].Delta()})
		}
	}
	return out
}

func credits(p []paymentBody) map[string]incentives.Credits {
	out := make(map[string]incentives.Credits, len(p))
	for _, x := range p {
		out[x.Node] = incentives.Credits(x.Amount)
	}
	return out
}
