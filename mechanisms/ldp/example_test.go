package ldp_test

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/ldp"
)

// A hundred thousand people answer with one random sign each; their mean is known to a
// hundredth, and nobody's answer is.
func ExampleNewDuchi() {
	r, _ := ldp.NewDuchi(ldp.Epsilon{Num: 1, Den: 1}, 1<<16)
	src, sum := noise.NewSeeded(1), int64(0)
	const n = 100_000
	for range n {
		sum += r.Randomise(1<<15, src) // everybody's number is ½
	}
	mean := float64(sum) / r.Gain() / n / (1 << 16)
	fmt.Printf("%.1f, known to %.3f\n", mean, math.Sqrt(r.Variance(0.5)/n))
	// Output: 0.5, known to 0.007
}
