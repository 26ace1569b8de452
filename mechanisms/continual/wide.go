package continual

import (
	"errors"
	"math/bits"
)

// wide is a signed integer of 128 bits, for sums of products of coefficients and
// noise that must be exact.
type wide struct {
	hi int64
	lo uint64
}

// plus adds two; the sum wraps as machine integers do.
func (w wide) plus(o wide) wide {
	lo, carry := bits.Add64(w.lo, o.lo, 0)
	return wide{w.hi + o.hi + int64(carry), lo}
}

// product is c·x exactly, c below 2^63.
func product(c uint64, x int64) wide {
	if x >= 0 {
		hi, lo := bits.Mul64(c, uint64(x))
		return wide{int64(hi), lo}
	}
	hi, lo := bits.Mul64(c, -uint64(x))
	return wide{int64(hi), lo}.negative()
}

func (w wide) negative() wide {
	lo, borrow := bits.Sub64(0, w.lo, 0)
	return wide{-w.hi - int64(borrow), lo}
}

// times is c·w, for c below 2^41 and |w| below 2^81.
func (w wide) times(c uint64) wide {
	if w.hi < 0 {
		return w.negative().times(c).negative()
	}
	hi, lo := bits.Mul64(c, w.lo)
	return wide{int64(hi + uint64(w.hi)*c), lo}
}

// rounded is ⌊w/2^n + ½⌋, n in [1, 63].
func (w wide) rounded(n uint) wide {
	w = w.plus(wide{0, 1 << (n - 1)})
	return wide{w.hi >> n, w.lo>>n | uint64(w.hi)<<(64-n)}
}

// errTooLarge is returned where noise leaves what the integers hold: with scales that
// the laws allow and horizons below 2^20 it is never met.
var errTooLarge = errors.New("continual: the noise does not fit 62 bits")

// int returns w as an int64 where |w| is below 2^62.
func (w wide) int() (int64, error) {
	v := int64(w.lo)
	if v >= 1<<62 || v <= -(1<<62) || w.hi != v>>63 {
		return 0, errTooLarge
	}
	return v, nil
}

func of(x int64) wide { return wide{x >> 63, uint64(x)} }
