package fast

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
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

// UnmarshalJSON reads the list.
func (p *Point) UnmarshalJSON(data []byte) error {
	var list [4]float64
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*p = Point{int64(list[0]), Estimate{list[1], list[2], list[3]}}
	return nil
}

// NodeResult is what one node got. Node counts from 0.
type NodeResult struct {
	Node       int       `json:"node"`
	MeanReward Estimate  `json:"meanReward"`
	Utility    *Estimate `json:"utility,omitempty"` // what it was paid, less its true costs, in credits
}

// PolicyResult is what one policy brought under one way of learning. Regret is that
// at the horizon. MeanReward, Nodes, Paid and Versions are of scenarios with several
// nodes or privacy. Paid is in credits.
//
// Point is, in a sweep, the value of each field that it varies.
type PolicyResult struct {
	Point      Settings        `json:"point,omitempty"`
	Name       string          `json:"name"`
	Learning   simnet.Learning `json:"learning"`
	Regret     Estimate        `json:"regret"`
	Curve      []Point         `json:"curve"`
	MeanReward *Estimate       `json:"meanReward,omitempty"`
	Nodes      []NodeResult    `json:"nodes,omitempty"`
	Paid       *Estimate       `json:"paid,omitempty"`
	Versions   *Estimate       `json:"versions,omitempty"`
}

// Setting is a field of a sweep and its value at a point.
type Setting struct{ Field, Value string }

// Settings is a point of a sweep, in JSON a map.
type Settings []Setting

// MarshalJSON writes the map, in the order of the axes.
func (s Settings) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, x := range s {
		if i > 0 {
			out = append(out, ',')
		}
		field, err := json.Marshal(x.Field)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, field...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads the map, in its order.
func (s *Settings) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		var x Setting
		for _, to := range []*string{&x.Field, &x.Value} {
			word, err := d.Token()
			if err != nil {
				return err
			}
			var ok bool
			if *to, ok = word.(string); !ok {
				return errors.New("a point of a sweep is a map from fields to text")
			}
		}
		*s = append(*s, x)
	}
	return nil
}

// at is a point of the sweep.
func (s Sweep) at(point int) Settings {
	var out Settings
	for i, field := range s.Axes {
		out = append(out, Setting{field, s.Points[point][i]})
	}
	return out
}

// Results turns a state into floats.
func (s *State) Results() []PolicyResult {
	var out []PolicyResult
	at := 0
	for _, x := range s.Series {
		cells := s.cells[at : at+x.cells()]
		at += x.cells()
		if x.Metric == Regret {
			r := PolicyResult{Point: s.Sweep.at(x.Point), Name: x.Policy, Learning: x.Learning, Regret: cells[len(cells)-1].estimate()}
			for i, t := range x.Times {
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
		case x.Metric == Utility:
			r.Nodes[len(r.Nodes)-1].Utility = &e
		default:
			r.Nodes = append(r.Nodes, NodeResult{Node: x.Node, MeanReward: e})
		}
	}
	return out
}

// WriteCurves writes all curves as CSV, a row a point.
func (s *State) WriteCurves(w io.Writer) error {
	c := csv.NewWriter(w)
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	if err := c.Write(append(slices.Clone(s.Sweep.Axes), "policy", "learning", "t", "runs", "mean", "low", "high")); err != nil {
		return err
	}
	runs := s.Finished()
	for _, r := range s.Results() {
		for _, p := range r.Curve {
			var row []string
			for _, x := range r.Point {
				row = append(row, x.Value)
			}
			row = append(row, r.Name, string(r.Learning), strconv.FormatInt(p.T, 10), strconv.FormatUint(runs, 10), number(p.Mean), number(p.Low), number(p.High))
			if err := c.Write(row); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}
