package rounds

import (
	"encoding/binary"
	"sort"

	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/possev1"
)

// resendAfter is how long an answer is waited for before the same bytes are sent
// again, in milliseconds.
const resendAfter = 1000

// Rounds is the node's half for one experiment. Not safe for concurrent use: one
// loop steps it.
type Rounds struct {
	experiment string
	held       uint64              // version that the node decides with
	released   map[uint64]Released // by their own number, not by leaf
	making     map[uint64]bool
	offer      Offer
	readySaid  uint64
	sent       map[string]int64 // kind of message → when it was last sent
}

// Offer is the last offer as it was signed: sent again, byte for byte, to whoever
// leads the round.
type Offer struct {
	Round  uint64
	Leaves []uint64
	Signed []byte // an encoded possev1.SignedOffer
}

// New returns the node's half of an experiment that holds a version.
func New(experiment string, held uint64) *Rounds {
	return &Rounds{
		experiment: experiment, held: held, released: map[uint64]Released{}, making: map[uint64]bool{},
		sent: map[string]int64{},
	}
}

// Restore reads what was released and offered before a stop.
func (r *Rounds) Restore(s *store.Store) error {
	if err := s.Each(bucketReleased, func(k, v []byte) error {
		n := len(r.experiment)
		if len(k) != n+9 || string(k[:n]) != r.experiment || k[n] != 0 {
			return nil
		}
		leaf := binary.BigEndian.Uint64(k[n+1:])
		rel, err := decodeReleased(leaf, v)
		if err == nil {
			r.released[leaf] = rel
		}
		return err
	}); err != nil {
		return err
	}
	return s.Each(bucketOffers, func(k, v []byte) error {
		if string(k) != r.experiment {
			return nil
		}
		o, err := decodeOffer(v)
		if err == nil {
			r.offer = o
		}
		return err
	})
}

// Event is something that happened: [Seen], [Made], [Unmade], [Offered], [Fetched].
type Event interface{ event() }

type (
	// Seen is the experiment as the leader shows it to this node, and the desk's
	// side: leaves that may be closed, and decisions in filled leaves.
	Seen struct {
		View  *possev1.NodeExperiment
		Full  []uint64
		Ready uint64
	}
	// Made is a leaf that was released: its bytes are on the disk, under their own
	// number.
	Made struct {
		Leaf     uint64
		Released Released
	}
	// Unmade is a leaf that the guard does not let go: nobody in it could teach.
	Unmade struct{ Leaf uint64 }
	// Offered is an offer that was signed and stored.
	Offered struct{ Offer Offer }
	// Fetched is a version that was verified and is in use.
	Fetched struct{ Version uint64 }
	// Lost is a connection that broke, or another leader: everything may be sent again.
	Lost struct{}
)

func (Seen) event()    {}
func (Made) event()    {}
func (Unmade) event()  {}
func (Offered) event() {}
func (Fetched) event() {}
func (Lost) event()    {}

// Effect is something to do: [Release], [Ready], [MakeOffer], [SendOffer],
// [SendReport], [Fetch], [Forget].
type Effect interface{ effect() }

type (
	// Release closes a leaf, charges, draws noise and stores the bytes.
	Release struct{ Leaf uint64 }
	// Ready tells the leader the node's public clock.
	Ready struct{ Decisions uint64 }
	// MakeOffer signs and stores an offer of these leaves; none: the node declines,
	// so that nobody waits for it.
	MakeOffer struct {
		Round  uint64
		Claims []*possev1.LeafClaim
	}
	// SendOffer sends the stored offer.
	SendOffer struct{ Offer Offer }
	// SendReport signs and sends the leaves that were bought. The same leaves always
	// give the same bytes.
	SendReport struct {
		Round  uint64
		Leaves []Released
	}
	// Fetch asks for a version that was granted.
	Fetch struct{ Version uint64 }
	// Forget deletes the bytes of a release that was bought and published.
	Forget struct{ Number uint64 }
)

