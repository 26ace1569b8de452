package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// Axis is a field of a file and the values that it is to have one after another.
type Axis struct {
	Path   string
	Values []Value
}

// Value is what stands for a field: a scalar, a list or a map.
type Value struct{ node *node }

// String writes the value in one line, as JSON does but for the quotes around words.
func (v Value) String() string { return v.node.flow() }

func (n *node) flow() string {
	if n == nil {
		return ""
	}
	var parts []string
	switch n.kind {
	case listValue:
		for _, item := range n.items {
			parts = append(parts, item.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case mapValue:
		for _, e := range n.entries {
			parts = append(parts, e.key+": "+e.value.flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return shown(n.text)
	}
}

// Axes returns a map from paths to lists of values, in the order of the file. It
// reports an empty list and a value that is written twice.
func (b *Block) Axes(key string) []Axis {
	list := b.b.value(key, mapValue)
	if list == nil {
		return nil
	}
	var out []Axis
	for _, e := range list.entries {
		field := join(join(b.b.path, key), e.key)
		refuse := func(value, message string, line, column int) {
			b.b.r.report(&posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: shown(field), Value: value, Allowed: "a list of different values",
				Message: message, Hint: "write a list such as [0.5, 1, 2]",
			}, line, column)
		}
		if e.value == nil {
			continue // reported where it was read
		}
		if e.value.kind != listValue || len(e.value.items) == 0 {
			refuse(e.value.flow(), shown(field)+" must be a list of at least one value", e.value.line, e.value.column)
			continue
		}
		a := Axis{Path: e.key}
		for _, item := range e.value.items {
			if item == nil {
				continue
			}
			v := Value{item}
			if slices.ContainsFunc(a.Values, func(o Value) bool { return o.String() == v.String() }) {
				refuse(v.String(), v.String()+" is written twice in "+shown(field), item.line, item.column)
				continue
			}
			a.Values = append(a.Values, v)
		}
		out = append(out, a)
	}
	return out
}

// ParseAxis reads PATH=V1,V2: values as YAML has them, so that a list is [1, 2].
func ParseAxis(text string) (Axis, error) {
	path, values, ok := strings.Cut(text, "=")
	root, problems := parse([]byte("[" + values + "]"))
	if !ok || path == "" || len(problems) > 0 || root == nil || root.kind != listValue || len(root.items) == 0 || slices.Contains(root.items, nil) {
		return Axis{}, posse.OutOfRange("", fmt.Sprintf("%q", shown(text)), "PATH=V1,V2,…", "write experiment.privacy.epsilon=0.5,1,2")
	}
	a := Axis{Path: path}
	for _, item := range root.items {
		item.line, item.column = 0, 0
		a.Values = append(a.Values, Value{item})
	}
	return a, nil
}

// Without returns the document without one of its keys. It and [Block.With] leave
// unknown keys to be reported by what they return: the caller ends that.
func (b *Block) Without(key string) *Block {
	out := *b.b.node
	out.entries = slices.DeleteFunc(slices.Clone(out.entries), func(e entry) bool { return e.key == key })
	return b.instead(&out)
}

// With returns the document as it would be with a value at a path: names between
// points, and [i] behind the name of a list. Maps that are absent are made.
func (b *Block) With(path string, v Value) (*Block, error) {
	root, err := b.b.node.with(strings.Split(path, "."), v.node)
	if err != "" {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: shown(path), Value: shown(path), Allowed: "the path of a field, such as experiment.privacy.epsilon",
			Message: shown(path) + " is no field of this file: " + err, Hint: "write the blocks that lead to it here",
		}
	}
	return b.instead(root), nil
}

// instead is a block in place of this one, of which nobody asks any more.
func (b *Block) instead(n *node) *Block {
	for _, e := range b.b.node.entries {
		b.b.asked[e.key] = true
	}
	return &Block{b.b.r.block(b.b.path, n, b.b.line, b.b.column)}
}

// with copies what lies on the path and shares the rest.
func (n *node) with(path []string, v *node) (*node, string) {
	if n.kind != mapValue {
		return nil, "what leads to it is " + n.kind.String()
	}
	key, index := path[0], -1
	if at := strings.IndexByte(key, '['); at > 0 && strings.HasSuffix(key, "]") {
		i, err := strconv.Atoi(key[at+1 : len(key)-1])
		if err != nil || i < 0 {
			return nil, key + " is no item of a list"
		}
		key, index = key[:at], i
	}
	out := *n
	out.entries = slices.Clone(n.entries)
	at := slices.IndexFunc(out.entries, func(e entry) bool { return e.key == key })
	if at < 0 {
		if index >= 0 {
			return nil, "there is no list " + key
		}
		out.entries = append(out.entries, entry{key: key, value: &node{kind: mapValue, line: v.line, column: v.column}, line: v.line, column: v.column})
		at = len(out.entries) - 1
	}
	e := &out.entries[at]
	if index < 0 {
		if len(path) == 1 {
			e.value = v
			return &out, ""
		}
		if e.value == nil {
			return nil, key + " is not right itself"
		}
		child, err := e.value.with(path[1:], v)
		e.value = child
		return &out, err
	}
	if e.value == nil || e.value.kind != listValue || index >= len(e.value.items) || e.value.items[index] == nil {
		return nil, fmt.Sprintf("%s has no item %d", key, index)
	}
	list := *e.value
	list.items = slices.Clone(list.items)
	e.value = &list
	if len(path) == 1 {
		list.items[index] = v
		return &out, ""
	}
	child, err := list.items[index].with(path[1:], v)
	list.items[index] = child
	return &out, err
}

// Sound reports whether no problem was found so far.
func (b *Block) Sound() bool { return len(b.b.r.problems) == 0 }

// Boolean returns true or false, and whether it is written.
func (b *Block) Boolean(key string) (value, ok bool) { return b.b.boolean(key) }
