package demo

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The gap is that between 0 and 1, so that a mean reward is the share of it.
func TestWordsHoldAlsoForPlaysThatTaughtNothing(t *testing.T) {
	for name, c := range map[string]struct {
		together, alone, plain float64
		nodes                  int
		want                   [3]string // the gap, privacy, what it is worth
	}{
		"learnt": {0.85, 0.42, 0.98, 2, [3]string{
			"Learning together closed 85 % of the gap between choosing at random and always choosing the best solver; each alone would have closed 42 %.",
			"Without privacy it would have been 98 %: privacy cost 13 points.",
			"Over 1,000 decisions that is 850 hours saved against choosing at random.",
		}},
		"one point": {0.5, 0.4, 0.51, 2, [3]string{"closed 50 % of the gap", "would have been 51 %: privacy cost 1 point.", "500 hours saved"}},
		"worse than chance": {-0.021, -0.05, 0.03, 2, [3]string{
			"closed less than nothing (−2 %) of the gap between choosing at random and always choosing the best solver; each alone would have closed less than nothing (−5 %).",
			"would have been 3 %: privacy cost 5 points.", "that is 21 hours lost",
		}},
		"chance":           {-0.0003, -0.001, -0.004, 2, [3]string{"closed nothing of the gap", "would have been nothing: privacy cost nothing here.", ""}},
		"lucky noise":      {0.3, 0.4, 0.2, 2, [3]string{"did not help here: 30 % of the gap together, 40 % each alone.", "would have been 20 %: privacy cost nothing here.", "300 hours saved"}},
		"one organisation": {-0.01, -0.01, 0, 1, [3]string{"One organisation by itself closed less than nothing (−1 %) of the gap", "would have been nothing: privacy cost 1 point.", "10 hours lost"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Summary{Decisions: 1000, Nodes: make([]NodeSummary, c.nodes)}
			s.Nodes[0].Decisions = 1000
			s.Learning.MeanReward = c.together
			s.Learning.Baselines = Baselines{Uniform: 0, BestFixedArm: 1, NonPrivate: c.plain, Alone: make([]float64, c.nodes)}
			s.Learning.Baselines.Alone[0] = c.alone
			sc := &scene{arm: [2]string{"solver", "solvers"}, perReward: 1, unit: "hours"}
			said := sc.words(s)
			assert.Contains(t, said[0], c.want[0])
			assert.Contains(t, said[1], c.want[1])
			if c.want[2] == "" {
				assert.NotContains(t, strings.Join(said, "\n"), "hours", "what rounds to nothing is not said")
			} else {
				assert.Contains(t, said[2], c.want[2])
			}
			assert.NotContains(t, strings.Join(said, "\n"), "-", "no hyphen stands for a minus, and no zero has one")
		})
	}
}
