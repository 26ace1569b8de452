package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

const maxRuns = 10_000_000

// simRunning is what `posse sim run` and `posse sim sweep` share.
type simRunning struct {
	p          *program
	runs       int64
	seed       uint64
	parallel   int
	out, shard string
	data       string
	over       []string
	cmd        *cobra.Command
}

func (p *program) simRun() *cobra.Command {
	r := &simRunning{p: p}
	r.cmd = &cobra.Command{
		Use:   "run FILE",
		Short: "Simulate a scenario and print each policy's regret with its 95 % band",
		Long: `The same scenario, seed and runs give the same digest and the same files for any --parallel, split or resume. With --out
a run that is stopped keeps what is done every half minute, and the same command goes on there. --shard 2/3 does the
second third of the runs, for posse sim merge. A scenario with a sweep is simulated at each of its points.`,
		Example: `  posse sim run k10.yaml --seed 7
  posse sim run k10.yaml --runs 200 --parallel 2 --out results/k10-7 -o json
  posse sim run k10.yaml --shard 1/3 --out results/part-1`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], "run") },
	}
	r.flags()
	return r.cmd
}

func (p *program) simSweep() *cobra.Command {
	r := &simRunning{p: p}
	r.cmd = &cobra.Command{
		Use:   "sweep FILE --over FIELD=V1,V2,…",
		Short: "Simulate a scenario for every combination of values of some of its fields",
		Long: `A field is written as errors write it: nodes.count, experiment.privacy.epsilon, policies[0].params.kappa. The axes come
after those of the scenario's own sweep block. All points have the same runs on the same luck; files, digest, shards and
resume are as those of posse sim run, and posse sim figure draws a curve over one axis or a heat map over two.`,
		Example: `  posse sim sweep k10.yaml --over experiment.horizon=1000,10000,100000
  posse sim sweep federated.yaml --over experiment.privacy.epsilon=0.5,1,2 --over nodes.count=1,4 --out results/price`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], "sweep") },
	}
	r.flags()
	r.cmd.Flags().StringArrayVar(&r.over, "over", nil, "FIELD=V1,V2,…: a field and its values; once for each field")
	return r.cmd
}

func (r *simRunning) flags() {
	flags := r.cmd.Flags()
	flags.Int64Var(&r.runs, "runs", 0, "independent runs, in [1, 1e7] (default: the scenario's)")
	flags.Uint64Var(&r.seed, "seed", 0, "fixes every draw, in [0, 2^63 − 1] (default: the scenario's)")
	flags.IntVar(&r.parallel, "parallel", runtime.GOMAXPROCS(0), "workers; they change the speed and no number")
	flags.Lookup("parallel").DefValue = "one a core"
	flags.StringVar(&r.out, "out", "", "folder to make for result.json, curves.csv, curves.parquet and manifest.json, or for a shard's state.json")
	flags.StringVar(&r.shard, "shard", "", "I/N: do the I-th of N parts of the runs, I from 1; needs --out")
	dataFlag(r.cmd, &r.data)
}

func (r *simRunning) run(ctx context.Context, file, verb string) error {
	var axes []experiment.Axis
	for _, text := range r.over {
		a, err := experiment.ParseAxis(text)
		if err != nil {
			e := *posse.As(err)
			e.Field = "--over"
			return &e
		}
		axes = append(axes, a)
	}
	s, err := r.p.scenario(ctx, file, r.data, axes...)
	if err != nil {
		return err
	}
	if verb == "sweep" && len(s.Points) == 0 {
		return required("over", "the scenario has no sweep of its own")
	}
	flags := r.cmd.Flags()
	if !flags.Changed("runs") {
		r.runs = s.Runs
	}
	if !flags.Changed("seed") {
		r.seed = s.Seed
	}
	switch {
	case r.runs < 1 || r.runs > maxRuns:
		return posse.OutOfRange("--runs", fmt.Sprint(r.runs), "[1, 1e7]", "leave it out for the scenario's")
	case r.parallel < 1 || r.parallel > 4096:
		return posse.OutOfRange("--parallel", fmt.Sprint(r.parallel), "[1, 4096]", "leave it out for one worker a core")
	case r.seed > 1<<63-1:
		return posse.OutOfRange("--seed", fmt.Sprint(r.seed), "[0, 9223372036854775807]", "leave it out for the scenario's")
	case r.shard != "" && r.out == "":
		return required("out", "a shard is kept in a folder, for posse sim merge")
	}
	o := fast.Options{Runs: uint64(r.runs), Seed: r.seed, Parallel: r.parallel}
	again := fmt.Sprintf("posse sim %s %s --runs %d --seed %d --out %s", verb, word(file), r.runs, r.seed, word(r.out))
	for _, text := range r.over {
		again += " --over " + word(text)
	}
	if r.data != "" {
		again += " --data " + word(r.data)
	}
	if r.shard != "" {
		if o.Shard, err = shardOf(r.shard, o.Runs); err != nil {
			return err
		}
		again += " --shard " + r.shard
	}
	return r.p.simulate(ctx, s, o, r.out, again)
}

// word writes an argument so that a shell reads it as one word.
func word(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("_-+=.,:/@%", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
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
	cmd.Flags().StringVar(&out, "out", "", "folder to make for result.json, curves.csv, curves.parquet and manifest.json; required")
	return cmd
}
