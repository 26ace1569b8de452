package environment

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
)

// Central moments against closed forms, and against a mean of draws: 10^6 draws of a
// variable with a finite variance are within 5.3 standard deviations, false alarm 1e-7.
func TestNoiseHasTheMomentsThatItStates(t *testing.T) {
	assert.InEpsilon(t, 9.0, Normal{SD: 3}.Central(2), 1e-12)
	assert.InEpsilon(t, 4*5.0/3, Student{Degrees: 5, Scale: 2}.Central(2), 1e-12)
	a := 4.5
	assert.InEpsilon(t, 9*a/((a-1)*(a-1)*(a-2)), Skewed{Shape: a, Scale: 3}.Central(2), 1e-9, "the variance of a Pareto")
	assert.True(t, math.IsInf(Skewed{Shape: 1.6, Scale: 1}.Central(1.6), 1))
	assert.True(t, math.IsInf(Student{Degrees: 1.6, Scale: 1}.Central(2), 1))

	const n = 1_000_000
	for name, law := range map[string]Noise{
		"normal": Normal{SD: 2}, "skewed": Skewed{Shape: 5, Scale: 2}, "student": Student{Degrees: 6, Scale: 2}, "coins": Coins{},
	} {
		src := noise.NewSeeded(3)
		mean, order, squares := 0.0, 1.0, 0.0
		for range n {
			off := math.Abs(law.Draw(0.25, src) - 0.25)
			mean += off / n
			squares += off * off / n
		}
		if name == "coins" {
			assert.InDelta(t, 2*0.25*0.75, mean, 5.3*math.Sqrt(squares/n))
			continue
		}
		assert.InDelta(t, law.Central(order), mean, 5.3*math.Sqrt((squares-mean*mean)/n), name)
	}
}

func TestLinearWorldsHaveTheMeansThatTheyState(t *testing.T) {
	w := must(NewLinear(0.5, Coins{}, []float64{0.3, 0.4}, []float64{-0.5, 0}))
	src := noise.NewSeeded(9)
	var s Situation
	const n = 400_000
	sum, most := [2]float64{}, 0.0
	second := 0.0
	for range n {
		s = w.Draw(s, src)
		most = max(most, math.Abs(math.Hypot(s.X[0], s.X[1])-1))
		second += s.X[0] * s.X[0] / n
		for a := range sum {
			sum[a] += (s.Rewards.Reward(a) - w.Mean(s.X, a)) / n
		}
	}
	assert.Less(t, most, 1e-12, "contexts are unit vectors")
	assert.InDelta(t, 0.5, second, 5.3*math.Sqrt(0.125/n), "and uniform")
	for a := range sum {
		assert.InDelta(t, 0, sum[a], 5.3*0.5/math.Sqrt(n))
	}
	arm, mean := BestGiven(w, []float64{1, 0})
	assert.Equal(t, 0, arm)
	assert.InDelta(t, 0.8, mean, 1e-15)
	assert.Equal(t, 2, w.Dimension())

	heavy := must(NewLinear(0, Skewed{Shape: 1.8, Scale: 1}, []float64{0.6, 0.8}))
	u := heavy.MomentBound(1.5)
	got := 0.0
	for range 100_000 {
		s = heavy.Draw(s, src)
		got += math.Pow(math.Abs(s.Rewards[0]), 1.5) / 100_000
	}
	assert.Less(t, got, u)
	assert.Greater(t, got, u/10, "the bound is no more than Minkowski's")
}

func TestLinearWorldsRefuseWhatTheyCannotBe(t *testing.T) {
	for name, err := range map[string]error{
		"no arms":        second(NewLinear(0, Normal{})),
		"no features":    second(NewLinear(0, Normal{}, []float64{})),
		"uneven":         second(NewLinear(0, Normal{}, []float64{1}, []float64{1, 2})),
		"not finite":     second(NewLinear(0, Normal{}, []float64{math.NaN()})),
		"no noise":       second(NewLinear(0, nil, []float64{1})),
		"chance above 1": second(NewLinear(0.5, Coins{}, []float64{0.6})),
		"base":           second(NewLinear(math.Inf(1), Normal{}, []float64{1})),
	} {
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), "environment.", name)
	}
}

func second(_ *Linear, err error) error { return err }
