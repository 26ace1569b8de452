package statistics

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	posse "github.com/posse-dev/posse"
)

const (
	// MaxInformationDimension is the largest dimension of an [Information]: one
	// Cholesky factorisation at it costs about a third of a gigaflop.
	MaxInformationDimension = 1024

	// MaxInformationEntry bounds the magnitude of every entry. It is the bound of
	// the integer statistics (sums below 2^62), so that no sum of the at most
	// 100,000 offers of a round can overflow.
	MaxInformationEntry = float64(1 << 62)

	// informationTolerance is the asymmetry and the negative eigenvalue, relative
	// to the largest entry, that pass as rounding of the sender.
	informationTolerance = 1e-9
)

// Information is an additive information matrix: what a set of observations
// says about the unknown parameter. It is diagonal for arms (the number of
// observations of each) or a symmetric positive semi-definite Gram matrix Σ x xᵀ
// for linear problems. Two disjoint sets of observations add.
//
// Values are immutable. The zero value has dimension 0, is not valid and means
// "none given". An Information may hold what a node claimed, noise included; call
// [Information.Valid] at the door, or [Information.Repair] where noise is expected.
type Information struct {
	diagonal []float64 // d entries when diagonal, else nil
	gram     []float64 // d·d entries, row by row, both triangles, when not diagonal
	d        int
}

// Counts returns the diagonal information of K arms: n[k] observations of arm k,
// finite and at least 0. It always succeeds, since noisy counts may be negative;
// [Information.Valid] says whether they are counts.
func Counts(n ...float64) Information {
	return Information{diagonal: slices.Clone(n), d: len(n)}
}

// Gram returns the information of a d-dimensional linear problem from the d·d
// entries of its matrix, row by row. d is in [1, 1024], every entry finite and at
// most 2^62 in magnitude, and the two triangles agree to 1e-9 of the largest entry;
// they are averaged. The error names the field. Positive semi-definiteness is
// checked by [Information.Valid], since a noisy Gram matrix need not have it.
func Gram(d int, entries []float64) (Information, error) {
	if d < 1 || d > MaxInformationDimension {
		return Information{}, posse.OutOfRange("dimension", fmt.Sprint(d), fmt.Sprintf("[1, %d]", MaxInformationDimension), "")
	}
	if len(entries) != d*d {
		return Information{}, posse.OutOfRange("gram", fmt.Sprintf("%d entries", len(entries)), fmt.Sprintf("%d entries, row by row", d*d), "")
	}
	if err := informationEntries("gram", entries); err != nil {
		return Information{}, err
	}
	out := Information{gram: make([]float64, d*d), d: d}
	limit := informationTolerance * informationNorm(entries)
	for i := range d {
		out.gram[i*d+i] = entries[i*d+i]
		for j := range i {
			a, b := entries[i*d+j], entries[j*d+i]
			if math.Abs(a-b) > limit {
				return Information{}, posse.OutOfRange("gram", fmt.Sprintf("entries (%d, %d) and (%d, %d) differ", i, j, j, i),
					"a symmetric matrix, to 1e-9 of its largest entry", "")
			}
			mean := a/2 + b/2
			out.gram[i*d+j], out.gram[j*d+i] = mean, mean
		}
	}
	return out, nil
}

// Dimension is the number of arms, or the number of features.
func (v Information) Dimension() int { return v.d }

// Diagonal reports whether v counts observations of arms.
func (v Information) Diagonal() bool { return v.gram == nil }

// At returns entry (i, j), both in [0, Dimension()).
func (v Information) At(i, j int) float64 {
	if v.gram != nil {
		return v.gram[i*v.d+j]
	}
	if i != j {
		return 0
	}
	return v.diagonal[i]
}

// Dense returns the same information as a Gram matrix: a copy of v unless v is
// diagonal. It lets a prior λI meet offers of either kind.
func (v Information) Dense() Information {
	out := Information{gram: make([]float64, v.d*v.d), d: v.d}
	if v.gram != nil {
		copy(out.gram, v.gram)
		return out
	}
	for i, n := range v.diagonal {
		out.gram[i*v.d+i] = n
	}
	return out
}

// Valid reports what is wrong with v as information: no dimension, an entry that is
// not finite or beyond 2^62, a negative count, an eigenvalue below −1e-9 of the
// largest entry. Counts and matrix entries never appear in the error.
func (v Information) Valid() error {
	if v.d < 1 || v.d > MaxInformationDimension {
		return posse.OutOfRange("dimension", fmt.Sprint(v.d), fmt.Sprintf("[1, %d]", MaxInformationDimension), "")
	}
	if v.gram == nil {
		if err := informationEntries("counts", v.diagonal); err != nil {
			return err
		}
		for k, n := range v.diagonal {
			if n < 0 {
				return posse.OutOfRange(fmt.Sprintf("counts[%d]", k), "a negative number", "[0, 2^62]", "")
			}
		}
		return nil
	}
	if err := informationEntries("gram", v.gram); err != nil {
		return err
	}
	norm := informationNorm(v.gram)
	if norm == 0 || v.definiteAfterShift(informationTolerance*norm) {
		return nil
	}
	return posse.OutOfRange("gram", "a negative eigenvalue", "a positive semi-definite matrix, to 1e-9 of its largest entry", "")
}

