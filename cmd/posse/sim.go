package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

func (p *program) simCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "sim",
		Short: "Simulate policies and federations: the platform's own mechanisms, many runs, no network",
		Example: `  posse sim init > k10.yaml
  posse sim run k10.yaml --seed 7`,
	}, p.simInit(), p.simShow(), p.simList(), p.simRun(), p.simMerge())
}

func (p *program) simInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Print a commented scenario to start from",
		Example: `  posse sim init > k10.yaml
  posse sim init | posse sim show -`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			_, err := p.out.Write(simnet.Template())
			return err
		},
	}
}

// scenario reads a scenario file. The experiment's file that it may name counts from
// its folder.
func (p *program) scenario(ctx context.Context, name string) (*simnet.Scenario, error) {
	data, err := p.read(ctx, name, maxExperiment)
	if err != nil {
		return nil, err
	}
	folder := "."
	if name != "-" {
		folder = filepath.Dir(name)
	}
	return simnet.Read(label(name), data, func(path string) ([]byte, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		return p.read(ctx, path, maxExperiment)
	})
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
	Decisions   int64    `json:"decisions"`
}

func (p *program) simShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Check a scenario and say what it would simulate",
		Example: `  posse sim show k10.yaml
  posse sim show k10.yaml -o json`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.scenario(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := shownScenario{
				Name: s.Name, Digest: s.Digest(), Environment: s.Environment.Kind, Arms: s.Environment.World().Arms(), Nodes: s.Nodes.Count(),
				Horizon: s.Horizon, Runs: s.Runs, Seed: s.Seed, Record: s.Record, Decisions: fast.Steps(s, fast.Options{Runs: uint64(s.Runs)}),
			}
			for _, c := range s.Policies {
				out.Policies = append(out.Policies, c.Label)
			}
			for _, l := range s.Learning {
				out.Learning = append(out.Learning, string(l))
			}
			return p.print(out, func() string {
				return p.cells([]string{"FIELD", "VALUE"}, nil, [][]string{
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
				})
			})
		},
	}
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

const maxRuns = 10_000_000

func (p *program) simRun() *cobra.Command {
	var runs int64
	var seed uint64
	var parallel int
	var out, shard string
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Simulate a scenario and print each policy's regret with its 95 % band",
		Long: `The same scenario, seed and runs give the same digest and the same files for any --parallel, split or resume. With --out
a run that is stopped keeps what is done every half minute, and the same command goes on there. --shard 2/3 does the
second third of the runs, for posse sim merge.`,
		Example: `  posse sim run k10.yaml --seed 7
  posse sim run k10.yaml --runs 200 --parallel 2 --out results/k10-7 -o json
  posse sim run k10.yaml --shard 1/3 --out results/part-1`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.scenario(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			flags := cmd.Flags()
			if !flags.Changed("runs") {
				runs = s.Runs
			}
			if !flags.Changed("seed") {
				seed = s.Seed
			}
			switch {
			case runs < 1 || runs > maxRuns:
				return posse.OutOfRange("--runs", fmt.Sprint(runs), "[1, 1e7]", "leave it out for the scenario's")
			case parallel < 1 || parallel > 4096:
				return posse.OutOfRange("--parallel", fmt.Sprint(parallel), "[1, 4096]", "leave it out for one worker a core")
			case seed > 1<<63-1:
				return posse.OutOfRange("--seed", fmt.Sprint(seed), "[0, 9223372036854775807]", "leave it out for the scenario's")
			case shard != "" && out == "":
				return required("out", "a shard is kept in a folder, for posse sim merge")
			}
			o := fast.Options{Runs: uint64(runs), Seed: seed, Parallel: parallel}
			again := fmt.Sprintf("posse sim run %s --runs %d --seed %d --out %s", args[0], runs, seed, out)
			if shard != "" {
				if o.Shard, err = shardOf(shard, o.Runs); err != nil {
					return err
				}
				again += " --shard " + shard
			}
			return p.simulate(cmd.Context(), s, o, out, again)
		},
	}
	flags := cmd.Flags()
	flags.Int64Var(&runs, "runs", 0, "independent runs, in [1, 1e7] (default: the scenario's)")
	flags.Uint64Var(&seed, "seed", 0, "fixes every draw, in [0, 2^63 − 1] (default: the scenario's)")
	flags.IntVar(&parallel, "parallel", runtime.GOMAXPROCS(0), "workers; they change the speed and no number")
	flags.Lookup("parallel").DefValue = "one a core"
	flags.StringVar(&out, "out", "", "folder to make for result.json, curves.csv and manifest.json, or for a shard's state.json")
	flags.StringVar(&shard, "shard", "", "I/N: do the I-th of N parts of the runs, I from 1; needs --out")
	return cmd
}

