package contribution

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	posse "github.com/posse-dev/posse"
)

// maxColumns is how many nodes the stopping rule looks at.
const maxColumns = 10

// Stability is the outcome of the stopping rule.
type Stability struct {
	Stop    bool
	Columns int     // nodes that the test used: those whose contributions vary
	F, P    float64 // statistic and tail; 0 and 1 when no column varies
}

// Stable decides whether contributions have settled, from all rounds so far: rows[r]
// has the contributions of the same m ≤ 10 nodes in round r, in any unit. With μ₀ the
// mean of the first t − lookAhead rows, and x̄ and S (divisor t − 1) those of all:
//
//	T² = t (x̄ − μ₀)ᵀ S⁻¹ (x̄ − μ₀),  F = (t − m)/(m(t − 1))·T²,  p = P(F_{m,t−m} > F);  stop when p > level
//
// It needs t > max(lookAhead, m) and does not stop before. A column that is constant,
// or a combination of those before it, is dropped; when none is left it stops.
// lookAhead is at least 2, level in (0, 1).
//
// This is a rule of stability and no calibrated test: μ₀ is of the same rows.
// Source: the published code of arXiv 2306.05764; spec/incentives.md 2.3.
func Stable(rows [][]float64, lookAhead int, level float64) (Stability, error) {
	t := len(rows)
	if lookAhead < 2 {
		return Stability{}, posse.OutOfRange("lookAhead", fmt.Sprint(lookAhead), "at least 2", "")
	}
	if !(level > 0 && level < 1) {
		return Stability{}, posse.OutOfRange("level", fmt.Sprint(level), "(0, 1)", "")
	}
	m := 0
	if t > 0 {
		m = len(rows[0])
	}
	if t > 0 && (m < 1 || m > maxColumns) {
		return Stability{}, posse.OutOfRange("rows", fmt.Sprintf("%d columns", m), fmt.Sprintf("[1, %d] columns", maxColumns), "")
	}
	for r, row := range rows {
		if len(row) != m {
			return Stability{}, posse.OutOfRange(fmt.Sprintf("rows[%d]", r), fmt.Sprintf("%d columns", len(row)), fmt.Sprint(m), "")
		}
		for c, x := range row {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return Stability{}, posse.OutOfRange(fmt.Sprintf("rows[%d][%d]", r, c), "not a finite number", "any finite number", "")
			}
		}
	}
	if t <= max(lookAhead, m) {
		return Stability{}, nil
	}
	shift, basis := columns(rows, t-lookAhead)
	used := len(basis)
	if used == 0 {
		return Stability{Stop: true, P: 1}, nil
	}
	// basis is orthonormal in the rows' inner product and spans the varying columns, so
	// that (x̄ − μ₀)ᵀ S⁻¹ (x̄ − μ₀) = (t − 1)·|shift in it|².
	square := 0.0
	for _, s := range shift {
		square += s * s
	}
	squareT := float64(t) * float64(t-1) * square
	f := float64(t-used) / float64(used*(t-1)) * squareT
	p := distuv.F{D1: float64(used), D2: float64(t - used)}.Survival(f)
	return Stability{Stop: p > level, Columns: used, F: f, P: p}, nil
}

// columns orthonormalises the centred columns (modified Gram–Schmidt, twice), leaving
// out those that add nothing, and returns x̄ − μ₀ in the new coordinates.
func columns(rows [][]float64, first int) (shift []float64, basis []*mat.VecDense) {
	t := len(rows)
	for c := range rows[0] {
		column := mat.NewVecDense(t, nil)
		mean := 0.0
		for r, row := range rows {
			mean += row[c] / float64(t)
			column.SetVec(r, row[c])
		}
		largest := 0.0
		for r := range rows {
			largest = max(largest, math.Abs(column.AtVec(r)))
			column.SetVec(r, column.AtVec(r)-mean)
		}
		size := mat.Norm(column, 2)
		if size <= 1e-12*largest*math.Sqrt(float64(t)) {
			continue // constant up to rounding
		}
		for range 2 {
			for _, b := range basis {
				column.AddScaledVec(column, -mat.Dot(column, b), b)
			}
		}
		left := mat.Norm(column, 2)
		if left <= 1e-9*size {
			continue
		}
		column.ScaleVec(1/left, column)
		basis = append(basis, column)
		// Centred, x̄ is 0, so x̄ − μ₀ is minus the mean of the first rows.
		early := 0.0
		for r := range first {
			early += column.AtVec(r) / float64(first)
		}
		shift = append(shift, -early)
	}
	return shift, basis
}

// KeepExploring reports whether exploration goes on after t versions: always below
// minExplore, never from maxExplore on, and in between until contributions are
// stable.
func KeepExploring(t, minExplore, maxExplore uint64, stable bool) bool {
	return t < minExplore || t < maxExplore && !stable
}
