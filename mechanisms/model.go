package mechanisms

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Model is the aggregated statistics of an experiment at one version: a list of
// parts, one for each descriptor under which something was released. Parts made
// at different bounds or noise are kept apart, since a stored sum can't be
// clipped again. Source: private-learning 1.3.
type Model struct {
	Version uint64
	Parts   []Part // in order of first publication
}

// Part is the exact sum of all bought releases under one descriptor.
type Part struct {
	Descriptor Descriptor
	Releases   uint64 // how many releases, each with its own noise, are in Sum
	Sum        *statistics.Set
}

// Add adds a release that was made under a descriptor to its part, or begins one.
func (m *Model) Add(d Descriptor, released *statistics.Set) error {
	digest := d.Digest()
	for i := range m.Parts {
		if m.Parts[i].Descriptor.Digest() == digest {
			m.Parts[i].Releases++
			return m.Parts[i].Sum.Merge(released)
		}
	}
	if !d.Layout.Fits(released) {
		return statistics.ErrShape
	}
	m.Parts = append(m.Parts, Part{Descriptor: d, Releases: 1, Sum: released.Clone()})
	return nil
}

// Clone returns a copy that shares no sums.
func (m Model) Clone() Model {
	out := Model{Version: m.Version, Parts: slices.Clone(m.Parts)}
	for i, p := range out.Parts {
		out.Parts[i].Sum = p.Sum.Clone()
	}
	return out
}

const maxParts = 1 << 16

var errModel = errors.New("the model is malformed")

// Encode returns the canonical bytes of the model.
func (m Model) Encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, m.Version)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(m.Parts)))
	for _, p := range m.Parts {
		out = appendBytes(out, p.Descriptor.Encode())
		out = binary.LittleEndian.AppendUint64(out, p.Releases)
		out = appendBytes(out, p.Sum.Encode())
	}
	return out
}

// DecodeModel reads what [Model.Encode] wrote. Each part's sum has its
// descriptor's layout.
func DecodeModel(data []byte) (Model, error) {
	if len(data) < 12 {
		return Model{}, errModel
	}
	m := Model{Version: binary.LittleEndian.Uint64(data)}
	n := binary.LittleEndian.Uint32(data[8:])
	if n > maxParts {
		return Model{}, errModel
	}
	data = data[12:]
	for range n {
		var raw []byte
		var err error
		if raw, data, err = takeBytes(data); err != nil {
			return Model{}, err
		}
		var p Part
		if p.Descriptor, err = DecodeDescriptor(raw); err != nil {
			return Model{}, err
		}
		if len(data) < 8 {
			return Model{}, errModel
		}
		p.Releases, data = binary.LittleEndian.Uint64(data), data[8:]
		if raw, data, err = takeBytes(data); err != nil {
			return Model{}, err
		}
		if p.Sum, err = statistics.Decode(raw); err != nil {
			return Model{}, err
		}
		if !p.Descriptor.Layout.Fits(p.Sum) {
			return Model{}, statistics.ErrShape
		}
		m.Parts = append(m.Parts, p)
	}
	if len(data) != 0 {
		return Model{}, errModel
	}
	return m, nil
}

func appendBytes(out, b []byte) []byte {
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b)))
	return append(out, b...)
}

func takeBytes(data []byte) (b, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errModel
	}
	n := binary.LittleEndian.Uint32(data)
	if uint64(n) > uint64(len(data)-4) {
		return nil, nil, errModel
	}
	return data[4 : 4+n], data[4+n:], nil
}
