package statistics

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/posse-dev/posse"
)

// MaxSum bounds every number of a [Set]: |sum| < 2^62, so that the sum of two
// sets never wraps before it is checked. Source: spec README 3.
const MaxSum = int64(1) << 62

// ErrOverflow is returned when a sum would leave (−2^62, 2^62).
var ErrOverflow = errors.New("too many records for the fixed-point format")

// ErrShape is returned when two sets, or a set and a layout, do not have the
// same blocks.
var ErrShape = errors.New("the statistics have another shape")

// Block is one named integer tensor, flattened in row-major order.
// A number is Sum·2^−Scale in the unit that its layout declares.
type Block struct {
	Name  string
	Scale uint8
	Sum   []int64
}

// Set is a list of blocks that only ever changes by addition. The zero value is
// an empty set without blocks.
type Set struct {
	Blocks []Block
}

// Increment is what one record adds to one cell of one block. A record is a
// short list of them, so that adding it costs what it touches: by block and cell,
// ascending, each cell once.
type Increment struct {
	Block, Cell int
	Value       int64
}

// Clone returns a copy that shares nothing with s.
func (s *Set) Clone() *Set {
	c := &Set{Blocks: make([]Block, len(s.Blocks))}
	for i, b := range s.Blocks {
		c.Blocks[i] = Block{Name: b.Name, Scale: b.Scale, Sum: append([]int64(nil), b.Sum...)}
	}
	return c
}

// SameShape reports whether both sets have the same blocks, by name, scale and
// length.
func (s *Set) SameShape(o *Set) bool {
	if len(s.Blocks) != len(o.Blocks) {
		return false
	}
	for i, b := range s.Blocks {
		if b.Name != o.Blocks[i].Name || b.Scale != o.Blocks[i].Scale || len(b.Sum) != len(o.Blocks[i].Sum) {
			return false
		}
	}
	return true
}

// Merge adds o to s cell by cell. It is associative, commutative and exact, and
// it changes nothing when it returns an error ([ErrShape], [ErrOverflow]).
func (s *Set) Merge(o *Set) error {
	if !s.SameShape(o) {
		return ErrShape
	}
	if s == o {
		o = o.Clone()
	}
	for i, b := range o.Blocks {
		if !gather(s.Blocks[i].Sum, b.Sum) {
			for k := range i + 1 { // what was added comes off again, exactly
				scatter(s.Blocks[k].Sum, o.Blocks[k].Sum)
			}
			return fmt.Errorf("block %q: %w", b.Name, ErrOverflow)
		}
	}
	return nil
}

// gather adds b to a and reports whether all sums are in (−2^62, 2^62) and none
// wrapped, as [add] says of one. There is no branch for each number: one is in [−2^62,
// 2^62) where its two highest bits are equal.
func gather(a, b []int64) bool {
	var out int64
	lowest := int64(0)
	a = a[:len(b)]
	for k, y := range b {
		x := a[k]
		r := x + y
		a[k] = r
		out |= (x^r)&(y^r) | (r ^ r<<1)
		lowest = min(lowest, r)
	}
	return out >= 0 && lowest > -MaxSum
}

// scatter takes b off a; with [gather] before it a is as it was, wrapped or not.
func scatter(a, b []int64) {
	for k, y := range b {
		a[k] -= y
	}
}

// Add adds one record. It changes nothing when it returns an error. A record may
// name a cell more than once: the cell's running sum is what is checked.
func (s *Set) Add(record []Increment) error {
	for i, inc := range record {
		err := ErrShape
		if inc.Block >= 0 && inc.Block < len(s.Blocks) && inc.Cell >= 0 && inc.Cell < len(s.Blocks[inc.Block].Sum) {
			cell := &s.Blocks[inc.Block].Sum[inc.Cell]
			var sum int64
			if sum, err = add(*cell, inc.Value); err == nil {
				*cell = sum
			}
		}
		if err != nil {
			for _, done := range record[:i] {
				s.Blocks[done.Block].Sum[done.Cell] -= done.Value
			}
			return err
		}
	}
	return nil
}

// Block returns the numbers of the named block, or nil. The slice is shared:
// callers only read it.
func (s *Set) Block(name string) []int64 {
	for i := range s.Blocks {
		if s.Blocks[i].Name == name {
			return s.Blocks[i].Sum
		}
	}
	return nil
}

// Zero reports whether every number is zero.
func (s *Set) Zero() bool {
	for _, b := range s.Blocks {
		for _, v := range b.Sum {
			if v != 0 {
				return false
			}
		}
	}
	return true
}

func add(a, b int64) (int64, error) {
	sum, _ := bits.Add64(uint64(a), uint64(b), 0)
	r := int64(sum)
	if (a > 0 && b > 0 && r < 0) || (a < 0 && b < 0 && r >= 0) || r >= MaxSum || r <= -MaxSum {
		return 0, ErrOverflow
	}
	return r, nil
}

// FixedPoint returns clip(x, ±bound)/bound·2^scale, rounded to the nearest
// integer with ties to even and never beyond ±2^scale, so that one record's
// sensitivity is 2^scale whatever x is. x and bound are finite, bound > 0,
// scale ≤ 40; otherwise the error names the field. Source: private-learning 1.3,
// privacy 1.5.
func FixedPoint(x, bound float64, scale uint8) (int64, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, posse.OutOfRange("value", "not a finite number", "finite numbers", "")
	}
	if !(bound > 0) || math.IsInf(bound, 0) {
		return 0, posse.OutOfRange("bound", fmt.Sprint(bound), "(0, ∞)", "")
	}
	if scale > 40 {
		return 0, posse.OutOfRange("scale", fmt.Sprint(scale), "[0, 40] bits", "")
	}
	limit := int64(1) << scale
	q := int64(math.RoundToEven(math.Max(-bound, math.Min(bound, x)) / bound * float64(limit)))
	return max(-limit, min(limit, q)), nil
}
