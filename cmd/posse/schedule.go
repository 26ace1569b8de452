package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/incentives/schedule"
)

func (p *program) scheduleCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "schedule",
		Short: "Preview who would get which version of a model",
		Example: `  posse schedule preview -f nodes.json
  posse schedule preview -f nodes.json --versions 20 --seed c0ffee`,
	}, p.previewCommand())
}

func (p *program) previewCommand() *cobra.Command {
	var file, seed string
	var versions int
	cmd := &cobra.Command{
		Use:   "preview -f FILE",
		Short: "Compute each node's chance of a version, and draw some versions",
		Long: `The input is {"kind":"fair-equal","contributions":{"a":3,"b":1},"equality":0.2,"grantsPerVersion":1,"floor":0.05};
only contributions are required.`,
		Example: `  posse schedule preview -f nodes.json
  posse schedule preview -f - --versions 20 --seed c0ffee -o json < nodes.json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return required("file", "give a file with contributions, or - for stdin")
			}
			key, err := schedule.ParseSeed(seed)
			if err != nil {
				return err
			}
			data, err := p.read(cmd.Context(), file, maxDocument)
			if err != nil {
				return err
			}
			var in schedule.Input
			if err := decode(data, &in); err != nil {
				return inFile(err, file)
			}
			r, err := compute(cmd.Context(), func() (schedule.Result, error) { return schedule.Preview(in, versions, key) })
			if err != nil {
				return inFile(err, file)
			}
			return p.print(r, func() string { return p.previewText(r) })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "JSON file with contributions, - for stdin; required")
	cmd.Flags().IntVar(&versions, "versions", 10, "versions to draw, in [0, 100000]")
	cmd.Flags().StringVar(&seed, "seed", "00", "seed of the draws, 1 to 64 hex digits")
	return cmd
}

func (p *program) previewText(r schedule.Result) string {
	granted := map[string]int{}
	var draws [][]string
	for _, g := range r.Grants {
		for _, node := range g.Nodes {
			granted[node]++
		}
		draws = append(draws, []string{fmt.Sprint(g.Version), strings.Join(g.Nodes, " ")})
	}
	var rows [][]string
	for _, node := range slices.Sorted(maps.Keys(r.Probability)) {
		rows = append(rows, []string{node, fmt.Sprintf("%.4f", r.Probability[node]), fmt.Sprintf("%d of %d", granted[node], len(r.Grants))})
	}
	out := p.cells([]string{"NODE", "PROBABILITY", "GRANTED"}, []string{"PROBABILITY", "GRANTED"}, rows)
	if len(draws) > 0 {
		out += "\n" + p.cells([]string{"VERSION", "GRANTED TO"}, []string{"VERSION"}, draws)
	}
	return out
}
