package decision

import (
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/store"
)

// Decision is an answer.
type Decision struct {
	ID         string
	Action     mechanisms.Action
	Propensity float64
	Version    uint64 // of the model that it comes from
	Leaf       uint64
	Teaches    bool
}

// Admit is asked, before the choice, whether the record of this decision may be
// learnt from, in the given leaf: it charges the user's budget and returns what to
// write. It must not look at anything that a reward could change.
type Admit func(leaf uint64) (teaches bool, writes []store.Write, err error)

// Decide answers one question. sequence is the node's next number, larger than any
// before. The writes are durable lazily: an answer may be lost in a crash, and its
// reward then is LOST. On an error nothing changed.
//
// Here as everywhere: the writes of two calls must reach the store in the order of
// the calls, or an older sum of a leaf overwrites a newer one.
func (d *Desk) Decide(now int64, sequence uint64, c mechanisms.Context, admit Admit) (Decision, []store.Write, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return Decision{}, nil, d.errClosed()
	}
	if d.waiting >= uint64(d.cfg.MaxPending) || len(d.pending) >= 2*d.cfg.MaxPending {
		return Decision{}, nil, d.errFull(fmt.Sprintf("at most %d decisions without a reward, and twice as many within reward.deadline", d.cfg.MaxPending))
	}
	l, opened, err := d.filling()
	if err != nil {
		return Decision{}, nil, err
	}
	window, version := d.exploit, d.version
	if window == nil {
		window, version = l.window, l.version
	}
	action, propensity, err := window.Choose(d.slots, c, d.cfg.Source)
	if err != nil {
		return Decision{}, nil, err
	}
	p := &pending{at: now, slot: d.slots, version: version, context: c, action: action}
	var writes []store.Write
	if d.exploit == nil {
		p.leaf = l.number
		if p.teaches, writes, err = admit(l.number); err != nil {
			return Decision{}, nil, err
		}
		if opened {
			d.leaves = append(d.leaves, l)
			d.leafs++
		}
		if l.slots++; l.full() {
			d.ready += l.slots
		}
		writes = append(writes, d.leafWrite(l))
	}
	d.slots++
	if d.exploit != nil && !d.next.Ended && d.quota > 0 && d.slots-d.ready >= d.quota {
		d.ready += d.quota // nothing is reported any more, and the rounds of the others go by this clock, too
	}
	d.newest = sequence
	d.pending[sequence] = p
	d.order = append(d.order, sequence)
	d.waiting++
	writes = append(writes, d.head(), store.Write{Bucket: bucketDecisions, Key: d.key(sequence), Value: p.encode()})
	return Decision{
		ID: d.cfg.Keys.NewID(sequence), Action: action, Propensity: propensity, Version: version,
		Leaf: p.leaf, Teaches: p.teaches,
	}, writes, nil
}

func (d *Desk) errFull(allowed string) error {
	return &posse.Error{
		Code: posse.ResourceExhausted, Reason: "TOO_MANY_PENDING", Field: "experiment", Value: fmt.Sprint(len(d.pending)),
		Allowed: allowed, Message: "too many decisions wait for their reward",
		Hint: "send rewards, shorten reward.deadline, or play your fallback arm",
	}
}

// filling returns the leaf that takes the next slot, and whether it is new (and
// then not yet part of the desk). Nil once learning has ended.
func (d *Desk) filling() (l *leaf, opened bool, err error) {
	if d.exploit != nil {
		return nil, false, nil
	}
	if n := len(d.leaves); n > 0 && !d.leaves[n-1].full() {
		return d.leaves[n-1], false, nil
	}
	w, err := d.cfg.Shared.Open(d.own)
	if err != nil {
		return nil, false, err
	}
	return &leaf{
		number: d.leafs, version: d.version, first: d.slots, quota: d.quota, descriptor: d.next, own: d.own, window: w, raw: d.next.Layout.Empty(),
	}, true, nil
}
