package state

import (
	"slices"
	"strings"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Phase is where a round stands; the numbers are those of the wire.
type Phase = possev1.RoundPhase

// The phases: OFFERING → COLLECTING → PUBLISHED, or ABORTED from the first two.
const (
	Offering   = possev1.RoundPhase_OFFERING
	Collecting = possev1.RoundPhase_COLLECTING
	Published  = possev1.RoundPhase_PUBLISHED
	Aborted    = possev1.RoundPhase_ABORTED
)

// Round is an open round.
type Round struct {
	ID         uint64
	Phase      Phase
	Opened     int64 // Unix milliseconds, as all times here
	OfferBy    int64
	ReportBy   int64
	Settled    int64
	Reserve    incentives.Credits // announced before any bid
	Nodes      int                // enrolled when it opened
	SeedCommit [32]byte
	Offers     []*Offer // by node
	Winners    []Payment
	Pivotal    []string
	Excluded   []Exclusion
	Share      uint64    // of the information on offer that was bought, 2^-32
	Reports    []*Report // by node
}

// Offer is a node's recorded offer.
type Offer struct {
	Node     string
	Bid      incentives.Credits
	Nonce    [32]byte // secret where bids are: see [NonceHash]
	Digest   [32]byte // SHA-256 of the signed bytes
	Leaves   []Claim
	Conflict bool // another offer came, too: the first one counts
}

// Claim is one leaf of an offer.
type Claim struct {
	Leaf       uint64
	Descriptor [32]byte
	Claim      []byte // claim blocks, canonical bytes of statistics.Set
	Digest     [32]byte
	Spend      dp.Spend
}

// Payment is what a winner gets when it delivers.
type Payment struct {
	Node   string
	Amount incentives.Credits
}

// Exclusion is an offer that took no part in the auction.
type Exclusion struct{ Node, Reason string }

// Report is a winner's recorded report.
type Report struct {
	Node     string
	Digest   [32]byte // SHA-256 of the signed bytes
	Leaves   []Release
	Conflict bool
}

// Release is one leaf of a report.
type Release struct {
	Leaf     uint64
	Released []byte // canonical bytes of statistics.Set
}

// Record is what is remembered of a finished round.
type Record struct {
	ID                        uint64
	Phase                     Phase
	Opened, Settled, Finished int64 // Unix milliseconds
	Nodes                     int
	Reserve                   incentives.Credits
	Offered                   []Offered
	Winners                   []Payment
	Pivotal                   []string
	Excluded                  []Exclusion
	Delivered                 []string
	Granted                   []string // of the first draw
	Contributions             []Contribution
	Share                     uint64
	Version                   uint64 // 0: aborted
	Reason                    string // of an abort
	Leaf                      uint64 // sequence of the leaf that finished it
}

// Offered is an offer as it is remembered: its digest, for who asks again.
type Offered struct {
	Node   string
	Digest [32]byte
	Report [32]byte // digest of its report, zero without one
}

// Contribution is what a node's offer was worth in one round, 2^-32 nat: over the
// published rounds the sum is kept, and who shows it divides by their number.
type Contribution struct {
	Node  string
	Units int64
}

// Offer returns the recorded offer of a node, or nil.
func (r *Round) Offer(node string) *Offer {
	if at, ok := r.offer(node); ok {
		return r.Offers[at]
	}
	return nil
}

func (r *Round) offer(node string) (int, bool) {
	return slices.BinarySearchFunc(r.Offers, node, func(o *Offer, n string) int { return strings.Compare(o.Node, n) })
}

// Report returns the recorded report of a node, or nil.
func (r *Round) Report(node string) *Report {
	if at, ok := r.report(node); ok {
		return r.Reports[at]
	}
	return nil
}

func (r *Round) report(node string) (int, bool) {
	return slices.BinarySearchFunc(r.Reports, node, func(o *Report, n string) int { return strings.Compare(o.Node, n) })
}

// Won returns a node's payment and whether it was chosen.
func (r *Round) Won(node string) (Payment, bool) {
	for _, p := range r.Winners {
		if p.Node == node {
			return p, true
		}
	}
	return Payment{}, false
}

// record is what is kept when the round is over.
func (r *Round) record() *Record {
	out := &Record{
		ID: r.ID, Opened: r.Opened, Settled: r.Settled, Nodes: r.Nodes, Reserve: r.Reserve,
		Winners: r.Winners, Pivotal: r.Pivotal, Excluded: r.Excluded, Share: r.Share,
	}
	for _, o := range r.Offers {
		was := Offered{Node: o.Node, Digest: o.Digest}
		if report := r.Report(o.Node); report != nil {
			was.Report = report.Digest
			out.Delivered = append(out.Delivered, o.Node)
		}
		out.Offered = append(out.Offered, was)
	}
	return out
}

// Record returns the finished round of a number, or nil when it is not kept.
func (e *Experiment) Record(id uint64) *Record {
	if len(e.Rounds) == 0 || id < e.Rounds[0].ID || id > e.Rounds[len(e.Rounds)-1].ID {
		return nil
	}
	return e.Rounds[id-e.Rounds[0].ID]
}

func (e *Experiment) finish(record *Record) {
	e.Round = nil
	e.Rounds = append(e.Rounds, record)
	if n := len(e.Rounds) - RoundsKept; n > 0 {
		e.Rounds = slices.Delete(e.Rounds, 0, n)
	}
}
