package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/posse-dev/posse"
)

// dsDecision is what is read of an event.
type dsDecision struct {
	Cost        json.RawMessage   `json:"_label_cost"`
	Probability json.RawMessage   `json:"_label_probability"`
	Action      *int64            `json:"_label_Action"` // from 1
	Index       *int64            `json:"_labelIndex"`   // from 0
	Skip        bool              `json:"_skipLearn"`
	Actions     []int64           `json:"a"` // as they were ranked: the first was chosen
	P           []json.RawMessage `json:"p"` // of them
}

// loadDSJSON reads one event a line. The chosen action is _label_Action, or
// _labelIndex + 1, or the first of a; its probability _label_probability, or the first of
// p. Events that say _skipLearn are left out, as their cost was never known.
//
// Source: github.com/VowpalWabbit/vowpal_wabbit/wiki/DSJSON, and the parser's fields.
func loadDSJSON(in *input) (*Set, error) {
	path, err := in.find(".dsjson", "")
	if err != nil {
		if path, err = in.find(".json", ""); err != nil {
			return nil, err
		}
	}
	skipped, last := 0, (*own)(nil)
	set, err := in.loadLines(path, func(o *own, line []byte, at place) *posse.Error {
		last = o
		if len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		in.rows++
		skip, refusal := o.addEvent(line, at)
		if skip {
			skipped++
		}
		return refusal
	}, func() *posse.Error {
		if skipped > 0 {
			last.b.say("%s left out that say _skipLearn.", countOf(skipped, "event"))
		}
		return nil
	})
	return set, err
}

// addEvent takes one event, and says whether it is one to leave out.
func (o *own) addEvent(line []byte, at place) (skip bool, refusal *posse.Error) {
	var d dsDecision
	if err := json.Unmarshal(line, &d); err != nil {
		e := at.malformed("the line is no event", `an object such as {"_label_cost":-1,"_label_probability":0.5,"_label_Action":1}`, "")
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		switch {
		case errors.As(err, &syntax):
			e.Column = int(syntax.Offset)
		case errors.As(err, &kind):
			e.Field, e.Column = kind.Field, int(kind.Offset)
		}
		return false, e
	}
	if d.Skip {
		return true, nil
	}
	action := int64(0)
	switch {
	case d.Action != nil:
		action = *d.Action
	case d.Index != nil && *d.Index < 1<<31:
		action = *d.Index + 1
	case len(d.Actions) > 0:
		action = d.Actions[0]
	}
	if action < 1 || action >= 1<<31 {
		return false, at.bad("MALFORMED", "_label_Action", "the event has no chosen action", "", "1, 2, 3, …", "")
	}
	probability := plain(d.Probability)
	if probability == "" && len(d.P) > 0 && len(d.Actions) > 0 && d.Actions[0] == action {
		probability = plain(d.P[0])
	}
	return false, o.addCost(strconv.FormatInt(action, 10), plain(d.Cost), probability, "_label_cost", "_label_probability", at)
}
