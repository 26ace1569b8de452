package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/protocols/experiment"
)

func (p *program) privacyCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "privacy",
		Short: "Compute noise, what releases cost together, and an experiment's privacy statement",
		Example: `  posse privacy explain -f dosing.yaml
  posse privacy calibrate --mechanism gaussian --epsilon 1 --delta 1e-6`,
	}, p.explainCommand(), p.calibrateCommand(), p.composeCommand(), p.shuffleCommand())
}

func (p *program) explainCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "explain -f FILE",
		Short: "Say what an experiment promises about privacy, to whom, and what it does not",
		Example: `  posse privacy explain -f dosing.yaml
  posse privacy explain -f - -o json < dosing.yaml`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return required("file", "give an experiment file, or - for stdin")
			}
			data, err := p.read(cmd.Context(), file, maxExperiment)
			if err != nil {
				return err
			}
			e, err := experiment.Read(label(file), data)
			if err != nil {
				return err
			}
			s := experiment.Explain(e)
			return p.print(s, s.Text)
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "experiment file of at most 1 MiB, - for stdin; required")
	return cmd
}

// calibration is what `posse privacy calibrate -o json` prints: Scale for Laplace
// noise, Sigma for Gaussian, in the unit of the sensitivity.
type calibration struct {
	Mechanism string   `json:"mechanism"`
	Scale     *float64 `json:"scale,omitempty"`
	Sigma     *float64 `json:"sigma,omitempty"`
	Variance  float64  `json:"variance"`
	Levels    int      `json:"levels,omitempty"` // of a tree
}

const calibrated = "laplace, discrete-laplace, gaussian, discrete-gaussian, tree"

