package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Rules are the integers of an experiment file that the machine itself acts on.
type Rules struct {
	RoundDecisions   uint64 // 0: rounds follow EveryMs
	EveryMs          int64
	DeadlineMs       int64
	MinContributors  uint32
	MaxRecords       uint64 // decisions of one window, 0: no bound
	Paid             bool
	Reserve          incentives.Credits
	Budget           incentives.Credits
	BidsPublic       bool
	Everyone         bool   // every version to every node
	GrantsPerVersion uint32 // 0: max(1, ⌊0.4n⌋)
	ExploreVersions  uint64 // everybody gets these, at least
	ExploreMax       uint64 // and at most these, at least ExploreVersions
	RedrawEveryMs    int64
	Horizon          uint64
	Sponsor          string
	Unit             string
	Limit            uint64 // nano-ε
}

// Experiment is one bandit problem: its rules, its versions, and what is known of
// each node in it.
type Experiment struct {
	Name     string
	Revision uint64 // grows each time that a file is applied
	File     []byte // canonical bytes
	Rules    Rules
	Created  int64

	Closed    bool
	Ended     bool // learning is over, as of the newest version
	Exhausted bool // the budget pays no further round

	// Descriptors are all that were ever in force, in order: windows that began
	// under an old one may still be offered.
	Descriptors []Descriptor
	// Versions holds the newest version and every other one that some node may
	// fetch, ascending. Version 0 is the empty model and always implied.
	Versions []*Version
	Members  []*Member // by node, revoked ones too

	Round   *Round    // the open one, nil when there is none
	Rounds  []*Record // the finished ones, the newest [RoundsKept] of them
	Opened  uint64    // rounds opened so far, the newest round's number
	Aborted uint64
	// OpenedAt is when the newest round was opened, Unix milliseconds.
	OpenedAt int64

	Seed     [32]byte // of the newest version's draws
	Quotas   []Quota  // chances of the newest version; empty where everyone got it
	Draws    uint64   // draws of the newest version after its first
	LastDraw int64    // Unix milliseconds of its newest draw

	Changed uint64 // log index at which something changed that concerns every node
}

// RoundsKept is how many finished rounds the state remembers; the transparency log
// has them all.
const RoundsKept = 1000

// Descriptor is one descriptor's bytes and digest.
type Descriptor struct {
	Digest [32]byte
	Bytes  []byte
}

// Version is a published model.
type Version struct {
	Number     uint64
	Parts      []*Part // in order of first publication; shared between versions
	Descriptor []byte  // for the windows that start on it
	Ended      bool
	Round      uint64
	Published  int64    // Unix milliseconds
	Leaf       uint64   // sequence of the leaf that published it
	Digest     [32]byte // SHA-256 of [Version.Model]
}

// Part is the exact sum of all bought releases under one descriptor. It never
// changes: a newer version has another part in its place.
type Part struct {
	Descriptor Descriptor
	Releases   uint64
	Sum        *statistics.Set
}

// Model returns the version's canonical bytes, those of
// [github.com/posse-dev/posse/mechanisms.Model.Encode]: the machine must name the
// digest without knowing what is learnt. A test holds the two together.
func (v *Version) Model() []byte {
	out := binary.LittleEndian.AppendUint64(nil, v.Number)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(v.Parts)))
	for _, p := range v.Parts {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(p.Descriptor.Bytes)))
		out = append(out, p.Descriptor.Bytes...)
		out = binary.LittleEndian.AppendUint64(out, p.Releases)
		sum := p.Sum.Encode()
		out = binary.LittleEndian.AppendUint32(out, uint32(len(sum)))
		out = append(out, sum...)
	}
	return out
}

// with returns the parts after a release was added to them; the receiver's own stay
// as they are. fresh holds the parts that this round made and may still change.
func with(parts []*Part, fresh map[[32]byte]*Part, d Descriptor, released *statistics.Set) ([]*Part, error) {
	at := slices.IndexFunc(parts, func(p *Part) bool { return p.Descriptor.Digest == d.Digest })
	if at < 0 {
		p := &Part{Descriptor: d, Releases: 1, Sum: released.Clone()}
		fresh[d.Digest] = p
		return append(parts, p), nil
	}
	p := fresh[d.Digest]
	if p == nil {
		old := parts[at]
		p = &Part{Descriptor: d, Releases: old.Releases, Sum: old.Sum.Clone()}
		fresh[d.Digest], parts[at] = p, p
	}
	if err := p.Sum.Merge(released); err != nil {
		return nil, err
	}
	p.Releases++
	return parts, nil
}

