package account

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

// law is a tilted law on the grid: mass[i] at (first+i)·step, composed count times.
type law struct {
	first int
	mass  []float64
	count float64
}

// trimMass is the tilted mass that a merge may drop at each end.
const trimMass = 1e-22

// merge convolves single laws pairwise, shortest first, while the results are no
// longer than limit: many short transforms instead of as many long ones. It returns
// the laws that are left and a bound on the tilted mass that was dropped or is in
// doubt by rounding, which counts as hidden (see pld.md).
func merge(laws []law, limit int) (out []law, hidden float64) {
	var single []law
	for _, l := range laws {
		if l.count == 1 && len(l.mass) <= limit/2 {
			single = append(single, l)
		} else {
			out = append(out, l)
		}
	}
	plans := map[int]*fourier.FFT{}
	for len(single) > 1 {
		slices.SortStableFunc(single, func(a, b law) int { return len(a.mass) - len(b.mass) })
		var next []law
		for i := 0; i+1 < len(single); i += 2 {
			m, h := convolve(single[i], single[i+1], plans)
			hidden += h
			if len(m.mass) <= limit/2 {
				next = append(next, m)
			} else {
				out = append(out, m)
			}
		}
		if len(single)%2 == 1 {
			next = append(next, single[len(single)-1])
		}
		single = next
	}
	return append(out, single...), hidden
}

// convolve is the law of the sum of two, trimmed.
func convolve(a, b law, plans map[int]*fourier.FFT) (sum law, hidden float64) {
	n := len(a.mass) + len(b.mass) - 1
	length := 16
	for length < n {
		length *= 2
	}
	fft := plans[length]
	if fft == nil {
		fft = fourier.NewFFT(length)
		plans[length] = fft
	}
	seq := make([]float64, length)
	copy(seq, a.mass)
	x := fft.Coefficients(nil, seq)
	clear(seq)
	copy(seq, b.mass)
	for i, z := range fft.Coefficients(nil, seq) {
		x[i] *= z
	}
	seq = fft.Sequence(seq, x)[:n]
	var square float64
	for i := range seq {
		seq[i] = math.Max(0, seq[i]/float64(length))
		square += seq[i] * seq[i]
	}
	// ‖error‖₂ ≤ 8·u·log₂ M·3·‖out‖₂ for two transforms and one back; a sum by √M more
	hidden = 8 * 0x1p-53 * math.Log2(float64(length)) * 3 * math.Sqrt(square*float64(length))
	from, to := 0, n
	var low, high float64
	for from < to-1 && low+seq[from] <= trimMass {
		low += seq[from]
		from++
	}
	for to-1 > from && high+seq[to-1] <= trimMass {
		to--
		high += seq[to]
	}
	return law{a.first + b.first + from, slices.Clone(seq[from:to]), 1}, hidden + low + high
}
