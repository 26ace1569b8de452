package continual

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Stream draws the increments of a design for so many cells. Its state is secret: who
// knows the noise knows the data. It keeps no data, so a release of a leaf is
// x_t + y_t and a retry sends the stored release: drawing another increment for a
// leaf would let the two be averaged. Source: private-learning 3.1.
type Stream struct {
	design Design
	law    noise.Law
	cells  int
	t      uint64 // increments drawn
	state  state
}

// state is what a mechanism remembers: next turns fresh noise z of leaf t into y.
type state interface {
	next(z []int64, t uint64) error
	encode(out []byte) []byte
	decode(in []byte, t uint64) ([]byte, error)
}

// ErrExhausted is returned for a leaf beyond the horizon: its noise would cost more
// than was charged.
var ErrExhausted = errors.New("continual: the horizon is exhausted")

// NewStream returns a stream at its start. law is what z is drawn from
// ([Design.GaussianLaw], [Design.LaplaceLaw]); cells is the length of an increment.
func NewStream(d Design, law noise.Law, cells int) (*Stream, error) {
	if cells < 1 || law == nil || d.Horizon == 0 {
		return nil, posse.OutOfRange("cells", fmt.Sprint(cells), "at least one, with a design and a law", "")
	}
	s := &Stream{design: d, law: law, cells: cells}
	switch d.Mechanism {
	case SquareRoot:
		s.state = &history{column: d.column, cells: cells}
	case BLT:
		s.state = &buffers{theta: d.theta, omega: d.omega, s: make([]wide, len(d.theta)*cells)}
	default:
		s.state = &nodes{arity: d.Arity, cells: cells, n: make([]int64, d.levels*cells)}
	}
	return s, nil
}

// Drawn is the number of increments drawn so far.
func (s *Stream) Drawn() uint64 { return s.t }

// Next writes the next increment into y, which has a place for each cell. It is
// [ErrExhausted] beyond the horizon. After any error the stream is not used again.
func (s *Stream) Next(y []int64, src noise.Source) error {
	if len(y) != s.cells {
		return posse.OutOfRange("cells", fmt.Sprint(len(y)), fmt.Sprint(s.cells), "")
	}
	if s.t >= s.design.Horizon {
		return ErrExhausted
	}
	s.law.Fill(y, src)
	s.t++
	return s.state.next(y, s.t)
}

// Encode returns the canonical bytes of the stream's state. They are secret.
func (s *Stream) Encode() []byte {
	out := binary.LittleEndian.AppendUint64(nil, s.t)
	return s.state.encode(out)
}

var errState = errors.New("continual: the bytes are no state of this stream")

// Restore continues what [Stream.Encode] wrote, for a new stream of the same design,
// law and cells.
func (s *Stream) Restore(data []byte) error {
	if len(data) < 8 {
		return errState
	}
	t := binary.LittleEndian.Uint64(data)
	if t > s.design.Horizon {
		return errState
	}
	rest, err := s.state.decode(data[8:], t)
	if err != nil || len(rest) != 0 {
		return errState
	}
	s.t = t
	return nil
}

// nodes is a tree: n[l] is the noise of the nodes in use at level l. Leaf t completes
// a node of level i, how often the arity divides t, and takes back what its children
// left.
type nodes struct {
	arity uint64
	cells int
	n     []int64
}

func (a *nodes) next(z []int64, t uint64) error {
	level := 0
	for t%a.arity == 0 {
		t /= a.arity
		level++
	}
	own := a.n[level*a.cells : (level+1)*a.cells]
	for c, v := range z {
		if own[c] += v; own[c] >= 1<<62 || own[c] <= -(1<<62) {
			return errTooLarge
		}
	}
	for l := range level {
		below := a.n[l*a.cells : (l+1)*a.cells]
		for c := range z {
			z[c] -= below[c]
		}
		clear(below)
	}
	return nil
}

func (a *nodes) encode(out []byte) []byte { return appendAll(out, a.n) }

func (a *nodes) decode(in []byte, _ uint64) ([]byte, error) { return takeAll(in, a.n) }

// history is the square root: all earlier increments, y_t = z_t − ⌊Σ f_k·y_(t−k) + ½⌋.
type history struct {
	column []int64
	cells  int
	y      []int64
	most   int64 // no increment is larger in magnitude
	sums   []int64
}

