package decision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/store"
)

// Outcome is what happened to a reward. Every one of them is an answer.
type Outcome uint8

// The outcomes, in the order of the API's enumeration.
const (
	Accepted Outcome = iota + 1
	Duplicate
	Conflict
	Late
	Unknown
	Lost
	Closed
)

// PermitRecord gives the permit for one record that was charged when it was
// admitted. Only layouts that randomise record by record ask for it.
type PermitRecord func() (budget.Permit, error)

// Reward takes the feedback for a decision of this desk; Unknown is the answer for
// one of another desk, or one that this desk has forgotten. It must be acknowledged
// only once the writes are on the disk. Feedback that the problem does not take is
// an error, and the decision stays open; every other case is an outcome.
func (d *Desk) Reward(now int64, sequence uint64, f mechanisms.Feedback, permit PermitRecord) (Outcome, []store.Write, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.pending[sequence]
	if !ok {
		return Unknown, nil, nil
	}
	mark := d.mark(sequence, f)
	switch {
	case p.rewarded && mark == p.mark: // also when it is late or closed by now: it was taken
		return Duplicate, nil, nil
	case p.rewarded:
		return Conflict, nil, nil
	case d.closed:
		return Closed, nil, nil
	case p.at+d.cfg.Deadline.Milliseconds() < now:
		d.late++
		return Late, nil, nil
	}
	writes, err := d.learn(p, f, permit)
	if err != nil {
		return 0, nil, err
	}
	p.rewarded, p.mark, p.context = true, mark, nil // what is no longer needed goes
	d.rewards++
	d.waiting--
	return Accepted, append(writes, d.head(), store.Write{Bucket: bucketDecisions, Key: d.key(sequence), Value: p.encode()}), nil
}

// learn adds the record to its own leaf, or, when that has left, to the one that
// is being filled. Feedback is validated even where nobody learns from it, so that
// an answer never tells whether a user still teaches.
func (d *Desk) learn(p *pending, f mechanisms.Feedback, permit PermitRecord) ([]store.Write, error) {
	l, opened, err := d.leafOf(p)
	if err != nil {
		return nil, err
	}
	if l == nil {
		w, err := d.cfg.Shared.Open(d.next)
		if err != nil {
			return nil, err
		}
		if _, err := w.Record(nil, p.context, p.action, f); err != nil && !errors.Is(err, mechanisms.ErrForeign) {
			return nil, err
		}
		if p.teaches {
			d.foreign++
		} else {
			d.unlearnt++
		}
		return nil, nil
	}
	record, err := l.window.Record(nil, p.context, p.action, f)
	if errors.Is(err, mechanisms.ErrForeign) {
		d.foreign++
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !p.teaches {
		d.unlearnt++
		return nil, nil
	}
	layout := l.descriptor.Layout
	if err := layout.Enforce(record); err != nil {
		return nil, err
	}
	if layout.PerRecord() {
		right, err := permit()
		if err != nil {
			return nil, err
		}
		if err := layout.Randomise(record, right, d.cfg.Source); err != nil {
			return nil, err
		}
	}
	if err := l.raw.Add(record); err != nil {
		return nil, fmt.Errorf("experiment %s: %w", d.cfg.Experiment, err)
	}
	if opened {
		d.leaves = append(d.leaves, l)
		d.leafs++
	}
	return []store.Write{d.leafWrite(l)}, nil
}

// leafOf finds where a record goes: its own leaf, or the newest when that has
// left, or a new one. A record is in one leaf at most, so that its charge covers it
// wherever it is. nil once learning has ended.
func (d *Desk) leafOf(p *pending) (l *leaf, opened bool, err error) {
	if d.exploit != nil {
		return nil, false, nil
	}
	for _, l := range d.leaves {
		if l.number == p.leaf {
			return l, false, nil
		}
	}
	if n := len(d.leaves); n > 0 {
		return d.leaves[n-1], false, nil
	}
	return d.filling()
}

// mark is a keyed hash of feedback: enough to tell a repeat from a contradiction.
func (d *Desk) mark(sequence uint64, f mechanisms.Feedback) [8]byte {
	h := hmac.New(sha256.New, d.cfg.Keys.ID)
	var b [17]byte
	binary.BigEndian.PutUint64(b[:], sequence)
	switch f := f.(type) {
	case mechanisms.Reward:
		b[8] = 'r'
		binary.BigEndian.PutUint64(b[9:], math.Float64bits(f.X))
	case mechanisms.Duel:
		b[8] = 'd'
		if f.FirstWon {
			b[9] = 1
		}
	case mechanisms.Runtime:
		b[8] = 't'
		if f.Censored {
			b[8] = 'c'
		}
		binary.BigEndian.PutUint64(b[9:], math.Float64bits(f.Seconds))
	}
	h.Write(b[:])
	var out [8]byte
	copy(out[:], h.Sum(nil))
	return out
}
