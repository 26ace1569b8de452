package linear

import (
	"fmt"
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// A record of the shared policies is svec(x·xᵀ) and x·y' of its arm: the lower half of
// the Gram matrix with off-diagonal numbers times √2, so that its ℓ2 norm is the
// Frobenius norm, and y' = clip(y, B)/B. Features and y' are truncated to f bits before
// they are multiplied and √2 is a fraction below it, so that norms never exceed 1.
// Source: private-learning 6 and 6.1.
const (
	rootTwoNum, rootTwoDen = 92681, 65536
	gramBlock, vectorBlock = "gram", "vector"
)

// rootTwo is what off-diagonal numbers were multiplied by.
const rootTwo = float64(rootTwoNum) / rootTwoDen

// layout is the statistics of K arms and d features, with its noise. Each of the two
// blocks takes half of a record's ρ: Δ² is 1 and 1 (zero-out) or 2 and 4 (replace).
func layoutFor(s mechanisms.Settings, f uint8) (l statistics.Layout, sigmaGram, sigmaVector float64, err error) {
	k, d := len(s.Arms), s.Features.Dimension
	one := uint64(1) << (2 * f)
	block := func(name string, cells int) statistics.BlockSpec {
		l1 := math.Ceil(math.Sqrt(float64(cells))*float64(one)) + 1
		return statistics.BlockSpec{
			Name: name, Shape: []int{k, cells}, Scale: 2 * f, Record: int64(one), L1: uint64(l1), L2Squared: one * one, Claim: name == gramBlock,
		}
	}
	gram, vector := block(gramBlock, d*(d+1)/2), block(vectorBlock, d)
	if s.Privacy == nil {
		return statistics.Layout{gram, vector}, 0, 0, nil
	}
	kind := statistics.GaussianPerReport
	relation := s.Privacy.Relation
	if s.Privacy.Model == dp.Local {
		kind, relation = statistics.GaussianPerRecord, dp.Replace
	}
	if relation == dp.Replace {
		gram.L1, gram.L2Squared = 2*gram.L1, 2*gram.L2Squared
		vector.L1, vector.L2Squared = 2*vector.L1, 4*vector.L2Squared
	}
	rho := s.Privacy.RecordRho()
	for _, b := range []struct {
		block *statistics.BlockSpec
		sigma *float64
	}{{&gram, &sigmaGram}, {&vector, &sigmaVector}} {
		law, err := noise.GaussianFor(new(big.Int).SetUint64(b.block.L2Squared), dp.Spend{PicoRho: rho.PicoRho / 2})
		if err != nil {
			return nil, 0, 0, err
		}
		num, den, ok := statistics.Variance(law.Sigma2())
		if !ok {
			return nil, 0, 0, posse.OutOfRange("privacy.fractionBits", fmt.Sprint(f), "a σ² below 2^64", "take fewer bits, or a larger epsilon")
		}
		b.block.Noise, b.block.Num, b.block.Den = kind, num, den
		*b.sigma = math.Sqrt(float64(b.block.Num)/float64(b.block.Den)) / float64(one)
	}
	l = statistics.Layout{gram, vector}
	if s.Privacy.Model == dp.Local {
		l = append(l, statistics.BlockSpec{Name: "count", Shape: []int{k}, Record: 1, Claim: true})
	}
	return l, sigmaGram, sigmaVector, l.Validate()
}

// record appends what x and y' of an arm add, every cell of the arm where dense.
func record(dst []statistics.Increment, x []float64, y float64, arm int, f uint8, dense bool) []statistics.Increment {
	d, one := len(x), float64(uint64(1)<<f)
	add := func(block, cell int, v int64) {
		if v != 0 || dense {
			dst = append(dst, statistics.Increment{Block: block, Cell: cell, Value: v})
		}
	}
	q := make([]int64, d)
	for i, v := range x {
		q[i] = int64(v * one)
	}
	cell := arm * d * (d + 1) / 2
	for i := range d {
		for j := range i {
			add(0, cell, q[i]*q[j]*rootTwoNum/rootTwoDen)
			cell++
		}
		add(0, cell, q[i]*q[i])
		cell++
	}
	target := int64(y * one)
	for i := range d {
		add(1, arm*d+i, q[i]*target)
	}
	return dst
}

// sums are one arm's Gram matrix (its lower half) and vector of a model, decoded, and
// the variances of the noise in a coordinate of svec and of the vector.
type sums struct {
	gram            triangle
	vector          []float64
	noise2, noiseB2 float64
	count           float64 // records under local, else 0
}

// decode adds up the parts of a model.
func (p *Shared) decode(m mechanisms.Model) ([]sums, error) {
	d, k := p.settings.Features.Dimension, len(p.settings.Arms)
	out := make([]sums, k)
	for a := range out {
		out[a] = sums{gram: newTriangle(d), vector: make([]float64, d)}
	}
	cells := d * (d + 1) / 2
	for _, part := range m.Parts {
		gram, vector := part.Sum.Block(gramBlock), part.Sum.Block(vectorBlock)
		if len(gram) != k*cells || len(vector) != k*d {
			return nil, statistics.ErrShape
		}
		counts := part.Sum.Block("count")
		for a := range out {
			s := &out[a]
			at := 0
			for i := range d {
				for range i {
					s.gram.cell[at] += math.Ldexp(float64(gram[a*cells+at]), -2*int(p.bits)) / rootTwo
					at++
				}
				s.gram.cell[at] += math.Ldexp(float64(gram[a*cells+at]), -2*int(p.bits))
				at++
			}
			for i := range d {
				s.vector[i] += math.Ldexp(float64(vector[a*d+i]), -2*int(p.bits))
			}
			times := float64(part.Releases)
			if p.local && len(counts) == k {
				times = math.Max(0, float64(counts[a]))
				s.count += times
			}
			s.noise2 += times * p.sigmaGram * p.sigmaGram
			s.noiseB2 += times * p.sigmaVector * p.sigmaVector
		}
	}
	return out, nil
}

// OperatorNorm bounds the largest eigenvalue, in magnitude, of a symmetric d×d noise
// matrix whose svec coordinates are normal with deviation sigma: it is larger with
// probability at most alpha. Source: private-learning 6.1 (derived there).
func OperatorNorm(d int, sigma, alpha float64) float64 {
	return sigma * (math.Sqrt(2*float64(d)) + math.Sqrt(2*math.Log(2/alpha)))
}
