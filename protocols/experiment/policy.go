package experiment

import (
	"slices"

	"github.com/posse-dev/posse/dp"
)

// policySpec is what an experiment file needs to know of a policy.
type policySpec struct {
	name   string
	models []dp.Model // privacy models in which a deployed experiment may use it
	quota  bool       // an epoch ends at public quotas, and every record enters one release
	bonus  bool       // has confidence radii: policy.params.bonus and kappa apply
}

// policies lists the policies of problem.kind arms. Those without a model need
// private running sums, which no release of this version makes: they run in
// simulations only. Source: experiment-file 4.
func policies() []policySpec {
	return []policySpec{
		{name: "robust-elimination", models: []dp.Model{dp.Local, dp.Silo}, quota: true, bonus: true},
		{name: "uniform", models: []dp.Model{dp.Local, dp.Silo}},
		{name: "ucb1"},
		{name: "thompson-beta"},
		{name: "thompson-gaussian"},
	}
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
