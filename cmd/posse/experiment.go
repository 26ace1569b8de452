package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/simnet/forecast"
)

func (p *program) experimentCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "experiment",
		Short: "Write, check and run experiments",
		Example: `  posse experiment init --kind arms > dosing.yaml
  posse experiment apply dosing.yaml`,
	}, p.experimentInit(), p.experimentValidate(), p.experimentApply(), p.experimentList(), p.experimentShow(), p.experimentClose())
}

func (p *program) experimentInit() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Print an experiment file to start from, every field with its range",
		Example: `  posse experiment init --kind arms > dosing.yaml
  posse experiment init --kind arms -o json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			file, err := experiment.Template(kind)
			if err != nil {
				return err
			}
			document := map[string]string{"kind": kind, "file": string(file)}
			return p.print(document, func() string { return string(file) })
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "arms", "kind of problem: arms")
	return cmd
}

func (p *program) experimentValidate() *cobra.Command {
	var nodes int
	var users int64
	var effect float64
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check an experiment file, list all its problems and say what to expect; needs no cluster",
		Long: `With --nodes a valid file is also played in the fast engine: how much of what there is to gain so many nodes would close
together and each alone, or how many decisions or how large an epsilon it would take to learn at all. The gap reaches from
choosing at random to always choosing the best arm. What there is to gain is an assumption, --effect; rewards are about as
bad as the file allows, nodes alike, and users come once or twice.`,
		Example: `  posse experiment validate dosing.yaml --nodes 5 --users 20000
  posse experiment validate - -o json < dosing.yaml`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if nodes < 0 {
				return posse.OutOfRange("--nodes", fmt.Sprint(nodes), "at least 0", "leave it out while the number is unknown")
			}
			if cmd.Flags().Changed("effect") && nodes == 0 {
				return notApplicable("--effect", "without --nodes nothing is played")
			}
			if users < 0 {
				return posse.OutOfRange("--users", fmt.Sprint(users), "at least 0", "leave it out while the number is unknown")
			}
			data, err := p.read(cmd.Context(), args[0], maxExperiment)
			if err != nil {
				return err
			}
			valid, err := experiment.Validate(label(args[0]), data, experiment.Deployment{Nodes: nodes, Users: users})
			v := validated{Validation: valid}
			if err == nil && nodes > 0 {
				if v.Expect, err = expect(cmd.Context(), label(args[0]), data, nodes, effect); err != nil {
					return err
				}
			}
			if p.format == "json" {
				if printed := p.print(v, nil); printed != nil {
					return printed
				}
				if err != nil {
					return told(2)
				}
				return nil
			}
			if err != nil {
				return err
			}
			for _, w := range v.Warnings {
				p.note("warning: %s: %s", w.Field, w.Message)
			}
			e, err := experiment.Read(label(args[0]), data)
			if err != nil {
				return err
			}
			return p.print(v, func() string { return validText(label(args[0]), e, valid, nodes) + v.Expect.text(e) })
		},
	}
	cmd.Flags().IntVar(&nodes, "nodes", 0, "nodes that will take part, at least 0; 0 is unknown, and what depends on it is neither checked nor expected")
	cmd.Flags().Int64Var(&users, "users", 0, "users of all nodes together, at least 0; 0 is unknown")
	cmd.Flags().Float64Var(&effect, "effect", forecast.DefaultEffect,
		"how far the best arm's mean is above the average, as a share of the range or, with a moment, of the best mean; in (0, 0.5)")
	return cmd
}

// validText says in a few lines what a valid file costs and buys.
func validText(name string, e *experiment.Experiment, v experiment.Validation, nodes int) string {
	s := experiment.Explain(e)
	var b strings.Builder
	fmt.Fprintf(&b, "%s is valid.\n", name)
	fmt.Fprintf(&b, "  privacy   %s, unit %s: epsilon %s, delta %v (%s)\n", e.Privacy.Model, e.Privacy.Unit, s.Guarantee.Epsilon, s.Guarantee.Delta, s.Guarantee.Definition)
	if n := s.Guarantee.OverHorizon.Releases; n != nil {
		fmt.Fprintf(&b, "  releases  %d of each node over %d decisions\n", *n, e.Horizon)
	}
	fmt.Fprintf(&b, "  policy    %s, %d arms\n", e.Policy.Name, len(e.Problem.Arms))
	if e.Incentives != nil && e.Incentives.Payments != "none" {
		fmt.Fprintf(&b, "  payments  at most %s credits a node and round, %s altogether\n", e.Incentives.Reserve, e.Incentives.Budget)
		if needed := slices.ContainsFunc(v.Warnings, experiment.Warning.Pivotal); nodes > 0 && needed {
			fmt.Fprintf(&b, "  pivotal   all of %d equal nodes: the reserve is the price\n", nodes)
		} else if nodes > 0 {
			fmt.Fprintf(&b, "  pivotal   none of %d equal nodes, in the first round or later\n", nodes)
		}
	}
	return b.String()
}

// applied is what `posse experiment apply -o json` prints.
type applied struct {
	Name     string `json:"name"`
	Created  bool   `json:"created"`
	Changed  bool   `json:"changed"`
	Revision uint64 `json:"revision"`
	DryRun   bool   `json:"dryRun"`
}

func (p *program) experimentApply() *cobra.Command {
	var dry bool
	var at *remote
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Start the experiment that a file describes, or change a running one; applying it twice changes nothing",
		Example: `  posse experiment apply dosing.yaml
  posse experiment apply dosing.yaml --dry-run`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := p.read(cmd.Context(), args[0], maxExperiment)
			if err != nil {
				return err
			}
			if _, err := experiment.Read(label(args[0]), data); err != nil {
				return err // with lines, and before anything is sent
			}
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.ApplyExperiment(cmd.Context(), connect.NewRequest(&possev1.ApplyExperimentRequest{
				Filename: label(args[0]), File: data, DryRun: dry,
			}))
			if err != nil {
				return inFile(at.called(cmd.Context(), err), args[0])
			}
			a := applied{answer.Msg.GetName(), answer.Msg.GetCreated(), answer.Msg.GetChanged(), answer.Msg.GetRevision(), dry}
			return p.print(a, func() string {
				did := "unchanged"
				switch {
				case a.Created:
					did = "created"
				case a.Changed:
					did = "changed"
				}
				if dry {
					did = strings.Replace(did, "un", "would be un", 1)
					if did[0] == 'c' {
						did = "would be " + did
					}
				}
				return fmt.Sprintf("experiment %s %s (revision %d).\n", a.Name, did, a.Revision)
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would happen and change nothing (default false)")
	at = p.coordinatorFlags(cmd)
	return cmd
}

// standing is an experiment as the replicas see it; money in micro-credits.
type standing struct {
	Name         string  `json:"name"`
	State        string  `json:"state"`
	PrivacyModel string  `json:"privacyModel"`
	PrivacyUnit  string  `json:"privacyUnit"`
	Nodes        uint32  `json:"nodes"`
	Round        uint64  `json:"round"`
	Version      uint64  `json:"version"`
	Published    uint64  `json:"published"`
	Aborted      uint64  `json:"aborted"`
	BudgetLeft   int64   `json:"budgetLeft"`
	Answer       *string `json:"answer"` // null while several arms are alive
	// Settlement is the newest round that paid, null before the first.
	Settlement *settlementOf `json:"settlement"`
}

// settlementOf says what a round's prices depended on; money in micro-credits.
type settlementOf struct {
	Round       uint64             `json:"round"`
	Winners     uint32             `json:"winners"`
	Pivotal     uint32             `json:"pivotal"`
	Paid        incentives.Credits `json:"paid"`
	ReserveCost incentives.Credits `json:"reserveCost"`
}

// text says it to a person.
func (s *settlementOf) text() string {
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("round %d bought %d reports for %s credits, at the reserve %s; %d of %d sellers were pivotal\n",
		s.Round, s.Winners, s.Paid, s.ReserveCost, s.Pivotal, s.Winners)
	if 2*s.Pivotal > s.Winners {
		text += "most are, so the reserve is the price: a lower coverage or more nodes mend that\n"
	}
	return text
}

func standingOf(e *possev1.ExperimentStatus) standing {
	s := standing{
		Name: e.GetName(), State: e.GetState(), PrivacyModel: e.GetPrivacyModel(), PrivacyUnit: e.GetPrivacyUnit(), Nodes: e.GetNodes(),
		Round: e.GetRound(), Version: e.GetVersion(), Published: e.GetPublished(), Aborted: e.GetAborted(), BudgetLeft: e.GetBudgetLeftMicro(),
	}
	if a := e.GetAnswer(); a != "" {
		s.Answer = &a
	}
	if x := e.GetSettlement(); x != nil {
		s.Settlement = &settlementOf{x.GetRound(), x.GetWinners(), x.GetPivotal(), incentives.Credits(x.GetPaidMicro()), incentives.Credits(x.GetReserveCostMicro())}
	}
	return s
}

func standingsOf(all []*possev1.ExperimentStatus) []standing {
	out := make([]standing, 0, len(all))
	for _, e := range all {
		out = append(out, standingOf(e))
	}
	return out
}

func (p *program) standingsText(all []standing) string {
	var rows [][]string
	for _, s := range all {
		answer := "–"
		if s.Answer != nil {
			answer = *s.Answer
		}
		rows = append(rows, []string{
			s.Name, s.State, s.PrivacyModel + " / " + s.PrivacyUnit, fmt.Sprint(s.Nodes), fmt.Sprint(s.Round), fmt.Sprint(s.Version),
			incentives.Credits(s.BudgetLeft).String(), answer,
		})
	}
	return p.cells([]string{"EXPERIMENT", "STATE", "PRIVACY", "NODES", "ROUND", "VERSION", "CREDITS LEFT", "ANSWER"},
		[]string{"NODES", "ROUND", "VERSION", "CREDITS LEFT"}, rows)
}

// standings asks a replica for all experiments.
func (p *program) standings(cmd *cobra.Command, at *remote) ([]standing, error) {
	admin, err := at.admin(cmd)
	if err != nil {
		return nil, err
	}
	answer, err := admin.ListExperiments(cmd.Context(), connect.NewRequest(&possev1.ListExperimentsRequest{}))
	if err != nil {
		return nil, at.called(cmd.Context(), err)
	}
	return standingsOf(answer.Msg.GetExperiments()), nil
}

func (p *program) experimentList() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the experiments of a cluster",
		Example: `  posse experiment list
  posse experiment list --coordinator 127.0.0.1:7070 --token-file /run/credentials/admin-token -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.standings(cmd, at)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				p.note("No experiments. Create one: posse experiment init")
			}
			return p.print(items[standing]{all}, func() string {
				if len(all) == 0 {
					return ""
				}
				return p.standingsText(all)
			})
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}

