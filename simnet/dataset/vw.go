package dataset

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// loadVW reads Vowpal Wabbit's text. A line of --cb is a decision; in --cb_adf a
// decision is a block of lines up to an empty one: shared features if there are some,
// and a line for each action, of which the chosen one has the label.
//
//	1:-1.0:0.25 | features             arm 1, cost −1, probability 0.25
//
//	shared | features
//	| features of action 1
//	0:-1.0:0.5 | features of action 2  arm 2
//
// Source: the format's own documentation, github.com/VowpalWabbit/vowpal_wabbit/wiki.
func loadVW(in *input) (*Set, error) {
	path, err := in.find(".vw", "")
	if err != nil {
		return nil, err
	}
	v := &vw{}
	return in.loadLines(path, func(o *own, line []byte, at place) *posse.Error {
		v.own = o
		return v.add(string(line), at)
	}, func() *posse.Error { return v.end() })
}

// loadLines reads decisions from lines, of which arms are called by their numbers. add
// takes a line, the empty ones as well, and end what is left after the last.
func (in *input) loadLines(path string, add func(*own, []byte, place) *posse.Error, end func() *posse.Error) (*Set, error) {
	if name := in.options.divider(); name != "" {
		return nil, missingColumn(place{file: path, line: 1}, name)
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o := newOwn(in, f.name)
	o.b.logged, o.numbered = true, true
	l := newLines(f, f.name)
	var lastBad *place
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		at := place{file: f.name, row: in.rows + 1, line: l.line}
		before := in.rows
		refusal := add(o, line, at)
		if in.rows > maxRows {
			return nil, tooLarge(f.name, "rows", maxRows)
		}
		if lastBad = nil; refusal != nil {
			in.refuse(1, refusal)
			lastBad = &at
			if in.rows == before {
				in.rows++
			}
		}
	}
	if refusal := end(); refusal != nil {
		in.refuse(1, refusal)
		lastBad = &place{file: f.name, row: in.rows, line: l.line}
	}
	if lastBad != nil && !l.terminated {
		return nil, lastBad.cut()
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	return o.build()
}

// vw is the lines of a decision so far.
type vw struct {
	own      *own
	form     string // "cb" or "cb_adf", once it is known
	first    *label // of --cb: a labelled line of which nobody knows yet whether its block goes on
	began    place  // of the block
	inside   bool   // of a block of --cb_adf
	bad      bool   // the block was refused: what is left of it is skipped
	actions  int    // of the block so far
	chosen   label
	labelled int
}

// label is action:cost:probability.
type label struct {
	action            int // from 1; 0 in --cb_adf, where the line's place counts
	cost, probability string
	at                place
}

// add takes one line.
func (v *vw) add(line string, at place) *posse.Error {
	head, _, features := strings.Cut(line, "|")
	if strings.TrimSpace(line) == "" {
		return v.end()
	}
	if v.bad {
		return nil
	}
	head = strings.TrimSpace(head)
	if head == "shared" || strings.HasPrefix(head, "shared ") {
		if v.inside || v.first != nil {
			return v.refuse(at, "", "shared features within a decision", "an empty line before them")
		}
		return v.open("cb_adf", at)
	}
	if !features {
		return v.refuse(at, "", "the line has no features", "label | features")
	}
	l, labelled, refusal := readLabel(head, at)
	if refusal != nil {
		v.bad = v.form == "cb_adf"
		return refusal
	}
	switch {
	case v.form == "cb":
		if !labelled {
			return v.refuse(at, "", "the line has no label", "action:cost:probability | features")
		}
		return v.decide(l, at)
	case v.inside:
		return v.action(l, labelled, at)
	case v.form == "cb_adf" || !labelled:
		if refusal := v.open("cb_adf", at); refusal != nil {
			return refusal
		}
		return v.action(l, labelled, at)
	case v.first == nil: // --cb, or the first action of --cb_adf: the next line says which
		l.at, v.first = at, &l
		return nil
	}
	first := *v.first
	v.form, v.first = "cb", nil
	if refusal := v.decide(first, first.at); refusal != nil {
		v.own.in.refuse(1, refusal)
	}
	at.row = v.own.in.rows + 1
	return v.decide(l, at)
}

// open begins a block.
func (v *vw) open(form string, at place) *posse.Error {
	if v.form == "cb" {
		return v.refuse(at, "", "the lines before were of --cb, with a label each", "one form in a file")
	}
	v.form, v.inside, v.began, v.actions, v.labelled = form, true, at, 0, 0
	if first := v.first; first != nil {
		v.first, v.began = nil, first.at
		return v.action(*first, true, first.at)
	}
	return nil
}

// action takes one action of a block.
func (v *vw) action(l label, labelled bool, at place) *posse.Error {
	v.actions++
	if labelled {
		if v.labelled++; v.labelled > 1 {
			return v.refuse(at, "label", "two actions of one decision have a label", "one, that of the chosen action")
		}
		l.action = v.actions
		v.chosen = l
	}
	return nil
}

// end ends a block: at an empty line, or at the end of the file.
func (v *vw) end() *posse.Error {
	inside, bad := v.inside, v.bad
	v.inside, v.bad = false, false
	if first := v.first; first != nil {
		v.first = nil
		return v.decide(*first, first.at)
	}
	if !inside || bad {
		return nil
	}
	if v.labelled == 0 {
		return v.refuseEnded(v.began, "no action of the decision has a label", "one label, that of the chosen action")
	}
	return v.decide(v.chosen, v.began)
}

func (v *vw) refuseEnded(at place, problem, allowed string) *posse.Error {
	v.own.in.rows++
	return at.bad("MALFORMED", "label", problem, "", allowed, "")
}

func (v *vw) refuse(at place, column, problem, allowed string) *posse.Error {
	v.bad = v.inside || v.form == "cb_adf"
	return at.bad("MALFORMED", column, problem, "", allowed, "")
}

func (v *vw) decide(l label, at place) *posse.Error {
	v.own.in.rows++
	if l.action < 1 {
		return at.bad("MALFORMED", "action", "the action is no number from 1", "", "1, 2, 3, …", "")
	}
	return v.own.addCost(strconv.Itoa(l.action), l.cost, l.probability, "cost", "probability", at)
}

// addCost takes a decision whose reward is −cost.
func (o *own) addCost(arm, cost, probability, costColumn, probabilityColumn string, at place) *posse.Error {
	x, err := strconv.ParseFloat(cost, 64)
	switch {
	case isMissing(cost):
		return at.bad("MALFORMED", costColumn, "the cost is missing", "", "a finite number", "")
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return at.bad("MALFORMED", costColumn, "the cost is no number", "not a number", "a finite number", "")
	}
	x = 0 - x // and never −0
	if refusal := o.checkReward(x, costColumn, at); refusal != nil {
		return refusal
	}
	p := 1.0 // only ratios of propensities matter
	if !isMissing(probability) || !o.in.options.UniformPropensity {
		var refusal *posse.Error
		if p, refusal = parsePropensity(probability, probabilityColumn, at); refusal != nil {
			return refusal
		}
	}
	return o.addLogged("", "", arm, x, p, at)
}

// readLabel reads what stands before the bar: action:cost:probability, beside which
// --cb may list actions that could have been chosen; or nothing.
func readLabel(head string, at place) (l label, labelled bool, refusal *posse.Error) {
	for word := range strings.FieldsSeq(head) {
		if strings.HasPrefix(word, "'") {
			continue // a tag
		}
		parts := strings.Split(word, ":")
		if len(parts) == 1 {
			continue // an action that could have been chosen, or a tag
		}
		action, err := strconv.ParseUint(parts[0], 10, 31)
		if err != nil {
			return l, false, at.bad("MALFORMED", "action", "the action is no number", "not a whole number", "1, 2, 3, …", "")
		}
		if labelled {
			return l, false, at.bad("MALFORMED", "label", "two actions have a cost", "", "one: that of the chosen action", "")
		}
		if len(parts) > 3 {
			return l, false, at.bad("MALFORMED", "label", "the label has too many parts", "", "action:cost:probability", "")
		}
		l, labelled = label{action: int(action), cost: parts[1]}, true
		if len(parts) == 3 {
			l.probability = parts[2]
		}
	}
	return l, labelled, nil
}
