package arms

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// MaxArms is the most arms that a problem may have.
const MaxArms = 16384

// fractionBits is the fixed point of the learners: a reward scaled to its range
// is an integer of 2^−16, so that sums are exact and merging is addition.
const fractionBits = 16

// Problem is what a learner must know. Arms is in [1, MaxArms], Horizon at least
// 1. Range defaults to [0, 1] where neither it nor Moment is given. Params are named
// by each policy, which refuses others. Baseline, Bonus and Kappa are
// [NewRobustElimination]'s, with the meaning and the defaults of [mechanisms.Settings].
type Problem struct {
	Arms     int
	Horizon  uint64
	Range    *mechanisms.Range
	Clip     bool // rewards outside of Range are clipped instead of refused
	Moment   *mechanisms.Moment
	Baseline float64
	Bonus    string
	Kappa    float64
	Params   mechanisms.Params
}

func (p Problem) validate() (Problem, error) {
	if p.Arms < 1 || p.Arms > MaxArms {
		return p, posse.OutOfRange("problem.arms", fmt.Sprint(p.Arms), fmt.Sprintf("[1, %d]", MaxArms), "name at least one arm")
	}
	if p.Horizon < 1 {
		return p, posse.OutOfRange("horizon", fmt.Sprint(p.Horizon), "at least 1", "give the number of decisions")
	}
	if p.Range != nil && p.Moment != nil {
		return p, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_CONFLICT", Field: "reward.moment",
			Message: "reward.range and reward.moment exclude each other", Hint: "give one of them",
		}
	}
	if p.Moment != nil {
		return p, robust.ValidateMoment(*p.Moment)
	}
	if p.Range == nil {
		p.Range = &mechanisms.Range{Low: 0, High: 1}
	}
	return p, p.Range.Validate()
}

// scaled maps a reward to [0, 1].
func (p Problem) scaled(x float64) (float64, error) { return p.Range.Scaled(x, p.Clip) }

// tally is the additive part of every learner here: pulls and the sum of scaled
// rewards of each arm.
type tally struct {
	set     *statistics.Set
	n, sum  []int64
	problem Problem
}

func newTally(p Problem) tally {
	set := statistics.Layout{
		{Name: "count", Shape: []int{p.Arms}, Record: 1},
		{Name: "sum", Shape: []int{p.Arms}, Scale: fractionBits, Record: 1 << fractionBits},
	}.Empty()
	return tally{set: set, n: set.Blocks[0].Sum, sum: set.Blocks[1].Sum, problem: p}
}

// Observe adds one reward.
func (t *tally) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, r mechanisms.Reward) error {
	if a < 0 || int(a) >= len(t.n) {
		return posse.OutOfRange("arm", fmt.Sprint(int(a)), fmt.Sprintf("[0, %d]", len(t.n)-1), "send the arm of the decision")
	}
	y, err := t.problem.scaled(r.X)
	if err != nil {
		return err
	}
	t.n[a]++
	t.sum[a] += int64(math.RoundToEven(y * (1 << fractionBits)))
	return nil
}

// mean is the scaled mean of an arm that was pulled.
func (t *tally) mean(a int) float64 {
	return float64(t.sum[a]) / float64(t.n[a]) / (1 << fractionBits)
}

// Statistics returns pulls and sums of scaled rewards.
func (t *tally) Statistics() *statistics.Set { return t.set }

// Local is empty: everything adds up.
func (t *tally) Local() ([]byte, error) { return nil, nil }

// needRange validates the problem of a policy that needs a range and has these
// parameters.
func needRange(policy string, p Problem, params ...string) (Problem, error) {
	if err := p.Params.Only(policy, params...); err != nil {
		return p, err
	}
	if p.Moment != nil {
		return p, &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: policy,
			Allowed: "robust-elimination", Message: policy + " needs reward.range", Hint: "policies for heavy tails: robust-elimination",
		}
	}
	return p.validate()
}