// items is a list as -o json shows it.
type items[T any] struct {
	Items []T `json:"items"`
}

// completeTime bounds how long a shell waits for names to complete.
const completeTime = 300 * time.Millisecond

// completeNames completes the name of an experiment from the live cluster, and
// nothing when that does not answer at once.
func (p *program) completeNames(at *remote) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTime)
		defer cancel()
		cmd.SetContext(ctx)
		var names []string
		if all, err := p.standings(cmd, at); err == nil && len(args) == 0 {
			for _, s := range all {
				names = append(names, s.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func (p *program) experimentShow() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show where one experiment stands",
		Example: `  posse experiment show dosing
  posse experiment show dosing -o json`,
		Args: arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.standings(cmd, at)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(s standing) bool { return s.Name == args[0] })
			if i < 0 {
				return &posse.Error{
					Code: posse.NotFound, Reason: "UNKNOWN_EXPERIMENT", Field: "NAME", Value: quoted(args[0]),
					Message: "there is no experiment of that name", Hint: "posse experiment list shows them all",
				}
			}
			return p.print(all[i], func() string { return p.standingsText(all[i:i+1]) + all[i].Settlement.text() })
		},
	}
	at = p.coordinatorFlags(cmd)
	cmd.ValidArgsFunction = p.completeNames(at)
	return cmd
}

func (p *program) experimentClose() *cobra.Command {
	var at *remote
	var yes bool
	cmd := &cobra.Command{
		Use:   "close NAME",
		Short: "End an experiment for good; what it published and paid stays in the log",
		Example: `  posse experiment close dosing
  posse experiment close dosing --yes`,
		Args: arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.confirm(cmd.Context(), yes, fmt.Sprintf("Close experiment %s for good?", plain(args[0]))); err != nil {
				return err
			}
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			if _, err := admin.CloseExperiment(cmd.Context(), connect.NewRequest(&possev1.CloseExperimentRequest{Name: args[0]})); err != nil {
				return at.called(cmd.Context(), err)
			}
			document := map[string]string{"name": args[0], "state": "closed"}
			return p.print(document, func() string { return fmt.Sprintf("experiment %s closed.\n", plain(args[0])) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking; needed where stdin is not a terminal (default false)")
	at = p.coordinatorFlags(cmd)
	cmd.ValidArgsFunction = p.completeNames(at)
	return cmd
}