func (p *program) calibrateCommand() *cobra.Command {
	var mechanism string
	var epsilon, delta, sensitivity float64
	var steps uint64
	cmd := &cobra.Command{
		Use:   "calibrate --mechanism NAME --epsilon E",
		Short: "Compute the least noise that makes a release (epsilon, delta)-private",
		Example: `  posse privacy calibrate --mechanism discrete-laplace --epsilon 0.5
  posse privacy calibrate --mechanism tree --epsilon 1 --delta 1e-6 --steps 1000 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if mechanism == "" {
				e := required("mechanism", "name the noise")
				e.Allowed = calibrated
				return e
			}
			if !cmd.Flags().Changed("epsilon") {
				return required("epsilon", "give the promise")
			}
			if mechanism == "tree" && !cmd.Flags().Changed("steps") {
				return required("steps", "say how many releases the tree is for")
			}
			if mechanism != "tree" && cmd.Flags().Changed("steps") {
				return notApplicable("--steps", "steps are for the tree alone")
			}
			c, err := compute(cmd.Context(), func() (calibration, error) {
				return calibrate(mechanism, epsilon, delta, sensitivity, steps)
			})
			if err != nil {
				return err
			}
			return p.print(c, func() string {
				name, value := "SCALE", c.Scale
				if c.Sigma != nil {
					name, value = "SIGMA", c.Sigma
				}
				return p.cells([]string{"MECHANISM", name, "VARIANCE"}, []string{name, "VARIANCE"},
					[][]string{{c.Mechanism, number(*value), number(c.Variance)}})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&mechanism, "mechanism", "", "noise: "+calibrated+"; required")
	flags.Float64Var(&epsilon, "epsilon", 0, "promise, in (0, 100]; required")
	flags.Float64Var(&delta, "delta", 0, "promise, in (0, 1) for Gaussian noise, 0 for Laplace; a tree takes both")
	flags.Float64Var(&sensitivity, "sensitivity", 1, "what one unit changes in the query's own unit, in (0, 1e9]; whole for discrete noise, at most 1000 for discrete-gaussian")
	flags.Uint64Var(&steps, "steps", 0, "releases of a tree, at least 1; required for tree")
	return cmd
}

// calibrate returns the noise for a promise. Variance is that of the noise that is
// really drawn: for a tree, of one of its sums.
func calibrate(mechanism string, epsilon, delta, sensitivity float64, steps uint64) (calibration, error) {
	laplace := mechanism == "laplace" || mechanism == "discrete-laplace" || mechanism == "tree" && delta == 0
	switch {
	case laplace && delta != 0:
		return calibration{}, notApplicable("delta", mechanism+" noise needs none: its promise is pure")
	case mechanism == "discrete-laplace" && sensitivity != math.Trunc(sensitivity):
		return calibration{}, posse.OutOfRange("sensitivity", number(sensitivity), "whole numbers for discrete noise", "round it up, or count in a smaller unit")
	}
	var size float64
	var err error
	switch mechanism {
	case "laplace", "discrete-laplace":
		size, err = account.LaplaceScale(epsilon, sensitivity)
	case "gaussian":
		size, err = account.GaussianSigma(epsilon, delta, sensitivity)
	case "discrete-gaussian":
		size, err = account.DiscreteGaussianSigma(epsilon, delta, sensitivity)
	case "tree":
		size, err = account.TreeNoise(epsilon, delta, sensitivity, steps)
	default:
		return calibration{}, notAWord("mechanism", mechanism, calibrated)
	}
	if err != nil {
		return calibration{}, err
	}
	c := calibration{Mechanism: mechanism}
	if mechanism == "tree" {
		c.Levels = account.TreeLevels(steps)
	}
	if laplace {
		c.Scale, c.Variance = &size, 2*size*size
	} else {
		c.Sigma, c.Variance = &size, size*size
	}
	switch mechanism {
	case "discrete-laplace":
		c.Variance, err = discreteLaplaceVariance(size)
	case "discrete-gaussian":
		c.Variance, err = discreteGaussianVariance(size)
	}
	return c, err
}

// discreteLaplaceVariance is that of the law of a scale.
func discreteLaplaceVariance(scale float64) (float64, error) {
	exact := new(big.Rat).SetFloat64(scale)
	if exact == nil || !exact.Num().IsUint64() || !exact.Denom().IsUint64() {
		return 0, posse.OutOfRange("scale", number(scale), "(0, 2^50]", "ask for a larger epsilon or a smaller sensitivity")
	}
	law, err := noise.NewDiscreteLaplace(exact.Num().Uint64(), exact.Denom().Uint64())
	if err != nil {
		return 0, err
	}
	return law.Variance(), nil
}

// discreteGaussianVariance is that of the law that is drawn: σ² is rounded up to a
// multiple of 2^−32, as the sampler takes it.
func discreteGaussianVariance(sigma float64) (float64, error) {
	scaled, _ := new(big.Float).SetPrec(200).SetMantExp(big.NewFloat(sigma*sigma), 32).Int(nil)
	law, err := noise.NewDiscreteGaussianRat(new(big.Rat).SetFrac(scaled.Add(scaled, big.NewInt(1)), new(big.Int).Lsh(big.NewInt(1), 32)))
	if err != nil {
		return 0, err
	}
	return law.Variance(), nil
}

// composition is the input of `posse privacy compose`.
type composition struct {
	Events []struct {
		account.Event
		// what has a default: nothing, and not 0, means the default
		Sensitivity *float64 `json:"sensitivity"`
		Count       *uint64  `json:"count"`
		Sampling    *float64 `json:"sampling"`
	} `json:"events"`
}

// events are those of the input; a 0 where there is a default is refused.
func (c composition) events() ([]account.Event, error) {
	list := make([]account.Event, len(c.Events))
	for i, e := range c.Events {
		zero := func(field, allowed string) error {
			return posse.OutOfRange(fmt.Sprintf("events[%d].%s", i, field), "0", allowed, "leave it out for the default")
		}
		list[i] = e.Event
		if e.Sensitivity != nil {
			if list[i].Sensitivity = *e.Sensitivity; *e.Sensitivity == 0 {
				return nil, zero("sensitivity", "(0, 1e+09]")
			}
		}
		if e.Count != nil {
			if list[i].Count = *e.Count; *e.Count == 0 {
				return nil, zero("count", "[1, 1e9]")
			}
		}
		if e.Sampling != nil {
			if list[i].Sampling = *e.Sampling; *e.Sampling == 0 {
				return nil, zero("sampling", "(0, 1]")
			}
		}
	}
	return list, nil
}

// composed is what `posse privacy compose -o json` prints.
type composed struct {
	Delta      float64        `json:"delta"`
	Neighbours string         `json:"neighbours"`
	Epsilon    account.Bounds `json:"epsilon"` // by theorem; null where one does not apply
}

func (p *program) composeCommand() *cobra.Command {
	var file string
	var delta float64
	cmd := &cobra.Command{
		Use:   "compose -f FILE",
		Short: "Compute what several releases cost together, by every theorem that applies",
		Long: `The input is {"events":[{"mechanism":"gaussian","sigma":4,"sensitivity":1,"count":10,"sampling":0.1}]}; mechanisms are
gaussian and discrete-gaussian (sigma), laplace and discrete-laplace (scale), randomized-response and pure (epsilon),
zcdp (rho). sampling is the chance that a unit takes part; with "neighbours":"replace" in each event, the share of units
that are drawn without replacement. Each number is an upper bound on epsilon, rounded up.`,
		Example: `  posse privacy compose -f releases.json --delta 1e-6
  echo '{"events":[{"mechanism":"laplace","scale":2,"count":5}]}' | posse privacy compose -f - -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return required("file", "give a file with events, or - for stdin")
			}
			data, err := p.read(cmd.Context(), file, maxDocument)
			if err != nil {
				return err
			}
			var in composition
			if err := decode(data, &in); err != nil {
				return inFile(err, file)
			}
			b, err := compute(cmd.Context(), func() (account.Bounds, error) {
				events, err := in.events()
				if err != nil {
					return account.Bounds{}, err
				}
				return account.Compose(events, delta)
			})
			if err != nil {
				return inFile(err, file)
			}
			out := composed{b.Delta, b.Relation.String(), b}
			return p.print(out, func() string { return p.composedText(out) })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "JSON file with events, - for stdin; required")
	cmd.Flags().Float64Var(&delta, "delta", 1e-6, "the δ at which ε is given, in [1e-300, 1); 0 where every event is pure")
	return cmd
}

