package experiment

import (
	"encoding/json"

	"github.com/posse-dev/posse"
)

// Validation is the document of `posse experiment validate`. Problems is never
// null. Experiment is the file with every default filled in, null when it is not
// valid.
type Validation struct {
	Valid      bool            `json:"valid"`
	Problems   []Problematic   `json:"problems"`
	Warnings   []Warning       `json:"warnings"`
	Experiment json.RawMessage `json:"experiment"`
}

// Problematic is one problem of a file, in the keys of the contract.
type Problematic struct {
	Reason  string `json:"reason"`
	Field   string `json:"field"`
	Value   string `json:"value,omitempty"`
	Allowed string `json:"allowed,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

// Validate reads a file and returns what there is to say about it. With a number
// of nodes it also refuses what can't run at so many. The error, nil for a valid
// file, is the one of [Read] or [Experiment.CheckNodes].
func Validate(name string, data []byte, where Deployment) (Validation, error) {
	out := Validation{Problems: []Problematic{}, Warnings: []Warning{}, Experiment: json.RawMessage("null")}
	e, err := Read(name, data)
	if err == nil {
		out.Warnings = append(out.Warnings, e.Warnings(where)...)
		out.Experiment = e.Canonical()
		if where.Nodes > 0 {
			err = e.CheckNodes(where.Nodes)
		}
	}
	if err != nil {
		out.Problems = Problems(err)
		return out, err
	}
	out.Valid = true
	return out, nil
}

// Problems lists the problems that an error of this package holds.
func Problems(err error) []Problematic {
	one := posse.As(err)
	all := one.Problems
	if len(all) == 0 {
		all = []*posse.Error{one}
	}
	out := make([]Problematic, 0, len(all))
	for _, p := range all {
		out = append(out, Problematic{
			Reason: p.Reason, Field: p.Field, Value: p.Value, Allowed: p.Allowed, Message: p.Message,
			Hint: p.Hint, File: p.File, Line: p.Line, Column: p.Column,
		})
	}
	return out
}
