package noise

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sampling sees a bias of one part in a hundred; going through every sequence of
// digits sees one of the mass that was given up, 3e-9 to 2e-2 by row.
// The samplers are loops around three steps, and each step is run here on all
// sequences of short digits, where ties (chance 2^−64 in production) are common:
// the trial of the exponential with the floor of its multiple, and the acceptance
// by exp(−γ). What the loops make of the steps is in the notes; the sampling tests
// see their mistakes, which are large.

// replay gives a beginning of digits; whoever reads past it gets digits of no
// meaning and the result is thrown away.
type replay struct {
	digits []uint64
	pos    int
	extra  uint64
}

func (r *replay) Uint64() uint64 {
	r.pos++
	if r.pos <= len(r.digits) {
		return r.digits[r.pos-1]
	}
	r.extra = r.extra*6364136223846793005 + 1442695040888963407
	return r.extra >> 63
}

func (*replay) sealed() {}

// enumerate runs draw on every sequence of digits of width bits until the sequence
// decides the result. It returns the exact mass of each result, and the mass of the
// sequences of 2^−depth or less that were given up undecided.
func enumerate(width uint, depth int, draw func(s *stream) int) (mass map[int]float64, rest float64) {
	mass = map[int]float64{}
	var s stream
	src := &replay{}
	var walk func(p float64)
	walk = func(p float64) {
		src.pos = 0
		s.wipe()
		s.reset(src, 1)
		s.narrow = width
		x := draw(&s)
		if src.pos <= len(src.digits) {
			mass[x] += p
			return
		}
		if p <= math.Ldexp(1, -depth) {
			rest += p
			return
		}
		n := len(src.digits)
		for d := range uint64(1) << width {
			src.digits = append(src.digits[:n], d)
			walk(p / float64(uint64(1)<<width))
		}
		src.digits = src.digits[:n]
	}
	walk(1)
	return mass, rest
}

// violated returns the results whose mass is not in [p − rest, p]: what was given up
// can only be missing.
func violated(mass map[int]float64, rest float64, law func(int) float64) (bad []int) {
	for x, m := range mass {
		if p := law(x); m > p+1e-12 || m < p-rest-1e-12 {
			bad = append(bad, x)
		}
	}
	return bad
}

const rejected = -1

// trialLaw is the law of ⌊F·num/den⌋ for an accepted trial.
func trialLaw(num, den uint64) func(int) float64 {
	return func(k int) float64 {
		if k == rejected {
			return math.Exp(-1)
		}
		at := func(k int) float64 { return math.Min(1, float64(k)*float64(den)/float64(num)) }
		return math.Exp(-at(k)) - math.Exp(-at(k+1))
	}
}

func trialAndFloor(num, den uint64) func(s *stream) int {
	n, d := new(big.Int).SetUint64(num), new(big.Int).SetUint64(den)
	return func(s *stream) int {
		f, accepted := s.trial()
		if !accepted {
			return rejected
		}
		return int(s.floorTimes(0, f, n, d).Int64())
	}
}

func TestEveryDigitSequenceOfATrial(t *testing.T) {
	for _, row := range []struct {
		name     string
		num, den uint64
		width    uint
		depth    int
		rest     float64
	}{
		{"scale 1, single bits", 1, 1, 1, 24, 6e-3},
		{"scale 5/2, single bits", 5, 2, 1, 23, 9e-3},
		{"scale 3, two bits", 3, 1, 2, 24, 2e-2},
	} {
		t.Run(row.name, func(t *testing.T) {
			mass, rest := enumerate(row.width, row.depth, trialAndFloor(row.num, row.den))
			assert.Empty(t, violated(mass, rest, trialLaw(row.num, row.den)), "%v, %g given up", mass, rest)
			require.LessOrEqual(t, rest, row.rest)
		})
	}
}

func TestEveryDigitSequenceOfAnAcceptance(t *testing.T) {
	for _, row := range []struct {
		name     string
		num, den int64
		width    uint
		depth    int
		rest     float64
	}{
		{"γ = 1/3, single bits", 1, 3, 1, 28, 3e-4},
		{"γ = 7/8, single bits", 7, 8, 1, 24, 6e-3},
		{"γ = 1/1000, three bits", 1, 1000, 3, 42, 3e-9},
		{"γ = 0", 0, 1, 2, 20, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			num, den := big.NewInt(row.num), big.NewInt(row.den)
			mass, rest := enumerate(row.width, row.depth, func(s *stream) int {
				if s.acceptRat(num, den) {
					return 1
				}
				return 0
			})
			p := math.Exp(-float64(row.num) / float64(row.den))
			assert.Empty(t, violated(mass, rest, func(x int) float64 { return []float64{1 - p, p}[x] }), "%v, %g given up", mass, rest)
			require.LessOrEqual(t, rest, row.rest)
		})
	}
}

// The planted twin treats a tie as a fall, which in production would be a bias of
// 2^−64 and here is one of the width's.
func TestEnumerationSeesAWrongTie(t *testing.T) {
	mass, rest := enumerate(4, 24, func(s *stream) int {
		n, prev := 0, s.next()
		for {
			x := s.next()
			if x > prev {
				break
			}
			prev = x
			n++
		}
		return n & 1
	})
	law := func(x int) float64 { return []float64{1 - math.Exp(-1), math.Exp(-1)}[x] }
	assert.NotEmpty(t, violated(mass, rest, law))
	assert.Less(t, rest, 0.05)
}
