package fast

import (
	"fmt"
	"strings"
	"testing"

	"github.com/posse-dev/posse/simnet"
)

// bench runs one scenario once an iteration on one worker and reports the time of a
// step. bench/ sets it beside bare loops.
func bench(b *testing.B, text string, runs uint64) {
	s, err := simnet.Read("bench.yaml", []byte(text), simnet.Files{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run(b, s, Options{Runs: runs, Seed: 1})
	}
	steps := float64(Steps(s, Options{Runs: runs})) * float64(b.N)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/steps, "ns/step")
}

func ten(policies ...string) string {
	var list []string
	for i, p := range policies {
		list = append(list, fmt.Sprintf("{name: %s, label: p%d}", p, i))
	}
	return head + `experiment:
  problem: {kind: arms, arms: 10}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: 10000
environment: {kind: bernoulli, means: [0.1, 0.1888888889, 0.2777777778, 0.3666666667, 0.4555555556, 0.5444444444, 0.6333333333, 0.7222222222, 0.8111111111, 0.9]}
policies: [` + strings.Join(list, ", ") + "]\n"
}

func BenchmarkUCB1(b *testing.B)     { bench(b, ten("ucb1"), 64) }
func BenchmarkUCB1Four(b *testing.B) { bench(b, ten("ucb1", "ucb1", "ucb1", "ucb1"), 64) }
func BenchmarkThompsonBeta(b *testing.B) {
	bench(b, ten("thompson-beta"), 8)
}

func BenchmarkFederation(b *testing.B) {
	bench(b, strings.Replace(hospitals, "horizon: 4000", "horizon: 40000", 1), 1)
}
