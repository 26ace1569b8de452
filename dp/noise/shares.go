package noise

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/posse-dev/posse"
)

// LaplaceShare is one party's share of discrete Laplace noise: the sum over any h
// parties is exactly the discrete Laplace law, and what more parties add only
// post-processes it. The zero value is not valid. The argument is in shares.md.
type LaplaceShare struct {
	total  DiscreteLaplace // of h shares together
	honest uint64          // h
}

// NewLaplaceShare returns the share of a total when honest parties are needed:
// the difference of two negative binomials of shape 1/honest. honest is in
// [1, 2^20]. The guarantee is that of total and holds only while at least honest
// parties delivered and keep their shares to themselves; count those who drop out
// or collude as absent.
func NewLaplaceShare(total DiscreteLaplace, honest uint64) (LaplaceShare, error) {
	if total.num == 0 {
		return LaplaceShare{}, posse.OutOfRange("total", "the zero law", "a law of NewDiscreteLaplace", "")
	}
	if honest < 1 || honest > 1<<20 {
		return LaplaceShare{}, posse.OutOfRange("honest", strconv.FormatUint(honest, 10), "[1, 2^20]", "")
	}
	return LaplaceShare{total, honest}, nil
}

// Fill sets dst to independent shares, one a coordinate.
func (s LaplaceShare) Fill(dst []int64, src Source) {
	s.total.mustBeValid()
	var words stream
	words.reset(src, 16*len(dst))
	for i := range dst {
		for { // a difference beyond int64 has no chance worth naming; it is drawn again
			a, b := s.polya(&words), s.polya(&words)
			if d := int64(a) - int64(b); a <= math.MaxInt64 && b <= math.MaxInt64 {
				dst[i] = d
				break
			}
		}
	}
	words.wipe()
}

// polya draws NB(1/h, p): a geometric k, kept with chance Π_{i=1..k} (r+i−1)/i.
// With r = 1/h each factor is (1+(i−1)h)/(ih), flipped until the first failure.
func (s LaplaceShare) polya(words *stream) uint64 {
draw:
	for {
		k := s.total.magnitude(words)
		if s.honest == 1 {
			return k
		}
		for i := uint64(1); i <= k; i++ {
			hi, den := bits.Mul64(i, s.honest)
			if hi != 0 {
				panic("noise: share beyond 2^44") // the scale is at most 2^50 and k was kept so far: no chance
			}
			if !realBelow(den-s.honest+1, den, words.next) {
				continue draw
			}
		}
		return k
	}
}

// Variance returns that of one share, 2p/((1−p)²h), in squared grid units.
func (s LaplaceShare) Variance() float64 { return s.total.Variance() / float64(s.honest) }
