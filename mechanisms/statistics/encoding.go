package statistics

import (
	"encoding/binary"
	"errors"
)

// errMalformed hides where decoding stopped: the bytes may come from a stranger.
var errMalformed = errors.New("the statistics are malformed")

const (
	maxBlocks = 64
	maxName   = 64
	maxRank   = 8
)

// Encode returns the canonical bytes of s: block count, then for each block its
// name, scale, length and numbers; integers little-endian, lengths as uint32.
// Equal sets have equal bytes, on every processor. Source: distributed 4.1.
func (s *Set) Encode() []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(s.Blocks)))
	for _, b := range s.Blocks {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b.Name)))
		out = append(out, b.Name...)
		out = append(out, b.Scale)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b.Sum)))
		for _, v := range b.Sum {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		}
	}
	return out
}

// Decode reads what [Set.Encode] wrote. It refuses anything else: trailing
// bytes, lengths beyond the input or [MaxCells], numbers beyond [MaxSum].
func Decode(data []byte) (*Set, error) {
	blocks, data, err := length(data, maxBlocks)
	if err != nil {
		return nil, err
	}
	s := &Set{Blocks: make([]Block, blocks)}
	total := 0
	for i := range s.Blocks {
		var n int
		if n, data, err = length(data, maxName); err != nil {
			return nil, err
		}
		if len(data) < n+1 {
			return nil, errMalformed
		}
		s.Blocks[i].Name, s.Blocks[i].Scale = string(data[:n]), data[n]
		data = data[n+1:]
		if n, data, err = length(data, MaxCells); err != nil {
			return nil, err
		}
		if total += n; total > MaxCells || len(data) < 8*n {
			return nil, errMalformed
		}
		s.Blocks[i].Sum = make([]int64, n)
		for k := range s.Blocks[i].Sum {
			v := int64(binary.LittleEndian.Uint64(data[8*k:]))
			if v >= MaxSum || v <= -MaxSum {
				return nil, errMalformed
			}
			s.Blocks[i].Sum[k] = v
		}
		data = data[8*n:]
	}
	if len(data) != 0 {
		return nil, errMalformed
	}
	return s, nil
}

// Encode returns the canonical bytes of the layout.
func (l Layout) Encode() []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(l)))
	for _, b := range l {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b.Name)))
		out = append(out, b.Name...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(b.Shape)))
		for _, d := range b.Shape {
			out = binary.LittleEndian.AppendUint32(out, uint32(d))
		}
		out = append(out, b.Scale, byte(b.Noise), boolByte(b.Claim))
		out = binary.LittleEndian.AppendUint64(out, uint64(b.Record))
		out = binary.LittleEndian.AppendUint64(out, b.L1)
		out = binary.LittleEndian.AppendUint64(out, b.L2Squared)
		out = binary.LittleEndian.AppendUint64(out, b.Num)
		out = binary.LittleEndian.AppendUint64(out, b.Den)
	}
	return out
}

// DecodeLayout reads what [Layout.Encode] wrote from the front of data and
// returns the rest. The layout is validated.
func DecodeLayout(data []byte) (Layout, []byte, error) {
	n, data, err := length(data, maxBlocks)
	if err != nil {
		return nil, nil, err
	}
	l := make(Layout, n)
	for i := range l {
		if n, data, err = length(data, maxName); err != nil {
			return nil, nil, err
		}
		if len(data) < n {
			return nil, nil, errMalformed
		}
		l[i].Name, data = string(data[:n]), data[n:]
		if n, data, err = length(data, maxRank); err != nil {
			return nil, nil, err
		}
		for range n {
			var d int
			if d, data, err = length(data, MaxCells); err != nil {
				return nil, nil, err
			}
			l[i].Shape = append(l[i].Shape, d)
		}
		if len(data) < 43 || data[2] > 1 {
			return nil, nil, errMalformed
		}
		l[i].Scale, l[i].Noise, l[i].Claim = data[0], Mechanism(data[1]), data[2] == 1
		l[i].Record = int64(binary.LittleEndian.Uint64(data[3:]))
		l[i].L1 = binary.LittleEndian.Uint64(data[11:])
		l[i].L2Squared = binary.LittleEndian.Uint64(data[19:])
		l[i].Num = binary.LittleEndian.Uint64(data[27:])
		l[i].Den = binary.LittleEndian.Uint64(data[35:])
		data = data[43:]
	}
	if err := l.Validate(); err != nil {
		return nil, nil, errMalformed
	}
	return l, data, nil
}

func length(data []byte, limit int) (int, []byte, error) {
	if len(data) < 4 {
		return 0, nil, errMalformed
	}
	n := binary.LittleEndian.Uint32(data)
	if n > uint32(limit) {
		return 0, nil, errMalformed
	}
	return int(n), data[4:], nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}
