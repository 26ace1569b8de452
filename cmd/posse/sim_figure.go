package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/simnet/fast"
	"github.com/posse-dev/posse/simnet/figure"
)

// drawnFigures is `posse sim figure -o json`.
type drawnFigures struct {
	Report  string        `json:"report"`
	Figures []drawnFigure `json:"figures"`
}

type drawnFigure struct {
	Title   string   `json:"title"`
	Files   []string `json:"files"`
	Summary string   `json:"summary"`
}

func (p *program) simFigure() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "figure DIR",
		Short: "Draw what a simulation found: curves with bands, heat maps, and a report in one file",
		Long: `DIR is what posse sim run --out, posse sim sweep --out or posse sim merge wrote. Without a sweep the figure is regret over
time. A sweep over one field gives the regret of a decision over that field, and where curves cross; over two fields a
heat map for each policy and way of learning. report.html holds them all and needs no other file. The same results give
the same bytes.`,
		Example: `  posse sim figure results/k10-7
  posse sim figure results/price --out figures/price -o json`,
		Args: arguments("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			folder := args[0]
			r, about, err := readSimulation(folder)
			if err != nil {
				return err
			}
			figures, err := figuresOf(r)
			if err != nil {
				return err
			}
			result, err := writeFigures(cmp.Or(out, folder), r, about, figures)
			if err != nil {
				return err
			}
			return p.print(result, func() string {
				var text strings.Builder
				for _, f := range result.Figures {
					fmt.Fprintf(&text, "%s\n  %s\n  %s\n", f.Title, f.Summary, strings.Join(f.Files, "  "))
				}
				return text.String() + result.Report + "\n"
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder for the figures (default: DIR)")
	return cmd
}

// readSimulation reads a finished simulation's result.json and manifest.json.
func readSimulation(folder string) (simulated, manifest, error) {
	var r simulated
	var m manifest
	for name, to := range map[string]any{"result.json": &r, "manifest.json": &m} {
		path := filepath.Join(folder, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return r, m, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Field: "DIR", Value: quoted(folder), File: path, Allowed: "a folder that posse sim run --out wrote",
				Message: fmt.Sprintf("%s holds no results", plain(folder)), Hint: "name the folder of a finished simulation; shards are joined by posse sim merge", Cause: err,
			}
		}
		if err := json.Unmarshal(data, to); err != nil {
			return r, m, damaged(path, err)
		}
	}
	if r.Schema != "posse/sim/v1" || len(r.Policies) == 0 || slices.ContainsFunc(r.Policies, func(o fast.PolicyResult) bool { return len(o.Curve) == 0 || len(o.Point) != len(r.Policies[0].Point) }) {
		return r, m, damaged(filepath.Join(folder, "result.json"), nil)
	}
	return r, m, nil
}

func damaged(path string, err error) error {
	return &posse.Error{
		Code: posse.DataLoss, Reason: "STATE_DAMAGED", Field: "DIR", Value: quoted(path), File: path, Allowed: "what this version of posse wrote",
		Message: "the results are damaged, or of another version", Hint: "run the simulation again", Cause: err,
	}
}

// figuresOf draws what the shape of the results asks for.
func figuresOf(r simulated) ([]*figure.Figure, error) {
	switch len(r.Policies[0].Point) {
	case 0:
		return overTime(r)
	case 1:
		if _, ok := numbers(r, 0); ok {
			return overOneField(r)
		}
		return overTime(r) // named values: curves side by side
	case 2:
		return overTwoFields(r)
	}
	return nil, &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "DIR", Value: fmt.Sprintf("a sweep over %d fields", len(r.Policies[0].Point)),
		Allowed: "a sweep over at most two fields", Message: "a figure has two axes", Hint: "read curves.parquet, which has a column for each field",
	}
}

// named is what a curve is called: the policy, and the way of learning where there are several.
func named(r simulated, o fast.PolicyResult) string {
	first := r.Policies[0]
	var parts []string
	if slices.ContainsFunc(r.Policies, func(x fast.PolicyResult) bool { return x.Name != first.Name }) {
		parts = append(parts, o.Name)
	}
	if slices.ContainsFunc(r.Policies, func(x fast.PolicyResult) bool { return x.Learning != first.Learning }) {
		parts = append(parts, string(o.Learning))
	}
	if len(parts) == 0 {
		return o.Name
	}
	return strings.Join(parts, ", ")
}

func overTime(r simulated) ([]*figure.Figure, error) {
	var curves []figure.Curve
	for _, o := range r.Policies {
		c := figure.Curve{Label: named(r, o)}
		for _, x := range o.Point {
			c.Label += ", " + x.Value
		}
		for _, q := range o.Curve {
			c.Points = append(c.Points, figure.Point{X: float64(q.T), Mean: q.Mean, Low: q.Low, High: q.High})
		}
		curves = append(curves, c)
	}
	f, err := figure.Lines("regret", "Regret of "+r.Scenario, figure.Axes{X: "decisions", Y: "regret", LogX: true, LogY: true}, curves)
	return []*figure.Figure{f}, err
}

