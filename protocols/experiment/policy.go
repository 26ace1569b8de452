package experiment

import (
	"slices"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// policySpec is what an experiment file needs to know of a policy.
type policySpec struct {
	name   string
	models []dp.Model // privacy models in which a deployed experiment may use it
	quota  bool       // an epoch ends at public quotas, and every record enters one release
	bonus  bool       // has confidence radii: policy.params.bonus and kappa apply
	// layout returns the statistics and their noise; nil without a model
	layout func(mechanisms.Settings) (statistics.Layout, error)
}

// policies lists the policies of problem.kind arms. Those without a model need
// private running sums, which no release of this version makes: they run in
// simulations only. Source: experiment-file 4.
func policies() []policySpec {
	return []policySpec{
		{name: "robust-elimination", models: []dp.Model{dp.Local, dp.Silo}, quota: true, bonus: true, layout: eliminationLayout},
		{name: "uniform", models: []dp.Model{dp.Local, dp.Silo}, layout: uniformLayout},
		{name: "ucb1"},
		{name: "thompson-beta"},
		{name: "thompson-gaussian"},
	}
}

func eliminationLayout(s mechanisms.Settings) (statistics.Layout, error) {
	p, err := arms.NewElimination(s)
	if err != nil {
		return nil, err
	}
	return p.Layout(), nil
}

func uniformLayout(s mechanisms.Settings) (statistics.Layout, error) {
	p, err := arms.NewSharedUniform(s)
	if err != nil {
		return nil, err
	}
	return p.Layout(), nil
}

func policyNames() []string {
	var names []string
	for _, p := range policies() {
		names = append(names, p.name)
	}
	return names
}

// policyNamed returns the policy's row, and whether there is one.
func policyNamed(name string) (policySpec, bool) {
	for _, p := range policies() {
		if p.name == name {
			return p, true
		}
	}
	return policySpec{}, false
}

// policiesUnder returns the names of the policies that a deployed experiment may
// use under a privacy model.
func policiesUnder(model dp.Model) []string {
	var names []string
	for _, p := range policies() {
		if slices.Contains(p.models, model) {
			names = append(names, p.name)
		}
	}
	return names
}