// shardOf returns the runs of a shard I/N: the parts differ by one run at most.
func shardOf(text string, runs uint64) (fast.Interval, error) {
	bad := posse.OutOfRange("--shard", quoted(text), fmt.Sprintf("I/N with 1 ≤ I ≤ N ≤ %d, the number of runs", runs), "write 1/3 for the first third")
	first, second, ok := strings.Cut(text, "/")
	i, err := strconv.ParseUint(first, 10, 32)
	n, err2 := strconv.ParseUint(second, 10, 32)
	if !ok || err != nil || err2 != nil || i < 1 || i > n || n > runs {
		return fast.Interval{}, bad
	}
	return fast.Interval{From: (i - 1) * runs / n, To: i * runs / n}, nil // below 2^56: at most 1e7 runs
}

// simulate runs the scenario, writes its files and prints the result.
func (p *program) simulate(ctx context.Context, s *simnet.Scenario, o fast.Options, out, again string) error {
	var steps atomic.Int64
	o.Steps = &steps
	keep := keeper{folder: out, now: p.now}
	if out != "" {
		var err error
		if o.Resume, err = keep.open(); err != nil {
			return err
		}
		if o.Resume != nil {
			p.note("goes on with what %s holds", out)
		}
		o.Save = keep.save
	}
	stop := p.simProgress(&steps, fast.Steps(s, o))
	began := p.now()
	state, err := fast.Run(ctx, s, o)
	elapsed := p.now().Sub(began)
	stop()
	if err != nil {
		if state != nil && out != "" && ctx.Err() != nil {
			if kept := keep.write(state); kept != nil {
				return kept
			}
			p.note("stopped; what is done is kept. Go on with:\n  %s", again)
		} else {
			keep.discard()
		}
		return err
	}
	result := p.simulated(state)
	result.StepsPerSecond = float64(steps.Load()) / max(elapsed.Seconds(), 1e-9)
	switch {
	case out == "":
	case state.Whole():
		if err := p.writeSimulation(out, state); err != nil {
			return err
		}
	default:
		if err := keep.write(state); err != nil {
			return err
		}
		p.note("wrote %s: state.json, a shard of %s for posse sim merge", out, state.Shard)
	}
	return p.print(result, func() string { return p.simTable(result) })
}

func (p *program) simulated(state *fast.State) simulated {
	return simulated{Schema: "posse/sim/v1", Digest: state.Digest(), Scenario: state.Name, Runs: state.Finished(), Seed: state.Seed, Policies: state.Results()}
}

