package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
)

// Reapply returns the experiment that goes on from the next round when a file of
// the same name is applied to a running one.
//
// Only the fields marked Mutable in [Fields] may differ; privacy.epsilon may only
// fall and incentives.budget only grow. Defaults that were computed from a field
// that changes stay as they were stored when the experiment was first applied: the
// bounds on exploration follow the trigger of that day. The error lists every
// field that can't change, with reason FIELD_IMMUTABLE.
// Source: experiment-file 1.
func Reapply(running, file *Experiment) (*Experiment, error) {
	next := *file
	if running.Incentives != nil && file.Incentives != nil {
		money := *file.Incentives
		next.Incentives = &money
		low, high := exploration(file.Horizon, file.Rounds.Trigger)
		if money.MinExplore == low && money.MaxExplore == high {
			money.MinExplore, money.MaxExplore = running.Incentives.MinExplore, running.Incentives.MaxExplore
		}
	}
	var problems []*posse.Error
	refuse := func(field, value, allowed, message string) {
		problems = append(problems, &posse.Error{
			Code: posse.FailedPrecondition, Reason: "FIELD_IMMUTABLE", Field: field, Value: value, Allowed: allowed,
			Message: message, Hint: "create a new experiment under another name",
		})
	}
	mutable := map[string]bool{}
	for _, f := range Fields() {
		mutable[f.Path] = f.Mutable
	}
	before, after := running.flat(), next.flat()
	for _, path := range paths(before, after) {
		if before[path] == after[path] || mutable[path] {
			continue
		}
		refuse(path, shown(after[path]), shown(before[path]),
			path+" can't change while the experiment runs: create a new one")
	}
	if next.Privacy.Epsilon.Cmp(running.Privacy.Epsilon) > 0 {
		refuse("privacy.epsilon", next.Privacy.Epsilon.String(), fmt.Sprintf("(0, %s]", running.Privacy.Epsilon),
			"privacy.epsilon may only fall while the experiment runs")
	}
	if a, b := running.Incentives, next.Incentives; a != nil && b != nil && b.Budget < a.Budget {
		refuse("incentives.budget", b.Budget.String(), "at least "+a.Budget.String(),
			"incentives.budget may only grow while the experiment runs")
	}
	if err := posse.Join(problems); err != nil {
		return nil, err
	}
	return &next, nil
}

// flat returns every field of the experiment by its path, as JSON text; lists are
// one value.
func (e *Experiment) flat() map[string]string {
	dec := json.NewDecoder(bytes.NewReader(e.Canonical()))
	dec.UseNumber()
	var root map[string]any
	if err := dec.Decode(&root); err != nil {
		panic("experiment: canonical form: " + err.Error()) // we wrote it
	}
	out := map[string]string{}
	flatten("", root, out)
	return out
}

func flatten(path string, value any, out map[string]string) {
	if m, ok := value.(map[string]any); ok {
		for key, v := range m {
			flatten(join(path, key), v, out)
		}
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic("experiment: canonical form: " + err.Error())
	}
	out[path] = string(text)
}

// paths returns the keys of both in one order, so that errors are the same each time.
func paths(a, b map[string]string) []string {
	var out []string
	for p := range a {
		out = append(out, p)
	}
	for p := range b {
		if _, both := a[p]; !both {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}
