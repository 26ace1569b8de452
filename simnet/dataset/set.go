package dataset

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// Format is the name of a file format, as flags and scenario files spell it.
type Format string

// The formats that [Load] reads.
const (
	// ASlib is a folder of the algorithm selection library: description.txt and
	// algorithm_runs.arff. Arms are the algorithms, an instance with one of its
	// repetitions is a row with every algorithm's reward −(run time)/cutoff, and
	// what did not end with status ok counts as the cutoff.
	ASlib Format = "aslib"

	// OpenBandit is a campaign folder of the Open Bandit Dataset, such as
	// obd/random/men: logged decisions, arms are items, reward is the click.
	OpenBandit Format = "obd"

	// Warfarin is the cohort of the International Warfarin Pharmacogenetics
	// Consortium as CSV: three dose classes as arms, reward 0 for the class of the
	// patient's stable dose and −1 for another one. Each patient comes once.
	Warfarin Format = "warfarin"

	// CSV is a table with a header. With the columns arm, reward and propensity a
	// row is a logged decision; otherwise it has the reward of every arm, in
	// columns that have the arms' names.
	CSV Format = "csv"

	// JSONL is one JSON object a line, with arm, reward and propensity, or with
	// rewards, an object from each arm to its reward.
	JSONL Format = "jsonl"

	// Parquet is a table with the columns of CSV.
	Parquet Format = "parquet"

	// VW is Vowpal Wabbit's text of contextual bandits, --cb or --cb_adf: a decision
	// has the arm, its cost and the probability of the choice. Arms are called by
	// their numbers, the reward is −cost, features are left alone.
	VW Format = "vw"

	// DSJSON is the JSON that decision services log for Vowpal Wabbit, one object a
	// line; arms, rewards and features as in VW.
	DSJSON Format = "dsjson"
)

// Formats returns the formats that [Load] reads.
func Formats() []Format {
	return []Format{ASlib, OpenBandit, Warfarin, CSV, JSONL, Parquet, VW, DSJSON}
}

// Limits on what is read. A set is held in memory as eight bytes a cell.
const (
	maxRows      = 10_000_000
	maxCells     = 100_000_000 // rows times arms
	maxLineBytes = 1 << 20
	maxColumns   = 20_000
	maxNodes     = 1_000_000
)

// Options says how to read a set. The zero value but for Format means the set's
// own rules.
type Options struct {
	Format Format

	// Nodes is the number of organisations to make, in [1, 1e6]; 0 means the
	// set's own number: eight, or warfarin's fourteen blocks.
	Nodes int

	// Arms are the arms' names in the order of the experiment. Empty means those
	// of the data, in the order in which they appear. Names that the data don't
	// have are refused; in CSV, columns that are no arm are left out.
	Arms []string

	// Columns names the columns of a CSV or Parquet file or the keys of JSONL, where
	// they differ from the defaults.
	Columns Columns

	// Range is the public range of rewards of all formats but the first three: outside it a row is
	// refused. The zero value means not declared: the range is then taken from
	// the rows, which says something about them (see [Reward.Declared]).
	Range [2]float64

	// MaxRefused is the largest share of refused rows, in [0, 1); 0 means 0.001.
	MaxRefused float64

	// UniformPropensity says that the logging policy chose uniformly in a format
	// whose rows are one's own, so that the propensity, if absent, is 1/arms. Without it a
	// missing propensity is an error.
	UniformPropensity bool

	// By says how rows become nodes. Its zero value means the set's own rule.
	By By

	// Replacement says that rows are drawn with replacement, whatever the set's own
	// rule is: left to itself warfarin deals each patient once.
	Replacement bool
}

// By is how rows become nodes: one of its fields, or none. With Column and Prefix
// there is a node a group, or Options.Nodes of them, packed and halved.
type By struct {
	Column string // a group for every value of the column (key, attribute)
	Prefix int    // a group for every beginning of so many characters of a row's instance, subject or user
	Hash   string // Options.Nodes groups by the hash of the column's value
}

// Columns are names of columns (CSV) or keys (JSONL). An empty name means the
// default, which is the field's name in lower case.
type Columns struct {
	Arm, Reward, Propensity string
	User                    string // rows of one user go to one node if there is no node column; optional
	node                    string // which organisation a row belongs to; optional: see [By]
}

func (c Columns) orDefaults() Columns {
	for _, f := range []struct {
		name     *string
		fallback string
	}{{&c.Arm, "arm"}, {&c.Reward, "reward"}, {&c.Propensity, "propensity"}, {&c.node, "node"}, {&c.User, "user"}} {
		if *f.name == "" {
			*f.name = f.fallback
		}
	}
	return c
}

// Reward is what the rewards of a set are, and what of them an experiment can
// declare in public.
type Reward struct {
	Meaning   string  // what a reward is, with its unit, for people
	Low, High float64 // every reward lies in here
	Declared  bool    // Low and High were known before the data were read

	// Order and Bound are a moment that holds for every law on [Low, High]:
	// E|X|^Order ≤ Bound. It is public if the range is.
	Order, Bound float64

	// LargestMoment is the largest E|X|^Order over the arms in the rows that were
	// read, weighted by traffic. It shows how loose Bound is; as it depends on the
	// data, an experiment can't declare it without giving something away.
	LargestMoment float64
}

