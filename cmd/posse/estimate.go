package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// estimator is a method of `posse estimate`: its flags beside --method, --confidence
// and --file, and what it makes of them before any number is read.
type estimator struct {
	name  string
	flags []string
	make  func(q estimation) (mean, error)
}

// mean is computed of observations.
type mean func(x []float64) (robust.Estimate, error)

// estimation is what was asked; 0 stands for a flag that was not given.
type estimation struct {
	order, bound, variance, confidence, tau, trim float64
}

// delta is how often the estimate may be wrong on one side.
func (q estimation) delta() float64 { return (1 - q.confidence) / 2 }

// raw is the declared moment E|X|^p ≤ u.
func (q estimation) raw() (mechanisms.Moment, error) {
	m := mechanisms.Moment{Order: q.order, Bound: q.bound}
	if q.bound == 0 {
		return m, required("bound", "declare u of E|X|^order ≤ u; posse tail says which orders can be relied on")
	}
	return m, robust.ValidateMoment(m)
}

// central is a bound of E|X − μ|^p: the variance, or what the raw moment says. The
// raw second moment bounds the variance; below order 2 moving to the mean costs a
// factor 2^p.
func (q estimation) central() (mechanisms.Moment, error) {
	switch {
	case q.variance != 0 && q.bound != 0:
		return mechanisms.Moment{}, notApplicable("--bound", "the variance is declared already")
	case q.variance != 0 && q.order != 2:
		return mechanisms.Moment{}, notApplicable("--order", "a variance is the moment of order 2")
	case q.variance != 0:
		return mechanisms.Moment{Order: 2, Bound: q.variance}, nil
	}
	m, err := q.raw()
	if err != nil {
		if q.bound == 0 {
			return m, required("variance", "declare it, or --bound with --order")
		}
		return m, err
	}
	if m.Order < 2 {
		m.Bound *= math.Pow(2, m.Order)
	}
	return m, nil
}

// estimators are the methods, in the order that help shows.
var estimators = []estimator{
	{"mean", nil, func(estimation) (mean, error) { return robust.Mean, nil }},
	{"truncated", []string{"order", "bound"}, func(q estimation) (mean, error) {
		m, err := q.raw()
		return func(x []float64) (robust.Estimate, error) { return robust.Truncated(x, m, q.delta()) }, err
	}},
	{"clipped", []string{"order", "bound", "tau"}, func(q estimation) (mean, error) {
		m, err := q.raw()
		return func(x []float64) (robust.Estimate, error) {
			at := q.tau
			if at == 0 {
				unit := math.Pow(m.Bound, 1/m.Order)
				at = robust.BestBound(m, float64(max(1, len(x))), -math.Log(q.delta()), robust.Noise{}, unit*1e-6, unit*1e12)
			}
			return robust.Clipped(x, at, m, q.delta())
		}, err
	}},
	{"median-of-means", []string{"order", "bound", "variance"}, func(q estimation) (mean, error) {
		m, err := q.central()
		return func(x []float64) (robust.Estimate, error) { return robust.MedianOfMeans(x, m, q.delta()) }, err
	}},
	{"catoni", []string{"order", "bound", "variance"}, func(q estimation) (mean, error) {
		m, err := q.central()
		if m.Order < 2 {
			return func(x []float64) (robust.Estimate, error) { return robust.CatoniOrder(x, m, q.delta()) }, err
		}
		return func(x []float64) (robust.Estimate, error) { return robust.Catoni(x, m.Bound, q.delta()) }, err
	}},
	{"huber", []string{"variance", "tau"}, func(q estimation) (mean, error) {
		if q.variance == 0 && q.tau == 0 {
			return nil, required("variance", "declare it, or give --tau")
		}
		return func(x []float64) (robust.Estimate, error) { return robust.Huber(x, q.tau, q.variance, q.delta()) }, nil
	}},
	{"trimmed", []string{"trim"}, func(q estimation) (mean, error) {
		return func(x []float64) (robust.Estimate, error) { return robust.Trimmed(x, q.trim) }, nil
	}},
}

func methods() string {
	var names []string
	for _, e := range estimators {
		names = append(names, e.name)
	}
	return strings.Join(names, ", ")
}

