package demo

import (
	"context"
	"slices"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/mechanisms"
)

// finish adds up what the demo brought. What the coordinator knows comes from its
// state, what a user has spent from each node's own guard, and the log is checked as
// an outsider would check it.
func (d *Demo) finish(ctx context.Context) (*Summary, error) {
	select {
	case <-d.computed:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if d.baselines.err != nil {
		return nil, d.baselines.err
	}
	sc := d.scene
	s := &Summary{
		Schema: "posse/demo/v1", Experiment: sc.experiment.Name, Replicas: d.cfg.Replicas, Decisions: sc.traffic.Decisions(),
		Policy: sc.experiment.Policy.Name,
		Privacy: Privacy{
			Model: sc.experiment.Privacy.Model.String(), Unit: sc.experiment.Privacy.Unit.String(),
			Epsilon: sc.experiment.Privacy.Epsilon.Float64(), Delta: sc.experiment.Privacy.Delta.Float64(),
			MaxContributions: sc.experiment.Privacy.MaxContributions,
		},
		Learning: Learning{Baselines: Baselines{
			Uniform: d.uniform, Alone: d.baselines.alone, NonPrivate: d.baselines.nonPrivate, BestFixedArm: d.best,
		}},
	}
	d.follow(d.stage.leader().Name())
	s.LeaderChanges = max(0, len(d.leaders)-1)
	if err := d.nodes(s); err != nil {
		return nil, err
	}
	d.stage.look(func(st *state.State) { d.shared(s, st) })
	bundle, err := d.stage.bundle(ctx)
	if err != nil {
		return nil, err
	}
	checked := verify.Log(bundle)
	s.Log = Log{Size: checked.Size, Checkpoint: checked.Checkpoint, Signatures: len(checked.Signatures), Verified: checked.Verified}
	for _, p := range checked.Problems {
		d.cfg.Log.Error("the log does not verify", "leaf", p.Index, "kind", p.Kind, "problem", p.Message)
	}
	s.Payments = audited(verify.AuditPayments(bundle))
	s.Words = sc.words(s)
	d.mu.Lock()
	d.summary = s
	d.mu.Unlock()
	return s, nil
}

// audited sums an audit of payments up.
func audited(a verify.Payments) Payments {
	out := Payments{Rounds: a.Rounds, Recomputed: a.Recomputed, OtherBids: a.OtherBids, Verdict: a.Verdict}
	for _, s := range a.Settlements {
		out.Winners, out.Pivotal = out.Winners+s.Winners, out.Pivotal+s.Pivotal
		out.Paid, out.ReserveCost = out.Paid+int64(s.Paid), out.ReserveCost+int64(s.ReserveCost)
	}
	return out
}

// nodes adds what each organisation knows of itself.
func (d *Demo) nodes(s *Summary) error {
	users, full := uint64(0), uint64(0)
	total := 0.0
	for _, c := range d.stage.crowds {
		b, err := c.node.Budget()
		if err != nil {
			return err
		}
		out := NodeSummary{ID: c.node.Name(), Decisions: c.stream.Len(), MeanReward: c.mean()}
		for _, e := range b.GetExperiments() {
			if e.GetName() != s.Experiment {
				continue
			}
			spent := dp.Spend{NanoEpsilon: e.GetSpentNanoEpsilon(), PicoRho: e.GetSpentPicoRho(), AttoDelta: e.GetSpentAttoDelta()}
			left := dp.Spend{NanoEpsilon: e.GetLimitNanoEpsilon()}.Left(spent)
			out.Spent = Spend{Epsilon: spent.Epsilon(), Delta: spent.Delta()}
			out.Remaining = Spend{Epsilon: left.EpsilonLeft(), Delta: left.DeltaLeft()}
			out.Users, out.UsersAtLimit, out.Refused, out.Version = e.GetUsers(), e.GetUsersAtLimit(), e.GetRefused(), e.GetVersion()
			users, full = users+e.GetUsers(), full+e.GetUsersAtLimit()
		}
		s.Rewards += int(c.rewards.Load())
		c.mu.Lock()
		total += c.sum
		c.mu.Unlock()
		s.Nodes = append(s.Nodes, out)
	}
	s.Learning.MeanReward = total / float64(s.Decisions)
	if users > 0 {
		s.Privacy.UsersAtLimit = float64(full) / float64(users)
	}
	if len(d.stage.crowds) > 0 {
		sum, err := d.newestSummary()
		if err != nil {
			return err
		}
		s.Bonus = sum.Bonus
		if sum.Answer != "" {
			s.Learning.FinalArm = &sum.Answer
		}
	}
	return nil
}

// shared adds what the coordinator's state says.
func (d *Demo) shared(s *Summary, st *state.State) {
	e := st.Experiment(s.Experiment)
	if e == nil {
		return
	}
	s.Rounds.Opened, s.Rounds.Published, s.Rounds.Aborted = e.Opened, e.Version(), e.Aborted
	contributed := int64(0)
	for _, m := range e.Members {
		contributed += max(0, m.Contribution)
		s.Books.Paid += int64(m.Paid)
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		m := e.Member(n.ID)
		if m == nil {
			continue
		}
		n.Paid, n.Chosen, n.Offered = int64(m.Paid), m.Wins, m.Offers
		if contributed > 0 {
			n.Contribution = float64(max(0, m.Contribution)) / float64(contributed)
		}
	}
	for _, r := range e.Rounds {
		if r.Phase != state.Published {
			continue
		}
		s.Rounds.NotBought += uint64(len(r.Offered) - len(r.Delivered))
		s.Rounds.GrantedLate += uint64(max(0, len(s.Nodes)-len(r.Granted)))
		for _, p := range r.Winners {
			if !slices.Contains(r.Delivered, p.Node) {
				continue
			}
			s.Rounds.Payments++
			if p.Amount == r.Reserve {
				s.Rounds.AtReserve++
			}
		}
	}
	s.Books.Balanced = st.Book().Check() == nil
	s.Books.Left = int64(st.Book().Balance(books.Budget(s.Experiment)))
}

// newestSummary is what the last version says; everybody holds it by now.
func (d *Demo) newestSummary() (mechanisms.Summary, error) {
	return d.stage.crowds[0].node.Summary(d.scene.experiment.Name)
}
