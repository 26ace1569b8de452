package simnet

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/posse-dev/posse/protocols/experiment"
)

// Schema returns the JSON Schema (2020-12) of scenario files, made from [Fields], for
// editors that complete and check while one writes. What depends on several fields at
// once only [Read] knows.
func Schema() []byte {
	root := object{}
	for _, f := range Fields() {
		root.add(strings.Split(f.Path, "."), f)
	}
	top := root.schema()
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Posse scenario, apiVersion posse/v1"
	out, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic("simnet: schema: " + err.Error()) // maps, lists and strings
	}
	return append(out, '\n')
}

// object is a block, or a field with nothing below it.
type object struct {
	field    experiment.Field
	children map[string]*object
	order    []string
}

func (o *object) add(path []string, f experiment.Field) {
	if len(path) == 0 {
		o.field = f
		return
	}
	if o.children == nil {
		o.children = map[string]*object{}
	}
	child := o.children[path[0]]
	if child == nil {
		child = &object{}
		o.children[path[0]] = child
		o.order = append(o.order, path[0])
	}
	child.add(path[1:], f)
}

// schema says what may stand for the field.
func (o *object) schema() map[string]any {
	out := o.described()
	switch {
	case o.field.Path == "sweep":
		out["type"], out["additionalProperties"], out["maxProperties"] = "object", map[string]any{"type": "array", "minItems": 1}, 64
	case o.children == nil:
		o.value(out)
	case o.field.Type == "list":
		out["type"], out["items"], out["minItems"], out["maxItems"] = "array", o.block(map[string]any{}), 1, maxPolicies
	case o.field.Path == "experiment":
		out["anyOf"] = []any{map[string]any{"type": "string"}, o.block(map[string]any{})}
	default:
		o.block(out)
	}
	return out
}

func (o *object) block(out map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, name := range o.order {
		properties[name] = o.children[name].schema()
		if f := o.children[name].field; f.Required && !strings.HasPrefix(f.Path, "e") { // a sweep may write into experiment and environment
			required = append(required, name)
		}
	}
	out["type"], out["properties"], out["additionalProperties"] = "object", properties, false
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// described is what an editor shows.
func (o *object) described() map[string]any {
	out := map[string]any{}
	text := o.field.Meaning
	if o.field.Range != "" && o.field.Type != "word" && o.field.Type != "boolean" {
		text += ". Allowed: " + o.field.Range
	}
	if o.field.Default != "" {
		text += ". Default: " + o.field.Default
	}
	if text != "" {
		out["description"] = text
	}
	return out
}

var interval = regexp.MustCompile(`^([\[(])(-?[0-9.e+-]+), (-?[0-9.e+-]+)([\])])$`)

// value is a field without fields below it.
func (o *object) value(out map[string]any) {
	words := strings.Split(o.field.Range, " | ")
	switch o.field.Type {
	case "word":
		out["enum"] = words
	case "boolean":
		out["type"] = "boolean"
	case "integer":
		out["type"] = "integer"
		o.bounds(out)
	case "number", "credits":
		out["type"] = "number"
		o.bounds(out)
	case "duration":
		out["type"], out["pattern"] = "string", `^[0-9.]+(ns|us|ms|s|m|h|d)`
	case "name":
		out["type"], out["pattern"] = "string", "^"+o.field.Range+"$"
	case "list":
		o.list(out, words)
	default:
		out["type"] = "string"
	}
}

// list may stand as one value where it is of numbers.
func (o *object) list(out map[string]any, words []string) {
	number := map[string]any{"type": "number"}
	o.bounds(number)
	several := map[string]any{"type": "array", "minItems": 1, "items": number}
	switch o.field.Path {
	case "learning":
		out["type"], out["items"], out["uniqueItems"] = "array", map[string]any{"enum": words}, true
	case "experiment.problem.arms":
		out["anyOf"] = []any{
			map[string]any{"type": "integer", "minimum": 1, "maximum": 1024},
			map[string]any{"type": "array", "minItems": 1, "maxItems": 1024, "uniqueItems": true, "items": map[string]any{"type": "string"}},
		}
	case "experiment.reward.range":
		out["type"], out["items"], out["minItems"], out["maxItems"] = "array", map[string]any{"type": "number"}, 2, 2
	case "record":
		out["type"], out["items"] = "array", map[string]any{"type": "integer", "minimum": 1}
	default:
		out["anyOf"] = []any{number, several}
	}
}

// bounds writes an interval as JSON Schema does.
func (o *object) bounds(out map[string]any) {
	m := interval.FindStringSubmatch(o.field.Range)
	if m == nil {
		return
	}
	keys := map[string]string{"[": "minimum", "(": "exclusiveMinimum", "]": "maximum", ")": "exclusiveMaximum"}
	for i, bracket := range map[int]string{2: m[1], 3: m[4]} {
		out[keys[bracket]] = json.Number(m[i])
	}
	if _, err := json.Marshal(out); err != nil {
		panic(fmt.Sprintf("simnet: schema: %s: %v", o.field.Path, err)) // a test makes the schema
	}
}
