package linear

import "math"

// triangle is a lower triangular d×d matrix, row by row: row i holds i+1 numbers. A
// symmetric matrix is kept as its lower half in the same order.
type triangle struct {
	d    int
	cell []float64
}

func newTriangle(d int) triangle { return triangle{d, make([]float64, d*(d+1)/2)} }

// row returns the numbers of a row up to and including its diagonal.
func (t triangle) row(i int) []float64 { return t.cell[i*(i+1)/2 : i*(i+1)/2+i+1] }

// dot is Σ x_i·y_i over the length of x. Four sums keep a processor busy; the
// conversions forbid fused multiply-adds, so that every machine rounds alike.
func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += float64(x[i] * y[i])
		b += float64(x[i+1] * y[i+1])
		c += float64(x[i+2] * y[i+2])
		d += float64(x[i+3] * y[i+3])
	}
	for ; i < len(x); i++ {
		a += float64(x[i] * y[i])
	}
	return (a + b) + (c + d)
}

// factorise makes t the Cholesky factor L of the symmetric matrix a = L·Lᵀ, which
// it reads once; a may be t. It reports whether a is positive definite; if not, t
// holds nothing of use. O(d³/6) multiplications.
func (t triangle) factorise(a triangle) bool {
	for i := range t.d {
		ai, li := a.row(i), t.row(i)
		for j := range i {
			lj := t.row(j)
			li[j] = (ai[j] - dot(li[:j], lj[:j])) / lj[j]
		}
		pivot := ai[i] - dot(li[:i], li[:i])
		if !(pivot > 0) || math.IsInf(pivot, 1) {
			return false
		}
		li[i] = math.Sqrt(pivot)
	}
	return true
}

// update makes the factor of A that of A + x·xᵀ by Givens rotations; x is
// overwritten. O(d²) multiplications. Source: Golub and Van Loan 2013, 6.5.4.
func (t triangle) update(x []float64) {
	for j := range t.d {
		if x[j] == 0 {
			continue
		}
		at := j*(j+1)/2 + j
		r := math.Hypot(t.cell[at], x[j])
		c, s := r/t.cell[at], x[j]/t.cell[at]
		t.cell[at] = r
		for i := j + 1; i < t.d; i++ {
			at += i
			l := (t.cell[at] + float64(s*x[i])) / c
			x[i] = float64(c*x[i]) - float64(s*l)
			t.cell[at] = l
		}
	}
}

// forward writes z = L⁻¹·x into z, which may be x, and returns ‖z‖² = xᵀA⁻¹x.
func (t triangle) forward(z, x []float64) float64 {
	at := 0
	for i := range t.d {
		z[i] = (x[i] - dot(t.cell[at:at+i], z[:i])) / t.cell[at+i]
		at += i + 1
	}
	return dot(z[:t.d], z[:t.d])
}

// backward writes L⁻ᵀ·z over z.
func (t triangle) backward(z []float64) {
	for i := t.d - 1; i >= 0; i-- {
		row := t.row(i)
		z[i] /= row[i]
		for j, l := range row[:i] {
			z[j] -= float64(l * z[i])
		}
	}
}

// solve writes A⁻¹·b into x, which may be b.
func (t triangle) solve(x, b []float64) {
	t.forward(x, b)
	t.backward(x)
}

// logDet is ln det A.
func (t triangle) logDet() float64 {
	sum := 0.0
	for i := range t.d {
		sum += math.Log(t.row(i)[i])
	}
	return 2 * sum
}
