package noise

import "math/big"

// acceptRat returns true with chance exp(−num/den), num ≥ 0, den > 0: once for
// each whole unit, then for the fraction (Canonne, Kamath, Steinke 2020,
// Algorithm 1).
func (s *stream) acceptRat(num, den *big.Int) bool {
	rest := new(big.Int)
	whole := new(big.Int).Set(num)
	whole.QuoRem(whole, den, rest)
	for whole.Sign() > 0 {
		if !s.acceptOne() {
			return false
		}
		whole.Sub(whole, big.NewInt(1))
	}
	return s.acceptFraction(s.next(), rest, den)
}

// acceptOne returns true with chance 1/e: the first real is below 1 in any case.
func (s *stream) acceptOne() bool {
	return (1+s.falls(s.next(), false))&1 == 0
}

// acceptFraction returns true with chance exp(−num/den) for num/den in [0, 1),
// given the first digit of the first real: n reals fall from num/den on, true when
// n is even.
func (s *stream) acceptFraction(digit uint64, num, den *big.Int) bool {
	s.tail = nil
	if !s.below(digit, num, den) {
		return true
	}
	return (1+s.fallsFrom(digit))&1 == 0
}

// below reports whether the real that begins with digit is below num/den, making
// further digits (in s.tail) until it is sure.
func (s *stream) below(digit uint64, num, den *big.Int) bool {
	for {
		lo, shift := s.bounds(0, digit)
		edge := new(big.Int).Lsh(num, shift)
		lo.Mul(lo, den)
		if lo.Cmp(edge) >= 0 {
			return false
		}
		if lo.Add(lo, den); lo.Cmp(edge) <= 0 {
			return true
		}
		s.deepen()
	}
}

// fallsFrom is falls for a real some of whose further digits, in s.tail, are known.
func (s *stream) fallsFrom(digit uint64) uint {
	x := s.next()
	if x > digit {
		return 0
	}
	if x < digit {
		return 1 + s.falls(x, false)
	}
	// tied: compare the known digits, then let both go on
	known := s.tail
	var mine []uint64
	for i := 0; ; i++ {
		if i == len(known) {
			known = append(known, s.next())
		}
		d := s.next()
		mine = append(mine, d)
		if d > known[i] {
			return 0
		}
		if d < known[i] {
			break
		}
	}
	s.tail = mine
	return 1 + s.fallsFrom(digit)
}

// acceptNear returns true with chance exp(−γ) when γ is within slack of near, both
// in 2^−48. The exact fraction is asked for only when that does not decide.
func (s *stream) acceptNear(near, slack uint64, exact func() (num, den *big.Int)) bool {
	const one = 1 << 48
	frac := near & (one - 1)
	if frac < slack || frac > one-1-slack {
		num, den := exact() // the whole part itself is in doubt
		return s.acceptRat(num, den)
	}
	for range near >> 48 {
		if !s.acceptOne() {
			return false
		}
	}
	w := s.next()
	switch top := w >> 16; {
	case top > frac+slack:
		return true
	case top+1 < frac-slack:
		return (1+s.falls(w, false))&1 == 0
	}
	num, den := exact()
	return s.acceptFraction(w, num.Rem(num, den), den)
}
