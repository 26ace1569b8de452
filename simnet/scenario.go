package simnet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/dataset"
)

// Learning is how nodes learn.
type Learning string

// The ways of learning that a scenario compares.
const (
	Federated  Learning = "federated"  // all nodes together, as the platform does
	Alone      Learning = "alone"      // each node by itself, with the same policy, guarantee and users
	NonPrivate Learning = "nonPrivate" // all together, without noise and without a bound on users
)

// Scenario is what is simulated. Make one with [Read]; treat it as immutable.
type Scenario struct {
	Name, Description string
	Policies          []Contestant
	Learning          []Learning
	Environment       Environment
	Nodes             Nodes
	Horizon           int64
	Record            []int64 // increasing; the last is the horizon
	Runs              int64
	Seed              uint64

	// Axes are the fields that a sweep varies, and Points the scenarios that it
	// consists of, the last axis fastest. Without a sweep both are empty. With one the
	// other fields are the first point's.
	Axes   []string
	Points []*Scenario
	At     []string // of a point: its value on each axis
}

// All returns the points of the sweep, or the scenario itself.
func (s *Scenario) All() []*Scenario {
	if len(s.Points) > 0 {
		return s.Points
	}
	return []*Scenario{s}
}

// Contestant is one policy of a scenario with the experiment that it would be applied with.
type Contestant struct {
	Label      string
	Experiment *experiment.Experiment
}

// Private reports whether the scenario has a privacy model.
func (s *Scenario) Private() bool { return s.Policies[0].Experiment.Privacy.Model != 0 }

// maxPolicies and maxLabel bound the list of policies. Source: experiment-file 7.
const (
	maxPolicies = 64
	maxLabel    = 64
	maxRecord   = 1000 // points of a curve
)

// Files is how a scenario gets at the files that it names. A nil function finds none.
type Files struct {
	Open func(path string) ([]byte, error) // an experiment's file
	Data func(path string, o dataset.Options) (*dataset.Set, error)
}

