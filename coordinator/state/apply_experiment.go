package state

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Limits of an experiment's own bytes.
const (
	fileMax        = 1 << 20
	descriptorMax  = 1 << 20
	experimentsMax = 1024
)

// applyExperiment makes an experiment, or gives a running one another file. What may
// change was decided by who proposed it (experiment.Reapply); the machine itself
// holds the budget to only grow. Growth is funded at once.
func (t *turn) applyExperiment(c *possev1.ApplyExperiment) Result {
	if t.Cluster == "" {
		return refusal(errNoBootstrap)
	}
	rules, err := readRules(c.GetRules())
	if err == nil {
		err = checkName("metadata.name", c.GetName())
	}
	if err != nil {
		return refusal(err)
	}
	if n := len(c.GetFile()); n == 0 || n > fileMax {
		return refusal(outOfRange("file", fmt.Sprintf("%d bytes", n), fmt.Sprintf("[1, %d] bytes", fileMax)))
	}
	e := t.Experiment(c.GetName())
	if e == nil {
		return t.createExperiment(c, rules)
	}
	switch {
	case e.Closed:
		return refusal(closedExperiment(e))
	case bytes.Equal(e.File, c.GetFile()):
		return Result{Value: "unchanged", Duplicate: true}
	case rules.Paid != e.Rules.Paid || rules.Budget < e.Rules.Budget:
		return refusal(&posse.Error{
			Code: posse.FailedPrecondition, Reason: "FIELD_IMMUTABLE", Field: "incentives.budget",
			Value: rules.Budget.String(), Allowed: "at least " + e.Rules.Budget.String(),
			Message: "incentives.budget may only grow while the experiment runs", Hint: "create a new experiment",
		})
	}
	more := rules.Budget - e.Rules.Budget
	if more > 0 {
		if err := t.fund(e.Name, e.Revision+1, rules.Sponsor, more); err != nil {
			return refusal(err)
		}
		e.Exhausted = false
	}
	e.Revision++
	e.File, e.Rules, e.Changed = slices.Clone(c.GetFile()), rules, t.index
	t.view = experimentView{
		Name: e.Name, Revision: e.Revision, File: e.File, Descriptor: hexOf(e.Descriptor().Digest),
		Funded: int64(more), Sponsor: rules.Sponsor,
	}
	return Result{Value: "changed"}
}

func (t *turn) createExperiment(c *possev1.ApplyExperiment, rules Rules) Result {
	if n := len(c.GetDescriptor_()); n == 0 || n > descriptorMax {
		return refusal(outOfRange("descriptor", fmt.Sprintf("%d bytes", n), fmt.Sprintf("[1, %d] bytes", descriptorMax)))
	}
	if len(t.Experiments) >= experimentsMax {
		return refusal(&posse.Error{
			Code: posse.ResourceExhausted, Reason: "LIMIT_EXCEEDED", Field: "experiments", Allowed: fmt.Sprint(experimentsMax),
			Message: "the cluster holds as many experiments as it may", Hint: "use another cluster",
		})
	}
	if rules.Budget > 0 {
		if err := t.fund(c.GetName(), 1, rules.Sponsor, rules.Budget); err != nil {
			return refusal(err)
		}
	}
	e := &Experiment{
		Name: c.GetName(), Revision: 1, File: slices.Clone(c.GetFile()), Rules: rules, Created: t.now, Changed: t.index,
		Descriptors: []Descriptor{{digest(c.GetDescriptor_()), slices.Clone(c.GetDescriptor_())}},
	}
	for _, n := range t.Active() {
		e.join(n.Name)
	}
	at, _ := t.experiment(e.Name)
	t.Experiments = slices.Insert(t.Experiments, at, e)
	t.view = experimentView{
		Name: e.Name, Revision: 1, File: e.File, Descriptor: hexOf(e.Initial().Digest), DescriptorBytes: e.Initial().Bytes,
		Funded: int64(rules.Budget), Sponsor: rules.Sponsor,
	}
	return Result{Value: "created"}
}

