package noise

import "math/bits"

// Uniform returns an integer uniform on [0, n), without bias. n = 0 panics.
// Lemire 2019: a multiplication, and a rejection with chance below n/2^64. The
// argument is in uniform.md.
func Uniform(n uint64, src Source) uint64 {
	if n == 0 {
		panic("noise: uniform on an empty range")
	}
	hi, lo := bits.Mul64(src.Uint64(), n)
	if lo < n {
		for least := -n % n; lo < least; { // 2^64 mod n words are too many
			hi, lo = bits.Mul64(src.Uint64(), n)
		}
	}
	return hi
}

// Bernoulli returns true with chance num/den, exactly. num ≤ den, den > 0, else it
// panics.
func Bernoulli(num, den uint64, src Source) bool {
	if den == 0 || num > den {
		panic("noise: chance outside [0, 1]")
	}
	return realBelow(num, den, src.Uint64)
}

// realBelow returns whether a uniform real with the given digits is below num/den,
// num ≤ den, in base 2^64.
func realBelow(num, den uint64, next func() uint64) bool {
	if num == den {
		return true
	}
	for {
		digit, rest := bits.Div64(num, 0, den)
		w := next()
		if w != digit {
			return w < digit
		}
		if rest == 0 {
			return false // all further digits are 0, and no real is below them
		}
		num = rest
	}
}
