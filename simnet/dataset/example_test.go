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

	src := noise.NewSeeded(1)
	traffic, err := set.Traffic(3, src) // which node makes which decision
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, node := range traffic {
		instance := set.Nodes[node].World.Draw(nil, src)
		fmt.Println(len(instance), "solvers could have run for", set.Nodes[node].ID != "")
	}
	// Output:
	// RACES: "slow, sure" has the best mean, -0.50
	// 2 solvers could have run for true
	// 2 solvers could have run for true
	// 2 solvers could have run for true
}