func (h *history) next(z []int64, t uint64) error {
	weight := int64(0)
	for _, c := range h.column[1:max(1, t)] {
		weight += c
	}
	if h.most < 1<<61/max(1, weight) {
		h.narrow(t)
	} else if err := h.broad(t); err != nil {
		return err
	}
	for c, v := range z {
		y := v - h.sums[c]
		if v >= 1<<61 || v <= -(1<<61) || y >= 1<<61 || y <= -(1<<61) {
			return errTooLarge
		}
		z[c] = y
		h.most = max(h.most, y, -y)
	}
	h.y = append(h.y, z...)
	return nil
}

// narrow adds up in 64 bits.
func (h *history) narrow(t uint64) {
	h.sums = append(h.sums[:0], make([]int64, h.cells)...)
	for k := uint64(1); k < t; k++ {
		c := h.column[k]
		row := h.y[int(t-1-k)*h.cells:][:h.cells]
		sums := h.sums[:len(row)]
		for i, y := range row {
			sums[i] += c * y
		}
	}
	for i, s := range h.sums {
		h.sums[i] = (s + 1<<(columnBits-1)) >> columnBits
	}
}

// broad adds up in 128 bits.
func (h *history) broad(t uint64) error {
	h.sums = append(h.sums[:0], make([]int64, h.cells)...)
	for c := range h.sums {
		var sum wide
		for k := uint64(1); k < t; k++ {
			sum = sum.plus(product(uint64(h.column[k]), h.y[int(t-1-k)*h.cells+c]))
		}
		var err error
		if h.sums[c], err = sum.rounded(columnBits).int(); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) encode(out []byte) []byte { return appendAll(out, h.y) }

func (h *history) decode(in []byte, t uint64) ([]byte, error) {
	if uint64(len(in)) != 8*t*uint64(h.cells) {
		return nil, errState
	}
	h.y, h.most = make([]int64, t*uint64(h.cells)), 0
	rest, err := takeAll(in, h.y)
	for _, y := range h.y {
		h.most = max(h.most, y, -y)
	}
	return rest, err
}

// bufferBits is the fixed point of a BLT's buffers.
const bufferBits = 32

// buffers is a BLT: r = ⌊Σ ω_j·s_j + ½⌋, y = z − r, s_j ← round(θ_j·s_j) + y.
type buffers struct {
	theta, omega []uint64
	s            []wide // cell by cell, in 2^−bufferBits
}

func (b *buffers) next(z []int64, _ uint64) error {
	d := len(b.theta)
	for c, v := range z {
		s := b.s[c*d : (c+1)*d]
		var sum wide
		for j := range s {
			sum = sum.plus(s[j].times(b.omega[j]))
		}
		y, err := of(v).plus(sum.rounded(coefficientBits).rounded(bufferBits).negative()).int()
		if err != nil {
			return err
		}
		if y >= 1<<48 || y <= -(1<<48) {
			return errTooLarge
		}
		step := product(1<<bufferBits, y)
		for j := range s {
			s[j] = s[j].times(b.theta[j]).rounded(coefficientBits).plus(step)
			if size := s[j].hi >> 17; size != 0 && size != -1 { // below 2^81: sums of products with 2^40 fit
				return errTooLarge
			}
		}
		z[c] = y
	}
	return nil
}

func (b *buffers) encode(out []byte) []byte {
	for _, s := range b.s {
		out = binary.LittleEndian.AppendUint64(out, uint64(s.hi))
		out = binary.LittleEndian.AppendUint64(out, s.lo)
	}
	return out
}

func (b *buffers) decode(in []byte, _ uint64) ([]byte, error) {
	if len(in) != 16*len(b.s) {
		return nil, errState
	}
	for i := range b.s {
		b.s[i] = wide{int64(binary.LittleEndian.Uint64(in[16*i:])), binary.LittleEndian.Uint64(in[16*i+8:])}
	}
	return nil, nil
}

func appendAll(out []byte, x []int64) []byte {
	for _, v := range x {
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	return out
}

func takeAll(in []byte, x []int64) ([]byte, error) {
	if len(in) < 8*len(x) {
		return nil, errState
	}
	for i := range x {
		x[i] = int64(binary.LittleEndian.Uint64(in[8*i:]))
	}
	return in[8*len(x):], nil
}
