package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/budget"
)

func (p *program) budgetCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "budget",
		Short: "Divide what a user may give over tasks of unequal size",
		Example: `  posse budget split -f tasks.json
  posse budget split -f tasks.json -o json`,
	}, p.splitCommand())
}

// division is the input of `posse budget split`.
type division struct {
	Tasks    map[string]float64 `json:"tasks"`
	Budget   *float64           `json:"budget"`
	Rule     budget.SplitRule   `json:"rule"`
	Exponent *float64           `json:"exponent"`
}

// divided is what `posse budget split -o json` prints.
type divided struct {
	Allocation map[string]float64 `json:"allocation"`
}

func (p *program) splitCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "split -f FILE",
		Short: "Compute the weight of a user's records in each task",
		Long: `The input is {"tasks":{"a":1000,"b":10},"budget":1,"rule":"records"}. The sizes are public or already privatised: the
weights follow from them, and so does everything that is released with the weights. budget bounds, for each user, the sum
over tasks of the square of her total weight in the task: with k records in a task each has the weight divided by k.
Rules are uniform, records (each record counts the same, the default), tasks (each task counts the same) and exponent,
which weighs by the size to the power of "exponent", at most 0.`,
		Example: `  posse budget split -f tasks.json
  echo '{"tasks":{"a":1000,"b":10},"rule":"exponent","exponent":-0.25}' | posse budget split -f - -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return required("file", "give a file with tasks, or - for stdin")
			}
			data, err := p.read(cmd.Context(), file, maxDocument)
			if err != nil {
				return err
			}
			var in division
			if err := decode(data, &in); err != nil {
				return inFile(err, file)
			}
			d, err := compute(cmd.Context(), func() (divided, error) { return divide(in) })
			if err != nil {
				return inFile(err, file)
			}
			return p.print(d, func() string {
				var rows [][]string
				for _, task := range slices.Sorted(maps.Keys(d.Allocation)) {
					rows = append(rows, []string{task, number(in.Tasks[task]), number(d.Allocation[task])})
				}
				return p.cells([]string{"TASK", "SIZE", "WEIGHT"}, []string{"SIZE", "WEIGHT"}, rows)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "JSON file with tasks, - for stdin; required")
	return cmd
}

func divide(in division) (divided, error) {
	beta, exponent := 1.0, 0.0
	if in.Budget != nil {
		beta = *in.Budget
	}
	switch {
	case in.Exponent != nil && in.Rule != budget.SplitExponent:
		return divided{}, notApplicable("exponent", "it belongs to the rule exponent")
	case in.Exponent == nil && in.Rule == budget.SplitExponent:
		return divided{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "exponent", Allowed: "(-∞, 0]",
			Message: "exponent is required by the rule exponent",
		}
	case in.Exponent != nil:
		exponent = *in.Exponent
	}
	allocation, err := budget.Split(in.Tasks, beta, in.Rule, exponent)
	return divided{allocation}, err
}