// fund books what the sponsor put in.
func (t *turn) fund(experiment string, revision uint64, sponsor string, amount incentives.Credits) error {
	return t.order(books.Order{
		ID: fmt.Sprintf("fund/%s/%d", experiment, revision), Kind: books.Fund,
		Experiment: experiment, Party: sponsor, Amount: amount,
	})
}

// closeExperiment ends it for good and gives the sponsors what is left. An open
// round is aborted first.
func (t *turn) closeExperiment(c *possev1.CloseExperiment) Result {
	e := t.Experiment(c.GetName())
	if e == nil {
		return refusal(UnknownExperiment(c.GetName()))
	}
	if e.Closed {
		return Result{Value: e.Name, Duplicate: true}
	}
	aborted := uint64(0)
	if e.Round != nil {
		aborted = e.Round.ID
		if err := t.abort(e, "operator"); err != nil {
			return refusal(err)
		}
	}
	if e.Rules.Paid {
		if err := t.order(books.Order{ID: "close/" + e.Name, Kind: books.Close, Experiment: e.Name}); err != nil {
			return refusal(err)
		}
	}
	e.Closed, e.Changed = true, t.index
	t.view = closeView{Name: e.Name, Aborted: aborted}
	return Result{Value: e.Name}
}

func readRules(c *possev1.ExperimentRules) (Rules, error) {
	r := Rules{
		RoundDecisions: c.GetRoundDecisions(), EveryMs: c.GetEveryMs(), DeadlineMs: c.GetDeadlineMs(),
		MinContributors: c.GetMinContributors(), MaxRecords: c.GetMaxRecords(), Paid: c.GetPayments() == "truthful",
		Reserve: incentives.Credits(c.GetReserveMicro()), Budget: incentives.Credits(c.GetBudgetMicro()),
		BidsPublic: c.GetBidsPublic(), Everyone: c.GetSchedule() == "everyone", GrantsPerVersion: c.GetGrantsPerVersion(),
		ExploreVersions: c.GetExploreVersions(), ExploreMax: max(c.GetExploreVersions(), c.GetExploreMaxVersions()), RedrawEveryMs: c.GetRedrawEveryMs(), Horizon: c.GetHorizon(),
		Sponsor: c.GetSponsor(), Unit: c.GetUnit(), Limit: c.GetLimitNanoEpsilon(),
	}
	switch {
	case c == nil:
		return r, malformed("rules", "none", "the rules of the file")
	case (r.RoundDecisions > 0) == (r.EveryMs > 0) || r.EveryMs < 0:
		return r, malformed("rounds.trigger", "both or none", "decisions or every")
	case r.RoundDecisions > 1_000_000_000_000:
		return r, outOfRange("rounds.trigger.decisions", fmt.Sprint(r.RoundDecisions), "[1, 10^12]")
	case r.DeadlineMs < 100 || r.DeadlineMs > 24*60*60*1000:
		return r, outOfRange("rounds.deadline", fmt.Sprintf("%d ms", r.DeadlineMs), "[100ms, 24h]")
	case c.GetPayments() != "truthful" && c.GetPayments() != "none":
		return r, malformed("incentives.payments", printable(c.GetPayments()), "truthful, none")
	case c.GetSchedule() != "fair-equal" && c.GetSchedule() != "everyone":
		return r, malformed("incentives.schedule.kind", printable(c.GetSchedule()), "fair-equal, everyone")
	case r.Reserve < 0 || r.Reserve > incentives.MaxCredits || !r.Paid && r.Reserve != 0:
		return r, outOfRange("incentives.reserve", r.Reserve.String(), "[0, 1000000] credits, 0 without payments")
	case r.Budget < 0 || !r.Paid && r.Budget != 0 || r.Paid && r.Budget == 0:
		return r, outOfRange("incentives.budget", r.Budget.String(), "above 0 with payments, 0 without")
	case !r.Everyone && r.RedrawEveryMs <= 0:
		return r, outOfRange("incentives.schedule.redrawEvery", fmt.Sprintf("%d ms", r.RedrawEveryMs), "above 0")
	}
	if r.MinContributors == 0 {
		r.MinContributors = 1
	}
	if r.Sponsor == "" {
		r.Sponsor = "operator"
	}
	return r, checkName("sponsor", r.Sponsor)
}
