package fast

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/simnet"
)

// Series names one row of numbers: a metric of a policy and a way of learning. A
// curve has a number at each time of the record, other metrics have one. Node is
// the node that it is of, −1 for all together.
type Series struct {
	Policy   string          `json:"policy"`
	Learning simnet.Learning `json:"learning"`
	Metric   string          `json:"metric"`
	Node     int             `json:"node"`
	Point    int             `json:"point"`           // of the sweep; 0 without one
	Times    []int64         `json:"times,omitempty"` // of a curve; of other metrics none
}

// cells is how many numbers the series has.
func (x Series) cells() int { return max(1, len(x.Times)) }

func (x Series) equal(y Series) bool {
	return x.Policy == y.Policy && x.Learning == y.Learning && x.Metric == y.Metric && x.Node == y.Node && x.Point == y.Point && slices.Equal(x.Times, y.Times)
}

func cellsOf(all []Series) int {
	n := 0
	for _, x := range all {
		n += x.cells()
	}
	return n
}

// Sweep is what a simulation varies: fields, and for each point their values. Both
// are empty without a sweep.
type Sweep struct {
	Axes   []string   `json:"axes,omitempty"`
	Points [][]string `json:"points,omitempty"`
}

// The metrics. Regret is pseudo-regret: what the chosen arms' means fall short of
// the best mean, summed over decisions. The others have one number a run.
const (
	Regret     = "regret"
	MeanReward = "meanReward"
	Paid       = "paid"     // credits, over all rounds and nodes
	Versions   = "versions" // published
	Utility    = "utility"  // of a node: credits paid to it, less its true costs
)

// Interval is the runs From ≤ run < To.
type Interval struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

func (i Interval) String() string { return fmt.Sprintf("runs %d to %d", i.From, i.To-1) }

// State is a simulation so far: which runs are done, and the integers that they
// added up to. It is a function of the scenario, the seed and the set of finished
// runs, and of nothing else: not of workers, chunks or order.
type State struct {
	Scenario string     // [simnet.Scenario.Digest]
	Name     string     // of the scenario
	Seed     uint64     //
	Runs     uint64     // of the whole, of which this may be a shard
	Shard    Interval   // the runs that this process was to do
	Done     []Interval // finished, ascending, apart from each other
	Sweep    Sweep
	Data     []string // SHA-256 of the data sets, sorted; none of laws
	Series   []Series
	cells    []cell // the series one after another
}

func newState(s *simnet.Scenario, series []Series, runs, seed uint64, shard Interval) *State {
	st := &State{
		Scenario: s.Digest(), Name: s.Name, Seed: seed, Runs: runs, Shard: shard, Series: series, cells: make([]cell, cellsOf(series)),
		Sweep: Sweep{Axes: s.Axes},
	}
	for _, p := range s.Points {
		st.Sweep.Points = append(st.Sweep.Points, p.At)
	}
	for _, p := range s.All() {
		if d := p.Environment.Data; d != nil && !slices.Contains(st.Data, d.SHA256) {
			st.Data = append(st.Data, d.SHA256)
		}
	}
	slices.Sort(st.Data)
	return st
}

// Complete reports whether all runs of the shard are done.
func (s *State) Complete() bool { return len(s.Done) == 1 && s.Done[0] == s.Shard }

// Whole reports whether all runs of the simulation are done.
func (s *State) Whole() bool { return s.Complete() && s.Shard == Interval{0, s.Runs} }

// Finished is the number of runs that are done.
func (s *State) Finished() uint64 {
	n := uint64(0)
	for _, d := range s.Done {
		n += d.To - d.From
	}
	return n
}

// add merges the cells of finished runs.
func (s *State) add(done Interval, cells []cell) {
	for i := range cells {
		s.cells[i].merge(&cells[i])
	}
	s.Done = joinIntervals(append(s.Done, done))
}

// joinIntervals sorts and joins what touches. Overlaps are the caller's to refuse.
func joinIntervals(all []Interval) []Interval {
	slices.SortFunc(all, func(a, b Interval) int {
		if a.From < b.From {
			return -1
		}
		return 1
	})
	var out []Interval
	for _, i := range all {
		if last := len(out) - 1; last >= 0 && out[last].To == i.From {
			out[last].To = i.To
			continue
		}
		out = append(out, i)
	}
	return out
}

// Digest is the SHA-256 of what was simulated and of every integer of the result,
// in hex: never over floats, times or files.
func (s *State) Digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "posse/sim/v1\n%s\n%d %d %d %d\n", s.Scenario, s.Seed, s.Runs, s.Shard.From, s.Shard.To)
	for _, x := range s.Series {
		fmt.Fprintf(h, "%d %q %s %s %d %d\n", x.Point, x.Policy, x.Learning, x.Metric, x.Node, x.Times)
	}
	var buffer []byte
	for i := range s.cells {
		buffer = s.cells[i].appendTo(buffer[:0])
		h.Write(buffer)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stateFormat is the version of the file that a state is kept in.
const stateFormat = "posse/sim-state/v2"

type stateFile struct {
	Format   string     `json:"format"`
	Scenario string     `json:"scenario"`
	Name     string     `json:"name"`
	Seed     uint64     `json:"seed"`
	Runs     uint64     `json:"runs"`
	Shard    Interval   `json:"shard"`
	Done     []Interval `json:"done"`
	Sweep    Sweep      `json:"sweep"`
	Data     []string   `json:"data,omitempty"`
	Series   []Series   `json:"series"`
	Cells    string     `json:"cells"`
	Sum      string     `json:"sum"` // SHA-256 of the file with an empty sum, in hex
}

// Encode returns the bytes of a resume or shard file: the same for the same state.
func (s *State) Encode() []byte {
	var cells []byte
	for i := range s.cells {
		cells = s.cells[i].appendTo(cells)
	}
	f := stateFile{stateFormat, s.Scenario, s.Name, s.Seed, s.Runs, s.Shard, s.Done, s.Sweep, s.Data, s.Series, hex.EncodeToString(cells), ""}
	sum := sha256.Sum256(f.encode())
	f.Sum = hex.EncodeToString(sum[:])
	return f.encode()
}

func (f stateFile) encode() []byte {
	out, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		panic("fast: a state has only numbers and text: " + err.Error())
	}
	return append(out, '\n')
}

