package noise

import (
	"math/bits"
	"strconv"

	"github.com/posse-dev/posse"
)

// Law is what a vector is noised with: independent integers of one distribution.
// [DiscreteLaplace], [FixedLaplace], [DiscreteGaussian] and [LaplaceShare] satisfy it.
type Law interface {
	Fill(dst []int64, src Source)
}

// Add adds independent noise to each coordinate of x. A sum that does not fit int64
// is an error and leaves x as it was: the noise that was drawn is thrown away, and
// the error says nothing of the value. Calls with a configuration whose bound was
// checked (n·Δ + 64σ below 2^62) do not meet it.
func Add(x []int64, law Law, src Source) error {
	z := make([]int64, len(x))
	law.Fill(z, src)
	for i := range x {
		sum, ok := addChecked(x[i], z[i])
		if !ok {
			clear(z)
			return noFit()
		}
		z[i] = sum
	}
	copy(x, z)
	return nil
}

// AddSymmetric adds noise to a symmetric d×d matrix in row order: one draw for each
// entry of the upper triangle with the diagonal, mirrored. With ‖v‖₂ ≤ B the upper
// triangle of v·vᵀ has L2 norm at most B² (reached on the diagonal), so the squared
// sensitivity to charge is B⁴. A matrix that is not symmetric is an error: noising
// its halves apart would let a reader average half the noise away.
func AddSymmetric(m []int64, d int, law Law, src Source) error {
	if d < 1 || len(m) != d*d {
		return posse.OutOfRange("matrix", strconv.Itoa(len(m))+" entries", "d² entries, d ≥ 1", "")
	}
	upper := make([]int64, 0, d*(d+1)/2)
	for i := range d {
		for j := i; j < d; j++ {
			if m[i*d+j] != m[j*d+i] {
				return posse.OutOfRange("matrix", "not symmetric", "a symmetric matrix", "")
			}
			upper = append(upper, m[i*d+j])
		}
	}
	if err := Add(upper, law, src); err != nil {
		return err
	}
	k := 0
	for i := range d {
		for j := i; j < d; j++ {
			m[i*d+j], m[j*d+i] = upper[k], upper[k]
			k++
		}
	}
	return nil
}

func addChecked(a, b int64) (int64, bool) {
	sum, _ := bits.Add64(uint64(a), uint64(b), 0)
	s := int64(sum)
	return s, (a >= 0) != (b >= 0) || (s >= 0) == (a >= 0)
}

func noFit() error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "privacy.fractionBits",
		Value: "a sum that does not fit", Allowed: "sums with noise below 2^63",
		Message: "noisy sum does not fit its integer", Hint: "use fewer fraction bits",
	}
}
