package continual

import (
	"encoding/binary"
	"math/bits"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
)

// Hybrid draws increments for a stream whose length nobody knows. Epoch e holds the
// leaves 2^e to 2^(e+1) − 1. Inside, a [Design] for 2^e − 1 leaves at half of the
// promise draws; the epoch's last leaf replaces its noise by one fresh noise of the
// epoch's total, at the other half. It varies two to three times as much as a stream
// with a known horizon. Source: Chan, Shi and Song 2011, section 3.2.
type Hybrid struct {
	delta uint64 // Δ² for Gaussian noise, Δ1 for Laplace noise, in grid units
	cells int
	half  dp.Spend
	pure  bool
	fresh noise.Law
	t     uint64
	sum   []int64 // of the running epoch's increments
	inner *Stream // nil in an epoch of one leaf
}

// NewHybrid returns a stream at its start that costs a unit at most s for any number
// of leaves, where the unit's records lie in one of them. s holds a ρ (Gaussian
// noise; delta is Δ², squared ℓ2) or an ε (Laplace; delta is Δ1).
func NewHybrid(delta uint64, cells int, s dp.Spend) (*Hybrid, error) {
	h := &Hybrid{delta: delta, cells: cells, pure: s.PicoRho == 0, half: dp.Spend{NanoEpsilon: s.NanoEpsilon / 2, PicoRho: s.PicoRho / 2}, sum: make([]int64, max(0, cells))}
	fresh, err := NewFresh(1)
	if err != nil {
		return nil, err
	}
	h.fresh, err = h.law(fresh)
	if err != nil {
		return nil, err
	}
	_, err = NewStream(fresh, h.fresh, cells) // checks cells
	return h, err
}

func (h *Hybrid) law(d Design) (noise.Law, error) {
	if h.pure {
		return d.LaplaceLaw(h.delta, h.half)
	}
	return d.GaussianLaw(h.delta, h.cells, h.half)
}

// design is the inner one of an epoch of so many leaves, at least 2.
func (h *Hybrid) design(leaves uint64) (Design, error) {
	c, err := Choose(leaves-1, h.pure, dp.Silo)
	return c.Design, err
}

// Next writes the next increment into y.
func (h *Hybrid) Next(y []int64, src noise.Source) error {
	t := h.t + 1
	first := uint64(1) << (bits.Len64(t) - 1) // the epoch's first leaf, and its length
	if t == first {
		h.inner = nil
		clear(h.sum)
		if first > 1 {
			d, err := h.design(first)
			if err != nil {
				return err
			}
			law, err := h.law(d)
			if err != nil {
				return err
			}
			if h.inner, err = NewStream(d, law, h.cells); err != nil {
				return err
			}
		}
	}
	if t < 2*first-1 {
		if err := h.inner.Next(y, src); err != nil {
			return err
		}
		for c, v := range y {
			h.sum[c] += v
		}
	} else {
		h.fresh.Fill(y, src)
		for c := range y {
			y[c] -= h.sum[c]
		}
	}
	h.t = t
	return nil
}

// Variance of a prefix of t leaves, in the units of [Design.Variance]: one fresh
// noise for each finished epoch and the inner design's, all at half of the promise.
func (h *Hybrid) Variance(t uint64) (float64, error) {
	if t == 0 {
		return 0, nil
	}
	e := bits.Len64(t) - 1
	first := uint64(1) << e
	price := 2.0 // half of ρ doubles a Gaussian's variance, half of ε takes a Laplace's four times
	if h.pure {
		price = 4
	}
	if t == 2*first-1 {
		return price * float64(e+1), nil
	}
	d, err := h.design(first)
	if err != nil {
		return 0, err
	}
	return price * (float64(e) + d.Variance(t-first+1, h.pure)), nil
}

// Encode returns the canonical bytes of the state. They are secret.
func (h *Hybrid) Encode() []byte {
	out := appendAll(binary.LittleEndian.AppendUint64(nil, h.t), h.sum)
	if h.inner != nil {
		out = append(out, h.inner.Encode()...)
	}
	return out
}

// Restore continues what [Hybrid.Encode] wrote, for a new stream of the same promise.
func (h *Hybrid) Restore(data []byte) error {
	if len(data) < 8+8*h.cells {
		return errState
	}
	t := binary.LittleEndian.Uint64(data)
	if t > MaxHorizon {
		return errState
	}
	rest, err := takeAll(data[8:], h.sum)
	if err != nil {
		return err
	}
	h.t, h.inner = t, nil
	first := uint64(1) << max(0, bits.Len64(t)-1)
	if first <= 1 {
		if len(rest) != 0 {
			return errState
		}
		return nil
	}
	d, err := h.design(first)
	if err != nil {
		return err
	}
	law, err := h.law(d)
	if err != nil {
		return err
	}
	if h.inner, err = NewStream(d, law, h.cells); err != nil {
		return err
	}
	return h.inner.Restore(rest)
}
