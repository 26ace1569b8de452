package robust_test

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// A thousand records with E|X|^1.5 ≤ 8, summed under Laplace noise of scale 2B: where
// to clip, and how far the mean may then be off.
func ExampleBestBound() {
	moment := mechanisms.Moment{Order: 1.5, Bound: 8}
	l := math.Log(1000) // each side fails with 2/1000
	b := robust.BestBound(moment, 1000, l, robust.Noise{Releases: 1, Scale: 2}, 1e-6, 1e12)

	var ledger robust.Clipping
	ledger.Add(1000, b, moment, 16)
	ledger.AddLaplace(1, 2*b)
	fmt.Printf("clip at %.2f, radius %.4f\n", b, ledger.Radius(moment, l))
	// Output: clip at 13.80, radius 1.7240
}

// A run time in a thousand takes minutes: what the mean is, and which moments there are.
func ExampleCatoni() {
	seconds := make([]float64, 1000)
	for i := range seconds {
		seconds[i] = math.Pow(1-(float64(i)+0.5)/1000, -1/2.5) // Pareto of index 2.5, mean 1.667
	}
	tail, _ := robust.EstimateTail(seconds, 0)
	mean, _ := robust.Catoni(seconds, 2.3, 0.025)
	fmt.Printf("moments up to %.2f, mean %.3f ± %.3f at 95 %%\n", tail.Advice, mean.Mean, mean.Radius)
	// Output: moments up to 1.95, mean 1.657 ± 0.184 at 95 %
}