// estimated is what `posse estimate -o json` prints.
type estimated struct {
	Method     string   `json:"method"`
	N          int      `json:"n"`
	Estimate   float64  `json:"estimate"`
	Radius     *float64 `json:"radius"` // of both sides; null where none is known
	Confidence *float64 `json:"confidence,omitempty"`
}

func (p *program) estimateCommand() *cobra.Command {
	var method, file string
	var q estimation
	cmd := &cobra.Command{
		Use:   "estimate --method NAME",
		Short: "Estimate the mean of heavy-tailed numbers, with a radius that holds",
		Long: `The input is one number a line. A radius holds for both sides with the given confidence, and under what was declared:
E|X|^order ≤ bound about 0, or a variance. Where a method needs moments about the mean, bound serves at order 2 as it is and
below with the factor 2^order. Without a declaration, as for mean and trimmed, no radius is known.

The numbers stay here: nothing is private about the result, so don't pass it on as if it were.`,
		Example: `  posse estimate --method catoni --variance 4 -f times.txt
  posse estimate --method truncated --order 1.5 --bound 8 --confidence 0.99 -f times.txt -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if method == "" {
				e := required("method", "name the estimator")
				e.Allowed = methods()
				return e
			}
			at := slices.IndexFunc(estimators, func(e estimator) bool { return e.name == method })
			if at < 0 {
				return notAWord("method", method, methods())
			}
			e := estimators[at]
			for _, name := range []string{"order", "bound", "variance", "tau", "trim"} {
				if cmd.Flags().Changed(name) && !slices.Contains(e.flags, name) {
					return notApplicable("--"+name, method+" does not use it")
				}
			}
			for _, v := range []struct {
				name    string
				value   float64
				ok      bool
				allowed string
			}{
				{"order", q.order, q.order > 1 && q.order <= 2, "(1, 2]"},
				{"bound", q.bound, q.bound > 0 && q.bound <= 1e12, "(0, 1e12]"},
				{"variance", q.variance, q.variance > 0 && q.variance <= 1e300, "(0, 1e300]"},
				{"confidence", q.confidence, q.confidence > 0 && q.confidence < 1, "(0, 1)"},
				{"tau", q.tau, q.tau > 0 && q.tau <= 1e300, "(0, 1e300]"},
				{"trim", q.trim, q.trim >= 0 && q.trim < 0.5, "[0, 0.5)"},
			} {
				if cmd.Flags().Changed(v.name) && !v.ok {
					return posse.OutOfRange("--"+v.name, strconv.FormatFloat(v.value, 'g', -1, 64), v.allowed, "")
				}
			}
			mean, err := e.make(q)
			if err != nil {
				return err
			}
			x, err := p.observations(cmd.Context(), file)
			if err != nil {
				return err
			}
			got, err := compute(cmd.Context(), func() (robust.Estimate, error) { return mean(x) })
			if err != nil {
				return inFile(err, file)
			}
			out := estimated{Method: method, N: len(x), Estimate: got.Mean, Radius: finite(got.Radius)}
			if out.Radius != nil {
				out.Confidence = &q.confidence
			}
			return p.print(out, func() string {
				return p.cells([]string{"METHOD", "N", "ESTIMATE", "RADIUS"}, []string{"N", "ESTIMATE", "RADIUS"},
					[][]string{{out.Method, strconv.Itoa(out.N), shown(&out.Estimate, ""), shown(out.Radius, "none")}})
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&method, "method", "", "estimator: "+methods()+"; required")
	flags.Float64Var(&q.order, "order", 2, "p of the declared moment, in (1, 2]")
	flags.Float64Var(&q.bound, "bound", 0, "u of E|X|^p ≤ u, in (0, 1e12]")
	flags.Float64Var(&q.variance, "variance", 0, "bound of the variance, more than 0")
	flags.Float64Var(&q.confidence, "confidence", 0.95, "how often the radius of both sides holds, in (0, 1)")
	flags.Float64Var(&q.tau, "tau", 0, "huber: where the score is cut, by default as the variance says; clipped: where numbers are clipped, by default where the radius is least")
	flags.Float64Var(&q.trim, "trim", 0.1, "trimmed: share that is dropped at each end, in [0, 0.5)")
	flags.StringVarP(&file, "file", "f", "-", "file with one number a line, - for stdin")
	return cmd
}
