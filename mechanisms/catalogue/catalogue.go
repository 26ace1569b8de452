package catalogue

import (
	"fmt"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/episodic"
	"github.com/posse-dev/posse/mechanisms/linear"
)

// Entry is one policy.
type Entry struct {
	Name  string
	Kind  string // problem.kind
	Paper string
	// Models are the privacy models in which many nodes may learn it together;
	// none for a policy that only learns in one process.
	Models []dp.Model
	// Shared makes the federated form, nil where there is none.
	Shared func(mechanisms.Settings) (mechanisms.Shared, error)
	// Learner makes the form for one process.
	Learner func(mechanisms.Settings) (mechanisms.Policy, error)
	// Batch makes many lanes of the form for one process, which choose as Learners do
	// to the bit; nil where there is no such form.
	Batch func(s mechanisms.Settings, lanes int) (mechanisms.Batch, error)
}

// Catalogue is a list of entries with distinct names.
type Catalogue []Entry

// Default returns every policy of Posse.
func Default() Catalogue {
	deployed := []dp.Model{dp.Silo, dp.Local}
	return Catalogue{
		{
			Name: "robust-elimination", Kind: "arms", Paper: "after Tao, Wu, Zhao and Wang 2022, DPRSE", Models: deployed,
			Shared: shared(arms.NewElimination), Learner: learner(arms.NewRobustElimination),
		},
		{Name: "uniform", Kind: "arms", Paper: "-", Models: deployed, Shared: shared(arms.NewSharedUniform), Learner: learner(arms.NewUniform)},
		{Name: "ucb1", Kind: "arms", Paper: "Auer, Cesa-Bianchi and Fischer 2002", Learner: learner(arms.NewUCB1), Batch: ucb1Batch},
		{Name: "epsilon-greedy", Kind: "arms", Paper: "Sutton and Barto 1998, 2.2", Learner: learner(arms.NewEpsilonGreedy)},
		{Name: "softmax", Kind: "arms", Paper: "Sutton and Barto 1998, 2.3", Learner: learner(arms.NewSoftmax)},
		{Name: "kl-ucb", Kind: "arms", Paper: "Garivier and Cappé 2011", Learner: learner(arms.NewKLUCB)},
		{Name: "thompson-beta", Kind: "arms", Paper: "Agrawal and Goyal 2012", Learner: learner(arms.NewThompsonBeta)},
		{Name: "thompson-gaussian", Kind: "arms", Paper: "Agrawal and Goyal 2013", Learner: learner(arms.NewThompsonGaussian)},
		{Name: "exp3", Kind: "arms", Paper: "Auer, Cesa-Bianchi, Freund and Schapire 2002", Learner: learner(arms.NewEXP3)},
		{Name: "explore-then-commit", Kind: "arms", Paper: "Lattimore and Szepesvári 2020, 6.1", Learner: learner(arms.NewExploreThenCommit)},
		{Name: "successive-elimination", Kind: "arms", Paper: "Even-Dar, Mannor and Mansour 2006", Learner: learner(arms.NewSuccessiveElimination)},
		{Name: "robust-ucb", Kind: "arms", Paper: "Bubeck, Cesa-Bianchi and Lugosi 2013", Learner: learner(arms.NewRobustUCB)},
		{
			Name: "dp-robust-ucb", Kind: "arms", Paper: "Tao, Wu, Zhao and Wang 2022, DPRUCB", Models: []dp.Model{dp.Silo},
			Shared: shared(arms.NewPrivateRobustUCB), Learner: learner(arms.NewSoloPrivateRobustUCB),
		},
		{
			Name: "adap-ucb", Kind: "arms", Paper: "Azize and Basu 2022, AdaP-UCB", Models: []dp.Model{dp.Silo},
			Shared: shared(arms.NewAdaptiveUCB), Learner: learner(arms.NewSoloAdaptiveUCB),
		},
		{
			Name: "adap-klucb", Kind: "arms", Paper: "Azize and Basu 2022, AdaP-KLUCB", Models: []dp.Model{dp.Silo},
			Shared: shared(arms.NewAdaptiveKLUCB), Learner: learner(arms.NewSoloAdaptiveKLUCB),
		},
		{
			Name: "dp-se", Kind: "arms", Paper: "Sajed and Sheffet 2019, DP-SE", Models: []dp.Model{dp.Silo},
			Shared: shared(arms.NewPrivateSuccessiveElimination), Learner: learner(arms.NewSoloSuccessiveElimination),
		},
		{
			Name: "ldp-ucb", Kind: "arms", Paper: "after Ren, Zhou, Liu and Shroff 2020", Models: []dp.Model{dp.Local},
			Shared: shared(arms.NewLocalUCB), Learner: learner(arms.NewSoloLocalUCB),
		},
		{Name: "lin-ucb", Kind: "linear", Paper: "Li, Chu, Langford and Schapire 2010", Learner: linearLearner(linear.NewLinUCB)},
		{Name: "lin-ts", Kind: "linear", Paper: "Agrawal and Goyal 2013", Learner: linearLearner(linear.NewLinTS)},
		{Name: "hvt-ucb", Kind: "linear", Paper: "Wang, Zhang, Zhao and Zhou 2025, Hvt-UCB", Learner: hvt},
		{
			Name: "dp-linucb", Kind: "linear", Paper: "Shariff and Sheffet 2018; Zhou and Chowdhury 2024", Models: []dp.Model{dp.Silo},
			Shared: shared(linear.NewPrivateLinUCB), Learner: oful,
		},
		{
			Name: "ldp-linucb", Kind: "linear", Paper: "Zheng, Cai, Huang, Li and Wang 2020", Models: []dp.Model{dp.Local},
			Shared: shared(linear.NewLocalLinUCB), Learner: oful,
		},
		{
			Name: "private-heavy-ucbvi", Kind: "episodic", Paper: "Wu, Zhou, Chowdhury and Wang 2023, value iteration", Models: deployed,
			Shared: shared(episodic.NewValueIteration), Learner: episodes(episodic.NewValueIteration),
		},
		{
			Name: "private-heavy-ucbpo", Kind: "episodic", Paper: "Wu, Zhou, Chowdhury and Wang 2023, policy optimisation", Models: deployed,
			Shared: shared(episodic.NewPolicyOptimisation), Learner: episodes(episodic.NewPolicyOptimisation),
		},
	}
}

