package node

import (
	"crypto/rand"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/node/rounds"
	"github.com/posse-dev/posse/node/store"
	"github.com/posse-dev/posse/protocols/peer"
	"github.com/posse-dev/posse/protocols/possev1"
)

// release lets a leaf out of the node, in the one order that is safe: the leaf
// takes nothing more; every charge in it is on the disk; the permit; the noise; the
// bytes on the disk together with the end of the raw sums. Only then may anything
// be sent. A crash in between costs budget and gives none back.
func (n *Node) release(t *taken, leaf uint64) rounds.Event {
	name, failed := t.file.Name, rounds.Unmade{Leaf: leaf}
	if n.twin {
		return failed // the leaf waits; doubt has said why
	}
	t.writing.Lock() // whoever still added to the leaf has put it
	closed, err := t.desk.Close(leaf)
	t.writing.Unlock()
	if err != nil {
		n.cfg.Log.Error("a leaf can't be closed", "experiment", name, "leaf", leaf, "why", err)
		return failed
	}
	if err := n.store.Sync(); err != nil {
		n.cfg.Log.Error("nothing is released: the store can't be written", "experiment", name, "why", err)
		return failed
	}
	number := n.guard.Next(name)
	permit, spend, err := n.guard.Permit(name, leaf)
	if err != nil {
		n.cfg.Log.Warn("a release was refused", "experiment", name, "leaf", leaf, "reason", posse.As(err).Reason, "why", err)
		if errors.Is(err, budget.ErrExhausted) {
			n.store.Put(append(n.guard.Refused(name, leaf), t.desk.Forget(leaf)...))
			n.notify()
		}
		return failed
	}
	n.cfg.Noise.Rekey() // this process may be a copy of another
	noised, err := closed.Descriptor.Layout.Release(closed.Raw, permit, n.cfg.Noise)
	if err != nil {
		n.cfg.Log.Error("a release failed after its charge", "experiment", name, "leaf", leaf, "why", err)
		return failed
	}
	made := rounds.Released{
		Number: number, Descriptor: closed.Descriptor.Digest(), Spend: spend,
		Claim: closed.Descriptor.Layout.Claim(noised).Encode(), Bytes: noised.Encode(),
	}
	own, err := t.released(closed.Descriptor, noised)
	if err != nil {
		n.cfg.Log.Error("a release can't be added to the node's own", "experiment", name, "leaf", leaf, "why", err)
	}
	n.store.Put(slices.Concat([]store.Write{made.Write(name)}, own, n.guard.Released(name, leaf), t.desk.Forget(leaf)))
	if err := n.store.Sync(); err != nil {
		n.cfg.Log.Error("nothing is sent: the released bytes are not on the disk", "experiment", name, "why", err)
		return failed
	}
	n.follows(t)
	return rounds.Made{Leaf: leaf, Released: made}
}

// follows lets the desk play by what the node knows now. Where nothing is reported any
// more, what is left of raw sums is forgotten.
func (n *Node) follows(t *taken) {
	if err := t.lean(); err != nil {
		n.cfg.Log.Error("the version that is held can't be played", "experiment", t.file.Name, "why", err)
		return
	}
	t.mu.Lock()
	done := t.now.Ended || t.standing.Done
	t.mu.Unlock()
	if done {
		n.drop(t)
	}
}

// offer signs and stores an offer. It is sent only from the store, so a crash
// before leaves no other offer for the same round in the world.
func (n *Node) offer(name string, e rounds.MakeOffer) (rounds.Offer, error) {
	nonce := make([]byte, 32)
	if _, err := rand.Read(nonce); err != nil {
		return rounds.Offer{}, err
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(&possev1.Offer{
		Experiment: name, Round: e.Round, BidMicro: int64(n.cfg.Cost), Nonce: nonce, Leaves: e.Claims,
	})
	if err != nil {
		return rounds.Offer{}, err
	}
	signature, err := n.identity.Sign(peer.OfferContext, body)
	if err != nil {
		return rounds.Offer{}, err
	}
	signed, err := proto.Marshal(&possev1.SignedOffer{Offer: body, Signature: signature})
	if err != nil {
		return rounds.Offer{}, err
	}
	o := rounds.Offer{Round: e.Round, Signed: signed}
	for _, c := range e.Claims {
		o.Leaves = append(o.Leaves, c.GetLeaf())
	}
	n.store.Put([]store.Write{o.Write(name)})
	return o, n.store.Sync()
}

// report signs the bytes of the leaves that were bought. They are the stored ones:
// the same leaves give the same report, to whoever leads.
func (n *Node) report(name string, e rounds.SendReport) (*possev1.SignedReport, error) {
	r := &possev1.Report{Experiment: name, Round: e.Round}
	for _, l := range e.Leaves {
		r.Leaves = append(r.Leaves, &possev1.Leaf{Leaf: l.Number, Descriptor_: l.Descriptor[:], Released: l.Bytes})
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		return nil, err
	}
	signature, err := n.identity.Sign(peer.ReportContext, body)
	if err != nil {
		return nil, err
	}
	return &possev1.SignedReport{Report: body, Signature: signature}, nil
}
