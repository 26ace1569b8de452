package dataset_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/simnet/dataset"
)

func ExampleLoad() {
	set, err := dataset.Load("testdata/races", dataset.Options{Format: dataset.ASlib, Nodes: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	best, mean := set.Best()
	fmt.Printf("%s: %q has the best mean, %.2f\n", set.Name, set.Arms[best], mean)

	instance := set.Nodes[0].World.Draw(nil, noise.NewSeeded(1)) // what a decision of the first node may bring
	fmt.Println(len(instance), "solvers could have run")
	// Output:
	// RACES: "slow, sure" has the best mean, -0.50
	// 2 solvers could have run
}
