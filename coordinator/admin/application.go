package admin

import (
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Sponsor is who an experiment's budget is funded by in this version.
const Sponsor = "operator"

// Application returns the command that applies an experiment file. running is the
// file that is in force, nil for a new experiment; nodes is how many are enrolled.
// The error says which fields are wrong, or can't change any more.
func Application(file, running *experiment.Experiment, c catalogue.Catalogue, nodes int) (*possev1.ApplyExperiment, error) {
	if running != nil {
		next, err := experiment.Reapply(running, file)
		if err != nil {
			return nil, err
		}
		file = next
	}
	if nodes > 0 {
		if err := file.CheckNodes(nodes); err != nil {
			return nil, err
		}
	}
	shared, err := c.Shared(file.Policy.Name, file.Settings())
	if err != nil {
		return nil, err
	}
	first, err := shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, max(1, nodes))
	if err != nil {
		return nil, err
	}
	return &possev1.ApplyExperiment{
		Name: file.Name, File: file.Canonical(), Rules: rules(file), Descriptor_: first.Encode(),
	}, nil
}

// rules are the integers of a file that the state machine acts on. Durations are
// rounded down to milliseconds.
func rules(e *experiment.Experiment) *possev1.ExperimentRules {
	r := &possev1.ExperimentRules{
		RoundDecisions: uint64(e.Rounds.Trigger.Decisions), EveryMs: e.Rounds.Trigger.Every.Milliseconds(),
		DeadlineMs: e.Rounds.Deadline.Milliseconds(), MinContributors: uint32(e.Rounds.MinContributors),
		MaxRecords: uint64(e.Rounds.MaxRecords), Payments: "none", Schedule: "everyone", Horizon: uint64(e.Horizon),
		Sponsor: Sponsor, Unit: e.Privacy.Unit.String(), LimitNanoEpsilon: e.Limit().NanoEpsilon,
	}
	money := e.Incentives
	if money == nil {
		return r
	}
	r.Payments, r.Schedule = money.Payments, money.Schedule.Kind
	if money.Payments == "truthful" {
		r.ReserveMicro, r.BudgetMicro = int64(money.Reserve), int64(money.Budget)
		r.BidsPublic = money.Bids == "public"
	}
	if r.Schedule != "everyone" {
		r.GrantsPerVersion = uint32(money.Schedule.GrantsPerVersion)
		r.ExploreVersions, r.ExploreMaxVersions = uint64(money.MinExplore), uint64(money.MaxExplore)
		r.RedrawEveryMs = max(1, money.Schedule.RedrawEvery.Milliseconds())
	}
	return r
}