// maxPoints bounds what a file may make us allocate.
const maxPoints = 10_000_000

// DecodeState reads what [State.Encode] wrote; name is what errors call the file. A
// file that was cut or changed is refused.
func DecodeState(name string, data []byte) (*State, error) {
	bad := func(what string) error {
		return &posse.Error{
			Code: posse.DataLoss, Reason: "STATE_DAMAGED", File: name, Message: "the file of a simulation's state is " + what,
			Hint: "run the shard again",
		}
	}
	var f stateFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, bad("cut off or no JSON")
	}
	if f.Format != stateFormat {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", File: name, Field: "format", Value: fmt.Sprintf("%.60q", f.Format), Allowed: stateFormat,
			Message: "the file is of another version of posse", Hint: "read it with the version that wrote it",
		}
	}
	s := &State{Scenario: f.Scenario, Name: f.Name, Seed: f.Seed, Runs: f.Runs, Shard: f.Shard, Done: f.Done, Sweep: f.Sweep, Data: f.Data, Series: f.Series}
	for _, at := range f.Sweep.Points {
		if len(at) != len(f.Sweep.Axes) {
			return nil, bad("damaged")
		}
	}
	total := 0
	for _, x := range f.Series {
		total += x.cells()
		if total > maxPoints || x.Point < 0 || x.Point > 0 && x.Point >= len(f.Sweep.Points) {
			return nil, bad("damaged")
		}
	}
	raw, err := hex.DecodeString(f.Cells)
	if err != nil || total > maxPoints || len(raw) != total*words*8 {
		return nil, bad("damaged")
	}
	s.cells = make([]cell, total)
	for i := range s.cells {
		var w [words]uint64
		for j := range w {
			w[j] = binary.LittleEndian.Uint64(raw[8*(words*i+j):])
		}
		s.cells[i] = cellOf(w)
	}
	if !bytes.Equal(s.Encode(), data) {
		return nil, bad("damaged: its sum does not match")
	}
	at := f.Shard.From
	for _, i := range f.Done {
		if i.From < at || i.To <= i.From || i.To > f.Shard.To {
			return nil, bad("damaged")
		}
		at = i.To
	}
	if f.Shard.To > f.Runs || f.Shard.From >= f.Shard.To {
		return nil, bad("damaged")
	}
	return s, nil
}

// Named is a state and what errors call it: its folder or file.
type Named struct {
	Name  string
	State *State
}

// Merge joins shards, in any order, to the state of one process that did all runs.
// Missing, doubled and foreign shards are refused by name.
func Merge(shards []Named) (*State, error) {
	if len(shards) == 0 {
		return nil, &posse.Error{Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "DIR", Message: "there are no shards to merge", Hint: "name the folders of all shards"}
	}
	refuse := func(reason, message, hint string) error {
		return &posse.Error{Code: posse.InvalidArgument, Reason: reason, Field: "DIR", Message: message, Hint: hint}
	}
	sorted := slices.Clone(shards)
	slices.SortStableFunc(sorted, func(a, b Named) int {
		switch {
		case a.State.Shard.From < b.State.Shard.From:
			return -1
		case a.State.Shard.From > b.State.Shard.From:
			return 1
		}
		return 0
	})
	one := shards[0].State
	out := &State{Scenario: one.Scenario, Name: one.Name, Seed: one.Seed, Runs: one.Runs, Shard: Interval{0, one.Runs}, Sweep: one.Sweep, Data: one.Data, Series: one.Series, cells: make([]cell, len(one.cells))}
	next, before := uint64(0), ""
	for _, x := range sorted {
		s := x.State
		switch {
		case s.Scenario != one.Scenario || s.Seed != one.Seed || s.Runs != one.Runs || !slices.EqualFunc(s.Series, one.Series, Series.equal):
			return nil, refuse("SHARD_FOREIGN", fmt.Sprintf("%s is a shard of another scenario, seed or number of runs than %s", x.Name, shards[0].Name), "merge shards of one simulation")
		case !s.Complete():
			return nil, refuse("SHARD_MISSING", fmt.Sprintf("%s is not finished", x.Name), "run it again: it goes on where it stopped")
		case s.Shard.From < next:
			return nil, refuse("SHARD_DOUBLED", fmt.Sprintf("%s and %s both have run %d", before, x.Name, s.Shard.From), "name each shard once")
		case s.Shard.From > next:
			return nil, refuse("SHARD_MISSING", fmt.Sprintf("no shard has %s", Interval{next, s.Shard.From}), "run the missing shard")
		}
		out.add(s.Shard, s.cells)
		next, before = s.Shard.To, x.Name
	}
	if next != one.Runs {
		return nil, refuse("SHARD_MISSING", fmt.Sprintf("no shard has %s", Interval{next, one.Runs}), "run the missing shard")
	}
	return out, nil
}
