package linear

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse/mechanisms"
)

// spectrum is a symmetric matrix as eigenvalues and eigenvectors, with its eigenvalues
// raised to at least a floor.
type spectrum struct {
	d       int
	floor   float64
	raw     []float64 // eigenvalues before
	vectors *mat.Dense
}

func clipEigenvalues(t triangle, floor float64) spectrum {
	d := t.d
	full := mat.NewSymDense(d, nil)
	for i := range d {
		for j, v := range t.row(i) {
			full.SetSym(i, j, v)
		}
	}
	var e mat.EigenSym
	s := spectrum{d: d, floor: floor, raw: make([]float64, d), vectors: mat.NewDense(d, d, nil)}
	if e.Factorize(full, true) {
		e.Values(s.raw)
		e.VectorsTo(s.vectors)
	} else { // does not converge: nothing is known
		for i := range d {
			s.vectors.Set(i, i, 1)
		}
	}
	return s
}

func (s spectrum) value(i int) float64 { return math.Max(s.raw[i], s.floor) }

// matrix is the lower half of Σ max(λ_i, floor)·q_i·q_iᵀ.
func (s spectrum) matrix() triangle {
	out := newTriangle(s.d)
	for i := range s.d {
		row := out.row(i)
		for j := range row {
			for e := range s.d {
				row[j] += s.value(e) * s.vectors.At(i, e) * s.vectors.At(j, e)
			}
		}
	}
	return out
}

// ownArm is what a node's own noisy sums say of one arm.
type ownArm struct {
	spectrum
	theta  []float64
	noise2 float64 // s², the larger of the noises of a coordinate
}

// boldOwn is κo of 6.6.
const boldOwn = 0.5

// Own is partial pooling: of the arms A(x) that the node's own numbers leave open it
// takes the best by the shared index,
//
//	A(x)   = {k : no b has x·(θ̂_b − θ̂_k) > κo·(w_k(x) + w_b(x))},  κo = ½
//	w(x)²  = xᵀV⁻¹(σ_y²V + 1.3·s²I)V⁻¹x + ¼·Σ(q_i·x)²·((max(λ_i, λ_0) − max(λ_i, 0))/max(λ_i, λ_0))²
//
// with θ̂ = V⁻¹b̃ and V the own noisy Gram matrix, eigenvalues raised to λ_0 = max(1,
// √(2d·s²)): sampling, noise, and what raising hides. The plan of the returned
// descriptor has both solutions. Nothing is eliminated, so nodes that differ go on
// reporting, and no arm is ruled out for every context.
// Source: private-learning 6.6 (derived there).
func (p *Shared) Own(d mechanisms.Descriptor, m, own mechanisms.Model) (mechanisms.Descriptor, mechanisms.Standing, error) {
	var s mechanisms.Standing
	for a := range p.settings.Arms {
		s.Playing = append(s.Playing, a)
	}
	shared, err := decodeSolution(d.Plan, len(p.settings.Arms), p.settings.Features.Dimension)
	if err != nil {
		return d, s, err
	}
	mine, others := uint64(0), uint64(0)
	for _, part := range own.Parts {
		mine += part.Releases
	}
	for _, part := range m.Parts {
		others += part.Releases
	}
	if !p.settings.Pooling || mine == 0 || others <= mine || len(shared.arms) == 0 {
		return d, s, nil
	}
	sums, err := p.decode(own)
	if err != nil {
		return d, s, err
	}
	shared.own = nil
	for _, m := range sums {
		shared.own = append(shared.own, ownOf(m))
	}
	d.Plan = shared.encode()
	return d, s, nil
}

func ownOf(m sums) ownArm {
	d := m.gram.d
	s2 := math.Max(m.noise2, m.noiseB2)
	a := ownArm{spectrum: clipEigenvalues(m.gram, math.Max(1, math.Sqrt(2*float64(d)*s2))), noise2: s2, theta: make([]float64, d)}
	for i := range d { // θ̂ = Σ q_i·(q_i·b̃)/λ_i
		along := 0.0
		for j, b := range m.vector {
			along += a.vectors.At(j, i) * b
		}
		for j := range d {
			a.theta[j] += a.vectors.At(j, i) * along / a.value(i)
		}
	}
	return a
}

// width is w(x).
func (a ownArm) width(x []float64, half float64) float64 {
	sum := 0.0
	for i := range a.d {
		along := 0.0
		for j, v := range x {
			along += a.vectors.At(j, i) * v
		}
		l := a.value(i)
		hidden := (l - math.Max(a.raw[i], 0)) / l
		sum += along * along * ((half*half*l+1.3*a.noise2)/(l*l) + hidden*hidden/4)
	}
	return math.Sqrt(sum)
}

// open says for each arm whether the own numbers leave it open. The own best always is.
func open(own []ownArm, x []float64, half, boldness float64) []bool {
	k := len(own)
	mean, width := make([]float64, k), make([]float64, k)
	for a, arm := range own {
		mean[a], width[a] = dot(x, arm.theta), arm.width(x, half)
	}
	out := make([]bool, k)
	for a := range out {
		out[a] = true
		for b := range mean {
			if mean[b]-mean[a] > boldness*(width[a]+width[b]) {
				out[a] = false
			}
		}
	}
	return out
}

// ownNumbers is how many numbers of a plan an arm's own view takes.
func ownNumbers(d int) int { return 2 + 2*d + d*d }

func (a ownArm) numbers() []float64 {
	out := append([]float64{a.floor, a.noise2}, a.raw...)
	out = append(out, a.theta...)
	return append(out, a.vectors.RawMatrix().Data...)
}

func ownFrom(v []float64, d int) (ownArm, bool) {
	a := ownArm{spectrum: spectrum{d: d, floor: v[0], raw: v[2 : 2+d]}, noise2: v[1], theta: v[2+d : 2+2*d]}
	a.vectors = mat.NewDense(d, d, v[2+2*d:])
	return a, a.floor > 0 && a.noise2 >= 0
}
