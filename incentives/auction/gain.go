package auction

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// pool is the prior and what each candidate adds to it, in the order of ids.
type pool struct {
	prior []float64   // d entries of a diagonal, or d·d of which the upper triangle is read
	adds  [][]float64 // the same shape, one a candidate
	// packed holds for a Gram matrix the upper triangle row by row, off the diagonal
	// doubled, so that a trace of a product is one inner product.
	packed [][]float64
	d      int
	arms   bool
}

func newPool(prior statistics.Information, adds []statistics.Information) *pool {
	p := &pool{d: prior.Dimension(), arms: prior.Diagonal(), adds: make([][]float64, len(adds))}
	p.prior = p.entries(prior)
	for i, v := range adds {
		p.adds[i] = p.entries(v)
		if !p.arms {
			p.packed = append(p.packed, p.pack(p.adds[i], 2))
		}
	}
	return p
}

// pack returns the upper triangle of a matrix row by row, its entries off the diagonal
// times a factor.
func (p *pool) pack(a []float64, off float64) []float64 {
	out := make([]float64, 0, p.d*(p.d+1)/2)
	for i := range p.d {
		out = append(out, a[i*p.d+i])
		for _, x := range a[i*p.d+i+1 : (i+1)*p.d] {
			out = append(out, off*x)
		}
	}
	return out
}

func (p *pool) entries(v statistics.Information) []float64 {
	if p.arms {
		out := make([]float64, p.d)
		for k := range out {
			out[k] = v.At(k, k)
		}
		return out
	}
	out := make([]float64, p.d*p.d)
	for i := range p.d {
		for j := i; j < p.d; j++ {
			out[i*p.d+j] = v.At(i, j)
		}
	}
	return out
}

// slack is how far, in units, a gain computed at one state may exceed the gain
// computed at an earlier one although the exact gain never grows: rounding to units
// and of the floats. For a Gram matrix the error of a Cholesky log determinant is
// bounded by d·2^-53 times the condition number of the sum of everything offered
// (Higham 2002, theorem 10.3), itself at most tr(A + Σ ΔV)·tr(A⁻¹).
func (p *pool) slack() int64 {
	if p.arms {
		return 2
	}
	trace := 0.0
	for i := range p.d {
		trace += p.prior[i*p.d+i]
		for _, v := range p.adds {
			trace += v[i*p.d+i]
		}
	}
	inverse, ok := p.inverse(p.prior)
	if !ok {
		return math.MaxInt64 / 4 // never happens for a prior that was checked; lazy becomes eager
	}
	traceInverse := 0.0
	for i := range p.d {
		traceInverse += inverse[i*p.d+i]
	}
	return 2 + int64(min(8*0x1p-53*trace*traceInverse/Unit, 1<<61))
}

// information returns f(S) = ln det(A + Σ_S ΔV) − ln det A in nats, the members
// added in the order given.
func (p *pool) information(members []int) float64 {
	sum := make([]float64, len(p.prior))
	for _, i := range members {
		floats.Add(sum, p.adds[i])
	}
	if p.arms {
		total := 0.0
		for k, n := range sum {
			total += math.Log1p(n / p.prior[k])
		}
		return total
	}
	base := p.logDet(slices.Clone(p.prior))
	floats.Add(sum, p.prior)
	return max(0, p.logDet(sum)-base)
}

// state is A_T: the prior and the picks so far, added in the order of picking, so
// that equal lists of picks give equal bits wherever they are replayed.
type state struct {
	pool   *pool
	a      []float64
	logDet float64 // of a; unused for arms
	work   []float64
	// inv is the inverse of an earlier state's matrix or of this one, packed; nil while
	// there is none. A matrix only grows, so that an older inverse bounds gains, too.
	inv []float64
	did Work // by this state; a clone begins at nothing
}

func (p *pool) start() *state {
	s := &state{pool: p, a: slices.Clone(p.prior)}
	if !p.arms {
		s.work = make([]float64, len(s.a))
		s.logDet = p.logDet(slices.Clone(s.a))
	}
	return s
}

func (s *state) clone() *state {
	c := &state{pool: s.pool, a: slices.Clone(s.a), logDet: s.logDet, inv: s.inv}
	if !s.pool.arms {
		c.work = make([]float64, len(s.a))
	}
	return c
}

// gain returns ln det(A_T + ΔV_i) − ln det A_T in nats: d logarithms for arms, one
// Cholesky factorisation (d³/3 flops) for a Gram matrix.
func (s *state) gain(i int) float64 {
	nats, _ := s.gainAnd(i)
	return nats
}

// gainAnd returns the gain and ln det(A_T + ΔV_i), 0 for arms.
func (s *state) gainAnd(i int) (nats, logDet float64) {
	s.did.Gains++
	add := s.pool.adds[i]
	if s.pool.arms {
		total := 0.0
		for k, n := range add {
			if n != 0 {
				total += math.Log1p(n / s.a[k])
			}
		}
		return total, 0
	}
	copy(s.work, s.a)
	floats.Add(s.work, add)
	logDet = s.pool.logDet(s.work)
	return logDet - s.logDet, logDet
}

// add makes candidate i part of the state. Never the opposite: subtraction would not
// give back the bits.
func (s *state) add(i int) {
	_, logDet := s.gainAnd(i)
	s.addKnown(i, logDet)
}

// addKnown is add where [state.gainAnd] has told ln det(A_T + ΔV_i) at this state: the
// same sum in the same order, hence the same bits.
func (s *state) addKnown(i int, logDet float64) {
	floats.Add(s.a, s.pool.adds[i])
	s.logDet = logDet
}

// invert takes the inverse of this state for bounds, O(d³), and reports whether it
// could.
func (s *state) invert() bool {
	inverse, ok := s.pool.inverse(s.a)
	if ok {
		s.inv = s.pool.pack(inverse, 1)
	}
	return ok
}

// bound returns an upper bound of gain(i) in nats at the state of the inverse, and so
// at all later ones, in O(d²):
//
//	ln det(I + A⁻¹ΔV) ≤ d·ln(1 + tr(A⁻¹ΔV)/d)
//
// by the arithmetic and geometric means of the eigenvalues.
func (s *state) bound(i int) float64 {
	s.did.Bounds++
	d := float64(s.pool.d)
	return d * math.Log1p(max(0, floats.Dot(s.pool.packed[i], s.inv))/d)
}

// logDet overwrites a with its Cholesky factor and returns ln det a, or −∞ when a is
// not positive definite, which a checked prior plus repaired offers can't be.
func (p *pool) logDet(a []float64) float64 {
	if _, ok := lapack64.Potrf(p.symmetric(a)); !ok {
		return math.Inf(-1)
	}
	total := 0.0
	for i := range p.d {
		total += math.Log(a[i*p.d+i])
	}
	return 2 * total
}

func (p *pool) inverse(a []float64) ([]float64, bool) {
	work := slices.Clone(a)
	factor, ok := lapack64.Potrf(p.symmetric(work))
	if !ok {
		return nil, false
	}
	lapack64.Potri(factor)
	return work, true
}

func (p *pool) symmetric(a []float64) blas64.Symmetric {
	return blas64.Symmetric{N: p.d, Stride: p.d, Uplo: blas.Upper, Data: a}
}