// Add returns the information of both sets of observations. Both are of one kind
// and dimension, and no entry of the sum exceeds 2^62. The error names the field.
func (v Information) Add(o Information) (Information, error) {
	if v.d != o.d {
		return Information{}, posse.OutOfRange("dimension", fmt.Sprint(o.d), fmt.Sprint(v.d), "add information of one problem only")
	}
	if v.Diagonal() != o.Diagonal() {
		return Information{}, posse.OutOfRange("information", "counts and a Gram matrix", "one kind", "add information of one problem only")
	}
	out, field := Information{d: v.d}, "counts"
	if v.gram == nil {
		out.diagonal = floats.AddTo(make([]float64, v.d), v.diagonal, o.diagonal)
	} else {
		out.gram, field = floats.AddTo(make([]float64, v.d*v.d), v.gram, o.gram), "gram"
	}
	if err := informationEntries(field, append(out.diagonal, out.gram...)); err != nil {
		return Information{}, err
	}
	return out, nil
}

// LogDet returns ln det v in nats: Σ ln n_k for counts, 2 Σ ln L_kk from the
// Cholesky factor L of a Gram matrix. It is an error when v is not valid or not
// positive definite; add a prior first.
func (v Information) LogDet() (float64, error) {
	if v.d < 1 {
		return 0, v.Valid()
	}
	if v.gram == nil {
		if err := v.Valid(); err != nil {
			return 0, err
		}
		sum := 0.0
		for k, n := range v.diagonal {
			if n == 0 {
				return 0, posse.OutOfRange(fmt.Sprintf("counts[%d]", k), "0", "(0, 2^62]", "add a prior")
			}
			sum += math.Log(n)
		}
		return sum, nil
	}
	if err := informationEntries("gram", v.gram); err != nil {
		return 0, err
	}
	work := blas64.Symmetric{N: v.d, Stride: v.d, Uplo: blas.Upper, Data: slices.Clone(v.gram)}
	factor, ok := lapack64.Potrf(work)
	if !ok {
		return 0, posse.OutOfRange("gram", "not positive definite", "a positive definite matrix", "add a prior")
	}
	sum := 0.0
	for i := range v.d {
		sum += math.Log(factor.Data[i*v.d+i])
	}
	return 2 * sum, nil
}

// Repair returns the lower confidence value of noisy information: counts
// max(0, n − zσ), a Gram matrix with eigenvalues max(0, λ − zσ√d). σ ≥ 0 is the
// declared standard deviation of the noise of one entry, z in [0, 6]; z = 0 only
// clips. What the noise invented is so not paid for, up to confidence z, and the
// repair looks at nothing but v, hence at no bid.
//
// A Gram matrix that is positive semi-definite to rounding is returned unchanged
// when zσ = 0. Source: spec/incentives.md 1.7.
func (v Information) Repair(z, sigma float64) (Information, error) {
	if !(z >= 0 && z <= 6) {
		return Information{}, posse.OutOfRange("gainConfidence", fmt.Sprint(z), "[0, 6]", "")
	}
	if !(sigma >= 0) || sigma > MaxInformationEntry {
		return Information{}, posse.OutOfRange("sigma", fmt.Sprint(sigma), "[0, 2^62]", "")
	}
	if v.d < 1 || v.d > MaxInformationDimension {
		return Information{}, v.Valid()
	}
	if v.gram == nil {
		if err := informationEntries("counts", v.diagonal); err != nil {
			return Information{}, err
		}
		out := Information{diagonal: make([]float64, v.d), d: v.d}
		for k, n := range v.diagonal {
			out.diagonal[k] = max(0, n-z*sigma)
		}
		return out, nil
	}
	if err := informationEntries("gram", v.gram); err != nil {
		return Information{}, err
	}
	norm := informationNorm(v.gram)
	// 1e-14 of the largest entry is what a matrix of rank below d shows by rounding
	// alone; clipping it would cost an eigendecomposition and change nothing.
	if norm == 0 || z*sigma == 0 && v.definiteAfterShift(1e-14*norm*float64(v.d)) {
		return v, nil
	}
	return v.clipEigenvalues(z * sigma * math.Sqrt(float64(v.d)))
}

// clipEigenvalues returns v with its eigenvalues lowered by shift ≥ 0 and then
// clipped at 0.
func (v Information) clipEigenvalues(shift float64) (Information, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(mat.NewSymDense(v.d, slices.Clone(v.gram)), true) {
		return Information{}, posse.OutOfRange("gram", "eigenvalues that can't be found", "a symmetric matrix of finite entries", "")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	out := Information{gram: make([]float64, v.d*v.d), d: v.d}
	for k, lambda := range eigen.Values(nil) {
		lambda = max(0, lambda-shift)
		if lambda == 0 {
			continue
		}
		for i := range v.d {
			scaled := lambda * vectors.At(i, k)
			for j := i; j < v.d; j++ {
				out.gram[i*v.d+j] += scaled * vectors.At(j, k)
			}
		}
	}
	for i := range v.d {
		for j := range i {
			out.gram[i*v.d+j] = out.gram[j*v.d+i]
		}
	}
	return out, nil
}

// definiteAfterShift reports whether v + shift·I has a Cholesky factor, that is
// whether every eigenvalue of v is above −shift up to rounding.
func (v Information) definiteAfterShift(shift float64) bool {
	work := slices.Clone(v.gram)
	for i := range v.d {
		work[i*v.d+i] += shift
	}
	_, ok := lapack64.Potrf(blas64.Symmetric{N: v.d, Stride: v.d, Uplo: blas.Upper, Data: work})
	return ok
}

func informationNorm(entries []float64) float64 { return floats.Norm(entries, math.Inf(1)) }

func informationEntries(field string, entries []float64) error {
	for i, x := range entries {
		if math.IsNaN(x) || math.IsInf(x, 0) || math.Abs(x) > MaxInformationEntry {
			value := "beyond 2^62"
			if math.IsNaN(x) || math.IsInf(x, 0) {
				value = "not a finite number"
			}
			return posse.OutOfRange(fmt.Sprintf("%s[%d]", field, i), value, "[-2^62, 2^62]", "")
		}
	}
	return nil
}