func shared[P mechanisms.Shared](make func(mechanisms.Settings) (P, error)) func(mechanisms.Settings) (mechanisms.Shared, error) {
	return func(s mechanisms.Settings) (mechanisms.Shared, error) {
		p, err := make(s)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
}

func learner[L mechanisms.Learner[mechanisms.None, mechanisms.Arm, mechanisms.Reward]](make func(arms.Problem) (L, error)) func(mechanisms.Settings) (mechanisms.Policy, error) {
	return func(s mechanisms.Settings) (mechanisms.Policy, error) {
		l, err := make(problem(s))
		if err != nil {
			return nil, err
		}
		return mechanisms.Erase[mechanisms.None, mechanisms.Arm, mechanisms.Reward](l), nil
	}
}

func problem(s mechanisms.Settings) arms.Problem {
	return arms.Problem{
		Arms: len(s.Arms), Horizon: s.Horizon, Range: s.Range, Clip: s.Clip, Moment: s.Moment,
		Baseline: s.Baseline, Bonus: s.Bonus, Kappa: s.Kappa, Params: s.Params,
	}
}

func linearLearner[L mechanisms.Learner[mechanisms.Features, mechanisms.Arm, mechanisms.Reward]](make func(linear.Problem) (L, error)) func(mechanisms.Settings) (mechanisms.Policy, error) {
	return func(s mechanisms.Settings) (mechanisms.Policy, error) {
		if s.Moment != nil {
			return nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "reward.moment",
				Message: "this policy needs reward.range", Hint: "declare reward.range, or choose dp-linucb",
			}
		}
		return linearPolicy(s, make)
	}
}

// oful is what the private linear policies are in one process and without privacy.
func oful(s mechanisms.Settings) (mechanisms.Policy, error) {
	return linearPolicy(s, func(p linear.Problem) (*linear.OFUL, error) { return linear.NewOFUL(p, s.Moment) })
}

func hvt(s mechanisms.Settings) (mechanisms.Policy, error) {
	if s.Moment == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "reward.moment",
			Message: "reward.moment: required by policy hvt-ucb", Hint: "declare reward.moment, or choose lin-ucb",
		}
	}
	return linearPolicy(s, func(p linear.Problem) (*linear.HvtUCB, error) { return linear.NewHvtUCB(p, *s.Moment) })
}

func linearPolicy[L mechanisms.Learner[mechanisms.Features, mechanisms.Arm, mechanisms.Reward]](s mechanisms.Settings, make func(linear.Problem) (L, error)) (mechanisms.Policy, error) {
	if s.Features == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "problem.features",
			Message: "problem.features: required by policies of linear problems", Hint: "declare problem.features.dimension",
		}
	}
	l, err := make(linear.Problem{
		Arms: len(s.Arms), Horizon: s.Horizon, Features: *s.Features, Range: s.Range, Clip: s.Clip,
		Bonus: s.Bonus, Kappa: s.Kappa, ParameterBound: s.ParameterBound, Params: s.Params,
	})
	if err != nil {
		return nil, err
	}
	return mechanisms.Erase[mechanisms.Features, mechanisms.Arm, mechanisms.Reward](l), nil
}

func episodes(make func(mechanisms.Settings) (*episodic.Shared, error)) func(mechanisms.Settings) (mechanisms.Policy, error) {
	return func(s mechanisms.Settings) (mechanisms.Policy, error) {
		l, err := episodic.NewSolo(s, make)
		if err != nil {
			return nil, err
		}
		return mechanisms.Erase[mechanisms.None, mechanisms.Table, mechanisms.Trajectory](l), nil
	}
}

func ucb1Batch(s mechanisms.Settings, lanes int) (mechanisms.Batch, error) {
	b, err := arms.NewUCB1Batch(problem(s), lanes)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Find returns the entry of a name; the error names what exists.
func (c Catalogue) Find(name string) (Entry, error) {
	names := make([]string, 0, len(c))
	for _, e := range c {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.name", Value: name,
		Allowed: strings.Join(names, ", "), Message: fmt.Sprintf("policy.name: %q is not a policy", name),
		Hint: "choose one of the list",
	}
}

// Shared returns the federated form of a named policy.
func (c Catalogue) Shared(name string, s mechanisms.Settings) (mechanisms.Shared, error) {
	e, err := c.Find(name)
	if err != nil {
		return nil, err
	}
	if e.Shared == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: name,
			Message: name + " learns in one process only", Hint: "choose robust-elimination",
		}
	}
	return e.Shared(s)
}
