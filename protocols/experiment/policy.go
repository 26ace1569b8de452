package experiment

import (
	"slices"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms/catalogue"
)

// policySpec is what an experiment file needs to know of a policy beyond what the
// catalogue says.
type policySpec struct {
	catalogue.Entry
	quota bool // an epoch ends at public quotas, and every record enters one release
	bonus bool // has confidence radii: policy.params.bonus and kappa apply
	pools bool // nodes may differ: node.pooling applies
}

// quotas are the policies whose epochs end at public quotas. Source: experiment-file 4.
var quotas = []string{"robust-elimination", "adap-ucb", "adap-klucb", "dp-se"}

// policies lists the policies of problem.kind arms. Those without a model need
// private running sums, which no release of this version makes: they run in
// simulations only. Source: experiment-file 4.
func policies() []policySpec {
	var out []policySpec
	for _, entry := range catalogue.Default() {
		if entry.Kind != "arms" {
			continue
		}
		elimination := entry.Name == "robust-elimination"
		out = append(out, policySpec{Entry: entry, quota: slices.Contains(quotas, entry.Name), bonus: elimination, pools: elimination})
	}
	return out
}

func policyNames() []string {
	var names []string
	for _, p := range policies() {
		names = append(names, p.Name)
	}
	return names
}

// policyNamed returns the policy's row, and whether there is one.
func policyNamed(name string) (policySpec, bool) {
	for _, p := range policies() {
		if p.Name == name {
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
		if slices.Contains(p.Models, model) {
			names = append(names, p.Name)
		}
	}
	return names
}
