package statistics

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// Mechanism says which noise a block takes, and where. The zero value is
// Public: the block is a function of public things and takes none.
type Mechanism uint8

// The mechanisms. LaplacePerReport and GaussianPerReport are integer noise on
// every cell of a report; GaussianPerRecord is integer noise on every number of a
// record as it arrives, so that a record names each cell it could move, zeros too, and
// the choice of cells says nothing; DuchiPerRecord replaces a record's number by one
// random sign as the record arrives.
const (
	Public Mechanism = iota
	LaplacePerReport
	GaussianPerReport
	DuchiPerRecord
	GaussianPerRecord
)

// String returns the mechanism's name as screens and statements print it.
func (m Mechanism) String() string {
	switch m {
	case Public:
		return "public"
	case LaplacePerReport:
		return "discrete-laplace"
	case GaussianPerReport:
		return "discrete-gaussian"
	case DuchiPerRecord:
		return "duchi"
	case GaussianPerRecord:
		return "discrete-gaussian, each record"
	default:
		return fmt.Sprintf("mechanism(%d)", uint8(m))
	}
}

// BlockSpec is the public description of one block: its shape, what one record
// may do to it, and its noise.
type BlockSpec struct {
	Name   string
	Shape  []int // row-major; the number of cells is their product
	Scale  uint8 // a number is an integer of 2^−Scale of the unit
	Record int64 // most that one record moves one cell, in grid units
	// L1 and L2Squared are the sensitivities of one record over the whole block,
	// in grid units, under the experiment's neighbouring relation: what is charged.
	L1, L2Squared uint64
	Claim         bool // part of the information that an offer shows
	Noise         Mechanism
	// Num/Den is the noise's parameter as an exact rational: Laplace's scale in
	// grid units; the Gaussian's σ² in squared grid units; Duchi's ε. Both are 0
	// for Public.
	Num, Den uint64
}

// Cells returns the number of cells of the block.
func (b BlockSpec) Cells() int {
	n := 1
	for _, d := range b.Shape {
		n *= d
	}
	return n
}

// The tail is stated in standard deviations of a Gaussian; a Laplace noise gets √2
// times as many of its scales, rounded up.
const (
	tailWidths        = 64
	tailLaplaceScales = 91
)

// Tail is how far the noise of a report may take one cell of the block, in grid
// units: an honest one goes further with a chance below 1e-39. It is 0 where a
// report takes no noise. Source: experiment-file 6, whose overflow rule leaves the
// same room.
func (b BlockSpec) Tail() float64 {
	switch b.Noise {
	case LaplacePerReport:
		return tailLaplaceScales * float64(b.Num) / float64(b.Den)
	case GaussianPerReport:
		return tailWidths * math.Sqrt(float64(b.Num)/float64(b.Den))
	default:
		return 0
	}
}

// Layout lists the blocks of a problem's statistics.
type Layout []BlockSpec

// MaxCells bounds a layout: more numbers than this do not fit a report.
const MaxCells = 1 << 20

// Validate checks what every later step relies on: at most 64 blocks, names of at
// most 64 bytes, distinct, at most 8 dimensions, all positive, cells at most
// [MaxCells], noise parameters positive, and no block charged for less than one
// cell's bound.
func (l Layout) Validate() error {
	if len(l) > maxBlocks {
		return fmt.Errorf("%d blocks, at most %d", len(l), maxBlocks)
	}
	total, seen := 0, map[string]bool{}
	for _, b := range l {
		if b.Name == "" || len(b.Name) > maxName || seen[b.Name] {
			return fmt.Errorf("block %.64q: the name must be there once, with at most %d bytes", b.Name, maxName)
		}
		if len(b.Shape) > maxRank {
			return fmt.Errorf("block %q: more than %d dimensions", b.Name, maxRank)
		}
		seen[b.Name] = true
		cells := 1
		for _, d := range b.Shape {
			if d < 1 || d > MaxCells {
				return fmt.Errorf("block %q: a dimension must be in [1, %d], got %d", b.Name, MaxCells, d)
			}
			cells *= d
			if cells > MaxCells {
				return fmt.Errorf("block %q: more than %d cells", b.Name, MaxCells)
			}
		}
		if total += cells; total > MaxCells {
			return fmt.Errorf("more than %d cells in all", MaxCells)
		}
		if b.Scale > 40 || b.Record < 0 || b.Record > math.MaxInt64>>2 {
			return fmt.Errorf("block %q: scale or record bound out of range", b.Name)
		}
		if b.Noise != Public && (b.Record == 0 || b.L1 < uint64(b.Record)) {
			return fmt.Errorf("block %q: a record may move a cell by %d and is charged for %d", b.Name, b.Record, b.L1)
		}
		if high, square := bits.Mul64(uint64(b.Record), uint64(b.Record)); (b.Noise == GaussianPerReport || b.Noise == GaussianPerRecord) && (high != 0 || b.L2Squared < square) {
			return fmt.Errorf("block %q: a record may move a cell by %d and is charged for less in L2", b.Name, b.Record)
		}
		if b.Noise > GaussianPerRecord {
			return fmt.Errorf("block %q: unknown mechanism %d", b.Name, b.Noise)
		}
		if (b.Noise == Public) != (b.Num == 0 && b.Den == 0) || (b.Noise != Public && (b.Num == 0 || b.Den == 0)) {
			return fmt.Errorf("block %q: %s noise with parameter %d/%d", b.Name, b.Noise, b.Num, b.Den)
		}
	}
	return nil
}

// Empty returns the all-zero set of this layout.
func (l Layout) Empty() *Set {
	s := &Set{Blocks: make([]Block, len(l))}
	for i, b := range l {
		s.Blocks[i] = Block{Name: b.Name, Scale: b.Scale, Sum: make([]int64, b.Cells())}
	}
	return s
}

// Fits reports whether s has this layout's blocks.
func (l Layout) Fits(s *Set) bool {
	if len(l) != len(s.Blocks) {
		return false
	}
	for i, b := range l {
		if s.Blocks[i].Name != b.Name || s.Blocks[i].Scale != b.Scale || len(s.Blocks[i].Sum) != b.Cells() {
			return false
		}
	}
	return true
}

// Claim returns the part of s that an offer shows: the blocks marked Claim.
func (l Layout) Claim(s *Set) *Set {
	c := &Set{}
	for i, b := range l {
		if b.Claim {
			c.Blocks = append(c.Blocks, Block{
				Name: s.Blocks[i].Name, Scale: s.Blocks[i].Scale,
				Sum: append([]int64(nil), s.Blocks[i].Sum...),
			})
		}
	}
	return c
}

// Variance returns the parameter of Gaussian noise as Num and Den: σ² itself, or
// rounded up to a whole number of squared grid units where the fraction does not fit.
// ok is false where that does not fit either.
func Variance(sigma2 *big.Rat) (num, den uint64, ok bool) {
	if sigma2.Sign() > 0 && sigma2.Num().IsUint64() && sigma2.Denom().IsUint64() {
		return sigma2.Num().Uint64(), sigma2.Denom().Uint64(), true
	}
	whole := new(big.Int).Add(sigma2.Num(), sigma2.Denom())
	whole.Quo(whole.Sub(whole, big.NewInt(1)), sigma2.Denom())
	return whole.Uint64(), 1, whole.IsUint64() && whole.Sign() > 0
}
