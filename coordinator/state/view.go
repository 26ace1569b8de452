package state

import (
	"encoding/hex"

	"github.com/posse-dev/posse/protocols/possev1"
)

// The views are what the transparency log shows of each command: JSON objects with
// their fields in this order. Hashes are hexadecimal, other bytes base64, money
// micro-credits, times Unix milliseconds. Nothing here holds a bid (unless bids are
// public), the hash of an invite's secret, or an address.

type hexBytes []byte

// MarshalText writes hexadecimal digits.
func (h hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func hexOf(h [32]byte) hexBytes { return h[:] }

type (
	bootstrapView struct {
		Cluster  string        `json:"cluster"`
		Origin   string        `json:"origin"`
		Replicas []replicaView `json:"replicas"`
	}
	replicaView struct {
		Name     string `json:"name"`
		PeerID   string `json:"peerId"`
		Verifier string `json:"verifier"`
	}
	inviteView struct {
		Name    string `json:"name"`
		Role    string `json:"role"`
		Weight  uint64 `json:"weight"`
		Expires int64  `json:"expires"`
	}
	nameView struct {
		Name string `json:"name"`
	}
	enrolView struct {
		Name     string `json:"name"`
		Role     string `json:"role"`
		PeerID   string `json:"peerId"`
		Weight   uint64 `json:"weight"`
		Verifier string `json:"verifier,omitempty"`
	}
	experimentView struct {
		Name            string   `json:"name"`
		Revision        uint64   `json:"revision"`
		File            []byte   `json:"file"`
		Descriptor      hexBytes `json:"descriptor"`
		DescriptorBytes []byte   `json:"descriptorBytes,omitempty"`
		Funded          int64    `json:"funded,omitempty"`
		Sponsor         string   `json:"sponsor,omitempty"`
	}
	closeView struct {
		Name    string `json:"name"`
		Aborted uint64 `json:"aborted,omitempty"`
	}
	exhaustedView struct {
		Experiment string `json:"experiment"`
		Available  int64  `json:"available"`
		Nodes      int    `json:"nodes"`
	}
	openView struct {
		Experiment string   `json:"experiment"`
		Round      uint64   `json:"round"`
		Now        int64    `json:"now"`
		OfferBy    int64    `json:"offerBy"`
		ReportBy   int64    `json:"reportBy"`
		Paid       bool     `json:"paid"`
		Reserve    int64    `json:"reserve"`
		Nodes      int      `json:"nodes"`
		SeedCommit hexBytes `json:"seedCommit"`
	}
	commitView struct {
		Experiment string   `json:"experiment"`
		Round      uint64   `json:"round"`
		SeedCommit hexBytes `json:"seedCommit"`
	}
	abortView struct {
		Experiment string `json:"experiment"`
		Round      uint64 `json:"round"`
		Reason     string `json:"reason"`
	}
	offersView struct {
		Experiment string         `json:"experiment"`
		Round      uint64         `json:"round"`
		Offers     []offerView    `json:"offers,omitempty"`
		Conflicts  []conflictView `json:"conflicts,omitempty"`
	}
	offerView struct {
		Node      string      `json:"node"`
		Digest    hexBytes    `json:"digest"`
		Bid       hexBytes    `json:"bid"`   // a commitment
		Nonce     hexBytes    `json:"nonce"` // its hash
		Leaves    []claimView `json:"leaves"`
		Signed    []byte      `json:"signed,omitempty"`    // with public bids alone
		Signature []byte      `json:"signature,omitempty"` // over the offer's bytes
	}
	claimView struct {
		Leaf        uint64   `json:"leaf"`
		Descriptor  hexBytes `json:"descriptor"`
		Claim       []byte   `json:"claim"`
		Digest      hexBytes `json:"digest"`
		NanoEpsilon uint64   `json:"nanoEpsilon"`
		PicoRho     uint64   `json:"picoRho"`
		AttoDelta   uint64   `json:"attoDelta"`
	}
	conflictView struct {
		Node   string   `json:"node"`
		First  hexBytes `json:"first"`
		Second hexBytes `json:"second"`
	}
	settleView struct {
		Experiment string          `json:"experiment"`
		Round      uint64          `json:"round"`
		Winners    []paymentView   `json:"winners"`
		Pivotal    []string        `json:"pivotal,omitempty"`
		Excluded   []exclusionView `json:"excluded,omitempty"`
		Share      uint64          `json:"share"`
		Inputs     hexBytes        `json:"inputs"`
	}
	paymentView struct {
		Node   string `json:"node"`
		Amount int64  `json:"amount"`
	}
	exclusionView struct {
		Node   string `json:"node"`
		Reason string `json:"reason"`
	}
	reportsView struct {
		Experiment string         `json:"experiment"`
		Round      uint64         `json:"round"`
		Reports    []reportView   `json:"reports,omitempty"`
		Conflicts  []conflictView `json:"conflicts,omitempty"`
	}
	reportView struct {
		Node      string `json:"node"`
		Signed    []byte `json:"signed"` // the whole report: local and silo hold private statistics
		Signature []byte `json:"signature"`
	}
	publishView struct {
		Experiment      string             `json:"experiment"`
		Round           uint64             `json:"round"`
		Version         uint64             `json:"version"`
		Model           hexBytes           `json:"model"`
		Descriptor      hexBytes           `json:"descriptor"`
		DescriptorBytes []byte             `json:"descriptorBytes"`
		Ended           bool               `json:"ended"`
		Secret          hexBytes           `json:"secret"`
		Seed            hexBytes           `json:"seed"`
		Delivered       []string           `json:"delivered"`
		Contributions   []contributionView `json:"contributions,omitempty"`
		Quotas          []quotaView        `json:"quotas,omitempty"`
		Granted         []string           `json:"granted"`
	}
	contributionView struct {
		Node  string `json:"node"`
		Units int64  `json:"units"`
	}
	quotaView struct {
		Node  string `json:"node"`
		Units uint64 `json:"units"`
	}
	drawView struct {
		Experiment string   `json:"experiment"`
		Version    uint64   `json:"version"`
		Draw       uint64   `json:"draw"`
		Granted    []string `json:"granted"`
	}
	withdrawView struct {
		Node      string `json:"node"`
		Amount    int64  `json:"amount"`
		Reference string `json:"reference,omitempty"`
	}
	checkpointView struct {
		Size  uint64     `json:"size"`
		Root  hexBytes   `json:"root"`
		Notes []noteView `json:"notes"`
	}
	noteView struct {
		Replica string `json:"replica"`
		Note    string `json:"note"`
	}
	checkView struct {
		Index uint64   `json:"index"`
		Hash  hexBytes `json:"hash"`
	}
)

func viewOffer(e *Experiment, o *Offer, signed *possev1.SignedOffer) offerView {
	v := offerView{
		Node: o.Node, Digest: hexOf(o.Digest), Bid: hexOf(BidCommitment(o.Bid, o.Nonce)), Nonce: hexOf(NonceHash(o.Nonce)),
	}
	for _, c := range o.Leaves {
		v.Leaves = append(v.Leaves, claimView{
			c.Leaf, hexOf(c.Descriptor), c.Claim, hexOf(c.Digest), c.Spend.NanoEpsilon, c.Spend.PicoRho, c.Spend.AttoDelta,
		})
	}
	if e.Rules.BidsPublic {
		v.Signed, v.Signature = signed.GetOffer(), signed.GetSignature()
	}
	return v
}

func (t *turn) viewPublish(e *Experiment, v *Version, r *Record, c *possev1.Publish) publishView {
	out := publishView{
		Experiment: e.Name, Round: r.ID, Version: v.Number, Model: hexOf(v.Digest), Descriptor: hexOf(digest(v.Descriptor)),
		DescriptorBytes: v.Descriptor, Ended: v.Ended, Secret: c.GetSeed(), Seed: hexOf(e.Seed),
		Delivered: r.Delivered, Granted: r.Granted,
	}
	for _, x := range r.Contributions {
		out.Contributions = append(out.Contributions, contributionView(x))
	}
	for _, q := range e.Quotas {
		out.Quotas = append(out.Quotas, quotaView(q))
	}
	return out
}