// numbers are the values of an axis, where all are numbers.
func numbers(r simulated, axis int) ([]float64, bool) {
	var out []float64
	for _, o := range r.Policies {
		x, err := strconv.ParseFloat(o.Point[axis].Value, 64)
		if err != nil {
			return nil, false
		}
		out = append(out, x)
	}
	return out, true
}

// perDecision is the regret of a decision at the horizon.
func perDecision(o fast.PolicyResult, x float64) figure.Point {
	t := float64(o.Curve[len(o.Curve)-1].T)
	return figure.Point{X: x, Mean: o.Regret.Mean / t, Low: o.Regret.Low / t, High: o.Regret.High / t}
}

func overOneField(r simulated) ([]*figure.Figure, error) {
	xs, _ := numbers(r, 0)
	var curves []figure.Curve
	at := map[string]int{}
	for i, o := range r.Policies {
		label := named(r, o)
		k, ok := at[label]
		if !ok {
			k = len(curves)
			at[label] = k
			curves = append(curves, figure.Curve{Label: label})
		}
		curves[k].Points = append(curves[k].Points, perDecision(o, xs[i]))
	}
	for _, c := range curves {
		slices.SortStableFunc(c.Points, func(a, b figure.Point) int { return cmp.Compare(a.X, b.X) })
	}
	f, err := figure.Lines("sweep", "Regret of "+r.Scenario, figure.Axes{X: r.Policies[0].Point[0].Field, Y: "regret of a decision", LogX: true}, curves)
	return []*figure.Figure{f}, err
}

func overTwoFields(r simulated) ([]*figure.Figure, error) {
	var labels []string
	fields := map[string]*figure.Field{}
	for _, o := range r.Policies {
		label := named(r, o)
		f := fields[label]
		if f == nil {
			f = &figure.Field{X: o.Point[1].Field, Y: o.Point[0].Field, Of: "Regret of a decision"}
			fields[label], labels = f, append(labels, label)
		}
		if !slices.Contains(f.Ys, o.Point[0].Value) {
			f.Ys, f.Cells = append(f.Ys, o.Point[0].Value), append(f.Cells, nil)
		}
		if !slices.Contains(f.Xs, o.Point[1].Value) {
			f.Xs = append(f.Xs, o.Point[1].Value)
		}
		row := slices.Index(f.Ys, o.Point[0].Value)
		f.Cells[row] = append(f.Cells[row], perDecision(o, 0))
	}
	var out []*figure.Figure
	for i, label := range labels {
		name := "sweep"
		if len(labels) > 1 {
			name = fmt.Sprintf("sweep-%d", i+1)
		}
		f, err := figure.Heat(name, fmt.Sprintf("Regret of a decision of %s: %s", r.Scenario, label), *fields[label])
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// writeFigures writes each figure twice, and the report.
func writeFigures(folder string, r simulated, m manifest, figures []*figure.Figure) (drawnFigures, error) {
	var out drawnFigures
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return out, unwritable(folder, err)
	}
	for _, f := range figures {
		svg, err := f.SVG()
		if err != nil {
			return out, err
		}
		png, err := f.PNG()
		if err != nil {
			return out, err
		}
		one := drawnFigure{Title: f.Title, Summary: f.Summary}
		for ending, data := range map[string][]byte{".svg": svg, ".png": png} {
			path := filepath.Join(folder, f.Name+ending)
			if err := replace(path, data); err != nil {
				return out, err
			}
			one.Files = append(one.Files, path)
		}
		slices.Sort(one.Files)
		out.Figures = append(out.Figures, one)
	}
	page := figure.Page{Title: "Simulation of " + r.Scenario, Figures: figures, Facts: []figure.Fact{
		{Name: "Runs", Value: fmt.Sprint(r.Runs)},
		{Name: "Seed", Value: fmt.Sprint(r.Seed)},
		{Name: "Digest of the results", Value: r.Digest},
		{Name: "Scenario", Value: m.Hash},
		{Name: "Version", Value: m.Version},
		{Name: "Engine", Value: m.Engine},
		{Name: "Go", Value: m.Go + " " + m.Arch},
	}}
	if len(m.Data) > 0 {
		page.Facts = append(page.Facts, figure.Fact{Name: "Data", Value: strings.Join(m.Data, " ")})
	}
	html, err := page.HTML()
	if err != nil {
		return out, err
	}
	out.Report = filepath.Join(folder, "report.html")
	return out, replace(out.Report, html)
}
