package decision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/store"
)

// repeat is what a key was answered. It holds the whole answer, since the decision
// itself may be forgotten earlier.
type repeat struct {
	until    int64 // Unix milliseconds
	sequence uint64
	asked    [8]byte // keyed hash of user and context
	answer   Decision
}

// KeyTime is how long a key gets the same answer, in milliseconds.
const KeyTime = 24 * 3600 * 1000

const bucketRepeats = "repeats" // experiment, 0, hash of the key → repeat

var errRepeat = errors.New("a stored answer is damaged")

// Repeated returns the answer that the key got within the last day, if it did. The
// same key with another user or context is a CONFLICT. It is an error, too, when
// no further key can be remembered: a key that would silently be answered anew is
// a promise broken.
func (d *Desk) Repeated(now int64, key string, user [16]byte, c mechanisms.Context) (Decision, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, ok := d.repeats[d.keyHash(key)]
	switch {
	case ok && r.until > now && r.asked != d.asked(user, c):
		return Decision{}, false, &posse.Error{
			Code: posse.AlreadyExists, Reason: "CONFLICT", Field: "key", Value: "another user or context", Allowed: "the same question",
			Message: "the key was used for another question", Hint: "use a new key for each question, and the same one to ask it again",
		}
	case ok && r.until > now:
		return r.answer, true, nil
	case !ok && len(d.repeats) >= d.cfg.MaxPending:
		return Decision{}, false, d.errFull(fmt.Sprintf("at most %d keys in 24 h", d.cfg.MaxPending))
	}
	return Decision{}, false, nil
}

// Remember keeps an answer for its key, for a day. Its writes belong in the same
// [store.Store.Put] as those of the decision: after a crash there are both or
// neither.
func (d *Desk) Remember(now int64, key string, user [16]byte, c mechanisms.Context, sequence uint64, answer Decision) []store.Write {
	d.mu.Lock()
	defer d.mu.Unlock()
	hash := d.keyHash(key)
	if _, ok := d.repeats[hash]; ok { // its day is over, and it was not forgotten yet
		d.keys = slices.DeleteFunc(d.keys, func(k [16]byte) bool { return k == hash })
	}
	d.keys = append(d.keys, hash)
	r := &repeat{until: now + KeyTime, sequence: sequence, asked: d.asked(user, c), answer: answer}
	d.repeats[hash] = r
	return []store.Write{{Bucket: bucketRepeats, Key: d.repeatKey(hash), Value: r.encode()}}
}

func (d *Desk) keyHash(key string) (out [16]byte) {
	h := hmac.New(sha256.New, d.cfg.Keys.User)
	h.Write([]byte("key\x00" + key))
	copy(out[:], h.Sum(nil))
	return out
}

func (d *Desk) repeatKey(hash [16]byte) []byte {
	return append(append([]byte(d.cfg.Experiment), 0), hash[:]...)
}

func (d *Desk) asked(user [16]byte, c mechanisms.Context) (out [8]byte) {
	h := hmac.New(sha256.New, d.cfg.Keys.User)
	h.Write([]byte("asked\x00"))
	h.Write(user[:])
	if f, ok := c.(mechanisms.Features); ok {
		for _, x := range f.X {
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], math.Float64bits(x))
			h.Write(b[:])
		}
	}
	copy(out[:], h.Sum(nil))
	return out
}

// expireRepeats forgets keys whose day is over.
func (d *Desk) expireRepeats(now int64, limit int) (writes []store.Write) {
	for ; len(d.keys) > 0 && limit > 0; limit-- {
		hash := d.keys[0]
		if d.repeats[hash].until > now {
			break
		}
		delete(d.repeats, hash)
		writes = append(writes, store.Write{Bucket: bucketRepeats, Key: d.repeatKey(hash)})
		d.keys = d.keys[1:]
	}
	return writes
}

func (d *Desk) restoreRepeats(s *store.Store) error {
	name := len(d.cfg.Experiment)
	if err := s.Each(bucketRepeats, func(k, v []byte) error {
		if len(k) != name+17 || string(k[:name]) != d.cfg.Experiment || k[name] != 0 {
			return nil
		}
		r, err := decodeRepeat(v)
		if err != nil {
			return fmt.Errorf("experiment %s: %w", d.cfg.Experiment, err)
		}
		r.answer.ID = d.cfg.Keys.NewID(r.sequence)
		hash := [16]byte(k[name+1:])
		d.repeats[hash] = r
		d.keys = append(d.keys, hash)
		return nil
	}); err != nil {
		return err
	}
	sort.Slice(d.keys, func(i, j int) bool { return d.repeats[d.keys[i]].until < d.repeats[d.keys[j]].until })
	return nil
}

func (r *repeat) encode() []byte {
	a := r.answer
	out := binary.LittleEndian.AppendUint64(nil, uint64(r.until))
	for _, v := range []uint64{r.sequence, a.Version, a.Leaf, math.Float64bits(a.Propensity)} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	out = append(out, r.asked[:]...)
	teaches := byte(0)
	if a.Teaches {
		teaches = 1
	}
	return appendAction(append(out, teaches), a.Action)
}

func decodeRepeat(data []byte) (*repeat, error) {
	if len(data) < 49 || data[48] > 1 {
		return nil, errRepeat
	}
	r := &repeat{until: int64(binary.LittleEndian.Uint64(data)), sequence: binary.LittleEndian.Uint64(data[8:])}
	r.answer.Version, r.answer.Leaf = binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint64(data[24:])
	r.answer.Propensity = math.Float64frombits(binary.LittleEndian.Uint64(data[32:]))
	copy(r.asked[:], data[40:])
	r.answer.Teaches = data[48] == 1
	var rest []byte
	var ok bool
	if r.answer.Action, rest, ok = takeAction(data[49:]); !ok || len(rest) != 0 {
		return nil, errRepeat
	}
	return r, nil
}
