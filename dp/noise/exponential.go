package noise

import "math/big"

// An exponential variate is the one ingredient of both samplers. It is drawn as a
// real whose digits are made when they are asked for, so that every comparison
// with it is exact. The argument is in discrete_laplace.md.

// exponential draws E ~ Exp(1) as (whole part, first digit of the fraction);
// further digits that were needed are in s.tail, the others are still free.
//
// Von Neumann 1951: of uniform reals F > W₁ > W₂ > … the chance that exactly n
// fall is xⁿ/n! − xⁿ⁺¹/(n+1)! given F = x, so n is even with chance e⁻ˣ: accept F
// then. The number of rejections is geometric with ratio e⁻¹ and is the whole part.
func (s *stream) exponential() (whole, digit uint64) {
	for {
		digit, accepted := s.trial()
		if accepted {
			return whole, digit
		}
		whole++
	}
}

// trial draws a uniform real and accepts it, as the fraction, with chance e⁻ˣ.
func (s *stream) trial() (digit uint64, accepted bool) {
	s.tail = nil
	digit = s.next()
	return digit, s.falls(digit, true)&1 == 0
}

// falls draws uniform reals, each to be compared with the one before it and the
// first with the real that begins with digit prev, and counts those that fall.
// With keep, further digits of that first real are left in s.tail.
func (s *stream) falls(prev uint64, keep bool) (n uint) {
	for {
		x := s.next()
		if x < prev {
			prev = x
			n++
			continue
		}
		if x > prev {
			return n
		}
		return s.fallsTied(prev, n, keep && n == 0)
	}
}

// fallsTied goes on from two reals with the same first digit.
func (s *stream) fallsTied(first uint64, n uint, keep bool) uint {
	var prev []uint64 // digits after the first of the real compared with
	for {
		var x []uint64
		fell := false
		for i := 0; ; i++ {
			if i == len(prev) {
				prev = append(prev, s.next())
				if keep {
					s.tail = prev
				}
			}
			d := s.next()
			x = append(x, d)
			if d != prev[i] {
				fell = d < prev[i]
				break
			}
		}
		if !fell {
			return n
		}
		n++
		keep, prev = false, x
		for { // until the next tie
			d := s.next()
			if d == first {
				break
			}
			if d > first {
				return n
			}
			first, prev = d, nil
			n++
		}
	}
}

// bounds returns the integer lo with lo ≤ (whole + fraction)·2^shift < lo + 1 for
// the digits known so far.
func (s *stream) bounds(whole, digit uint64) (lo *big.Int, shift uint) {
	w := s.digitBits()
	lo = new(big.Int).SetUint64(whole)
	lo.Lsh(lo, w).Add(lo, new(big.Int).SetUint64(digit))
	for _, d := range s.tail {
		lo.Lsh(lo, w).Add(lo, new(big.Int).SetUint64(d))
	}
	return lo, w * uint(1+len(s.tail))
}

// deepen makes one more digit of the last exponential.
func (s *stream) deepen() { s.tail = append(s.tail, s.next()) }

// floorTimes returns ⌊(whole + fraction)·num/den⌋, making digits until it is sure.
func (s *stream) floorTimes(whole, digit uint64, num, den *big.Int) *big.Int {
	for {
		lo, shift := s.bounds(whole, digit)
		hi := new(big.Int).Add(lo, big.NewInt(1))
		lo.Mul(lo, num)
		hi.Mul(hi, num).Sub(hi, big.NewInt(1)) // the upper end is not reached
		d := new(big.Int).Lsh(den, shift)
		lo.Quo(lo, d)
		if lo.Cmp(hi.Quo(hi, d)) == 0 {
			return lo
		}
		s.deepen()
	}
}
