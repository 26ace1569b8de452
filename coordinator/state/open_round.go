package state

import (
	"fmt"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Round commands carry no request id: each is guarded by the round's number and
// phase, so that a repeat finds the round in another state and changes nothing.

// openRound announces the reserve, puts it into escrow for every enrolled node, and
// asks for offers. A budget that can't pay a credit each (or the reserve, where that
// is less) ends the rounds: the result is "exhausted".
// Source: distributed 5.1, incentives 1.6.
func (t *turn) openRound(c *possev1.OpenRound) Result {
	e := t.Experiment(c.GetExperiment())
	if e == nil {
		return refusal(UnknownExperiment(c.GetExperiment()))
	}
	nodes := t.Active()
	switch {
	case e.Closed:
		return refusal(closedExperiment(e))
	case e.Exhausted:
		return refusal(exhausted(e))
	case e.Ended:
		return refusal(&posse.Error{
			Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "experiment", Value: e.Name,
			Message: "learning has ended: there are no further rounds",
		})
	case e.Round != nil || c.GetRound() != e.Opened+1:
		return refusal(roundClosed(e, c.GetRound(), fmt.Sprintf("round %d, when none is open", e.Opened+1)))
	case len(nodes) == 0:
		return refusal(&posse.Error{
			Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "nodes", Value: "0",
			Message: "no node is enrolled", Hint: "invite one: posse invite create",
		})
	case len(c.GetSeedCommit()) != 32:
		return refusal(malformed("seed_commit", "another length", "32 bytes"))
	case c.GetOfferByMs() <= t.now || c.GetReportByMs() < c.GetOfferByMs():
		return refusal(malformed("offer_by_ms", "not in the future, or after report_by_ms", "now < offer_by_ms <= report_by_ms"))
	}
	reserve := incentives.Credits(0)
	if e.Rules.Paid {
		available := t.book.Balance(books.Budget(e.Name))
		reserve = incentives.AnnouncedReserve(e.Rules.Reserve, available, len(nodes))
		if reserve < min(incentives.Credit, e.Rules.Reserve) {
			e.Exhausted, e.Changed = true, t.index
			t.view = exhaustedView{Experiment: e.Name, Available: int64(available), Nodes: len(nodes)}
			return Result{Value: "exhausted"}
		}
		if err := t.order(books.Order{
			ID: roundID("open", e, c.GetRound()), Kind: books.OpenRound, Experiment: e.Name,
			Round: c.GetRound(), Amount: reserve, Nodes: len(nodes),
		}); err != nil {
			return refusal(err)
		}
	}
	e.Opened, e.OpenedAt, e.Changed = c.GetRound(), t.now, t.index
	e.Round = &Round{
		ID: c.GetRound(), Phase: Offering, Opened: t.now, OfferBy: c.GetOfferByMs(), ReportBy: c.GetReportByMs(),
		Reserve: reserve, Nodes: len(nodes), SeedCommit: [32]byte(c.GetSeedCommit()),
	}
	t.view = openView{
		Experiment: e.Name, Round: e.Round.ID, Now: t.now, OfferBy: e.Round.OfferBy, ReportBy: e.Round.ReportBy,
		Reserve: int64(reserve), Nodes: len(nodes), SeedCommit: c.GetSeedCommit(), Paid: e.Rules.Paid,
	}
	return Result{Value: "opened"}
}

func exhausted(e *Experiment) *posse.Error {
	return &posse.Error{
		Code: posse.FailedPrecondition, Reason: "EXPERIMENT_EXHAUSTED", Field: "incentives.budget", Value: e.Name,
		Message: "the budget pays no further round", Hint: "raise incentives.budget and apply the file again",
	}
}

func roundID(kind string, e *Experiment, round uint64) string {
	return fmt.Sprintf("%s/%s/%d", kind, e.Name, round)
}

// open returns the experiment and its open round of a number, if the round is in
// one of the phases.
func (t *turn) open(experiment string, round uint64, phases ...Phase) (*Experiment, *Round, error) {
	e := t.Experiment(experiment)
	if e == nil {
		return nil, nil, UnknownExperiment(experiment)
	}
	wants := ""
	for i, p := range phases {
		if i > 0 {
			wants += " or "
		}
		wants += phaseName(p)
		if e.Round != nil && e.Round.ID == round && e.Round.Phase == p {
			return e, e.Round, nil
		}
	}
	return nil, nil, roundClosed(e, round, "a round that is "+wants)
}

// commitSeed replaces the seed of the open round: a new leader can't reveal what
// the old one committed to.
func (t *turn) commitSeed(c *possev1.CommitSeed) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Offering, Collecting)
	if err != nil {
		return refusal(err)
	}
	if len(c.GetSeedCommit()) != 32 {
		return refusal(malformed("seed_commit", "another length", "32 bytes"))
	}
	r.SeedCommit = [32]byte(c.GetSeedCommit())
	t.view = commitView{Experiment: e.Name, Round: r.ID, SeedCommit: c.GetSeedCommit()}
	return Result{}
}

// abortRound ends a round without a version. Nobody is paid.
func (t *turn) abortRound(c *possev1.AbortRound) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Offering, Collecting)
	if err != nil {
		return refusal(err)
	}
	switch c.GetReason() {
	case "quorum", "deadline", "operator":
	default:
		return refusal(malformed("reason", printable(c.GetReason()), "quorum, deadline, operator"))
	}
	if err := t.abort(e, c.GetReason()); err != nil {
		return refusal(err)
	}
	t.view = abortView{Experiment: e.Name, Round: r.ID, Reason: c.GetReason()}
	return Result{}
}

// abort returns the escrow and files the round away.
func (t *turn) abort(e *Experiment, reason string) error {
	if e.Rules.Paid {
		if err := t.order(books.Order{ID: roundID("abort", e, e.Round.ID), Kind: books.AbortRound, Experiment: e.Name, Round: e.Round.ID}); err != nil {
			return err
		}
	}
	record := e.Round.record()
	record.Phase, record.Finished, record.Reason, record.Leaf = Aborted, t.now, reason, t.Log.Size
	e.finish(record)
	e.Aborted++
	e.Changed = t.index
	return nil
}
