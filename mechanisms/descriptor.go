package mechanisms

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Descriptor is everything public that a window of decisions must know before
// its first record: which numbers are collected, how far one record moves them,
// which noise they take, and the policy's own plan (survivors, bounds, quotas),
// opaque to everyone else. It is a function of published values only.
// Source: private-learning 0.1.
type Descriptor struct {
	Version uint64 // the model's version that it was first planned from: later versions may keep it
	Epoch   uint32 // elimination epoch, 1-based; 0 where the policy has none
	Ended   bool   // learning is over: decisions go on, nothing is reported
	Layout  statistics.Layout
	Plan    []byte
}

const maxPlan = 1 << 20

var errDescriptor = errors.New("the descriptor is malformed")

// Encode returns the descriptor's canonical bytes.
func (d Descriptor) Encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, d.Version)
	out = binary.LittleEndian.AppendUint32(out, d.Epoch)
	ended := byte(0)
	if d.Ended {
		ended = 1
	}
	out = append(out, ended)
	out = append(out, d.Layout.Encode()...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(d.Plan)))
	return append(out, d.Plan...)
}

// Digest is the SHA-256 of [Descriptor.Encode].
func (d Descriptor) Digest() [sha256.Size]byte { return sha256.Sum256(d.Encode()) }

// DecodeDescriptor reads what [Descriptor.Encode] wrote and refuses anything else.
func DecodeDescriptor(data []byte) (Descriptor, error) {
	if len(data) < 13 || data[12] > 1 {
		return Descriptor{}, errDescriptor
	}
	d := Descriptor{
		Version: binary.LittleEndian.Uint64(data), Epoch: binary.LittleEndian.Uint32(data[8:]),
		Ended: data[12] == 1,
	}
	layout, rest, err := statistics.DecodeLayout(data[13:])
	if err != nil {
		return Descriptor{}, err
	}
	if len(rest) < 4 {
		return Descriptor{}, errDescriptor
	}
	n := binary.LittleEndian.Uint32(rest)
	if rest = rest[4:]; n > maxPlan || uint32(len(rest)) != n {
		return Descriptor{}, errDescriptor
	}
	d.Layout = layout
	if n > 0 {
		d.Plan = append([]byte(nil), rest...)
	}
	return d, nil
}