func (p *program) simMerge() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "merge DIR… --out DIR",
		Short: "Join the shards of a simulation to the files that one process would have written",
		Long: `The folders are those of posse sim run --shard, in any order. A missing, doubled, unfinished or foreign shard is refused
by name.`,
		Example: `  posse sim merge results/part-1 results/part-2 results/part-3 --out results/k10
  posse sim merge results/part-* --out results/k10 -o json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return arguments("DIR")(cmd, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return required("out", "name the folder for the joined files")
			}
			var shards []fast.Named
			for _, folder := range args {
				state, err := readState(folder)
				if err != nil {
					return err
				}
				shards = append(shards, fast.Named{Name: folder, State: state})
			}
			state, err := fast.Merge(shards)
			if err != nil {
				return err
			}
			keep := keeper{folder: out, now: p.now}
			if held, err := keep.open(); err != nil || held != nil {
				return cmp.Or(err, error(notEmpty(out)))
			}
			if err := p.writeSimulation(out, state); err != nil {
				return err
			}
			result := p.simulated(state)
			return p.print(result, func() string { return p.simTable(result) })
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to make for result.json, curves.csv and manifest.json; required")
	return cmd
}

// tableTimes are the times that the table shows: those of the record that are powers
// of ten from 100 on, at most the last three, and the horizon.
func tableTimes(r fast.PolicyResult) []int {
	var out []int
	for i, point := range r.Curve {
		power := point.T
		for power%10 == 0 && power > 0 {
			power /= 10
		}
		if i == len(r.Curve)-1 || power == 1 && point.T >= 100 {
			out = append(out, i)
		}
	}
	return out[max(0, len(out)-3):]
}

func (p *program) simTable(r simulated) string {
	headers, right := []string{"POLICY"}, []string(nil)
	several := slices.ContainsFunc(r.Policies, func(o fast.PolicyResult) bool { return o.Learning != r.Policies[0].Learning })
	if several {
		headers = append(headers, "LEARNING")
	}
	times := tableTimes(r.Policies[0])
	for _, i := range times {
		h := fmt.Sprintf("t=%s", grouped(r.Policies[0].Curve[i].T))
		headers, right = append(headers, h), append(right, h)
	}
	rewarded := r.Policies[0].MeanReward != nil
	if rewarded {
		headers, right = append(headers, "MEAN REWARD"), append(right, "MEAN REWARD")
	}
	var rows [][]string
	for _, one := range r.Policies {
		row := []string{one.Name}
		if several {
			row = append(row, string(one.Learning))
		}
		for _, i := range times {
			e := one.Curve[i]
			row = append(row, banded(e.Estimate, 1, r.Runs))
		}
		if rewarded {
			row = append(row, banded(*one.MeanReward, 4, r.Runs))
		}
		rows = append(rows, row)
	}
	what := fmt.Sprintf("mean regret ± 95 %% half-width over %s runs", grouped(int64(r.Runs)))
	if r.Runs == 1 {
		what = "regret of one run, which has no band"
	}
	return p.cells(headers, right, rows) + fmt.Sprintf("%s, seed %d\ndigest %s\n", what, r.Seed, r.Digest)
}

// banded writes a mean and the half-width of its band, which one run does not have.
func banded(e fast.Estimate, digits int, runs uint64) string {
	if runs == 1 {
		return fmt.Sprintf("%.*f", digits, e.Mean)
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, e.Mean, digits, e.High-e.Mean)
}

// grouped writes a number with spaces between thousands.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

// rate writes steps a second for people.
func rate(perSecond float64) string {
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.1f M steps/s", perSecond/1e6)
	case perSecond >= 1e3:
		return fmt.Sprintf("%.1f k steps/s", perSecond/1e3)
	default:
		return fmt.Sprintf("%.0f steps/s", perSecond)
	}
}

// simProgress shows how far a simulation is, with rate and time left: a bar on a
// terminal after half a second, else a line each ten seconds. The function that it
// returns ends it.
func (p *program) simProgress(steps *atomic.Int64, total int64) (stop func()) {
	if p.format == "json" && !terminal(p.err) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		began := time.Now()
		var bar *progressbar.ProgressBar
		every := 10 * time.Second
		if terminal(p.err) {
			every = 250 * time.Millisecond
		}
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				if bar != nil {
					_ = bar.Clear()
				}
				return
			case <-tick.C:
			}
			n, elapsed := steps.Load(), time.Since(began)
			perSecond := float64(n) / elapsed.Seconds()
			left := "–"
			if perSecond > 0 {
				left = (time.Duration(float64(total-n)/perSecond*1e9) * time.Nanosecond).Round(time.Second).String()
			}
			if !terminal(p.err) {
				p.note("  %.0f %%  %s  %s left", 100*float64(n)/float64(total), rate(perSecond), left)
				continue
			}
			if elapsed < 500*time.Millisecond {
				continue
			}
			if bar == nil {
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.err), progressbar.OptionClearOnFinish(),
					progressbar.OptionSetWidth(20), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
			}
			bar.Describe(fmt.Sprintf("  %s  %s left", rate(perSecond), left))
			_ = bar.Set64(n)
		}
	}()
	return func() { close(done); <-ended }
}
