package arms_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// Heavy tails in one process: three Pareto arms, of which only a moment is known.
func ExampleNewRobustElimination() {
	world, _ := environment.NewPareto(1.6, 1.0, 0.5, 2.0) // tail index, then each arm's mean
	policy, err := arms.NewRobustElimination(arms.Problem{
		Arms: 3, Horizon: 20_000, Moment: &mechanisms.Moment{Order: 1.5, Bound: environment.MomentBound(world, 1.5)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	src := noise.NewSeeded(7)
	for t := range uint64(20_000) {
		round := mechanisms.Round{T: t + 1}
		arm, _, _ := policy.Choose(round, mechanisms.None{}, src)
		_ = policy.Observe(round, mechanisms.None{}, arm, mechanisms.Reward{X: world.Reward(int(arm), src)})
	}
	fmt.Println("left:", policy.Best())
	// Output: left: 2
}

func ExampleNewUCB1() {
	policy, _ := arms.NewUCB1(arms.Problem{Arms: 2, Horizon: 1000, Range: &mechanisms.Range{Low: 0, High: 10}})
	pulls := [2]int{}
	for t := range uint64(1000) {
		round := mechanisms.Round{T: t + 1}
		arm, _, _ := policy.Choose(round, mechanisms.None{}, nil)
		pulls[arm]++
		_ = policy.Observe(round, mechanisms.None{}, arm, mechanisms.Reward{X: []float64{2, 8}[arm]})
	}
	fmt.Println(pulls[1] > 900, policy.Observe(mechanisms.Round{T: 1001}, mechanisms.None{}, 0, mechanisms.Reward{X: 11}))
	// Output: true the reward is outside reward.range, got (withheld: reward values are never printed), allowed [0, 10]: declare a wider reward.range in a new experiment, or set reward.clip: true
}
