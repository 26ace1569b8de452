package dp

import (
	"math/big"
	"strconv"

	"github.com/posse-dev/posse"
)

// Params is the promise of an experiment: (ε, δ) over its whole horizon, as
// exact rationals. The zero value is not valid; use [NewParams]. Values may be
// copied and shared.
type Params struct {
	epsilon, delta *big.Rat
}

// NewParams reads ε and δ from their decimal text.
//
// ε is in (0, 20]; δ in [0, 1e-3], 0 meaning pure differential privacy. An empty
// delta means 0. Errors are a [posse.Error] that names privacy.epsilon or
// privacy.delta; several at once are joined.
func NewParams(epsilon, delta string) (Params, error) {
	var problems []*posse.Error
	e, err := Decimal("privacy.epsilon", epsilon)
	switch {
	case err != nil:
		problems = append(problems, posse.As(err))
	case e.Sign() <= 0 || e.Cmp(big.NewRat(20, 1)) > 0:
		problems = append(problems, posse.OutOfRange("privacy.epsilon", epsilon, "(0, 20]",
			"smaller is more private; 1 is a common choice"))
	}
	if delta == "" {
		delta = "0"
	}
	d, err := Decimal("privacy.delta", delta)
	switch {
	case err != nil:
		problems = append(problems, posse.As(err))
	case d.Sign() < 0 || d.Cmp(big.NewRat(1, 1000)) > 0:
		problems = append(problems, posse.OutOfRange("privacy.delta", delta, "[0, 1e-3]",
			"use less than one in ten times the number of users, or 0"))
	}
	if err := posse.Join(problems); err != nil {
		return Params{}, err
	}
	return Params{e, d}, nil
}

// Epsilon returns a copy of the exact ε.
func (p Params) Epsilon() *big.Rat { return new(big.Rat).Set(p.epsilon) }

// Delta returns a copy of the exact δ.
func (p Params) Delta() *big.Rat { return new(big.Rat).Set(p.delta) }

// Pure reports whether δ = 0.
func (p Params) Pure() bool { return p.delta.Sign() == 0 }

// Valid reports whether p came from [NewParams].
func (p Params) Valid() bool { return p.epsilon != nil }

// Limit returns ⌊ε⌋ and ⌊δ⌋ in their units, the limit of a filter for pure ε. A
// limit in ρ is a conversion: see the account package.
func (p Params) Limit() Spend {
	e, err := scaled(p.epsilon, NanoPerEpsilon, false)
	d, err2 := scaled(p.delta, AttoPerDelta, false)
	if err != nil || err2 != nil {
		panic("dp: params outside their range") // NewParams bounds both
	}
	return Spend{NanoEpsilon: e, AttoDelta: d}
}

// PerRecord returns the exact ε/maxContributions, what one record of a user may
// cost when she may give that many. maxContributions is in [1, 1e6]; unit reward
// has 1. For the charge see [Params.RecordSpend].
func (p Params) PerRecord(maxContributions uint64) (*big.Rat, error) {
	if maxContributions < 1 || maxContributions > 1_000_000 {
		return nil, posse.OutOfRange("privacy.maxContributions",
			strconv.FormatUint(maxContributions, 10), "[1, 1e6]", "")
	}
	share := new(big.Rat).SetFrac(new(big.Int).SetUint64(maxContributions), big.NewInt(1))
	return share.Quo(p.epsilon, share), nil
}

// RecordSpend returns the whole number of nano-ε that one record is charged:
// ⌊limit/maxContributions⌋, so that exactly maxContributions records fit. (The
// ceiling of ε/3 three times is above ε, and would refuse the third record.)
// Noise must be calibrated to this spend, not to ε/maxContributions, which is
// larger by less than 1e-9: see noise.LaplaceFor. A spend of nothing is an error.
func (p Params) RecordSpend(maxContributions uint64) (Spend, error) {
	if _, err := p.PerRecord(maxContributions); err != nil {
		return Spend{}, err
	}
	s := Spend{NanoEpsilon: p.Limit().NanoEpsilon / maxContributions}
	if s.Zero() {
		return Spend{}, posse.OutOfRange("privacy.maxContributions",
			strconv.FormatUint(maxContributions, 10), "at most epsilon in units of 1e-9",
			"a record would cost less than the smallest spend")
	}
	return s, nil
}
