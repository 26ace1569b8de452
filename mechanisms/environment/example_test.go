package environment_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
)

func ExampleChoosingASolver() {
	world := environment.ChoosingASolver()
	best, mean := environment.Best(world)
	fmt.Printf("%s takes %.1f s on average; choosing at random takes %.1f s\n", world.Names()[best],
		-mean*world.CutoffSecs(), -environment.UniformMean(world)*world.CutoffSecs())

	instance := world.Draw(nil, noise.NewSeeded(1)) // every policy that is compared meets this one
	for arm := range instance {
		fmt.Println(instance.Reward(arm) <= 0)
	}
	// Output:
	// local-search takes 17.6 s on average; choosing at random takes 39.9 s
	// true
	// true
	// true
	// true
	// true
}
