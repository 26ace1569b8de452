package decision

import (
	"bytes"
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
	quota      uint64                // slots that fill it; 0: a clock closes it
	descriptor mechanisms.Descriptor // of its report
	own        mechanisms.Descriptor // of its window
	window     mechanisms.Window
	raw        *statistics.Set
}

func (l *leaf) full() bool { return l.quota > 0 && l.slots >= l.quota }

var errLeaf = errors.New("a stored leaf is damaged")

// ownFollows is set in the length of a leaf's descriptor where a descriptor of its
// window comes behind it: without pooling the two are one.
const ownFollows = 1 << 31

// encode writes a leaf for the store.
func (l *leaf) encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, l.number)
	out = binary.LittleEndian.AppendUint64(out, l.first)
	out = binary.LittleEndian.AppendUint64(out, l.slots)
	out = binary.LittleEndian.AppendUint64(out, l.quota)
	out = binary.LittleEndian.AppendUint64(out, l.version)
	d, own := l.descriptor.Encode(), l.own.Encode()
	if bytes.Equal(d, own) {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(d)))
		out = append(out, d...)
		return append(out, l.raw.Encode()...)
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(d))|ownFollows)
	out = append(out, d...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(own)))
	out = append(out, own...)
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
	marked := binary.LittleEndian.Uint32(data[40:])
	data = data[44:]
	descriptor := func(n uint32) (d mechanisms.Descriptor, err error) {
		if uint64(n) > uint64(len(data)) {
			return d, errLeaf
		}
		d, err = mechanisms.DecodeDescriptor(data[:n])
		data = data[n:]
		return d, err
	}
	var err error
	if l.descriptor, err = descriptor(marked &^ ownFollows); err != nil {
		return nil, errors.Join(errLeaf, err)
	}
	if l.own = l.descriptor; marked&ownFollows != 0 {
		if len(data) < 4 {
			return nil, errLeaf
		}
		n := binary.LittleEndian.Uint32(data)
		data = data[4:]
		if l.own, err = descriptor(n); err != nil {
			return nil, errors.Join(errLeaf, err)
		}
		if bytes.Equal(l.own.Encode(), l.descriptor.Encode()) {
			return nil, errLeaf // written as one
		}
	}
	if l.raw, err = statistics.Decode(data); err != nil {
		return nil, errors.Join(errLeaf, err)
	}
	if !l.descriptor.Layout.Fits(l.raw) || !bytes.Equal(l.descriptor.Layout.Encode(), l.own.Layout.Encode()) {
		return nil, errLeaf
	}
	l.window, err = shared.Open(l.own)
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