// Member is what is known of a node in one experiment.
type Member struct {
	Node    string
	Granted uint64 // newest version that it may fetch; only ever grows
	Missed  uint64 // versions since its last grant
	Grants  uint64
	Leaves  []Leaf // its releases, on offer or bought, by number: the ledger's copy

	Offers, Wins, Delivered, Conflicts uint64

	Contribution int64 // sum over the published rounds, 2^-32 nat
	Paid         incentives.Credits
	LastOffer    int64 // Unix milliseconds
	Changed      uint64
}

// Leaf is one release of a node: what was charged for it and whether it was bought.
// The node numbers them, each number once; a window that the node's guard did not
// let go leaves a gap.
type Leaf struct {
	Number     uint64
	Descriptor [32]byte
	Digest     [32]byte
	Spend      dp.Spend // of one record in it, as the node said
	Offered    uint64   // round in which it was offered first
	Bought     uint64   // round in which it was bought, 0: on offer
}

// leaf returns the place of a leaf and whether it was ever offered.
func (m *Member) leaf(number uint64) (int, bool) {
	return slices.BinarySearchFunc(m.Leaves, number, func(l Leaf, n uint64) int { return cmp.Compare(l.Number, n) })
}

// Dearest returns the largest spend of one record among the member's leaves, kind by
// kind.
func (m *Member) Dearest() dp.Spend {
	var top dp.Spend
	for _, l := range m.Leaves {
		top.NanoEpsilon = max(top.NanoEpsilon, l.Spend.NanoEpsilon)
		top.PicoRho = max(top.PicoRho, l.Spend.PicoRho)
		top.AttoDelta = max(top.AttoDelta, l.Spend.AttoDelta)
	}
	return top
}

// Quota is a node's chance of the newest version, in 2^-32.
type Quota struct {
	Node  string
	Units uint64
}

// Member returns what is known of a node, or nil.
func (e *Experiment) Member(node string) *Member {
	if at, ok := e.member(node); ok {
		return e.Members[at]
	}
	return nil
}

func (e *Experiment) member(node string) (int, bool) {
	return slices.BinarySearchFunc(e.Members, node, func(m *Member, n string) int { return strings.Compare(m.Node, n) })
}

func (e *Experiment) join(node string) {
	if at, ok := e.member(node); !ok {
		e.Members = slices.Insert(e.Members, at, &Member{Node: node})
	}
}

// Newest returns the newest published version, or nil before the first.
func (e *Experiment) Newest() *Version {
	if len(e.Versions) == 0 {
		return nil
	}
	return e.Versions[len(e.Versions)-1]
}

// Version is the number of the newest version, 0 before the first.
func (e *Experiment) Version() uint64 {
	if v := e.Newest(); v != nil {
		return v.Number
	}
	return 0
}

// VersionOf returns a version that is still kept, or nil.
func (e *Experiment) VersionOf(number uint64) *Version {
	for _, v := range e.Versions {
		if v.Number == number {
			return v
		}
	}
	return nil
}

// Descriptor returns the descriptor of the windows that start now.
func (e *Experiment) Descriptor() Descriptor { return e.Descriptors[len(e.Descriptors)-1] }

// Initial returns the descriptor of version 0.
func (e *Experiment) Initial() Descriptor { return e.Descriptors[0] }

// descriptor returns the descriptor of a digest that was ever in force.
func (e *Experiment) descriptor(digest [32]byte) (Descriptor, bool) {
	for _, d := range slices.Backward(e.Descriptors) {
		if d.Digest == digest {
			return d, true
		}
	}
	return Descriptor{}, false
}

// Known reports whether a descriptor of this digest was ever in force.
func (e *Experiment) Known(digest [32]byte) bool {
	_, ok := e.descriptor(digest)
	return ok
}

// State says in one word how the experiment stands.
func (e *Experiment) State() string {
	switch {
	case e.Closed:
		return "closed"
	case e.Ended:
		return "ended"
	case e.Exhausted:
		return "exhausted"
	default:
		return "running"
	}
}

// prune drops the versions that nobody will fetch any more.
func (e *Experiment) prune() {
	newest := e.Version()
	e.Versions = slices.DeleteFunc(e.Versions, func(v *Version) bool {
		return v.Number != newest && !slices.ContainsFunc(e.Members, func(m *Member) bool { return m.Granted == v.Number })
	})
}

func digest(data []byte) [32]byte { return sha256.Sum256(data) }

// Exploring reports whether the next version must go to everybody: the schedule says
// so, or contributions are still being estimated.
func (e *Experiment) Exploring() bool {
	return e.Rules.Everyone || schedule.Exploring(e.Version()+1, e.Rules.ExploreVersions)
}

// MayExplore reports whether the next version may go to everybody: the leader
// decides by whether contributions are stable yet.
func (e *Experiment) MayExplore() bool {
	return e.Exploring() || schedule.Exploring(e.Version()+1, e.Rules.ExploreMax)
}
