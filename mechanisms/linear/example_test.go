package linear_test

import (
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/mechanisms/linear"
)

// Two treatments, each better for one half of the patients.
func ExampleNewLinUCB() {
	world, _ := environment.NewLinear(0.5, environment.Coins{}, []float64{0.4, 0}, []float64{-0.4, 0})
	policy, err := linear.NewLinUCB(linear.Problem{Arms: 2, Horizon: 5000, Features: mechanisms.FeatureSpec{Dimension: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	src, right := noise.NewSeeded(7), 0
	var s environment.Situation
	for t := range uint64(5000) {
		s = world.Draw(s, src)
		round, context := mechanisms.Round{T: t + 1}, mechanisms.Features{X: s.X}
		arm, _, _ := policy.Choose(round, context, src)
		_ = policy.Observe(round, context, arm, mechanisms.Reward{X: s.Rewards.Reward(int(arm))})
		if best, _ := environment.BestGiven(world, s.X); best == int(arm) {
			right++
		}
	}
	fmt.Println(right > 4500)
	// Output: true
}
