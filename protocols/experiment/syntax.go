package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/posse-dev/posse"
)

// valueKind is what a value looks like, before any field gives it a meaning.
type valueKind int

const (
	nullValue valueKind = iota
	booleanValue
	numberValue
	stringValue
	listValue
	mapValue
)

func (k valueKind) String() string {
	return [...]string{"no value", "a boolean", "a number", "a string", "a list", "a map"}[k]
}

// node is one value of a file with its place.
type node struct {
	kind         valueKind
	text         string // of a scalar: as written for plain ones, unquoted for strings
	quoted       bool
	items        []*node
	entries      []entry
	line, column int
}

// entry is one key of a map with its value.
type entry struct {
	key          string
	value        *node
	line, column int
}

// place returns where the field of a path is written, or else the nearest block
// around it.
func (n *node) place(path string) (line, column int) {
	line, column = n.line, n.column
	for key := range strings.SplitSeq(path, ".") {
		i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == key })
		if i < 0 || n.entries[i].value == nil {
			return line, column
		}
		n = n.entries[i].value
		line, column = n.line, n.column
	}
	return line, column
}

// syntax turns bytes into values and collects what no field may contain.
type syntax struct {
	problems []*posse.Error
}

// parse reads one YAML or JSON document. The node is nil when it is none.
func parse(data []byte) (*node, []*posse.Error) {
	s := &syntax{}
	if len(data) > sizeMaxBytes {
		s.report(tooLarge("an experiment file is at most 1 MiB", strconv.Itoa(len(data))+" bytes", "at most 1048576 bytes"), nil)
		return nil, s.problems
	}
	if at := invalidUTF8(data); at != nil {
		s.report(syntaxError(at.Line, at.Column, "not UTF-8"), at)
		return nil, s.problems
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if json.Valid(data) {
		// a tab is white space in JSON and an error to the YAML parser's columns; a
		// valid JSON text has raw tabs between tokens only
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	tokens := lexer.Tokenize(string(data))
	if p := tokenLimits(tokens); p != nil {
		s.problems = append(s.problems, p)
		return nil, s.problems
	}
	file, err := parseTokens(tokens)
	if err != nil {
		s.problems = append(s.problems, err)
		return nil, s.problems
	}
	root := s.document(file)
	return root, s.problems
}

// parseTokens runs the YAML parser and turns its errors, and its panics on odd
// input, into ours.
func parseTokens(tokens token.Tokens) (file *ast.File, problem *posse.Error) {
	defer func() {
		if r := recover(); r != nil {
			file, problem = nil, syntaxError(1, 1, "the text is not well formed")
			problem.Line, problem.Column = 1, 1
		}
	}()
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file, nil
	}
	var at interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		p := at.GetToken().Position
		problem = syntaxError(p.Line, p.Column, at.GetMessage())
		problem.Line, problem.Column = p.Line, p.Column
		return nil, problem
	}
	problem = syntaxError(1, 1, strings.SplitN(err.Error(), "\n", 2)[0])
	problem.Line, problem.Column = 1, 1
	return nil, problem
}

