package fast

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"github.com/posse-dev/posse/simnet"
)

// Point is a time and an estimate there, in JSON the list [t, mean, low, high].
type Point struct {
	T int64
	Estimate
}

// MarshalJSON writes the list.
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{p.T, p.Mean, p.Low, p.High})
}

// NodeResult is what one node got. Node counts from 0.
type NodeResult struct {
	Node       int      `json:"node"`
	MeanReward Estimate `json:"meanReward"`
}

// PolicyResult is what one policy brought under one way of learning. Regret is that
// at the horizon. MeanReward, Nodes, Paid and Versions are of scenarios with several
// nodes or privacy. Paid is in credits.
type PolicyResult struct {
	Name       string          `json:"name"`
	Learning   simnet.Learning `json:"learning"`
	Regret     Estimate        `json:"regret"`
	Curve      []Point         `json:"curve"`
	MeanReward *Estimate       `json:"meanReward,omitempty"`
	Nodes      []NodeResult    `json:"nodes,omitempty"`
	Paid       *Estimate       `json:"paid,omitempty"`
	Versions   *Estimate       `json:"versions,omitempty"`
}

// Results turns a state into floats.
func (s *State) Results() []PolicyResult {
	var out []PolicyResult
	at := 0
	for _, x := range s.Series {
		cells := s.cells[at : at+x.Points]
		at += x.Points
		if x.Metric == Regret {
			r := PolicyResult{Name: x.Policy, Learning: x.Learning, Regret: cells[len(cells)-1].estimate()}
			for i, t := range s.Record {
				r.Curve = append(r.Curve, Point{t, cells[i].estimate()})
			}
			out = append(out, r)
			continue
		}
		r, e := &out[len(out)-1], cells[0].estimate()
		switch {
		case x.Metric == Paid:
			r.Paid = &e
		case x.Metric == Versions:
			r.Versions = &e
		case x.Node < 0:
			r.MeanReward = &e
		default:
			r.Nodes = append(r.Nodes, NodeResult{x.Node, e})
		}
	}
	return out
}

// WriteCurves writes all curves as CSV, a row a point.
func (s *State) WriteCurves(w io.Writer) error {
	c := csv.NewWriter(w)
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	if err := c.Write([]string{"policy", "learning", "t", "runs", "mean", "low", "high"}); err != nil {
		return err
	}
	runs := s.Finished()
	for _, r := range s.Results() {
		for _, p := range r.Curve {
			row := []string{r.Name, string(r.Learning), strconv.FormatInt(p.T, 10), strconv.FormatUint(runs, 10), number(p.Mean), number(p.Low), number(p.High)}
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}
