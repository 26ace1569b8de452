package environment

import (
	"fmt"
	"math"
	"sort"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Record is one logged decision: the arm that was chosen, what it paid, and the
// probability with which the logging policy chose it.
type Record struct {
	Arm        int
	Reward     float64
	Propensity float64 // (0, 1]
}

// Logged is a world of logged decisions, replayed by rejection: a decision draws
// records until one shows the chosen arm, and a drawn record is accepted with
// probability (smallest propensity)/(its own). Accepted records of an arm are
// therefore distributed over that arm's records in proportion to 1/propensity,
// and it is from this law that the world draws, at once instead of after a
// number of rejections without bound. Use [NewLogged].
type Logged struct {
	arms []loggedArm
}

type loggedArm struct {
	rewards    []float64
	cumulative []float64 // of 1/propensity
	mean       float64
}

// NewLogged returns a world of arms arms. Every arm needs a record: one that was
// never shown has no reward to draw. Errors name the record, counted from 0, or
// the arm, and never a reward.
//
// Source: Li, Chu, Langford, Wang 2011 (replay with uniform logging); rejection
// by 1/propensity for other logging policies as in Dudík et al. 2012.
func NewLogged(arms int, records []Record) (*Logged, error) {
	if err := checkCount("environment.arms", arms); err != nil {
		return nil, err
	}
	l := &Logged{arms: make([]loggedArm, arms)}
	for i, r := range records {
		at := fmt.Sprintf("environment.records[%d]", i)
		if r.Arm < 0 || r.Arm >= arms {
			return nil, posse.OutOfRange(at+".arm", fmt.Sprint(r.Arm), fmt.Sprintf("[0, %d)", arms), "")
		}
		if err := (interval{low: 0, high: 1, openLow: true}).check(at+".propensity", r.Propensity); err != nil {
			return nil, err
		}
		if err := checkReward(at+".reward", r.Reward); err != nil {
			return nil, err
		}
		a := &l.arms[r.Arm]
		total := 1 / r.Propensity
		if n := len(a.cumulative); n > 0 {
			total += a.cumulative[n-1]
		}
		a.rewards = append(a.rewards, r.Reward)
		a.cumulative = append(a.cumulative, total)
	}
	for i := range l.arms {
		a := &l.arms[i]
		if len(a.rewards) == 0 {
			return nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: fmt.Sprintf("environment.arms[%d]", i),
				Message: "an arm has no record", Allowed: "at least one record an arm",
				Hint: "leave the arm out, or log it with a positive propensity",
			}
		}
		a.mean = a.average(func(x float64) float64 { return x })
	}
	return l, nil
}

// average returns the mean of f over an arm's rewards, weighted by 1/propensity.
func (a *loggedArm) average(f func(float64) float64) float64 {
	var sum, before float64
	for i, x := range a.rewards {
		sum += f(x) * (a.cumulative[i] - before)
		before = a.cumulative[i]
	}
	return sum / before
}

// Arms returns the number of arms.
func (l *Logged) Arms() int { return len(l.arms) }

// Mean returns the average reward of an arm's records, weighted by 1/propensity
// (the self-normalised estimate of its value).
func (l *Logged) Mean(arm int) float64 { return l.arms[arm].mean }

// Moment returns the average |X|^order of an arm's records, weighted alike.
func (l *Logged) Moment(arm int, order float64) float64 {
	checkOrder(order)
	return l.arms[arm].average(func(x float64) float64 { return math.Pow(math.Abs(x), order) })
}

// Reward draws the reward of one accepted record of an arm.
func (l *Logged) Reward(arm int, src noise.Source) float64 {
	a := &l.arms[arm]
	u := uniform(src) * a.cumulative[len(a.cumulative)-1]
	i := sort.SearchFloat64s(a.cumulative, u)
	return a.rewards[min(i, len(a.rewards)-1)]
}

// Draw draws an accepted record for every arm, independently: each is what the
// decision would have met had it chosen that arm.
func (l *Logged) Draw(into Instance, src noise.Source) Instance {
	into = room(into, l.Arms())
	for a := range into {
		into[a] = l.Reward(a, src)
	}
	return into
}
