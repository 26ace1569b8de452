package statistics

import (
	"errors"
	"math/big"
	"math/bits"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/ldp"
)

// Noise has one door. Where it stands follows from the privacy model, and the
// layout says so: at every record as it arrives ([Layout.Randomise], local), or
// at the report ([Layout.Release], silo). Both take a [budget.Permit], so nothing
// passes that was not charged. A caller always walks through both; the door that
// is not this model's lets things through as they are.

// PerRecord reports whether records are private before they are added up.
func (l Layout) PerRecord() bool {
	return slices.ContainsFunc(l, func(b BlockSpec) bool { return b.Noise == DuchiPerRecord || b.Noise == GaussianPerRecord })
}

// PerReport reports whether a report takes noise when it is released.
func (l Layout) PerReport() bool {
	return slices.ContainsFunc(l, func(b BlockSpec) bool { return b.Noise == LaplacePerReport || b.Noise == GaussianPerReport })
}

// RecordSpend is what one record costs its unit: the sum over blocks of
// L1·den/num (Laplace), ε (Duchi) and L2²·den/(2·num) (Gaussian, in ρ, of reports and of records), each
// rounded up. It is zero for a layout without noise.
func (l Layout) RecordSpend() (dp.Spend, error) {
	var total dp.Spend
	for _, b := range l {
		var s dp.Spend
		var err error
		switch b.Noise {
		case LaplacePerReport:
			s, err = dp.SpendOfEpsilon(fraction(b.L1, b.Den, b.Num, 1))
		case DuchiPerRecord:
			s, err = dp.SpendOfEpsilon(fraction(b.Num, 1, b.Den, 1))
		case GaussianPerReport, GaussianPerRecord:
			s, err = dp.SpendOfRho(fraction(b.L2Squared, b.Den, b.Num, 2))
		default:
			continue
		}
		if err != nil {
			return total, err
		}
		if total, err = total.Add(s); err != nil {
			return total, err
		}
	}
	return total, nil
}

// fraction returns a·b/(c·d).
func fraction(a, b, c, d uint64) *big.Rat {
	u := func(x uint64) *big.Int { return new(big.Int).SetUint64(x) }
	return new(big.Rat).SetFrac(new(big.Int).Mul(u(a), u(b)), new(big.Int).Mul(u(c), u(d)))
}

// Enforce checks on the integers themselves that one record keeps to what will be
// charged for it: every cell within Record, every noised block within L1 and
// L2Squared, at most one number of a block that is randomised record by record
// (each number would cost its ε again), and every cell at most once, which the
// order of a record shows: by block and cell, ascending. A policy that breaks its
// own promise is stopped here, whatever it computed.
//
// It sees one record, not two: that any two records are within L1 under replace
// is the policy's to keep, and package policytest's to check.
func (l Layout) Enforce(record []Increment) error {
	var l1, l2 [maxBlocks]uint64
	for i, inc := range record {
		if inc.Block < 0 || inc.Block >= min(len(l), maxBlocks) || inc.Cell < 0 || inc.Cell >= l[inc.Block].Cells() {
			return ErrShape
		}
		b := l[inc.Block]
		size := uint64(inc.Value)
		if inc.Value < 0 {
			size = -size
		}
		if size > uint64(b.Record) {
			return errSensitivity(b.Name)
		}
		if i > 0 && record[i-1].Block >= inc.Block {
			if record[i-1].Block > inc.Block || record[i-1].Cell >= inc.Cell {
				return ErrOrder
			}
			if b.Noise == DuchiPerRecord {
				return errSensitivity(b.Name)
			}
		}
		if b.Noise == Public {
			continue
		}
		high, square := bits.Mul64(size, size)
		sum1, carry1 := bits.Add64(l1[inc.Block], size, 0)
		sum2, carry2 := bits.Add64(l2[inc.Block], square, 0)
		l1[inc.Block], l2[inc.Block] = sum1, sum2
		if carry1 != 0 || sum1 > b.L1 {
			return errSensitivity(b.Name)
		}
		if (b.Noise == GaussianPerReport || b.Noise == GaussianPerRecord) && (high != 0 || carry2 != 0 || sum2 > b.L2Squared) {
			return errSensitivity(b.Name)
		}
	}
	return nil
}

// ErrOrder is returned for a record that is not in ascending order of block and
// cell, or names a cell twice.
var ErrOrder = errors.New("a record names its cells in ascending order, each once")

func errSensitivity(block string) error {
	return &posse.Error{
		Code: posse.Internal, Reason: "SENSITIVITY_EXCEEDED", Field: block, Value: "(withheld)", Allowed: "the block's declared bound",
		Message: "a record moves the statistics further than was declared", Hint: "this is a fault of the policy: nothing was added",
	}
}

// Randomise replaces, in place, the numbers of blocks that take noise record by
// record: by [ldp.Duchi]'s signs, which is ε-DP for any two records (replace), or with
// discrete Gaussian noise on every number, which is L2²/(2σ²)-zCDP. A record that touches no such block still uses the permit. Layouts without
// such blocks leave the record and the permit alone.
//
// Source: Duchi, Jordan and Wainwright 2018; private-learning 4.
func (l Layout) Randomise(record []Increment, permit budget.Permit, src noise.Source) error {
	if !l.PerRecord() {
		return nil
	}
	cost, err := l.RecordSpend()
	if err != nil {
		return err
	}
	if err := permit.UseFor(cost); err != nil {
		return err
	}
	for i, inc := range record {
		if b := l[inc.Block]; b.Noise == DuchiPerRecord {
			d, err := ldp.NewDuchi(ldp.Epsilon{Num: b.Num, Den: b.Den}, b.Record)
			if err != nil {
				return err
			}
			record[i].Value = d.Randomise(inc.Value, src)
		}
	}
	for k, b := range l {
		if b.Noise != GaussianPerRecord {
			continue
		}
		law, err := noise.NewDiscreteGaussian(b.Num, b.Den)
		if err != nil {
			return err
		}
		for i, inc := range record {
			if inc.Block == k {
				if record[i].Value, err = add(inc.Value, law.Sample(src)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Release returns what may leave the node: raw with every cell of a noised block
// noised independently. raw is not changed. Layouts that take noise per record
// return a copy, since each record was charged and randomised as it came.
func (l Layout) Release(raw *Set, permit budget.Permit, src noise.Source) (*Set, error) {
	if !l.Fits(raw) {
		return nil, ErrShape
	}
	out := raw.Clone()
	if !l.PerReport() {
		if l.PerRecord() {
			return out, nil
		}
		return nil, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "NO_NOISE", Field: "privacy.model",
			Message: "these statistics have no noise and can't be released", Hint: "choose a privacy model",
		}
	}
	cost, err := l.RecordSpend()
	if err != nil {
		return nil, err
	}
	if err := permit.UseFor(cost); err != nil {
		return nil, err
	}
	for i, b := range l {
		drawn := make([]int64, len(out.Blocks[i].Sum))
		switch b.Noise {
		case LaplacePerReport:
			d, err := noise.NewDiscreteLaplace(b.Num, b.Den)
			if err != nil {
				return nil, err
			}
			d.Fill(drawn, src)
		case GaussianPerReport:
			d, err := noise.NewDiscreteGaussian(b.Num, b.Den)
			if err != nil {
				return nil, err
			}
			d.Fill(drawn, src)
		default:
			continue
		}
		for k, z := range drawn {
			if out.Blocks[i].Sum[k], err = add(out.Blocks[i].Sum[k], z); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
