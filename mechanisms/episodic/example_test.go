package episodic_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/mechanisms/episodic"
)

// Six visits of a patient, measured with outliers: when to treat how strongly.
func ExampleNewSolo() {
	world, _ := environment.NewDosing(6, environment.ParetoFactor{Shape: 2.1})
	spec := world.Spec()
	policy, err := episodic.NewSolo(mechanisms.Settings{
		Horizon: 3000, Episodes: &spec, Moment: &mechanisms.Moment{Order: 2, Bound: world.MomentBound(2)},
	}, episodic.NewValueIteration)
	if err != nil {
		fmt.Println(err)
		return
	}
	src := noise.NewSeeded(1)
	var episode mechanisms.Trajectory
	var table mechanisms.Table
	for t := range uint64(3000) {
		round := mechanisms.Round{T: t + 1}
		table, _, _ = policy.Choose(round, mechanisms.None{}, src)
		episode = world.Play(episode, table, src)
		_ = policy.Observe(round, mechanisms.None{}, table, episode)
	}
	_, best := world.Best()
	fmt.Println(world.Value(table) > 0.95*best)
	// Output: true
}
