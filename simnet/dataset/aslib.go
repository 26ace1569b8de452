package dataset

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/posse-dev/posse"
)

// maxDescriptionBytes bounds description.txt; those of ASlib have up to 30 KB.
const maxDescriptionBytes = 4 << 20

// loadASlib reads a scenario folder. Every instance with one of its repetitions
// is a row of potential rewards −min(run time, cutoff)/cutoff, in [−1, 0].
//
// Source of the format: Bischl et al. 2016, "ASlib: A Benchmark Library for
// Algorithm Selection"; the files' own headers.
func loadASlib(in *input) (*Set, error) {
	name, cutoffSecs, err := in.description()
	if err != nil {
		return nil, err
	}
	path, err := in.existing("algorithm_runs.arff")
	if err != nil {
		return nil, err
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	runs := &runs{cutoffSecs: cutoffSecs, algorithm: map[string]int{}, instance: map[string]int{}}
	if err := in.readRuns(f, runs); err != nil {
		return nil, err
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	if name := in.options.divider(); name != "" && name != "instance_id" {
		return nil, missingColumn(place{file: f.name, line: 1}, name)
	}
	samples, arms, err := in.assemble(runs, f.name)
	if err != nil {
		return nil, err
	}
	if in.options.By.Column != "" {
		for i := range samples {
			samples[i].group = samples[i].unit
		}
	}
	cutoff := thousandths(cutoffSecs)
	b := &builder{
		in: in, name: name, arms: arms, samples: samples, rootTraffic: true, nodes: 8, thing: "family", things: "families of instances",
		reward: Reward{Meaning: "−(run time) ÷ " + cutoff + " s", Low: -1, High: 0, Declared: true},
	}
	b.say("%s: %s of %s; a run that did not end well counts as the cutoff of %s s.",
		name, countOf(runs.used, "run"), countOf(len(arms), "algorithm"), cutoff)
	b.say("%s: an instance with one of its repetitions each; the reward is −(run time) ÷ %s s.", countOf(len(samples), "row"), cutoff)
	return b.build()
}

// existing returns the path of a file in the set's folder, packed or not.
func (in *input) existing(name string) (string, error) {
	path := filepath.Join(in.path, name)
	for _, p := range []string{path, path + ".gz", path + ".zst"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	e := missing(path, "a file of the scenario", nil)
	e.Allowed = "an ASlib scenario folder with description.txt and algorithm_runs.arff"
	return "", e
}

// description reads a scenario's name and cutoff from description.txt.
func (in *input) description() (name string, cutoffSecs float64, err error) {
	path, err := in.existing("description.txt")
	if err != nil {
		return "", 0, err
	}
	f, err := in.open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDescriptionBytes+1))
	if err != nil {
		return "", 0, readFailed(place{file: path, line: 1}, err)
	}
	if len(text) > maxDescriptionBytes {
		return "", 0, tooLarge(path, "bytes", maxDescriptionBytes)
	}
	if err := f.finish(); err != nil {
		return "", 0, err
	}
	var d struct {
		ID     string `yaml:"scenario_id"`
		Cutoff any    `yaml:"algorithm_cutoff_time"`
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		e := place{file: path, line: 1}.malformed("this is no YAML", "the description of an ASlib scenario", "")
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			e.Line, e.Column = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
		return "", 0, e
	}
	cutoffSecs, err = strconv.ParseFloat(fmt.Sprint(d.Cutoff), 64)
	if err != nil || !(cutoffSecs > 0) || math.IsInf(cutoffSecs, 0) {
		return "", 0, place{file: path, line: 1}.bad("FIELD_OUT_OF_RANGE", "algorithm_cutoff_time",
			"the scenario has no cutoff time", "no positive number", "(0, ∞) seconds", "only scenarios of run times can be read")
	}
	if d.ID == "" {
		d.ID = filepath.Base(in.path)
	}
	return d.ID, cutoffSecs, nil
}

// runs are the rows of algorithm_runs.arff, with names as numbers in the order
// in which they appear.
type runs struct {
	cutoffSecs float64
	algorithm  map[string]int
	algorithms []string
	instance   map[string]int // by instance and repetition
	instances  []string       // the instance of each, without the repetition
	list       []run
	used       int
}

type run struct {
	instance, algorithm int32
	line, row           int32
	reward              float64
}

// readRuns streams the file into runs, refusing rows that make no sense.
func (in *input) readRuns(f *file, r *runs) error {
	a, err := newARFF(f, f.name)
	if err != nil {
		return err
	}
	var column [5]int
	for i, name := range []string{"instance_id", "repetition", "algorithm", "runtime", "runstatus"} {
		if column[i], err = a.column(name); err != nil {
			return err
		}
	}
	return eachRow(in, f.name, a.next, func(fields []field, at place) *posse.Error { return r.add(fields, column, at) })
}

// add takes one row: instance_id, repetition, algorithm, runtime, runstatus.
func (r *runs) add(fields []field, column [5]int, at place) *posse.Error {
	get := func(i int) field { return fields[column[i]] }
	for i, name := range []string{"instance_id", "repetition", "algorithm"} {
		if get(i).missing || get(i).text == "" {
			return at.bad("MALFORMED", name, "the value is missing", "", "a name or number", "")
		}
	}
	status := strings.ToLower(get(4).text)
	if get(4).missing || status == "" {
		return at.bad("MALFORMED", "runstatus", "the value is missing", "", "ok, timeout, memout, not_applicable, crash, other", "")
	}
	secs := r.cutoffSecs // right-censored, whatever was written
	if status == "ok" {
		x, err := strconv.ParseFloat(get(3).text, 64)
		if err != nil || get(3).missing || !(x >= 0) || isInf(x) {
			return at.bad("MALFORMED", "runtime", "a run with status ok has no run time", "no number of seconds", "[0, ∞) seconds", "")
		}
		secs = min(x, r.cutoffSecs)
	}
	algorithm, ok := r.algorithm[get(2).text]
	if !ok {
		algorithm = len(r.algorithms)
		r.algorithm[strings.Clone(get(2).text)] = algorithm
		r.algorithms = append(r.algorithms, strings.Clone(get(2).text))
	}
	key := get(0).text + "\x00" + get(1).text
	instance, ok := r.instance[key]
	if !ok {
		instance = len(r.instances)
		r.instance[key] = instance
		r.instances = append(r.instances, key[:len(get(0).text)])
	}
	r.list = append(r.list, run{
		instance: int32(instance), algorithm: int32(algorithm), line: int32(at.line), row: int32(at.row), reward: -secs / r.cutoffSecs,
	})
	return nil
}

// assemble makes a sample of every instance and repetition that has exactly one
// run of every arm; the runs of the others are refused.
func (in *input) assemble(r *runs, file string) ([]sample, []string, error) {
	arms, column, err := in.chooseArms(r.algorithms, file, "algorithm")
	if err != nil {
		return nil, nil, err
	}
	if len(r.instances)*max(1, len(arms)) > maxCells {
		return nil, nil, tooLarge(file, "rewards", maxCells)
	}
	cells, seen := make([]float64, len(r.instances)*len(arms)), make([]int, len(r.instances))
	filled := make([]bool, len(cells))
	at := make([]place, len(r.instances))
	for _, run := range r.list {
		arm := column[run.algorithm]
		if arm < 0 {
			continue
		}
		here := place{file: file, row: int(run.row), line: int(run.line)}
		cell := int(run.instance)*len(arms) + arm
		if filled[cell] {
			in.refuse(1, here.bad("MALFORMED", "algorithm", "the same run for the second time", "", "one run of an algorithm an instance and repetition", ""))
			continue
		}
		cells[cell], filled[cell], at[run.instance] = run.reward, true, here
		seen[run.instance]++
	}
	family := families(r.instances)
	var samples []sample
	for i, name := range r.instances {
		if seen[i] != len(arms) {
			if seen[i] > 0 {
				in.refuse(seen[i], at[i].bad("MALFORMED", "algorithm", "the instance has runs of "+countOf(seen[i], "algorithm")+" only", "",
					fmt.Sprintf("runs of all %d", len(arms)), ""))
			}
			continue
		}
		r.used += len(arms)
		samples = append(samples, sample{group: family(name), unit: name, rewards: cells[i*len(arms) : (i+1)*len(arms)]})
	}
	return samples, arms, nil
}

// chooseArms returns the arms' names and, for each name in the data, its arm, −1
// if it is none.
func (in *input) chooseArms(names []string, file, column string) (arms []string, arm []int, err error) {
	if arms = in.options.Arms; len(arms) == 0 {
		arms = names
	}
	for i, want := range arms {
		if !slices.Contains(names, want) {
			return nil, nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: fmt.Sprintf("arms[%d]", i), Value: fmt.Sprintf("%q", want),
				Allowed: list(names), Message: fmt.Sprintf("the data have no such %s", column), File: file,
			}
		}
	}
	for _, name := range names {
		arm = append(arm, slices.Index(arms, name))
	}
	return slices.Clone(arms), arm, nil
}

// maxFamilies is how many families the longer of the two leading parts may make.
const maxFamilies = 64

// families returns how an instance's family is found. Where names are paths it
// is the last folder. Else it is the leading part of the name: up to the last -
// or _ if that makes at most maxFamilies families (rue_1000-588 is of rue_1000,
// tsplib_att48 of tsplib), and up to the first otherwise (alarm_1000_bdeu-0.1-2
// is of alarm).
func families(instances []string) func(string) string {
	folder := func(name string) string {
		parts := strings.Split(name, "/")
		if len(parts) < 2 {
			return ""
		}
		return parts[len(parts)-2]
	}
	last := func(name string) string {
		if i := strings.LastIndexAny(name, "-_"); i > 0 {
			return name[:i]
		}
		return name
	}
	first := func(name string) string {
		if i := strings.IndexAny(name, "-_"); i > 0 {
			return name[:i]
		}
		return name
	}
	paths, distinct := false, map[string]bool{}
	for _, name := range instances {
		paths = paths || strings.Contains(name, "/")
		distinct[last(name)] = true
	}
	switch {
	case paths:
		return folder
	case len(distinct) <= maxFamilies:
		return last
	default:
		return first
	}
}
