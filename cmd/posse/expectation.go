package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/forecast"
)

// validated is what `posse experiment validate -o json` prints.
type validated struct {
	experiment.Validation
	Expect *expectation `json:"expect,omitempty"` // with --nodes
}

type expectation struct{ forecast.Forecast }

// expect plays a valid file. More nodes than are ever played are as good as so many.
func expect(ctx context.Context, name string, data []byte, nodes int, effect float64) (*expectation, error) {
	e, err := experiment.Read(name, data)
	if err != nil || len(e.Problem.Arms) < 2 {
		return nil, err
	}
	f, err := forecast.Make(ctx, forecast.Question{Experiment: e, Nodes: min(nodes, forecast.MaxNodes), Effect: effect})
	if err != nil {
		return nil, err
	}
	return &expectation{f}, nil
}

// text is the expectation in a few lines, empty for none.
func (f *expectation) text(e *experiment.Experiment) string {
	if f == nil {
		return ""
	}
	percent := func(share float64) string { return fmt.Sprintf("%.0f %%", 100*min(1, max(0, share))) }
	var b strings.Builder
	fmt.Fprintf(&b, "  expect    %d nodes close %s of the gap together (%s to %s), %s each alone", f.Nodes, percent(f.Closed.Mean),
		percent(f.Closed.Low), percent(f.Closed.High), percent(f.Alone.Mean))
	if f.Decisions < e.Horizon {
		fmt.Fprintf(&b, ", over the first %d decisions", f.Decisions)
	}
	unit := "the range"
	if e.Reward.Moment != nil {
		unit = "its mean"
	}
	fmt.Fprintf(&b, ",\n            if the best arm is %s of %s above the average\n", number(f.Effect), unit)
	if f.Learns {
		return b.String()
	}
	if f.Decisions < e.Horizon {
		b.WriteString("            too little, or too uncertain, to be called learning; more decisions were not played.\n")
		return b.String()
	}
	b.WriteString("            too little, or too uncertain: this will not learn")
	var needs []string
	if f.NeededDecisions > 0 {
		needs = append(needs, fmt.Sprintf("about %d decisions", f.NeededDecisions))
	}
	if f.NeededEpsilon > 0 {
		needs = append(needs, "epsilon "+number(f.NeededEpsilon))
	}
	if len(needs) > 0 {
		b.WriteString(".\n            It takes " + strings.Join(needs, ", or ") + ".\n")
	} else {
		b.WriteString(",\n            nor with many times the decisions or a larger epsilon: look at the policy, or for a larger effect.\n")
	}
	return b.String()
}
