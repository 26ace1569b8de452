package fast

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The rows of policies 17.3: mean and standard error of an independent
// implementation over 400 runs. A right implementation lies within six combined
// standard errors but for once in 5e8 rows; another policy does not.
func TestBaselinesHaveTheReferenceRegrets(t *testing.T) {
	worlds := map[string]struct {
		means   string
		horizon int
		rows    map[string][2]float64
	}{
		"A": {"[0.9, 0.8]", 10_000, map[string][2]float64{
			"epsilon-greedy": {54.6, 0.7}, "ucb1": {87.4, 0.8}, "kl-ucb": {15.1, 0.4}, "thompson-beta": {10.2, 0.4}, "thompson-gaussian": {18.0, 0.5}, "softmax": {261.3, 5.9},
		}},
		"C": {"[0.55, 0.45, 0.45, 0.35]", 5000, map[string][2]float64{
			"epsilon-greedy": {82.4, 3.1}, "ucb1": {168.5, 1.2}, "kl-ucb": {64.0, 1.1}, "thompson-beta": {44.0, 1.2}, "thompson-gaussian": {45.9, 1.5}, "softmax": {256.4, 2.2},
		}},
	}
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			var list []string
			for policy := range w.rows {
				list = append(list, "{name: "+policy+"}")
			}
			const runs = 60
			st := run(t, scenario(t, fmt.Sprintf(head+`experiment:
  problem: {kind: arms, arms: %d}
  reward: {range: [0, 1]}
  privacy: {model: none}
  horizon: %d
environment: {kind: bernoulli, means: %s}
policies: [%s]
record: [%d]
`, strings.Count(w.means, ",")+1, w.horizon, w.means, strings.Join(list, ", "), w.horizon)), Options{Runs: runs, Seed: 20, Parallel: 2})
			for _, p := range st.Results() {
				want, err := w.rows[p.Name], (p.Regret.High-p.Regret.Mean)/quantile975
				near := func(row [2]float64) bool { return math.Abs(p.Regret.Mean-row[0]) <= 6*math.Hypot(err, row[1]) }
				assert.True(t, near(want), "%s: %.1f ± %.1f, reference %.1f ± %.1f", p.Name, p.Regret.Mean, err, want[0], want[1])
				if p.Name != "softmax" { // planted: another policy's row
					assert.False(t, near(w.rows["softmax"]), "%s passes for softmax", p.Name)
				}
			}
		})
	}
}
