package continual_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/continual"
)

// A thousand reports of one number, all within ρ = 0.1 for a record of at most 2^16.
func ExampleChoose() {
	choice, _ := continual.Choose(1000, false, dp.Silo)
	fmt.Println(choice.Why)

	law, _ := choice.Design.GaussianLaw(1<<32, 1, dp.Spend{PicoRho: dp.PicoPerRho / 10})
	stream, _ := continual.NewStream(choice.Design, law, 1)
	total, noised, y := int64(0), int64(0), []int64{0}
	for leaf := range int64(1000) {
		if err := stream.Next(y, noise.NewSeeded(uint64(leaf))); err != nil {
			fmt.Println(err)
			return
		}
		total += 50 << 16
		noised += 50<<16 + y[0] // what is published, leaf by leaf
	}
	fmt.Println(stream.Next(y, noise.NewSeeded(1)))
	// Output:
	// δ > 0 and 1000 leaves: the square root has a mean variance of 9.624, a binary tree 49.38, fresh noise 500.5 (units of Δ²/2ρ)
	// continual: the horizon is exhausted
}
