package linear

import "math"

// ridge is a regression y ≈ x·θ with θ = (λI + Σx·xᵀ)⁻¹·Σx·y. The sums are exact
// integers and belong to a set; factor and theta are caches of them.
type ridge struct {
	lambda       float64
	gram, vector []int64 // lower half of Σx·xᵀ, and Σx·y, in 2^−productBits
	factor       triangle
	theta        []float64
	updates      int // since the factor was last computed from the sums
}

func newRidge(lambda float64, gram, vector []int64) ridge {
	r := ridge{lambda: lambda, gram: gram, vector: vector, factor: newTriangle(len(vector)), theta: make([]float64, len(vector))}
	r.refactor()
	return r
}

// refactor computes the factor from the sums, which are positive semidefinite.
func (r *ridge) refactor() {
	for at, g := range r.gram {
		r.factor.cell[at] = math.Ldexp(float64(g), -productBits)
	}
	for i := range r.factor.d {
		r.factor.row(i)[i] += r.lambda
	}
	r.factor.factorise(r.factor)
	r.updates = 0
}

// refresh is how many updates of the factor, times d, make place for a new one: the
// rounding of updates can't add up, and the new one costs a fraction of them.
const refresh = 4

// add adds one record; scratch has d places. x and y are at most 1 in magnitude.
func (r *ridge) add(x []float64, y float64, scratch []float64) {
	target, at := truncate(y), 0
	for i, v := range x {
		q := truncate(v)
		scratch[i] = math.Ldexp(float64(q), -factorBits)
		r.vector[i] += q * target
		for _, w := range x[:i+1] {
			r.gram[at] += q * truncate(w)
			at++
		}
	}
	if r.updates++; r.updates >= refresh*len(x) {
		r.refactor()
	} else {
		r.factor.update(scratch)
	}
	for i, v := range r.vector {
		r.theta[i] = math.Ldexp(float64(v), -productBits)
	}
	r.factor.solve(r.theta, r.theta)
}

// truncate rounds towards 0 to the grid of the factors.
func truncate(v float64) int64 { return int64(v * (1 << factorBits)) }
