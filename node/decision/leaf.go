package decision

import (
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// leaf is the records of one window: slots [first, first+slots) of this node and
// the sums of what came back. Its raw sums are secret and die with its release.
type leaf struct {
	number     uint64
	version    uint64 // of the model that it was opened with
	first      uint64
	slots      uint64
	quota      uint64 // slots that fill it; 0: a clock closes it
	descriptor mechanisms.Descriptor
	window     mechanisms.Window
	raw        *statistics.Set
}

func (l *leaf) full() bool { return l.quota > 0 && l.slots >= l.quota }

var errLeaf = errors.New("a stored leaf is damaged")

// encode writes a leaf for the store.
func (l *leaf) encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, l.number)
	out = binary.LittleEndian.AppendUint64(out, l.first)
	out = binary.LittleEndian.AppendUint64(out, l.slots)
	out = binary.LittleEndian.AppendUint64(out, l.quota)
	out = binary.LittleEndian.AppendUint64(out, l.version)
	d := l.descriptor.Encode()
	out = binary.LittleEndian.AppendUint32(out, uint32(len(d)))
	out = append(out, d...)
	return append(out, l.raw.Encode()...)
}

func decodeLeaf(data []byte, shared mechanisms.Shared) (*leaf, error) {
	if len(data) < 44 {
		return nil, errLeaf
	}
	l := &leaf{
		number: binary.LittleEndian.Uint64(data), first: binary.LittleEndian.Uint64(data[8:]),
		slots: binary.LittleEndian.Uint64(data[16:]), quota: binary.LittleEndian.Uint64(data[24:]),
		version: binary.LittleEndian.Uint64(data[32:]),
	}
	n := int(binary.LittleEndian.Uint32(data[40:]))
	if data = data[44:]; n > len(data) {
		return nil, errLeaf
	}
	var err error
	if l.descriptor, err = mechanisms.DecodeDescriptor(data[:n]); err != nil {
		return nil, errors.Join(errLeaf, err)
	}
	if l.raw, err = statistics.Decode(data[n:]); err != nil {
		return nil, errors.Join(errLeaf, err)
	}
	if !l.descriptor.Layout.Fits(l.raw) {
		return nil, errLeaf
	}
	l.window, err = shared.Open(l.descriptor)
	return l, err
}

// ClosedLeaf is a leaf that takes nothing more: what the door is given.
type ClosedLeaf struct {
	Number     uint64
	Descriptor mechanisms.Descriptor
	Raw        *statistics.Set // with the public part of its slots
}

// Close takes a leaf out of the desk, for release. It stays in the store until
// [Desk.Forget]: a crash between leaves it to be closed again. A leaf that is
// still being filled is closed as it is and the next decision opens another.
func (d *Desk) Close(number uint64) (ClosedLeaf, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, l := range d.leaves {
		if l.number != number {
			continue
		}
		public, err := l.window.Slots(l.first, l.slots)
		if err != nil {
			return ClosedLeaf{}, err
		}
		raw := l.raw.Clone()
		if err := raw.Merge(public); err != nil {
			return ClosedLeaf{}, err
		}
		d.leaves = append(d.leaves[:i:i], d.leaves[i+1:]...)
		return ClosedLeaf{Number: number, Descriptor: l.descriptor, Raw: raw}, nil
	}
	return ClosedLeaf{}, errors.New("no such open leaf")
}

// Full returns the numbers of the leaves that wait for a round, oldest first;
// with all set, the one that is being filled too.
func (d *Desk) Full(all bool) []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []uint64
	for _, l := range d.leaves {
		if l.full() || (all && l.slots > 0) {
			out = append(out, l.number)
		}
	}
	return out
}

// Ready is the number of decisions in leaves that were ever filled: a public
// clock that only grows.
func (d *Desk) Ready() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ready
}