func (Release) effect()    {}
func (Ready) effect()      {}
func (MakeOffer) effect()  {}
func (SendOffer) effect()  {}
func (SendReport) effect() {}
func (Fetch) effect()      {}
func (Forget) effect()     {}

// Step takes one event at a time (Unix milliseconds) and says what to do.
func (r *Rounds) Step(now int64, e Event) []Effect {
	switch e := e.(type) {
	case Seen:
		return r.seen(now, e)
	case Made:
		delete(r.making, e.Leaf)
		r.released[e.Released.Number] = e.Released
	case Unmade:
		delete(r.making, e.Leaf)
	case Offered:
		r.offer = e.Offer
		return r.send(now, "offer", SendOffer{e.Offer})
	case Fetched:
		r.held = max(r.held, e.Version)
		delete(r.sent, "fetch")
	case Lost:
		clear(r.sent)
	}
	return nil
}

func (r *Rounds) seen(now int64, e Seen) (out []Effect) {
	v := e.View
	for _, leaf := range v.GetBought() {
		if _, ok := r.released[leaf]; ok {
			delete(r.released, leaf)
			out = append(out, Forget{leaf})
		}
	}
	if v.GetGranted() > r.held {
		out = append(out, r.send(now, "fetch", Fetch{v.GetGranted()})...)
	}
	if v.GetClosed() || v.GetEnded() {
		return out
	}
	if e.Ready > v.GetReady() {
		if e.Ready > r.readySaid {
			r.readySaid = e.Ready
			delete(r.sent, "ready")
		}
		out = append(out, r.send(now, "ready", Ready{e.Ready})...)
	}
	return append(out, r.round(now, v.GetRound(), e.Full)...)
}

func (r *Rounds) round(now int64, round *possev1.NodeRound, full []uint64) (out []Effect) {
	switch round.GetPhase() {
	case possev1.RoundPhase_OFFERING:
		if round.GetOffered() {
			return nil
		}
		if r.offer.Round == round.GetId() {
			return r.send(now, "offer", SendOffer{r.offer})
		}
		for _, leaf := range full {
			if !r.making[leaf] {
				r.making[leaf] = true
				out = append(out, Release{leaf})
			}
		}
		if len(r.making) > 0 {
			return out
		}
		return append(out, MakeOffer{Round: round.GetId(), Claims: r.claims()})
	case possev1.RoundPhase_COLLECTING:
		if !round.GetChosen() || round.GetDelivered() || r.offer.Round != round.GetId() {
			return nil
		}
		report := SendReport{Round: round.GetId()}
		for _, leaf := range r.offer.Leaves {
			if rel, ok := r.released[leaf]; ok {
				report.Leaves = append(report.Leaves, rel)
			}
		}
		return r.send(now, "report", report)
	}
	return nil
}

// claims lists what is on offer, oldest leaf first, as many as a message takes.
func (r *Rounds) claims() []*possev1.LeafClaim {
	leaves := make([]uint64, 0, len(r.released))
	for leaf := range r.released {
		leaves = append(leaves, leaf)
	}
	sort.Slice(leaves, func(i, j int) bool { return leaves[i] < leaves[j] })
	if len(leaves) > MaxLeaves {
		leaves = leaves[:MaxLeaves]
	}
	out := make([]*possev1.LeafClaim, len(leaves))
	for i, leaf := range leaves {
		out[i] = r.released[leaf].claim()
	}
	return out
}

// MaxLeaves is the most leaves in one offer.
const MaxLeaves = 256

// send lets a message through unless the same kind went out a moment ago.
func (r *Rounds) send(now int64, kind string, e Effect) []Effect {
	if at, ok := r.sent[kind]; ok && now-at < resendAfter {
		return nil
	}
	r.sent[kind] = now
	return []Effect{e}
}

// OnOffer is how many released leaves were not bought yet.
func (r *Rounds) OnOffer() int { return len(r.released) }

// Held is the version in use.
func (r *Rounds) Held() uint64 { return r.held }
