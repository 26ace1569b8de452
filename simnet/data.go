package simnet

import (
	"fmt"
	"io/fs"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/dataset"
)

// Data is what a scenario's rewards are drawn from. Where the files lie is no part of
// it, but every byte of them is.
type Data struct {
	Name        string         `json:"name"`
	Format      dataset.Format `json:"format"`
	SHA256      string         `json:"sha256"` // of the files
	Replacement bool           `json:"replacement"`
	By          dataset.By     `json:"by"`
	Rows        int            `json:"rows"` // in use
	Done        []string       `json:"-"`    // what was done, for people
}

// dataFields are the fields of an environment of data.
var dataFields = []string{"path", "format", "columns", "replacement", "uniformPropensity", "maxRefused"}

// loadOnce remembers what was loaded: the points of a sweep mostly share their data.
func loadOnce(load func(string, dataset.Options) (*dataset.Set, error)) func(string, dataset.Options) (*dataset.Set, error) {
	type result struct {
		set *dataset.Set
		err error
	}
	known := map[string]result{}
	return func(path string, o dataset.Options) (*dataset.Set, error) {
		if load == nil {
			return nil, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Message: "no data can be read here", Hint: "read the scenario from a file", Cause: fs.ErrNotExist,
			}
		}
		key := fmt.Sprintf("%q %+v", path, o)
		r, ok := known[key]
		if !ok {
			r.set, r.err = load(path, o)
			known[key] = r
		}
		return r.set, r.err
	}
}

// data makes the nodes of a data set.
func (s *Scenario) data(b *experiment.Block, nodes counted, from Files, experiments []*experiment.Experiment) {
	o := dataset.Options{Format: dataset.Format(b.Word("format", "")), Nodes: int(nodes.count), By: nodes.by, Replacement: true}
	if nodes.count == 0 && nodes.by == (dataset.By{}) {
		o.Nodes = 1
	}
	columns := b.Child("columns")
	o.Columns = dataset.Columns{
		Arm: columns.Text("arm", maxLabel), Reward: columns.Text("reward", maxLabel), Propensity: columns.Text("propensity", maxLabel), User: columns.Text("user", maxLabel),
	}
	columns.End()
	if d, ok := b.Number("maxRefused"); ok {
		o.MaxRefused = d.Float64()
	}
	o.UniformPropensity, _ = b.Boolean("uniformPropensity")
	again, said := b.Boolean("replacement")
	again = again || !said
	nodes.block.NotApplicable("skew", "environments with means")
	path := b.Text("path", 4096)
	if path == "" || o.Format == "" || len(experiments) == 0 {
		return // reported
	}
	e := experiments[0]
	if !numbered(e.Problem.Arms) {
		o.Arms = e.Problem.Arms
	}
	own := o.Format != dataset.ASlib && o.Format != dataset.OpenBandit && o.Format != dataset.Warfarin
	for _, key := range []string{"columns", "uniformPropensity"} {
		if !own {
			b.NotApplicable(key, "formats whose columns are one's own")
		}
	}
	if r := e.Reward.Range; r != nil && own && !e.Reward.Clip {
		o.Range = [2]float64{r.Low.Float64(), r.High.Float64()}
	}
	set, err := from.Data(path, o)
	if err != nil {
		refuseData(b, nodes, err)
		return
	}
	if r := e.Reward.Range; r != nil && !e.Reward.Clip && (set.Reward.Low < r.Low.Float64() || set.Reward.High > r.High.Float64()) {
		b.Refuse("path", posse.OutOfRange("experiment.reward.range", fmt.Sprintf("[%s, %s]", r.Low, r.High), fmt.Sprintf("around [%g, %g], in which the rewards of the data lie", set.Reward.Low, set.Reward.High),
			"write experiment.reward.range: ["+fmt.Sprintf("%g, %g", set.Reward.Low, set.Reward.High)+"], or reward.clip: true"))
		return
	}
	s.Environment.Data = &Data{
		Name: set.Name, Format: o.Format, SHA256: set.SHA256, Replacement: again, By: o.By, Rows: set.Rows, Done: set.Done,
	}
	for _, n := range set.Nodes {
		s.Nodes.IDs, s.Nodes.Sizes, s.Nodes.Worlds = append(s.Nodes.IDs, n.ID), append(s.Nodes.Sizes, n.Share), append(s.Nodes.Worlds, n.World)
	}
	if !again {
		s.once(b, nodes, e, set)
	}
}

// once refuses what rows that come once can't do.
func (s *Scenario) once(b *experiment.Block, nodes counted, e *experiment.Experiment, set *dataset.Set) {
	refuse := func(field, value, allowed, message, hint string) {
		b.Refuse("replacement", &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: field, Value: value, Allowed: allowed, Message: message, Hint: hint,
		})
	}
	nodes.block.NotApplicable("sizes", "data with replacement: rows that come once fix the traffic")
	if set.Logged {
		refuse("environment.replacement", "false", "true", "a logged decision answers for one arm only: replay draws rows until one shows the chosen arm, which uses rows again",
			"leave replacement out, or give rows with the rewards of all arms")
	}
	if e.Horizon > int64(set.Rows) {
		refuse("experiment.horizon", fmt.Sprint(e.Horizon), fmt.Sprintf("[1, %d], the rows of the data", set.Rows), "without replacement each row comes once", "lower the horizon, or draw with replacement")
	}
}

// refuseData reports an error of the data: at the place of the field that caused it,
// with the file's own place where it is the file's.
func refuseData(b *experiment.Block, nodes counted, err error) {
	p := *posse.As(err)
	p.Problems = nil
	switch {
	case p.Field == "nodes":
		p.Field = "nodes.count"
		nodes.block.Refuse("count", &p)
	case p.Field == "by.prefix":
		p.Field = "nodes.by.prefix"
		nodes.block.Refuse("by", &p)
	case p.File == "":
		b.Refuse("path", &p)
	default:
		b.Report(&p)
	}
}

// numbered reports whether arms are those of a file that gives their number alone.
func numbered(arms []string) bool {
	for i, a := range arms {
		if a != fmt.Sprintf("arm-%d", i+1) {
			return false
		}
	}
	return true
}
