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
	out = appendAction(out, p.action)
	if c, ok := p.context.(mechanisms.Features); ok && !p.rewarded {
		for _, x := range c.X {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
		}
	}
	return out
}

func decodePending(data []byte) (*pending, error) {
	if len(data) < 42 {
		return nil, errPending
	}
	p := &pending{teaches: data[0]&flagTeaches != 0, rewarded: data[0]&flagRewarded != 0}
	data = data[1:]
	p.at = int64(binary.LittleEndian.Uint64(data))
	p.leaf, p.slot = binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data[16:])
	p.version = binary.LittleEndian.Uint64(data[24:])
	copy(p.mark[:], data[32:])
	var ok bool
	if p.action, data, ok = takeAction(data[40:]); !ok || len(data)%8 != 0 {
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

func appendAction(out []byte, a mechanisms.Action) []byte {
	switch a := a.(type) {
	case mechanisms.Arm:
		out = append(out, 0)
		out = binary.LittleEndian.AppendUint32(out, uint32(a))
	case mechanisms.Pair:
		out = append(out, 1)
		out = binary.LittleEndian.AppendUint32(out, uint32(a.First))
		out = binary.LittleEndian.AppendUint32(out, uint32(a.Second))
	}
	return out
}

func takeAction(data []byte) (a mechanisms.Action, rest []byte, ok bool) {
	switch {
	case len(data) >= 5 && data[0] == 0:
		return mechanisms.Arm(binary.LittleEndian.Uint32(data[1:])), data[5:], true
	case len(data) >= 9 && data[0] == 1:
		return mechanisms.Pair{
			First: int(binary.LittleEndian.Uint32(data[1:])), Second: int(binary.LittleEndian.Uint32(data[5:])),
		}, data[9:], true
	}
	return nil, nil, false
}
