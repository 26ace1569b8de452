package fast_test

import (
	"context"
	"fmt"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// greedy tries each arm once and then plays the best mean so far.
type greedy struct{ set *statistics.Set }

func newGreedy(s mechanisms.Settings) (fast.Learner, error) {
	k := []int{len(s.Arms)}
	return &greedy{statistics.Layout{{Name: "count", Shape: k, Record: 1}, {Name: "sum", Shape: k, Record: 1}}.Empty()}, nil
}

func (g *greedy) Choose(mechanisms.Round, mechanisms.None, noise.Source) (mechanisms.Arm, float64, error) {
	n, sum, best := g.set.Block("count"), g.set.Block("sum"), 0
	for a := range n {
		if n[a] == 0 {
			return mechanisms.Arm(a), 1, nil
		}
		if sum[a]*n[best] > sum[best]*n[a] {
			best = a
		}
	}
	return mechanisms.Arm(best), 1, nil
}

func (g *greedy) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	g.set.Block("count")[a]++
	g.set.Block("sum")[a] += int64(f.X)
	return nil
}

func (g *greedy) Statistics() *statistics.Set { return g.set }
func (g *greedy) Local() ([]byte, error)      { return nil, nil }

// A policy of one's own runs beside the scenario's, on the same luck.
func ExampleRun() {
	scenario, err := simnet.Read("k10", simnet.Template(), simnet.Files{})
	if err != nil {
		fmt.Println(err)
		return
	}
	state, err := fast.Run(context.Background(), scenario, fast.Options{
		Runs: 20, Seed: 1, Parallel: 2, Own: []fast.Own{{Label: "greedy", New: newGreedy}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	results := state.Results()
	for _, p := range results[1:] {
		fmt.Println(p.Name, "beats ucb1:", p.Regret.High < results[0].Regret.Low)
	}
	// Output:
	// thompson-beta beats ucb1: true
	// greedy beats ucb1: false
}
