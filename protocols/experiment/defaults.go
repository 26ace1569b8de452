package experiment

import (
	"fmt"
	"math/big"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// ExpectedRounds returns how many rounds the trigger makes in the horizon, rounded
// up; 0 on a clock, where that is not known beforehand.
func (e *Experiment) ExpectedRounds() int64 {
	if e.Rounds.Trigger.Decisions == 0 {
		return 0
	}
	return ceilDiv(e.Horizon, e.Rounds.Trigger.Decisions)
}

// Quota reports whether the policy's epochs end at public quotas.
func (e *Experiment) Quota() bool {
	spec, _ := policyNamed(e.Policy.Name)
	return spec.quota
}

// Neighbours returns the relation that the guarantee compares by: replace under
// local and where it may be known that a decision was rewarded, else zero-out.
// Source: README 3.
func (e *Experiment) Neighbours() dp.Relation {
	if e.Privacy.Model == dp.Local || e.Privacy.Arrival == PublicArrival {
		return dp.Replace
	}
	return dp.ZeroOut
}

// ForNodes returns the grants of a version, k = max(1, ⌊0.4n⌋), and every node's
// least chance of one, min(0.05, k/n), at n ≥ 1 enrolled nodes, where the file does
// not set them. k is at most n. For schedule everyone it is n and 1.
// Source: incentives 2.4.
func (s Schedule) ForNodes(n int) (grants int, floor *big.Rat) {
	if n < 1 {
		panic("experiment: a schedule for no node")
	}
	if s.Kind == "everyone" {
		return n, big.NewRat(1, 1)
	}
	grants = max(1, n*4/10)
	if s.GrantsPerVersion > 0 {
		grants = int(min(s.GrantsPerVersion, int64(n)))
	}
	if s.Floor != nil {
		return grants, s.Floor.Rat()
	}
	floor = big.NewRat(1, 20)
	if share := big.NewRat(int64(grants), int64(n)); share.Cmp(floor) < 0 {
		floor = share
	}
	return grants, floor
}

// CheckNodes refuses an experiment that can't run at n ≥ 1 enrolled nodes: floors
// that add up to more than the grants, or a budget that pays no round. It is asked
// when the experiment is applied and at each enrolment.
// Source: experiment-file 6.
func (e *Experiment) CheckNodes(n int) error {
	if e.Incentives == nil {
		return nil
	}
	var problems []*posse.Error
	grants, floor := e.Incentives.Schedule.ForNodes(n)
	all := new(big.Rat).Mul(floor, new(big.Rat).SetInt64(int64(n)))
	if all.Cmp(new(big.Rat).SetInt64(int64(grants))) > 0 {
		problems = append(problems, combination("incentives.schedule.floor", e.Incentives.Schedule.Floor.String(),
			fmt.Sprintf("[0, %d/%d]", grants, n),
			fmt.Sprintf("incentives.schedule.floor: %d nodes times the floor is more than the %d grants of a version", n, grants),
			"lower the floor, or raise incentives.schedule.grantsPerVersion"))
	}
	if e.Incentives.Payments != "none" {
		least := minReserve(e.Incentives.Reserve)
		// budget < least·n, without overflow: both are whole and positive
		if int64(e.Incentives.Budget)/int64(n) < int64(least) {
			problems = append(problems, combination("incentives.budget", e.Incentives.Budget.String(),
				fmt.Sprintf("at least %s credits for each of %d nodes", least, n),
				"incentives.budget pays no round at "+strconv.Itoa(n)+" nodes", "raise the budget, or lower incentives.reserve"))
		}
	}
	return posse.Join(problems)
}

func combination(field, value, allowed, message, hint string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: field,
		Value: value, Allowed: allowed, Message: message, Hint: hint,
	}
}
