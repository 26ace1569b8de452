package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// maxPending is how many decisions may wait for their reward.
const maxPending = 1_000_000

// loadJSONL reads one object a line:
//
//	{"arm":"a","propensity":0.42,"reward":1}        a logged decision
//	{"rewards":{"a":1,"b":0}}                       the rewards of all arms
//	{"decisionId":"7","arm":"a","propensity":0.5}   a decision whose reward comes later,
//	{"decisionId":"7","reward":1}                   in a line of its own
//
// each with node and user where one likes. Other keys are left alone.
func loadJSONL(in *input) (*Set, error) {
	path, err := in.find(".jsonl", "")
	if err != nil {
		return nil, err
	}
	f, err := in.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o := newOwn(in, f.name)
	j := &jsonl{own: o, waiting: map[string]decision{}}
	l := newLines(f, f.name)
	row := 0
	var lastBad *place
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := in.count(f.name); err != nil {
			return nil, err
		}
		row++
		at := place{file: f.name, row: row, line: l.line}
		lastBad = nil
		if refusal := j.add(line, at); refusal != nil {
			in.refuse(1, refusal)
			lastBad = &at
		}
	}
	if lastBad != nil && !l.terminated {
		return nil, lastBad.cut()
	}
	if err := f.finish(); err != nil {
		return nil, err
	}
	if len(j.waiting) > 0 {
		o.b.say("%s left out, whose reward never came.", countOf(len(j.waiting), "decision"))
	}
	return o.build()
}

// jsonl adds lines to own, keeping decisions that wait for their reward.
type jsonl struct {
	*own
	waiting map[string]decision // by decisionId
	kind    string              // "arm" or "rewards", from the first row
}

type decision struct {
	node, user, arm string
	propensity      float64
}

// add takes one line.
func (j *jsonl) add(line []byte, at place) *posse.Error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil || keys == nil {
		e := at.malformed("the line is no JSON object", `an object such as {"arm":"a","propensity":0.5,"reward":1}`, "")
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			e.Column = int(syntax.Offset)
		}
		return e
	}
	c := j.in.columns
	var d decision
	var id string
	for _, f := range []struct {
		key string
		to  *string
	}{{c.node, &d.node}, {c.User, &d.user}, {"decisionId", &id}, {c.Arm, &d.arm}} {
		if f.key == "" {
			continue // nothing divides the rows by nodes
		}
		var ok bool
		if *f.to, ok = text(keys[f.key]); !ok {
			return at.bad("MALFORMED", f.key, "the value is no name", "neither text nor a number", "text or a number", "")
		}
	}
	if by := j.in.options.By; by.Hash != "" && d.user == "" && (d.arm != "" || keys["rewards"] != nil) || by.Column != "" && d.node == "" && (d.arm != "" || keys["rewards"] != nil) {
		return j.in.options.divided(nil, "", at)
	}
	if raw, ok := keys["rewards"]; ok {
		if refusal := j.oneKind("rewards", at); refusal != nil {
			return refusal
		}
		return j.addObject(raw, d, at)
	}
	if d.arm == "" {
		return j.addLate(id, keys[c.Reward], at)
	}
	if refusal := j.oneKind(c.Arm, at); refusal != nil {
		return refusal
	}
	j.b.logged = true
	var refusal *posse.Error
	if d.propensity, refusal = j.propensity(plain(keys[c.Propensity]), at); refusal != nil {
		return refusal
	}
	if plain(keys[c.Reward]) == "" && id != "" {
		return j.wait(id, d, at)
	}
	x, refusal := j.number(keys[c.Reward], c.Reward, at)
	if refusal != nil {
		return refusal
	}
	return j.addLogged(d.node, d.user, d.arm, x, d.propensity, at)
}

// oneKind refuses a file that mixes logged decisions and rows of all rewards.
func (j *jsonl) oneKind(kind string, at place) *posse.Error {
	if j.kind == "" {
		j.kind = kind
	}
	if j.kind != kind {
		return at.bad("FIELD_CONFLICT", kind, "the rows before have the key "+strconv.Quote(j.kind)+" instead", "", "one kind of row in a file", "")
	}
	return nil
}

