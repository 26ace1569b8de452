package experiment

import (
	"fmt"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

// roundsPerHorizon is the number of rounds that the default trigger makes.
const roundsPerHorizon = 50

func (b *block) rounds(horizon int64) Rounds {
	out := Rounds{
		Trigger:         Trigger{Decisions: ceilDiv(max(horizon, 1), roundsPerHorizon)},
		Deadline:        5 * time.Second,
		MinContributors: 1, // local and silo: one report is private alone
		MaxRecords:      1_000_000,
	}
	rounds := b.child("rounds")
	defer rounds.end()
	// the default trigger of the longest horizons is beyond what a file may say
	out.Trigger.Decisions = min(out.Trigger.Decisions, 1_000_000_000)
	if rounds.has("trigger") {
		if trigger, ok := rounds.trigger(); ok {
			out.Trigger = trigger
		}
	}
	if d, ok := rounds.duration("deadline"); ok {
		out.Deadline = d
	}
	if n, ok := rounds.integer("minContributors"); ok {
		out.MinContributors = n
	}
	if n, ok := rounds.integer("maxRecords"); ok {
		out.MaxRecords = n
	}
	return out
}

func (b *block) trigger() (Trigger, bool) {
	trigger := b.child("trigger")
	defer trigger.end()
	if trigger.node == nil {
		return Trigger{}, false
	}
	trigger.conflict("decisions", "every")
	decisions, hasDecisions := trigger.integer("decisions")
	every, hasEvery := trigger.duration("every")
	if !trigger.has("decisions") && !trigger.has("every") {
		trigger.missing("decisions", "in rounds.trigger, or every")
	}
	if hasDecisions {
		return Trigger{Decisions: decisions}, true
	}
	return Trigger{Every: every}, hasEvery
}

func (b *block) incentives(e *Experiment) *Incentives {
	if !b.has("incentives") {
		return nil
	}
	money := b.child("incentives")
	defer money.end()
	if money.node == nil {
		return nil
	}
	out := &Incentives{Payments: money.wordOr("payments", "truthful")}
	if out.Payments == "none" {
		for _, key := range []string{"coverage", "threshold", "reserve", "budget", "bids"} {
			money.notApplicable(key, "incentives.payments: truthful")
		}
	} else {
		money.paid(out)
	}
	money.schedule(out, e)
	money.contribution(out, e)
	return out
}

func (b *block) paid(out *Incentives) {
	b.conflict("coverage", "threshold")
	if !b.has("threshold") {
		out.Coverage = mustDecimal("0.7")
	}
	if c, ok := b.decimal("coverage"); ok {
		out.Coverage = c
	}
	out.Threshold, _ = b.decimal("threshold")
	for _, key := range []string{"reserve", "budget"} {
		if !b.has(key) {
			b.missing(key, "with incentives.payments: truthful")
		}
	}
	var hasReserve, hasBudget bool
	out.Reserve, hasReserve = b.credits("reserve")
	out.Budget, hasBudget = b.credits("budget")
	if least := minReserve(out.Reserve); hasReserve && hasBudget && out.Budget < least {
		b.refuse("budget", out.Budget.String(), fmt.Sprintf("at least %s credits a node", least),
			"incentives.budget pays no round, not even at one node", "raise the budget, or lower incentives.reserve")
	}
	out.Bids = b.wordOr("bids", "commitments")
}

// minReserve is the least reserve at which a round is still opened: one credit, or
// the reserve where that is less. Source: incentives 1.6.
func minReserve(reserve incentives.Credits) incentives.Credits {
	return min(incentives.Credit, reserve)
}

func (b *block) schedule(out *Incentives, e *Experiment) {
	schedule := b.child("schedule")
	defer schedule.end()
	out.Schedule.Kind = schedule.wordOr("kind", "fair-equal")
	if out.Schedule.Kind == "everyone" {
		for _, key := range []string{"equality", "grantsPerVersion", "floor", "redrawEvery"} {
			schedule.notApplicable(key, "incentives.schedule.kind: fair-equal")
		}
		return
	}
	out.Schedule.Equality = mustDecimal("0.2")
	if d, ok := schedule.decimal("equality"); ok {
		out.Schedule.Equality = d
	}
	if n, ok := schedule.integer("grantsPerVersion"); ok {
		out.Schedule.GrantsPerVersion = n
	}
	if d, ok := schedule.decimal("floor"); ok {
		out.Schedule.Floor = &d
	}
	out.Schedule.RedrawEvery = 10 * e.Rounds.Deadline
	if d, ok := schedule.duration("redrawEvery"); ok {
		out.Schedule.RedrawEvery = d
	}
}

// lookAheadVersions is the window of the stopping test of exploration; twice as
// many versions are explored at least. Source: incentives 2.3.
const lookAheadVersions = 15

func (b *block) contribution(out *Incentives, e *Experiment) {
	contribution := b.child("contribution")
	defer contribution.end()
	if out.Schedule.Kind == "everyone" {
		for _, key := range []string{"minExplore", "maxExplore"} {
			contribution.notApplicable(key, "incentives.schedule.kind: fair-equal")
		}
		return
	}
	low, hasLow := contribution.integer("minExplore")
	high, hasHigh := contribution.integer("maxExplore")
	out.MinExplore, out.MaxExplore = exploration(e.Horizon, e.Rounds.Trigger)
	switch {
	case hasLow && hasHigh:
		if low > high {
			n := contribution.entry("maxExplore").value
			p := posse.OutOfRange("incentives.contribution.maxExplore", n.text, "at least minExplore", "")
			p.Message = "incentives.contribution.maxExplore is below minExplore"
			contribution.r.report(p, n.line, n.column)
		}
		out.MinExplore, out.MaxExplore = low, high
	case hasLow:
		out.MinExplore, out.MaxExplore = low, max(low, out.MaxExplore)
	case hasHigh:
		out.MinExplore, out.MaxExplore = min(2*lookAheadVersions, high), high
	}
}

// exploration returns the default bounds on the versions that everyone gets: a
// fifth of the expected ones at most. On a clock their number is not known
// beforehand; both bounds are then twice the look-ahead.
func exploration(horizon int64, trigger Trigger) (low, high int64) {
	high = 2 * lookAheadVersions
	if trigger.Decisions > 0 {
		high = max(1, ceilDiv(max(horizon, 1), trigger.Decisions)/5)
	}
	return min(2*lookAheadVersions, high), high
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
