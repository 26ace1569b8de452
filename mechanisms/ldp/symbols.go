package ldp

import (
	"math/bits"

	"github.com/posse-dev/posse/dp/noise"
)

// MaxSymbols bounds the alphabet of the randomisers of symbols.
const MaxSymbols = 1 << 20

func checkSymbols(epsilon Epsilon, k int) error {
	if err := epsilon.validate(); err != nil {
		return err
	}
	if k < 2 || k > MaxSymbols {
		return outOfRange("symbols", k, "[2, 2^20]")
	}
	return nil
}

// KRR gives the true one of k symbols with probability e^ε/(e^ε + k − 1), else any
// other: randomised response. Source: Kairouz, Bonawitz and Ramage 2016, section 3.
type KRR struct {
	k    int
	true chance
}

// NewKRR returns the randomiser of symbols 0..k−1, k in [2, 2^20].
func NewKRR(epsilon Epsilon, k int) (KRR, error) {
	if err := checkSymbols(epsilon, k); err != nil {
		return KRR{}, err
	}
	return KRR{k, odds(epsilon, 1, uint64(k-1))}, nil
}

// Randomise draws a symbol; symbol is in [0, k).
func (r KRR) Randomise(symbol int, src noise.Source) int {
	if r.true.draw(src) {
		return symbol
	}
	other := int(noise.Uniform(uint64(r.k-1), src))
	if other >= symbol {
		other++
	}
	return other
}

// Counts estimates how often each symbol was the input, unbiased, from how often it
// was the output.
func (r KRR) Counts(outputs []int64) []float64 {
	n := 0.0
	for _, c := range outputs {
		n += float64(c)
	}
	p := r.true.float64()
	q := (1 - p) / float64(r.k-1)
	return unbias(outputs, n*q, p-q)
}

// Variance of the estimated count of a symbol that a share f of n records hold:
// n·(q(1−q)/(p−q)² + f·(1−p−q)/(p−q)); with f → 0 it is
// n·(e^ε + k − 2)/(e^ε − 1)².
func (r KRR) Variance(n, share float64) float64 {
	p := r.true.float64()
	return binaryVariance(n, share, p, (1-p)/float64(r.k-1))
}

// OUE gives a bit for each of k symbols: that of the true one is 1 with probability
// ½, every other with probability 1/(e^ε + 1). Source: Wang, Blocki, Li and Jha 2017,
// section 4.3.
type OUE struct {
	k    int
	flip chance // of a 0, rounded up
}

// NewOUE returns the randomiser of symbols 0..k−1, k in [2, 2^20].
func NewOUE(epsilon Epsilon, k int) (OUE, error) {
	if err := checkSymbols(epsilon, k); err != nil {
		return OUE{}, err
	}
	return OUE{k, -odds(epsilon, 1, 1)}, nil // 1 − e^ε/(e^ε+1), of which the latter is rounded down
}

// Randomise adds the bits of one record to sums, which has k places.
func (o OUE) Randomise(symbol int, sums []int64, src noise.Source) {
	for s := range sums {
		p := o.flip
		if s == symbol {
			p = 1 << 63
		}
		if p.draw(src) {
			sums[s]++
		}
	}
}

// Counts estimates how often each symbol was the input, unbiased, from the sums of n
// records.
func (o OUE) Counts(sums []int64, n float64) []float64 {
	q := o.flip.float64()
	return unbias(sums, n*q, 0.5-q)
}

// Variance of an estimated count; 4e^ε/(e^ε − 1)²·n for a share f → 0.
func (o OUE) Variance(n, share float64) float64 {
	return binaryVariance(n, share, 0.5, o.flip.float64())
}

// binaryVariance is that of (X − nq)/(p − q), X a sum of bits of chance p for a share
// of n records and q for the others.
func binaryVariance(n, share, p, q float64) float64 {
	return n * (share*p*(1-p) + (1-share)*q*(1-q)) / sq(p-q)
}

func unbias(sums []int64, offset, gain float64) []float64 {
	out := make([]float64, len(sums))
	for s, c := range sums {
		out[s] = (float64(c) - offset) / gain
	}
	return out
}

// Hadamard gives a public random row of a Hadamard matrix and the entry of the
// symbol's column in it, its sign turned with probability 1/(e^ε + 1): one bit
// beside a random number, whatever k is. Source: Acharya, Sun and Zhang 2019,
// section 3; Bassily, Nissim, Stemmer and Thakurta 2017, section 3 (one bit).
type Hadamard struct {
	k, rows int
	keep    chance
}

// NewHadamard returns the randomiser of symbols 0..k−1, k in [2, 2^20].
func NewHadamard(epsilon Epsilon, k int) (Hadamard, error) {
	if err := checkSymbols(epsilon, k); err != nil {
		return Hadamard{}, err
	}
	return Hadamard{k, 1 << bits.Len(uint(k)), odds(epsilon, 1, 1)}, nil // column 0 is all ones and says nothing
}

// Rows is the number of rows, the least power of two above k.
func (h Hadamard) Rows() int { return h.rows }

// Randomise draws a row and a sign for one symbol. Sums of signs by row are what adds
// up.
func (h Hadamard) Randomise(symbol int, src noise.Source) (row int, sign int64) {
	row = int(noise.Uniform(uint64(h.rows), src))
	sign = 1
	if bits.OnesCount(uint(row&(symbol+1)))%2 == 1 {
		sign = -1
	}
	if !h.keep.draw(src) {
		sign = -sign
	}
	return row, sign
}

// Counts estimates how often each symbol was the input, unbiased, from the sums of
// signs by row: a fast Walsh-Hadamard transform, O(rows·log rows).
func (h Hadamard) Counts(sums []int64) []float64 {
	w := make([]float64, h.rows)
	for i, s := range sums {
		w[i] = float64(s)
	}
	for half := 1; half < len(w); half *= 2 {
		for i := 0; i < len(w); i += 2 * half {
			for j := i; j < i+half; j++ {
				w[j], w[j+half] = w[j]+w[j+half], w[j]-w[j+half]
			}
		}
	}
	gain := 2*h.keep.float64() - 1
	out := w[1 : h.k+1]
	for s := range out {
		out[s] /= gain
	}
	return out
}

// Variance of an estimated count: n·C² − n·share, C = (e^ε + 1)/(e^ε − 1).
func (h Hadamard) Variance(n, share float64) float64 {
	return n/sq(2*h.keep.float64()-1) - n*share
}