// addObject takes the rewards of all arms.
func (j *jsonl) addObject(raw json.RawMessage, d decision, at place) *posse.Error {
	var values map[string]json.RawMessage
	if json.Unmarshal(raw, &values) != nil || len(values) == 0 {
		return at.bad("MALFORMED", "rewards", "the value is no object of rewards", "", `an object such as {"a":1,"b":0}`, "")
	}
	if j.b.arms == nil {
		if j.b.arms = append(j.b.arms, j.in.options.Arms...); len(j.b.arms) == 0 {
			order, ok := keysInOrder(raw)
			if !ok {
				return at.bad("MALFORMED", "rewards", "an arm appears twice", "", "different names", "")
			}
			j.b.arms = order
		}
	}
	rewards := make([]float64, len(j.b.arms))
	for i, arm := range j.b.arms {
		raw, ok := values[arm]
		if !ok {
			return at.bad("MALFORMED", "rewards."+arm, "the reward of an arm is missing", "", "a finite number", "")
		}
		var refusal *posse.Error
		if rewards[i], refusal = j.number(raw, "rewards."+arm, at); refusal != nil {
			return refusal
		}
	}
	if len(values) > len(rewards) && len(j.in.options.Arms) == 0 {
		return at.bad("MALFORMED", "rewards", "there are arms that the first row does not have", "", list(j.b.arms), "")
	}
	return j.addRewards(d.node, d.user, rewards, at)
}

// wait keeps a decision until its reward comes.
func (j *jsonl) wait(id string, d decision, at place) *posse.Error {
	if _, ok := j.waiting[id]; ok {
		return at.bad("MALFORMED", "decisionId", "two decisions wait under the same id", "", "different ids", "")
	}
	if len(j.waiting) == maxPending {
		return at.bad("LIMIT_EXCEEDED", "decisionId", "too many decisions wait for their reward", "", "at most "+thousands(maxPending), "")
	}
	j.waiting[id] = d
	return nil
}

// addLate joins a reward with the decision that waits for it.
func (j *jsonl) addLate(id string, raw json.RawMessage, at place) *posse.Error {
	if id == "" {
		return at.bad("MALFORMED", j.in.columns.Arm, "the row has neither an arm nor rewards nor a decisionId", "", "arm, propensity and reward; or rewards", "")
	}
	d, ok := j.waiting[id]
	if !ok {
		return at.bad("MALFORMED", "decisionId", "no decision before waits for this reward", "", "the id of a decision without a reward", "")
	}
	x, refusal := j.number(raw, j.in.columns.Reward, at)
	if refusal != nil {
		return refusal
	}
	delete(j.waiting, id)
	return j.addLogged(d.node, d.user, d.arm, x, d.propensity, at)
}

// number reads a reward.
func (j *jsonl) number(raw json.RawMessage, key string, at place) (float64, *posse.Error) {
	word := plain(raw)
	if word == "" {
		return 0, at.bad("MALFORMED", key, "the reward is missing", "", "a finite number", "")
	}
	x, err := strconv.ParseFloat(word, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, at.bad("MALFORMED", key, "the reward is no number", "not a number", "a finite number", "")
	}
	return x, j.checkReward(x, key, at)
}

// plain returns a value as it is written; null and nothing are empty.
func plain(raw json.RawMessage) string {
	if word := strings.TrimSpace(string(raw)); word != "null" {
		return word
	}
	return ""
}

// text returns a name that is written as text or as a number.
func text(raw json.RawMessage) (string, bool) {
	word := plain(raw)
	if word == "" {
		return "", true
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String(), true
	}
	return "", false
}

// keysInOrder returns the keys of an object as they are written, false where one
// appears twice. raw is an object.
func keysInOrder(raw json.RawMessage) ([]string, bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	_, _ = decoder.Token() // the brace
	var keys []string
	seen := map[string]bool{}
	for decoder.More() {
		key, err := decoder.Token()
		name, ok := key.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil || seen[name] {
			return nil, false
		}
		seen[name], keys = true, append(keys, name)
	}
	return keys, true
}