// document returns the root of the one document of the file.
func (s *syntax) document(file *ast.File) *node {
	var bodies []ast.Node
	for _, d := range file.Docs {
		if _, directive := d.Body.(*ast.DirectiveNode); d.Body != nil && !directive {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) == 0 {
		p := syntaxError(1, 1, "the file is empty")
		p.Hint = "`posse experiment init` prints a file to start from"
		s.problems = append(s.problems, at(p, 1, 1))
		return nil
	}
	root := s.value(bodies[0], "", 1)
	if len(bodies) > 1 {
		s.feature("second documents", bodies[1])
	}
	return root
}

// value walks one value. It returns nil after a problem of the value itself.
func (s *syntax) value(n ast.Node, path string, depth int) *node {
	if depth > depthMax {
		s.report(tooDeep(), position(n))
		return nil
	}
	switch x := n.(type) {
	case *ast.AnchorNode:
		s.feature("anchors", n)
	case *ast.AliasNode:
		s.feature("aliases", n)
	case *ast.TagNode:
		s.feature("tags", n)
	case *ast.MappingNode:
		return s.mapping(x, path, depth)
	case *ast.SequenceNode:
		list := &node{kind: listValue}
		list.line, list.column = place(n)
		for i, item := range x.Values {
			list.items = append(list.items, s.value(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
		return list
	default:
		return s.scalar(n, path)
	}
	return nil
}

func (s *syntax) mapping(m *ast.MappingNode, path string, depth int) *node {
	out := &node{kind: mapValue}
	out.line, out.column = place(m)
	first := map[string]*token.Position{}
	for i, pair := range m.Values {
		if i == 0 && !m.IsFlowStyle {
			out.line, out.column = place(pair.Key)
		}
		if pair.Key.IsMergeKey() {
			s.feature("merge keys", pair.Key)
			continue
		}
		if !plainKey(pair.Key) {
			s.feature("keys that are not plain words", pair.Key)
			continue
		}
		key := pair.Key.GetToken().Value
		field := join(path, key)
		line, column := place(pair.Key)
		if before, twice := first[key]; twice {
			s.report(&posse.Error{
				Code: posse.InvalidArgument, Reason: "DUPLICATE_FIELD", Field: shown(field),
				Message: fmt.Sprintf("%s is written twice, on lines %d and %d", shown(field), before.Line, line),
				Hint:    "keep one of them",
			}, position(pair.Key))
			continue
		}
		first[key] = position(pair.Key)
		out.entries = append(out.entries, entry{key: key, value: s.value(pair.Value, field, depth+1), line: line, column: column})
	}
	return out
}

// plainKey reports whether a key is one word or quoted text.
func plainKey(key ast.MapKeyNode) bool {
	switch key.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return true
	default:
		return false
	}
}

// scalar decides from the text itself what a scalar is, by YAML's core schema:
// the parser reads 1e-6 as a string and 1_000 as a number.
func (s *syntax) scalar(n ast.Node, path string) *node {
	out := &node{kind: stringValue}
	out.line, out.column = place(n)
	switch x := n.(type) {
	case *ast.LiteralNode:
		out.text, out.quoted = x.Value.Value, true
		return out
	case *ast.StringNode:
		out.text = x.Value
		if t := x.GetToken().Type; t == token.DoubleQuoteType || t == token.SingleQuoteType {
			out.quoted = true
			return out
		}
	case *ast.NullNode:
		out.text = ""
	default:
		out.text = n.GetToken().Value
	}
	switch out.text {
	case "", "~", "null", "Null", "NULL":
		s.report(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_EMPTY", Field: shown(path),
			Message: shown(path) + " has no value", Hint: "leave it out for the default",
		}, position(n))
		return nil
	case "true", "True", "TRUE", "false", "False", "FALSE":
		out.kind, out.text = booleanValue, strings.ToLower(out.text)
	default:
		if numberLike(n, out.text) {
			out.kind = numberValue
		}
	}
	return out
}

// numberLike reports whether the text is a number to us or to the YAML parser; the
// second are refused by [ParseDecimal] later, as numbers and not as strings.
func numberLike(n ast.Node, text string) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return decimalForm.MatchString(text)
}

func (s *syntax) feature(what string, n ast.Node) {
	s.report(featureError(what), position(n))
}

func featureError(what string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "YAML_FEATURE",
		Message: what + " are not allowed in an experiment file", Hint: "write the value out",
	}
}

func (s *syntax) report(p *posse.Error, at *token.Position) {
	if at != nil {
		p.Line, p.Column = at.Line, at.Column
	}
	s.problems = append(s.problems, p)
}

func at(p *posse.Error, line, column int) *posse.Error {
	p.Line, p.Column = line, column
	return p
}

func position(n ast.Node) *token.Position { return n.GetToken().Position }

func place(n ast.Node) (line, column int) {
	p := position(n)
	return p.Line, p.Column
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// shown cuts a path or a value that someone wrote to what fits a message, without
// control characters.
func shown(text string) string {
	clean := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '·'
		}
		return r
	}, text)
	if runes := []rune(clean); len(runes) > 100 {
		return string(runes[:100]) + "…"
	}
	return clean
}

func syntaxError(line, column int, words string) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "YAML_SYNTAX",
		Message: fmt.Sprintf("line %d, column %d: %s", line, column, shown(words)),
		Hint:    "an experiment file is one YAML or JSON document, indented with spaces",
	}
}

// invalidUTF8 returns the place of the first byte that is not UTF-8, nil if none.
func invalidUTF8(data []byte) *token.Position {
	if utf8.Valid(data) {
		return nil
	}
	line, column := 1, 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		data, column = data[size:], column+1
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return &token.Position{Line: line, Column: column}
}