// Node is one organisation.
type Node struct {
	ID     string   // [a-z]([a-z0-9-]{0,61}[a-z0-9])?, distinct
	Groups []string // the families, blocks or segments that it holds, largest first; none if rows were split by hash
	Share  float64  // of the traffic, (0, 1]; they sum to 1
	Rows   int      // rows that its world draws from
	World  environment.World
}

// Set is a loaded data set.
type Set struct {
	Name   string
	Format Format
	Arms   []string
	Reward Reward
	Nodes  []Node // largest share first

	Logged bool // rows are logged decisions, not the rewards of all arms

	// Replacement says that decisions draw rows with replacement, for as long as
	// one likes. Without it every world is an [environment.Deck] that ends after
	// Rows draws.
	Replacement bool

	Rows    int            // rows or logged decisions in use
	Refused int            // rows of the file that were not usable
	Refusal []*posse.Error // the first few of them
	SHA256  string         // of the bytes of all files that were read, in hex
	Done    []string       // sentences for people: what was read, split and scaled, and how
}

// Load reads the set at path, a folder or a file, as Options say.
func Load(path string, options Options) (*Set, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, missing(path, "the folder or file of the data set", err)
	}
	in := &input{options: options, path: path, columns: options.Columns.orDefaults()}
	switch by := options.By; {
	case by.Column != "":
		in.columns.node = by.Column
	case by.Hash != "":
		in.columns.node, in.columns.User = "", by.Hash
	case by.Prefix > 0:
		in.columns.node = ""
	}
	if in.limit = options.MaxRefused; in.limit == 0 {
		in.limit = 0.001
	}
	in.start()
	switch options.Format {
	case ASlib:
		return loadASlib(in)
	case OpenBandit:
		return loadOpenBandit(in)
	case Warfarin:
		return loadWarfarin(in)
	case CSV:
		return loadCSV(in)
	case Parquet:
		return loadParquet(in)
	case VW:
		return loadVW(in)
	case DSJSON:
		return loadDSJSON(in)
	default:
		return loadJSONL(in)
	}
}

func (o Options) check() error {
	if !slices.Contains(Formats(), o.Format) {
		var names []string
		for _, f := range Formats() {
			names = append(names, string(f))
		}
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "format", Value: fmt.Sprintf("%q", o.Format),
			Allowed: strings.Join(names, ", "), Message: "the format of the data is not known",
		}
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		return posse.OutOfRange("nodes", fmt.Sprint(o.Nodes), fmt.Sprintf("[1, %d]", maxNodes), "")
	}
	if !(o.MaxRefused >= 0 && o.MaxRefused < 1) {
		return posse.OutOfRange("maxRefused", fmt.Sprintf("%g", o.MaxRefused), "[0, 1)", "")
	}
	if low, high := o.Range[0], o.Range[1]; !(low < high) && !(low == 0 && high == 0) || isInf(low) || isInf(high) {
		return posse.OutOfRange("range", fmt.Sprintf("[%g, %g]", low, high), "finite numbers, the first below the second", "")
	}
	switch by := o.By; {
	case by.Column != "" && (by.Prefix != 0 || by.Hash != "") || by.Prefix != 0 && by.Hash != "":
		return posse.OutOfRange("by", "several rules", "column, prefix or hash", "give one of them")
	case by.Prefix < 0 || by.Prefix > 1000:
		return posse.OutOfRange("by.prefix", fmt.Sprint(by.Prefix), "[1, 1000]", "")
	case by.Hash != "" && o.Nodes == 0:
		return posse.OutOfRange("nodes", "none", fmt.Sprintf("[1, %d]", maxNodes), "say over how many nodes the hash divides the rows")
	}
	for i, arm := range o.Arms {
		if arm == "" || slices.Contains(o.Arms[:i], arm) {
			return posse.OutOfRange(fmt.Sprintf("arms[%d]", i), fmt.Sprintf("%q", arm), "names, all different", "")
		}
	}
	return nil
}

// Mean returns the expected reward of always choosing an arm, over all nodes
// weighted by traffic.
func (s *Set) Mean(arm int) float64 {
	var mean float64
	for _, n := range s.Nodes {
		mean += n.Share * n.World.Mean(arm)
	}
	return mean
}

// Best returns the arm of the largest [Set.Mean] and that mean.
func (s *Set) Best() (arm int, mean float64) {
	for a := range s.Arms {
		if m := s.Mean(a); a == 0 || m > mean {
			arm, mean = a, m
		}
	}
	return arm, mean
}

// Moment returns the largest E|X|^order over the arms, over all nodes weighted
// by traffic.
func (s *Set) Moment(order float64) float64 {
	var largest float64
	for a := range s.Arms {
		var moment float64
		for _, n := range s.Nodes {
			moment += n.Share * n.World.Moment(a, order)
		}
		largest = max(largest, moment)
	}
	return largest
}
