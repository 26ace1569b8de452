package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/dataset"
	"github.com/posse-dev/posse/simnet/fast"
)

func (p *program) simCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "sim",
		Short: "Simulate policies and federations: the platform's own mechanisms, many runs, no network",
		Example: `  posse sim init > k10.yaml
  posse sim run k10.yaml --seed 7`,
	}, p.simInit(), p.simShow(), p.simList(), p.simRun(), p.simSweep(), p.simMerge(), p.simFigure())
}

func (p *program) simInit() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Print a commented scenario to start from",
		Long: `With --schema it prints the JSON Schema of scenario files, with which editors complete and check them while you write: begin
the file with   # yaml-language-server: $schema=scenario.schema.json`,
		Example: `  posse sim init > k10.yaml
  posse sim init | posse sim show -
  posse sim init --schema > scenario.schema.json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			text := simnet.Template()
			if schema {
				text = simnet.Schema()
			}
			_, err := p.out.Write(text)
			return err
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of scenario files")
	return cmd
}

// scenario reads a scenario file. The experiment's file and the data that it may name
// count from its folder, the data from another one if there is one for data.
func (p *program) scenario(ctx context.Context, name, data string, over ...experiment.Axis) (*simnet.Scenario, error) {
	text, err := p.read(ctx, name, maxExperiment)
	if err != nil {
		return nil, err
	}
	folder := "."
	if name != "-" {
		folder = filepath.Dir(name)
	}
	below := func(folder, path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(folder, path)
	}
	return compute(ctx, func() (*simnet.Scenario, error) {
		return simnet.Read(label(name), text, simnet.Files{
			Open: func(path string) ([]byte, error) { return p.read(ctx, below(folder, path), maxExperiment) },
			Data: func(path string, o dataset.Options) (*dataset.Set, error) {
				return dataset.Load(below(cmp.Or(data, p.env["POSSE_DATA"], folder), path), o)
			},
		}, over...)
	})
}

// dataFlag adds the folder of data sets.
func dataFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "data", "", "folder that a scenario's data sets count from (default: POSSE_DATA, else the scenario's)")
}

// shownScenario is `posse sim show -o json`.
type shownScenario struct {
	Name        string   `json:"name"`
	Digest      string   `json:"digest"`
	Policies    []string `json:"policies"`
	Learning    []string `json:"learning"`
	Environment string   `json:"environment"`
	Arms        int      `json:"arms"`
	Nodes       int      `json:"nodes"`
	Horizon     int64    `json:"horizon"`
	Runs        int64    `json:"runs"`
	Seed        uint64   `json:"seed"`
	Record      []int64  `json:"record"`
	Sweep       []string `json:"sweep,omitempty"` // the fields that it varies
	Points      int      `json:"points"`
	Done        []string `json:"done,omitempty"` // to the data
	Decisions   int64    `json:"decisions"`
}

func (p *program) simShow() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Check a scenario and say what it would simulate",
		Example: `  posse sim show k10.yaml
  posse sim show k10.yaml -o json`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.scenario(cmd.Context(), args[0], data)
			if err != nil {
				return err
			}
			out := shownScenario{
				Name: s.Name, Digest: s.Digest(), Environment: s.Environment.Kind, Arms: s.Nodes.Worlds[0].Arms(), Nodes: s.Nodes.Count(),
				Horizon: s.Horizon, Runs: s.Runs, Seed: s.Seed, Record: s.Record, Sweep: s.Axes, Points: len(s.All()),
				Decisions: fast.Steps(s, fast.Options{Runs: uint64(s.Runs)}),
			}
			if s.Environment.Data != nil {
				out.Done = s.Environment.Data.Done
			}
			for _, c := range s.Policies {
				out.Policies = append(out.Policies, c.Label)
			}
			for _, l := range s.Learning {
				out.Learning = append(out.Learning, string(l))
			}
			return p.print(out, func() string {
				rows := [][]string{
					{"name", out.Name},
					{"policies", strings.Join(out.Policies, ", ")},
					{"learning", strings.Join(out.Learning, ", ")},
					{"environment", fmt.Sprintf("%s, %d arms", out.Environment, out.Arms)},
					{"nodes", fmt.Sprint(out.Nodes)},
					{"horizon", fmt.Sprint(out.Horizon)},
					{"runs", fmt.Sprint(out.Runs)},
					{"seed", fmt.Sprint(out.Seed)},
					{"decisions", fmt.Sprintf("%d in all", out.Decisions)},
					{"digest", out.Digest},
				}
				if len(out.Sweep) > 0 {
					rows = append(rows, []string{"sweep", fmt.Sprintf("%s: %d points, of which the first is above", strings.Join(out.Sweep, " × "), out.Points)})
				}
				for _, d := range out.Done {
					rows = append(rows, []string{"data", d})
				}
				return p.cells([]string{"FIELD", "VALUE"}, nil, rows)
			})
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

// listedPolicy and listedKind are rows of `posse sim list`.
type listedPolicy struct {
	Name    string   `json:"name"`
	Problem string   `json:"problem"`
	Privacy []string `json:"privacy"`
	Paper   string   `json:"paper"`
}

type listedKind struct {
	Name    string   `json:"name"`
	Meaning string   `json:"meaning"`
	Fields  []string `json:"fields"`
}

func (p *program) simList() *cobra.Command {
	return group(&cobra.Command{
		Use:   "list",
		Short: "List what a scenario may name",
		Example: `  posse sim list policies
  posse sim list environments -o json`,
	}, &cobra.Command{
		Use:   "policies",
		Short: "List the policies, and the privacy models that each learns under together",
		Example: `  posse sim list policies
  posse sim list policies -o json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			var all []listedPolicy
			var rows [][]string
			for _, e := range catalogue.Default() {
				one := listedPolicy{e.Name, e.Kind, []string{"none"}, e.Paper}
				for _, m := range e.Models {
					one.Privacy = append(one.Privacy, m.String())
				}
				all = append(all, one)
				rows = append(rows, []string{one.Name, one.Problem, strings.Join(one.Privacy, " "), one.Paper})
			}
			return p.print(items[listedPolicy]{all}, func() string {
				return p.cells([]string{"NAME", "PROBLEM", "PRIVACY", "PAPER"}, nil, rows)
			})
		},
	}, &cobra.Command{
		Use:   "environments",
		Short: "List the environments, and the fields that each needs",
		Example: `  posse sim list environments
  posse sim list environments -o json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			var all []listedKind
			var rows [][]string
			for _, k := range simnet.Kinds() {
				one := listedKind{k.Name, k.Meaning, append([]string{}, k.Fields...)}
				all = append(all, one)
				rows = append(rows, []string{one.Name, one.Meaning, strings.Join(one.Fields, " ")})
			}
			return p.print(items[listedKind]{all}, func() string {
				return p.cells([]string{"NAME", "MEANING", "FIELDS"}, nil, rows)
			})
		},
	})
}

// simulated is `posse sim run -o json`.
type simulated struct {
	Schema         string              `json:"schema"`
	Digest         string              `json:"digest"`
	Scenario       string              `json:"scenario"`
	Runs           uint64              `json:"runs"`
	Seed           uint64              `json:"seed"`
	Policies       []fast.PolicyResult `json:"policies"`
	StepsPerSecond float64             `json:"stepsPerSecond,omitempty"` // on stdout only: a file has no speed
}