// Read reads a scenario file by the rules of an experiment file: strict, all
// problems at once, each with its place. over are axes of a sweep beside the file's
// own. Source: experiment-file 7.
func Read(name string, data []byte, from Files, over ...experiment.Axis) (*Scenario, error) {
	if from.Open == nil {
		from.Open = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	}
	from.Data = loadOnce(from.Data)
	s := &Scenario{}
	err := experiment.ReadDocument(name, data, Fields(), func(top *experiment.Block) { s.sweep(top, from, over) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Scenario) read(top *experiment.Block, from Files) {
	top.Word("apiVersion", "")
	top.Word("kind", "")
	s.Name, s.Description = top.Metadata()
	experiments := s.policies(top, from.Open)
	s.learning(top)
	s.environment(top, from, experiments)
	s.Runs, s.Seed = 100, 1
	if n, ok := top.Integer("runs"); ok {
		s.Runs = n
	}
	if n, ok := top.Integer("seed"); ok {
		s.Seed = uint64(n)
	}
	if len(experiments) == 0 || experiments[0].Horizon < 1 {
		top.Has("record")
		return
	}
	s.Horizon = experiments[0].Horizon
	s.record(top)
	s.fits(top)
}

// policies reads the experiment once for each policy, and their labels.
func (s *Scenario) policies(top *experiment.Block, open func(string) ([]byte, error)) []*experiment.Experiment {
	blocks := top.Blocks("policies")
	if top.Has("policies") && (len(blocks) == 0 || len(blocks) > maxPolicies) {
		top.Refuse("policies", posse.OutOfRange("policies", fmt.Sprintf("%d policies", len(blocks)), fmt.Sprintf("1 to %d policies", maxPolicies), "leave the list out for the experiment's own policy"))
		blocks = nil
	}
	labels := make([]string, len(blocks))
	for i, b := range blocks {
		labels[i] = b.Text("label", maxLabel)
		if b.Has("label") && strings.IndexFunc(labels[i], func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			b.Refuse("label", posse.OutOfRange("", "", "1 to 64 printable characters", "leave it out for the policy's name"))
		}
	}
	experiments := top.Experiment("experiment", s.Name, blocks, open)
	for i, e := range experiments {
		label := e.Policy.Name
		if i < len(labels) && labels[i] != "" {
			label = labels[i]
		}
		if slices.ContainsFunc(s.Policies, func(c Contestant) bool { return c.Label == label }) {
			blocks[i].Refuse("label", &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Value: fmt.Sprintf("%q", label),
				Message: "two policies have one label", Hint: "give one of them another label",
			})
		}
		s.Policies = append(s.Policies, Contestant{Label: label, Experiment: e})
	}
	return experiments
}

func (s *Scenario) learning(top *experiment.Block) {
	for _, w := range top.Words("learning") {
		s.Learning = append(s.Learning, Learning(w))
	}
	if len(s.Learning) == 0 {
		s.Learning = []Learning{Federated}
	}
}

// record reads the times of the curves' points.
func (s *Scenario) record(top *experiment.Block) {
	for _, d := range top.Numbers("record") {
		t, whole := d.Int64()
		if last := len(s.Record) - 1; !whole || t > s.Horizon || last >= 0 && t <= s.Record[last] || last >= maxRecord {
			top.Refuse("record", posse.OutOfRange("", d.String(), fmt.Sprintf("at most %d increasing whole numbers in [1, %d]", maxRecord, s.Horizon), "leave it out for 1, 2, 5 × 10^k and the horizon"))
			return
		}
		s.Record = append(s.Record, t)
	}
	if len(s.Record) == 0 {
		s.Record = Powers(s.Horizon)
	}
	if s.Record[len(s.Record)-1] != s.Horizon {
		s.Record = append(s.Record, s.Horizon)
	}
}

// Powers returns 1, 2, 5 × 10^k up to a horizon, and the horizon.
func Powers(horizon int64) []int64 {
	var out []int64
	for decade := int64(1); decade <= horizon; decade *= 10 {
		for _, t := range []int64{decade, 2 * decade, 5 * decade} {
			if t < horizon {
				out = append(out, t)
			}
		}
	}
	return append(out, horizon)
}

// fits refuses what the parts of the file can't be together.
func (s *Scenario) fits(top *experiment.Block) {
	e := s.Policies[0].Experiment
	arms := len(e.Problem.Arms)
	worlds := s.Nodes.Worlds
	if len(worlds) == 0 {
		return // reported
	}
	if worlds[0].Arms() != arms {
		top.Refuse("environment", posse.OutOfRange("environment", fmt.Sprintf("%d arms", worlds[0].Arms()), fmt.Sprintf("%d arms, as in experiment.problem.arms", arms), "write as many means as there are arms, or as many arms as the data have"))
		return
	}
	if n := int64(s.Nodes.Count()); n > s.Horizon {
		top.Refuse("nodes", posse.OutOfRange("nodes.count", fmt.Sprint(n), fmt.Sprintf("[1, %d]", s.Horizon), "each node makes a decision at least"))
	}
	if s.Nodes.Count() == 1 && !s.Private() && !slices.Equal(s.Learning, []Learning{Federated}) {
		top.Refuse("learning", &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_NOT_APPLICABLE",
			Message: "learning compares nodes or privacy, and this scenario has one node and no privacy", Hint: "leave it out",
		})
	}
	if e.Rounds.Trigger.Every > 0 && (s.Private() || s.Nodes.Count() > 1) {
		top.Refuse("experiment", &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "experiment.rounds.trigger", Allowed: "rounds.trigger.decisions",
			Message: "the fast engine has no clock: rounds open after a number of decisions", Hint: "write rounds: {trigger: {decisions: 1000}}",
		})
	}
	if e.Incentives != nil {
		if err := e.CheckNodes(s.Nodes.Count()); err != nil {
			for _, p := range posse.As(err).Problems {
				top.Refuse("experiment", p)
			}
		}
	}
	spread := 0.0
	for _, w := range worlds {
		_, best := environment.Best(w)
		for a := range arms {
			spread = max(spread, best-w.Mean(a))
		}
	}
	if spread*float64(s.Horizon) >= 1<<30 {
		top.Refuse("environment", posse.OutOfRange("environment.means", "", "largest gap × horizon below 2^30", "scale the rewards: regret is summed in integers"))
	}
}

// Canonical returns the scenario as one JSON text that says everything but the
// number of runs and the seed, defaults filled in. Of data it has the hash.
func (s *Scenario) Canonical() []byte {
	if len(s.Points) > 0 {
		return s.canonicalSweep()
	}
	type contestant struct {
		Label      string          `json:"label"`
		Experiment json.RawMessage `json:"experiment"`
	}
	document := struct {
		APIVersion  string       `json:"apiVersion"`
		Kind        string       `json:"kind"`
		Name        string       `json:"name"`
		Policies    []contestant `json:"policies"`
		Learning    []Learning   `json:"learning"`
		Environment Environment  `json:"environment"`
		Nodes       Nodes        `json:"nodes"`
		Record      []int64      `json:"record"`
	}{"posse/v1", "Scenario", s.Name, nil, s.Learning, s.Environment, s.Nodes, s.Record}
	for _, p := range s.Policies {
		document.Policies = append(document.Policies, contestant{p.Label, p.Experiment.Canonical()})
	}
	out, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		panic("simnet: canonical form: " + err.Error()) // no channel, function or NaN in it
	}
	return append(out, '\n')
}

func (s *Scenario) canonicalSweep() []byte {
	type point struct {
		At       []string        `json:"at"`
		Scenario json.RawMessage `json:"scenario"`
	}
	document := struct {
		Sweep  []string `json:"sweep"`
		Points []point  `json:"points"`
	}{Sweep: s.Axes}
	for _, p := range s.Points {
		document.Points = append(document.Points, point{p.At, p.Canonical()})
	}
	out, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		panic("simnet: canonical form: " + err.Error())
	}
	return append(out, '\n')
}

// Digest is the SHA-256 of [Scenario.Canonical] in hex.
func (s *Scenario) Digest() string {
	sum := sha256.Sum256(s.Canonical())
	return hex.EncodeToString(sum[:])
}
