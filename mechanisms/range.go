package mechanisms

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
)

// Range is a declared interval that rewards lie in, Low < High.
type Range struct{ Low, High float64 }

// Validate refuses an empty or infinite interval, naming reward.range.
func (r Range) Validate() error {
	if !(r.Low < r.High) || math.IsInf(r.Low, 0) || math.IsInf(r.High, 0) {
		return posse.OutOfRange("reward.range", fmt.Sprintf("[%v, %v]", r.Low, r.High), "finite, low < high", "give the smallest and the largest reward")
	}
	return nil
}

// Clipped returns a reward in its own unit. One outside the range is clipped where
// clip is set, else an error that does not show the reward; so is one that is not
// finite.
func (r Range) Clipped(x float64, clip bool) (float64, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, ErrRewardNotFinite()
	}
	if x < r.Low || x > r.High {
		if !clip {
			return 0, r.ErrRewardOutOfRange()
		}
		x = math.Max(r.Low, math.Min(r.High, x))
	}
	return x, nil
}

// Scaled is [Range.Clipped], mapped to [0, 1].
func (r Range) Scaled(x float64, clip bool) (float64, error) {
	x, err := r.Clipped(x, clip)
	if err != nil {
		return 0, err
	}
	return (x - r.Low) / (r.High - r.Low), nil
}

const withheld = "(withheld: reward values are never printed)"

// ErrRewardNotFinite is the error for a reward that is NaN or infinite.
func ErrRewardNotFinite() error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "REWARD_NOT_FINITE", Field: "value", Value: withheld,
		Allowed: "a finite number", Message: "the reward is not a finite number", Hint: "send a number, or nothing when there is no reward",
	}
}

// ErrRewardOutOfRange is the error for a reward outside the declared range.
func (r Range) ErrRewardOutOfRange() error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "REWARD_OUT_OF_RANGE", Field: "value", Value: withheld,
		Allowed: fmt.Sprintf("[%v, %v]", r.Low, r.High), Message: "the reward is outside reward.range",
		Hint: "declare a wider reward.range in a new experiment, or set reward.clip: true",
	}
}
