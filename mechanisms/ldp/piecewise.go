package ldp

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
)

// Piecewise gives an integer in ±M that lies, e^ε times as likely as elsewhere point
// by point, in a window whose place follows the input: the piecewise mechanism on a
// grid. The window's place is rounded at random, so that outputs are unbiased to the
// last bit. Source: Wang, Xiao, Yang, Zhao, Hui, Shin, Shin and Yu 2019, section
// III-B, algorithm 2.
type Piecewise struct {
	bits   uint8
	most   int64  // M: outputs lie in ±M
	window int64  // W points
	inside chance // that the output lies in the window
}

// windowBits is the fineness of the output grid beside that of the input.
const windowBits = 18

// NewPiecewise returns the randomiser of numbers in ±2^fractionBits, fractionBits in
// [4, 40]. Its grid of outputs has about 2^19 points.
func NewPiecewise(epsilon Epsilon, fractionBits uint8) (Piecewise, error) {
	if err := epsilon.validate(); err != nil {
		return Piecewise{}, err
	}
	if fractionBits < 4 || fractionBits > 40 {
		return Piecewise{}, outOfRange("fractionBits", fractionBits, "[4, 40]")
	}
	s := math.Exp(epsilon.Float64() / 2)
	a := (s + 1) / (s - 1)
	p := Piecewise{bits: fractionBits, most: 1 << windowBits}
	p.window = max(1, int64(math.Round(float64(2*p.most+1)*(a-1)/(2*a))))
	p.inside = odds(epsilon, uint64(p.window), uint64(2*p.most+1-p.window))
	return p, nil
}

// place returns the window's left end, before it is rounded, as whole units and a
// fraction of 2^(bits+1): q·(2M − W + 1)/2^(bits+1) − (W − 1)/2.
func (p Piecewise) place(q int64) (left int64, rest uint64) {
	limit := int64(1) << p.bits
	q = max(-limit, min(limit, q))
	scaled := q*(2*p.most-p.window+1) - (p.window-1)*limit // below 2^40·2^20
	left = scaled >> (p.bits + 1)
	return left, uint64(scaled - left<<(p.bits+1))
}

// Randomise draws an output for a number in ±2^bits; others count as the nearer end.
func (p Piecewise) Randomise(q int64, src noise.Source) int64 {
	left, rest := p.place(q)
	if rest > 0 && noise.Uniform(1<<(p.bits+1), src) < rest {
		left++
	}
	if p.inside.draw(src) {
		return left + int64(noise.Uniform(uint64(p.window), src))
	}
	at := int64(noise.Uniform(uint64(2*p.most+1-p.window), src)) - p.most
	if at >= left {
		at += p.window
	}
	return at
}

// heights are the probabilities of a point inside and outside of the window.
func (p Piecewise) heights() (in, out float64) {
	c := p.inside.float64()
	return c / float64(p.window), (1 - c) / float64(2*p.most+1-p.window)
}

// Gain is (p_in − p_out)·W·(M − (W−1)/2)/2^bits.
func (p Piecewise) Gain() float64 {
	in, out := p.heights()
	return (in - out) * float64(p.window) * (float64(p.most) - float64(p.window-1)/2) / math.Ldexp(1, int(p.bits))
}

// Variance is exact for the grid; within 1e-4 of y²/(s−1) + (s+3)/(3(s−1)²) with
// s = e^(ε/2).
func (p Piecewise) Variance(y float64) float64 {
	return p.square(y)/sq(p.Gain()*math.Ldexp(1, int(p.bits))) - y*y
}

// square is the mean square of an output.
func (p Piecewise) square(y float64) float64 {
	in, out := p.heights()
	w, m := float64(p.window), float64(p.most)
	all := m * (m + 1) * (2*m + 1) / 3
	at := y*(m-(w-1)/2) - (w-1)/2
	left := math.Floor(at)
	window := func(l float64) float64 { // Σ_{i<W} (l+i)²
		return w*l*l + l*w*(w-1) + (w-1)*w*(2*w-1)/6
	}
	mixed := window(left)*(1-(at-left)) + window(left+1)*(at-left)
	return out*all + (in-out)*mixed
}

// Largest is M.
func (p Piecewise) Largest() int64 { return p.most }

// Hybrid is [Piecewise] with probability 1 − e^(−ε/2) for ε > 0.61, else [Duchi],
// on one grid with one gain: the least worst-case variance of the three, and nearly
// the same for every input. Source: Wang, Xiao, Yang, Zhao, Hui, Shin, Shin and Yu
// 2019, section III-C, algorithm 3.
type Hybrid struct {
	piecewise Piecewise
	duchi     Duchi
	share     chance // of the piecewise mechanism
}

// hybridAbove is the ε from which mixing helps. Source: the same, lemma 3.
const hybridAbove = 0.61

// NewHybrid returns the randomiser of numbers in ±2^fractionBits, [4, 40].
func NewHybrid(epsilon Epsilon, fractionBits uint8) (Hybrid, error) {
	p, err := NewPiecewise(epsilon, fractionBits)
	if err != nil {
		return Hybrid{}, err
	}
	h := Hybrid{piecewise: p}
	bound := math.Ldexp(1, int(fractionBits))
	// the sign's size for which both parts have one gain, to half a unit of the grid
	size := int64(math.Round(p.Gain() * bound / math.Tanh(epsilon.Float64()/2)))
	if h.duchi, err = NewDuchi(epsilon, 1<<fractionBits); err != nil {
		return Hybrid{}, err
	}
	if epsilon.Float64() > hybridAbove {
		h.share = chance((1 - math.Exp(-epsilon.Float64()/2)) * 0x1p63 * 2)
	}
	h.duchi.size = size
	return h, nil
}

// Randomise draws an output for a number in ±2^bits.
func (h Hybrid) Randomise(q int64, src noise.Source) int64 {
	if h.share.draw(src) {
		return h.piecewise.Randomise(q, src)
	}
	return h.duchi.Randomise(q, src)
}

// Gain is that of the mixture.
func (h Hybrid) Gain() float64 {
	a := h.share.float64()
	return a*h.piecewise.Gain() + (1-a)*h.duchi.Gain()
}

// Variance is that of the mixture, exact for the grid.
func (h Hybrid) Variance(y float64) float64 {
	a := h.share.float64()
	square := a*h.piecewise.square(y) + (1-a)*sq(float64(h.duchi.size))
	return square/sq(h.Gain()*math.Ldexp(1, int(h.piecewise.bits))) - y*y
}

// Largest is the larger of the two parts'.
func (h Hybrid) Largest() int64 { return max(h.piecewise.most, h.duchi.size) }
