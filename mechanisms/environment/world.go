package environment

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// MaxArms is the largest number of arms that a world takes, as in the
// experiment file (problem.arms, with a raised limit).
const MaxArms = 16384

// MaxReward is the largest magnitude of a location, a scale or a recorded reward:
// sums and eighth powers of such numbers stay finite.
const MaxReward = 1e30

// World is a K-armed problem whose truth is known. Implementations are safe for
// concurrent use by several goroutines with a source each, except [Deck].
type World interface {
	// Arms returns K, in [1, MaxArms].
	Arms() int

	// Mean returns the exact expected reward of an arm in [0, K).
	Mean(arm int) float64

	// Moment returns the exact E|X|^order of an arm's reward X; order in (0, 8].
	// It is +Inf where the law has no such moment, and panics outside the range.
	Moment(arm int, order float64) float64

	// Draw returns the rewards of all arms for one fresh instance. It reuses
	// the memory of into where that has room for K rewards; nil allocates.
	Draw(into Instance, src noise.Source) Instance
}

// Instance is one problem instance: the potential reward of every arm, of which
// a policy sees one.
type Instance []float64

// Reward returns the reward that arm gives, or would have given.
func (i Instance) Reward(arm int) float64 { return i[arm] }

// room returns an instance of k rewards, in the memory of into where it fits.
func room(into Instance, k int) Instance {
	if cap(into) >= k {
		return into[:k]
	}
	return make(Instance, k)
}

// Best returns the arm of the largest mean and that mean; ties go to the first.
func Best(w World) (arm int, mean float64) {
	arm, mean = 0, w.Mean(0)
	for a := 1; a < w.Arms(); a++ {
		if m := w.Mean(a); m > mean {
			arm, mean = a, m
		}
	}
	return arm, mean
}

// UniformMean returns the expected reward of choosing every arm equally often.
func UniformMean(w World) float64 {
	var sum float64
	for a := range w.Arms() {
		sum += w.Mean(a)
	}
	return sum / float64(w.Arms())
}

// MomentBound returns the largest E|X|^order over the arms: the smallest bound
// that an experiment's reward.moment may declare truthfully.
func MomentBound(w World, order float64) float64 {
	var bound float64
	for a := range w.Arms() {
		bound = max(bound, w.Moment(a, order))
	}
	return bound
}

// checkOrder panics on an order outside (0, 8]: an order is written by a
// programmer or was validated with the experiment, and a wrong one has no moment.
func checkOrder(order float64) {
	if !(order > 0 && order <= 8) {
		panic(fmt.Sprintf("environment: moment order %v is outside (0, 8]", order))
	}
}

// checkCount refuses a number of arms outside [1, MaxArms].
func checkCount(field string, k int) error {
	if k < 1 || k > MaxArms {
		return posse.OutOfRange(field, fmt.Sprintf("%d values", k), fmt.Sprintf("1 to %d values, one an arm", MaxArms), "")
	}
	return nil
}

// interval is a range that a parameter must lie in.
type interval struct {
	low, high float64
	openLow   bool
}

func (i interval) contains(x float64) bool {
	return x >= i.low && x <= i.high && !(i.openLow && x == i.low)
}

// String writes the interval as (a, b] leaves out a.
func (i interval) String() string {
	left := "["
	if i.openLow {
		left = "("
	}
	return fmt.Sprintf("%s%g, %g]", left, i.low, i.high)
}

// checkReward refuses a recorded reward that is not finite or too large, without
// showing it.
func checkReward(field string, x float64) error {
	reason, message := "REWARD_NOT_FINITE", "a reward is not a finite number"
	switch {
	case locations.contains(x):
		return nil
	case !math.IsNaN(x) && !math.IsInf(x, 0):
		reason, message = "REWARD_OUT_OF_RANGE", "a reward is too large to sum"
	}
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: reason, Field: field, Message: message, Allowed: locations.String(),
	}
}

// check refuses a parameter outside its interval.
func (i interval) check(field string, x float64) error {
	if i.contains(x) {
		return nil
	}
	return posse.OutOfRange(field, fmt.Sprintf("%g", x), i.String(), "")
}

// checkAll refuses an empty or too long list, and one with a value outside the
// interval, naming its index.
func (i interval) checkAll(field string, xs []float64) error {
	if err := checkCount(field, len(xs)); err != nil {
		return err
	}
	for a, x := range xs {
		if err := i.check(fmt.Sprintf("%s[%d]", field, a), x); err != nil {
			return err
		}
	}
	return nil
}

var (
	locations = interval{low: -MaxReward, high: MaxReward}
	scales    = interval{low: 1 / MaxReward, high: MaxReward}
)
