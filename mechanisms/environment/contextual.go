package environment

import "github.com/posse-dev/posse/dp/noise"

// Contextual is a K-armed problem in which a vector of features is seen before each
// decision, and whose truth is known.
type Contextual interface {
	// Arms returns K, in [1, MaxArms].
	Arms() int
	// Dimension returns the number of features.
	Dimension() int
	// Mean returns the exact expected reward of an arm in [0, K) given features.
	Mean(x []float64, arm int) float64
	// Draw returns one fresh situation. It reuses the memory of into where that has
	// room; the zero value allocates.
	Draw(into Situation, src noise.Source) Situation
}

// Situation is one instance of a contextual problem: what is seen before the
// decision, and the reward that each arm gives or would have given.
type Situation struct {
	X       []float64
	Rewards Instance
}

// BestGiven returns the arm of the largest mean given features, and that mean; ties
// go to the first.
func BestGiven(w Contextual, x []float64) (arm int, mean float64) {
	arm, mean = 0, w.Mean(x, 0)
	for a := 1; a < w.Arms(); a++ {
		if m := w.Mean(x, a); m > mean {
			arm, mean = a, m
		}
	}
	return arm, mean
}
