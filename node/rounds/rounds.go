package rounds

import (
	"encoding/binary"
	"slices"

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
	gathered   uint64 // round whose leaves were asked for
	offer      Offer
	sent       map[string]sending // kind of message → what was sent last
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
		sent: map[string]sending{},
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

// Event is something that happened: [Seen], [Made], [Unmade], [Offered], [Fetched],
// [Sold], [Lost].
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
	// Sold is a release that the leader refuses because it was bought before: the
	// view names only the last ones, and this node was away for longer.
	Sold struct{ Number uint64 }
	// Lost is a connection that broke, or another leader: everything may be sent again.
	Lost struct{}
)

func (Seen) event()    {}
func (Made) event()    {}
func (Unmade) event()  {}
func (Offered) event() {}
func (Fetched) event() {}
func (Sold) event()    {}
func (Lost) event()    {}

// Effect is something to do: [Release], [Ready], [MakeOffer], [SendOffer],
// [SendReport], [Fetch], [Forget], [Doubt].
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
	// Doubt says that the leader has an offer of this node that this node never
	// stored, and so never sent.
	Doubt struct{ Round uint64 }
)

func (Release) effect()    {}
func (Ready) effect()      {}
func (MakeOffer) effect()  {}
func (SendOffer) effect()  {}
func (SendReport) effect() {}
func (Fetch) effect()      {}
func (Forget) effect()     {}
func (Doubt) effect()      {}

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
		return r.send(now, "offer", e.Offer.Round, SendOffer(e))
	case Fetched:
		r.held = max(r.held, e.Version)
		delete(r.sent, "fetch")
	case Sold:
		return r.forget(e.Number)
	case Lost:
		clear(r.sent)
	}
	return nil
}

func (r *Rounds) seen(now int64, e Seen) (out []Effect) {
	v := e.View
	for _, number := range v.GetBought() {
		out = append(out, r.forget(number)...)
	}
	if v.GetGranted() > r.held {
		out = append(out, r.send(now, "fetch", v.GetGranted(), Fetch{v.GetGranted()})...)
	}
	if v.GetClosed() || v.GetEnded() {
		return out
	}
	if e.Ready > v.GetReady() {
		out = append(out, r.send(now, "ready", e.Ready, Ready{e.Ready})...)
	}
	return append(out, r.round(now, v.GetRound(), e.Full)...)
}

// forget takes a release that was bought off the offer.
func (r *Rounds) forget(number uint64) []Effect {
	if _, ok := r.released[number]; !ok {
		return nil
	}
	delete(r.released, number)
	return []Effect{Forget{number}}
}

// round answers the round that is open. One before the last that was answered is a
// replica's that is behind: a second offer for it would be a lie.
func (r *Rounds) round(now int64, round *possev1.NodeRound, full []uint64) (out []Effect) {
	id := round.GetId()
	if round.GetOffered() && id > r.offer.Round {
		return []Effect{Doubt{id}}
	}
	switch round.GetPhase() {
	case possev1.RoundPhase_OFFERING:
		switch {
		case round.GetOffered() || id == 0 || id < r.offer.Round:
			return nil
		case id == r.offer.Round:
			return r.send(now, "offer", id, SendOffer{r.offer})
		}
		if id != r.gathered { // once a round: where a clock closes leaves, one more is always open
			r.gathered = id
			for _, leaf := range full {
				if !r.making[leaf] {
					r.making[leaf] = true
					out = append(out, Release{leaf})
				}
			}
		}
		if len(r.making) > 0 {
			return out
		}
		return append(out, MakeOffer{Round: id, Claims: r.claims()})
	case possev1.RoundPhase_COLLECTING:
		if !round.GetChosen() || round.GetDelivered() || r.offer.Round != id || len(r.offer.Leaves) == 0 {
			return nil
		}
		report := SendReport{Round: id}
		for _, number := range r.offer.Leaves {
			rel, ok := r.released[number]
			if !ok {
				return nil // a leader that buys twice: part of an offer is not the offer
			}
			report.Leaves = append(report.Leaves, rel)
		}
		return r.send(now, "report", id, report)
	}
	return nil
}

// claims lists what is on offer, oldest first, as much as a report can carry.
func (r *Rounds) claims() []*possev1.LeafClaim {
	numbers := make([]uint64, 0, len(r.released))
	for number := range r.released {
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	var out []*possev1.LeafClaim
	size := 0
	for _, number := range numbers {
		size += len(r.released[number].Bytes) + leafOverhead
		if len(out) > 0 && (len(out) == MaxLeaves || size > maxReport) {
			break
		}
		out = append(out, r.released[number].claim())
	}
	return out
}

// MaxLeaves is the most leaves in one offer. maxReport bounds their bytes, so that
// the report fits its frame (wire.Report, 4 MiB) with the signature; an offer,
// which holds the claim blocks only, then fits too.
const (
	MaxLeaves    = 256
	maxReport    = 4<<20 - 64<<10
	leafOverhead = 128 // number, descriptor's and bytes' digests, spends
)

// send lets a message through unless the same kind went out a moment ago.
func (r *Rounds) send(now int64, kind string, about uint64, e Effect) []Effect {
	if last, ok := r.sent[kind]; ok && last.about == about && now-last.at < resendAfter {
		return nil
	}
	r.sent[kind] = sending{about, now}
	return []Effect{e}
}

// sending is when a message about a round, a version or a clock was last sent.
type sending struct {
	about uint64
	at    int64 // Unix milliseconds
}

// OnOffer is how many released leaves were not bought yet.
func (r *Rounds) OnOffer() int { return len(r.released) }

// Held is the version in use.
func (r *Rounds) Held() uint64 { return r.held }
