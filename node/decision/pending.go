package decision

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/posse-dev/posse/mechanisms"
)

// pending is a decision that may still be rewarded, or was: its mark tells a
// repeat of the same feedback from another one, without keeping the feedback.
type pending struct {
	at       int64 // Unix milliseconds
	leaf     uint64
	slot     uint64
	version  uint64
	teaches  bool
	rewarded bool
	mark     [8]byte
	context  mechanisms.Context
	action   mechanisms.Action
	user     [16]byte
}

var errPending = errors.New("a stored decision is damaged")

const (
	flagTeaches = 1 << iota
	flagRewarded
)

func (p *pending) encode() []byte {
	var flags byte
	if p.teaches {
		flags |= flagTeaches
	}
	if p.rewarded {
		flags |= flagRewarded
	}
	out := []byte{flags}
	for _, v := range []uint64{uint64(p.at), p.leaf, p.slot, p.version} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	out = append(out, p.mark[:]...)
	out = append(out, p.user[:]...)
	switch a := p.action.(type) {
	case mechanisms.Arm:
		out = append(out, 0)
		out = binary.LittleEndian.AppendUint32(out, uint32(a))
	case mechanisms.Pair:
		out = append(out, 1)
		out = binary.LittleEndian.AppendUint32(out, uint32(a.First))
		out = binary.LittleEndian.AppendUint32(out, uint32(a.Second))
	}
	if c, ok := p.context.(mechanisms.Features); ok && !p.rewarded {
		for _, x := range c.X {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
		}
	}
	return out
}

func decodePending(data []byte) (*pending, error) {
	if len(data) < 58 {
		return nil, errPending
	}
	p := &pending{teaches: data[0]&flagTeaches != 0, rewarded: data[0]&flagRewarded != 0}
	data = data[1:]
	p.at = int64(binary.LittleEndian.Uint64(data))
	p.leaf, p.slot = binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data[16:])
	p.version = binary.LittleEndian.Uint64(data[24:])
	copy(p.mark[:], data[32:])
	copy(p.user[:], data[40:])
	kind := data[56]
	data = data[57:]
	switch {
	case kind == 0 && len(data) >= 4:
		p.action, data = mechanisms.Arm(binary.LittleEndian.Uint32(data)), data[4:]
	case kind == 1 && len(data) >= 8:
		p.action = mechanisms.Pair{
			First: int(binary.LittleEndian.Uint32(data)), Second: int(binary.LittleEndian.Uint32(data[4:])),
		}
		data = data[8:]
	default:
		return nil, errPending
	}
	if len(data)%8 != 0 {
		return nil, errPending
	}
	p.context = mechanisms.None{}
	if len(data) > 0 {
		x := make([]float64, len(data)/8)
		for i := range x {
			x[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
		p.context = mechanisms.Features{X: x}
	}
	return p, nil
}
