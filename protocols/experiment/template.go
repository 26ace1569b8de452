package experiment

import (
	"fmt"
	"strings"

	"github.com/posse-dev/posse"
)

// Template returns the file that `posse experiment init` prints: a valid
// experiment of the kind with every field that applies to it, its range, its
// default and what it is for. Fields with a default, and the alternatives of
// others, are there as comments. Kind is "arms"; another is an error.
func Template(kind string) ([]byte, error) {
	if kind != "arms" {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "problem.kind", Value: fmt.Sprintf("%q", shown(kind)),
			Allowed: "arms", Message: fmt.Sprintf("problem.kind: %q is not one of arms", shown(kind)),
		}
	}
	var out strings.Builder
	out.WriteString("# An experiment file. Lines that begin with '# ' before a field are its default or an\n" +
		"# alternative; take the mark away to change it. Check the file with `posse experiment validate`.\n")
	shownValues := templateValues()
	for _, f := range Fields() {
		depth := strings.Count(f.Path, ".")
		key := f.Path[strings.LastIndexByte(f.Path, '.')+1:]
		value, active := shownValues[f.Path]
		if depth == 0 {
			out.WriteByte('\n')
		}
		indent := strings.Repeat("  ", depth)
		if f.Type == "block" {
			mark := ""
			if !hasActive(f.Path, shownValues) {
				mark = "# "
			}
			fmt.Fprintf(&out, "%s%s%s:\n", indent, mark, key)
			continue
		}
		mark := ""
		if !active {
			mark, value = "# ", templateExample(f)
		}
		fmt.Fprintf(&out, "%-46s # %s\n", fmt.Sprintf("%s%s%s: %s", indent, mark, key, value), describe(f))
	}
	return []byte(out.String()), nil
}

// templateValues are the fields that the template sets: the required ones and the
// shape of a paid, federated experiment.
func templateValues() map[string]string {
	return map[string]string{
		"apiVersion":               "posse/v1",
		"kind":                     "Experiment",
		"metadata.name":            "my-experiment",
		"horizon":                  "100000",
		"problem.kind":             "arms",
		"problem.arms":             "[a, b, c]",
		"reward.range":             "[0, 1]",
		"policy.name":              "robust-elimination",
		"privacy.model":            "silo",
		"privacy.unit":             "user",
		"privacy.epsilon":          "1",
		"privacy.maxContributions": "10",
		"rounds.trigger.decisions": "2000",
		"incentives.reserve":       "10",
		"incentives.budget":        "1000",
	}
}

// templateExample is the value that a commented field shows.
func templateExample(f Field) string {
	examples := map[string]string{
		"metadata.description":                 "What is tried, and for whom",
		"node.pooling":                         "shared",
		"node.localModel":                      "private",
		"reward.clip":                          "false",
		"reward.moment.order":                  "1.5",
		"reward.moment.bound":                  "8",
		"reward.deadline":                      "168h",
		"policy.params.bonus":                  "tuned",
		"policy.params.kappa":                  "0.1",
		"policy.guarantee":                     "none",
		"privacy.delta":                        "0",
		"privacy.arrival":                      "private",
		"privacy.mechanism":                    "auto",
		"privacy.fractionBits":                 "16",
		"rounds.trigger.every":                 "1h",
		"rounds.deadline":                      "5s",
		"rounds.minContributors":               "1",
		"rounds.maxRecords":                    "1e6",
		"incentives.payments":                  "truthful",
		"incentives.coverage":                  "0.7",
		"incentives.threshold":                 "0.5",
		"incentives.bids":                      "commitments",
		"incentives.contribution.minExplore":   "10",
		"incentives.contribution.maxExplore":   "10",
		"incentives.schedule.kind":             "fair-equal",
		"incentives.schedule.equality":         "0.2",
		"incentives.schedule.grantsPerVersion": "1",
		"incentives.schedule.floor":            "0.05",
		"incentives.schedule.redrawEvery":      "50s",
	}
	value, ok := examples[f.Path]
	if !ok {
		panic("experiment: the template has no value for " + f.Path)
	}
	return value
}

// hasActive reports whether a block holds a field that the template sets.
func hasActive(block string, values map[string]string) bool {
	for path := range values {
		if strings.HasPrefix(path, block+".") {
			return true
		}
	}
	return false
}

// describe is the comment of a field: its meaning, range and default.
func describe(f Field) string {
	text := fmt.Sprintf("%s; %s", f.Meaning, f.Range)
	switch {
	case f.Required:
		text += "; required"
	case f.Default != "":
		text += "; default " + f.Default
	}
	if f.Mutable {
		text += "; may change while it runs"
	}
	return text
}
