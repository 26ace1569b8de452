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
