package forecast

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
)

// assumed is the world that a forecast is played in: the arms' means are evenly
// spread, and the best lies effect above their average. The rewards are the worst
// that the declaration allows, or nearly: the ends of a range; under a moment a
// Pareto law with that very moment, and none half an order above. scale is the unit
// of effect: the range's width, or the mean of the best arm.
func assumed(e *experiment.Experiment, effect float64) (w environment.World, scale float64, err error) {
	k := len(e.Problem.Arms)
	means := func(best, worst float64) []float64 {
		out := make([]float64, k)
		for a, rank := range rand.New(rand.NewPCG(1, 1)).Perm(k) { // the order of arms must not help who takes turns
			out[a] = best - (best-worst)*float64(rank)/float64(k-1)
		}
		return out
	}
	if r := e.Reward.Range; r != nil {
		low, high := r.Low.Float64(), r.High.Float64()
		b, err := environment.NewBernoulli(means(0.5+effect, 0.5-effect)...)
		return stretched{b, low, high - low}, high - low, err
	}
	order, bound := e.Reward.Moment.Order.Float64(), e.Reward.Moment.Bound.Float64()
	shape := order + 0.5
	best := math.Pow(bound*(shape-order)/shape, 1/order) * shape / (shape - 1)
	best *= 1 - 1e-9 // rounding must not take it above the bound
	p, err := environment.NewPareto(shape, means(best, best*(1-2*effect))...)
	return p, best, err
}

// checkEffect refuses effects that no world of the experiment has.
func checkEffect(effect float64) error {
	if !(effect > 0 && effect < 0.5) {
		return posse.OutOfRange("effect", strconv.FormatFloat(effect, 'g', -1, 64), "(0, 0.5)",
			"say how far the best arm is above the average, as a share of the range")
	}
	return nil
}

// stretched is a world of rewards 0 and 1 in another range.
type stretched struct {
	*environment.Bernoulli
	low, width float64
}

// Mean returns an arm's mean.
func (s stretched) Mean(arm int) float64 { return s.low + s.width*s.Bernoulli.Mean(arm) }

// Moment returns E|X|^order.
func (s stretched) Moment(arm int, order float64) float64 {
	p := s.Bernoulli.Mean(arm)
	return (1-p)*math.Pow(math.Abs(s.low), order) + p*math.Pow(math.Abs(s.low+s.width), order)
}

// Draw draws the rewards of all arms.
func (s stretched) Draw(into environment.Instance, src noise.Source) environment.Instance {
	into = s.Bernoulli.Draw(into, src)
	for a, x := range into {
		into[a] = s.low + s.width*x
	}
	return into
}