func (p *program) composedText(c composed) string {
	var rows [][]string
	for _, bound := range []struct {
		name  string
		value *float64
	}{
		{"basic", c.Epsilon.Basic},
		{"advanced", c.Epsilon.Advanced},
		{"zcdp", c.Epsilon.ZCDP},
		{"rdp", c.Epsilon.RDP},
		{"pld", c.Epsilon.PLD},
		{"best", c.Epsilon.Best},
	} {
		value := "does not apply"
		if bound.value != nil {
			value = number(*bound.value)
		}
		rows = append(rows, []string{bound.name, value})
	}
	return p.cells([]string{"THEOREM", "EPSILON"}, []string{"EPSILON"}, rows) +
		fmt.Sprintf("at delta %s, neighbours: %s\n", number(c.Delta), c.Neighbours)
}

func (p *program) shuffleCommand() *cobra.Command {
	var epsilon0, delta float64
	var n uint64
	cmd := &cobra.Command{
		Use:   "shuffle --epsilon0 E --n N --delta D",
		Short: "Compute what a shuffler adds to the privacy of N local reports",
		Example: `  posse privacy shuffle --epsilon0 1 --n 10000 --delta 1e-6
  posse privacy shuffle --epsilon0 2 --n 1000000 --delta 1e-8 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"epsilon0", "n", "delta"} {
				if !cmd.Flags().Changed(name) {
					return required(name, "all three are needed")
				}
			}
			s, err := compute(cmd.Context(), func() (account.Shuffled, error) { return account.Shuffle(epsilon0, n, delta) })
			if err != nil {
				return err
			}
			return p.print(s, func() string {
				return p.cells([]string{"EPSILON", "BOUND"}, []string{"EPSILON"}, [][]string{{number(s.Epsilon), s.Bound}})
			})
		},
	}
	cmd.Flags().Float64Var(&epsilon0, "epsilon0", 0, "promise of each local report, in (0, 20]; required")
	cmd.Flags().Uint64Var(&n, "n", 0, "honest users, one report each, at most 1e9; required")
	cmd.Flags().Float64Var(&delta, "delta", 0, "the δ at which ε is given, below 1; required")
	return cmd
}

func notApplicable(field, why string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_NOT_APPLICABLE", Field: field,
		Message: strings.TrimPrefix(field, "--") + " does not apply: " + why, Hint: "leave it out",
	}
}

// number writes a float with as many digits as it needs.
func number(x float64) string {
	text, err := json.Marshal(x)
	if err != nil { // not a number of JSON
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return string(text)
}
