package node

import (
	"context"
	"errors"
	"math"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/node/app"
	"github.com/posse-dev/posse/protocols/possev1"
)

// Service is the node as the applications' API serves it.
func (n *Node) Service() app.Node { return service{n} }

type service struct{ n *Node }

func (s service) Decide(ctx context.Context, experiment, user, key string, c mechanisms.Context) (*possev1.DecideResponse, error) {
	a, err := s.n.Decide(ctx, Question{Experiment: experiment, User: user, Key: key, Context: c})
	if err != nil {
		return nil, err
	}
	return &possev1.DecideResponse{
		DecisionId: a.ID, Arm: a.Arm, Propensity: a.Propensity, ModelVersion: a.Version, Action: actionOf(a.Action), Teaches: a.Teaches,
	}, nil
}

func (s service) Reward(ctx context.Context, id string, f mechanisms.Feedback) (possev1.RewardOutcome, string, error) {
	o, err := s.n.Reward(ctx, id, f)
	if err != nil {
		return 0, "", err
	}
	return possev1.RewardOutcome(o), Message(o), nil
}

func (s service) Budget(_ context.Context, user string) (*possev1.BudgetResponse, error) {
	if user == "" {
		return s.n.Budget()
	}
	return s.n.BudgetOf(user)
}

func actionOf(a mechanisms.Action) *possev1.Action {
	switch a := a.(type) {
	case mechanisms.Arm:
		return &possev1.Action{Kind: &possev1.Action_Arm{Arm: uint32(a)}}
	case mechanisms.Pair:
		return &possev1.Action{Kind: &possev1.Action_Pair{Pair: &possev1.Pair{First: uint32(a.First), Second: uint32(a.Second)}}}
	}
	return nil
}

// Budget is what the node's own guard has recorded. It never leaves the node by
// itself: an application or the operator asks.
func (n *Node) Budget() (*possev1.BudgetResponse, error) {
	out := &possev1.BudgetResponse{Node: n.Name(), PeerId: n.ID()}
	for _, t := range n.all() {
		a, err := n.guard.Account(t.file.Name)
		if err != nil {
			return nil, err
		}
		c := t.desk.Counts()
		out.Experiments = append(out.Experiments, &possev1.BudgetResponse_Experiment{
			Standing: t.stands(),
			Name:     t.file.Name, Unit: a.Unit.String(),
			SpentNanoEpsilon: a.Spent.NanoEpsilon, SpentPicoRho: a.Spent.PicoRho, SpentAttoDelta: a.Spent.AttoDelta,
			LimitNanoEpsilon: a.Limit.NanoEpsilon, Users: a.Users, UsersAtLimit: a.AtLimit, Released: a.Released,
			Refused: a.Refused, Refusal: a.Refusal, Decisions: c.Decisions, Rewards: c.Rewards, Pending: c.Pending,
			Version: c.Version, Foreign: c.Foreign,
		})
	}
	return out, nil
}

// BudgetOf is [Node.Budget] and how one user stands: whether her next record would
// teach in each experiment of unit user, and if not whose limit it is, how large, what
// was spent and what is asked. It is data about her, and stays with who runs the node.
func (n *Node) BudgetOf(user string) (*possev1.BudgetResponse, error) {
	if err := tooLong("user", user); err != nil {
		return nil, err
	}
	out, err := n.Budget()
	if err != nil {
		return nil, err
	}
	pseudonym := n.keys.Pseudonym(user)
	amount := func(s dp.Spend) *possev1.BudgetResponse_Spend {
		return &possev1.BudgetResponse_Spend{NanoEpsilon: s.NanoEpsilon, PicoRho: s.PicoRho, AttoDelta: s.AttoDelta}
	}
	for _, e := range out.GetExperiments() {
		if e.GetUnit() != dp.User.String() {
			continue
		}
		e.User = &possev1.BudgetResponse_User{Teaches: true}
		var r *budget.Refusal
		if err := n.guard.Check(e.GetName(), pseudonym); errors.As(err, &r) {
			e.User = &possev1.BudgetResponse_User{Whose: r.Whose, Limit: amount(r.Limit), Spent: amount(r.Spent), Asked: amount(r.Asked)}
		} else if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// stands is the standing in words; nil without pooling.
func (t *taken) stands() *possev1.BudgetResponse_Standing {
	if t.pooled() == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	named := func(options []int) (out []string) {
		for _, a := range options {
			out = append(out, t.file.Problem.Arms[a])
		}
		return out
	}
	s := t.standing
	out := &possev1.BudgetResponse_Standing{
		Playing: named(s.Playing), RuledOut: named(s.RuledOut), Leaning: s.Leaning, Own: s.Own, Done: s.Done,
	}
	if !math.IsInf(s.GapRadius, 0) && !math.IsNaN(s.GapRadius) {
		out.Gap, out.GapRadius = s.Gap, s.GapRadius
	}
	return out
}

// Status is what the node knows of one experiment.
type Status struct {
	Version uint64 // that it decides with
	Newest  uint64 // that it may fetch, as the leader showed last
	Quota   uint64 // decisions of one window; 0 where rounds follow a clock
	Round   uint64 // the newest that the leader showed
	Ready   uint64 // decisions in windows that were ever filled: the node's public clock
	Ended   bool   // learning is over, by the version that it decides with
}

// Status reports on an experiment; ok is false while the node takes no part in it.
func (n *Node) Status(experiment string) (s Status, ok bool) {
	n.mu.RLock()
	t, ok := n.experiments[experiment]
	n.mu.RUnlock()
	if !ok {
		return Status{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s = Status{
		Version: t.model.Version, Newest: t.view.GetGranted(), Quota: t.view.GetQuota(), Round: t.view.GetRound().GetId(),
		Ready: t.desk.Ready(),
		Ended: t.now.Ended,
	}
	return s, true
}

// Summary is what the version that the node decides with knows, in the
// experiment's unit.
func (n *Node) Summary(experiment string) (mechanisms.Summary, error) {
	t, err := n.find(experiment)
	if err != nil {
		return mechanisms.Summary{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shared.Summary(t.model, t.now)
}
