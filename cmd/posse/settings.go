package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
)

// setting is one key of a file that configures a process. Its variable is the key
// in upper case behind POSSE_; its flag is named beside it.
type setting struct {
	key, flag string
	def       string
	list      bool // several values; in a flag and a variable separated by commas
	boolean   bool
	usage     string
}

// variable returns the name of the environment: POSSE_GUARD_USER_EPSILON for
// guard.user.epsilon, POSSE_APP_TOKEN_FILE for app.tokenFile.
func (s setting) variable() string {
	var b strings.Builder
	for _, r := range s.key {
		switch {
		case r == '.':
			b.WriteByte('_')
		case r >= 'A' && r <= 'Z':
			b.WriteString("_" + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return "POSSE_" + strings.ToUpper(b.String())
}

// found is the value of a setting and where it is from.
type found struct {
	values []string
	from   *posse.Error // place of it: File and Line, or Field of a flag or variable
}

// addFlags gives a command a flag for each setting. Values stay text here: what is
// wrong with one is said once, wherever it came from.
func addFlags(cmd *cobra.Command, settings []setting) {
	for _, s := range settings {
		usage := s.usage + " (file: " + s.key + ")"
		switch {
		case s.boolean:
			cmd.Flags().Bool(s.flag, s.def == "true", usage)
		case s.list:
			cmd.Flags().StringSlice(s.flag, nil, usage)
		default:
			cmd.Flags().String(s.flag, s.def, usage)
		}
	}
}

// gather returns the settings by key: a flag wins over the environment, that over
// the file, and that over the default.
func (p *program) gather(cmd *cobra.Command, settings []setting, kind, file string) (map[string]found, error) {
	values := map[string]found{}
	for _, s := range settings {
		if s.def != "" {
			values[s.key] = found{[]string{s.def}, &posse.Error{Field: s.key}}
		}
	}
	if file != "" {
		data, err := p.read(cmd.Context(), file, maxExperiment)
		if err != nil {
			return nil, err
		}
		written, err := readSettings(label(file), data, kind, settings)
		if err != nil {
			return nil, err
		}
		for key, v := range written {
			values[key] = v
		}
	}
	for _, s := range settings {
		if text := p.env[s.variable()]; text != "" {
			values[s.key] = found{split(s, text), &posse.Error{Field: s.variable()}}
		}
		if flag := cmd.Flags().Lookup(s.flag); flag.Changed {
			v := found{[]string{flag.Value.String()}, &posse.Error{Field: "--" + s.flag}}
			if s.list {
				v.values, _ = cmd.Flags().GetStringSlice(s.flag)
			}
			values[s.key] = v
		}
	}
	return values, nil
}

func split(s setting, text string) []string {
	if !s.list {
		return []string{text}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// readSettings reads a file strictly: YAML with apiVersion, the kind and known keys,
// each once, without anchors or tags. All problems are listed with their lines.
func readSettings(name string, data []byte, kind string, settings []setting) (values map[string]found, err error) {
	r := &settingsReader{name: name, settings: settings, values: map[string]found{}}
	defer func() {
		if recover() != nil { // the parser does on some odd inputs
			values, err = nil, r.problem("YAML_SYNTAX", "", nil, name+" is not YAML")
		}
	}()
	file, failure := parser.ParseBytes(data, 0)
	if failure != nil {
		return nil, r.syntax(failure)
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body != nil && body != nil {
			return nil, r.problem("YAML_FEATURE", "", d.Body.GetToken(), "a second document, which this file may not have")
		}
		if d.Body != nil {
			body = d.Body
		}
	}
	if body != nil {
		r.walk("", body)
	}
	for key, want := range map[string]string{"apiVersion": "posse/v1", "kind": kind} {
		got, ok := r.values[key]
		if !ok {
			r.problems = append(r.problems, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: key, File: name, Allowed: want, Message: key + " is required",
				Hint: fmt.Sprintf("write %s: %s", key, want),
			})
		} else if got.values[0] != want {
			e := notAWord(key, got.values[0], want)
			e.File, e.Line, e.Column = name, got.from.Line, got.from.Column
			r.problems = append(r.problems, e)
		}
		delete(r.values, key)
	}
	slices.SortStableFunc(r.problems, func(a, b *posse.Error) int {
		return strings.Compare(fmt.Sprintf("%09d%09d%s", a.Line, a.Column, a.Field), fmt.Sprintf("%09d%09d%s", b.Line, b.Column, b.Field))
	})
	return r.values, posse.Join(r.problems)
}

// settingsReader collects the values of a file and what is wrong with it.
type settingsReader struct {
	name     string
	settings []setting
	values   map[string]found
	problems []*posse.Error
}

func (r *settingsReader) problem(reason, field string, at *token.Token, message string) *posse.Error {
	e := &posse.Error{Code: posse.InvalidArgument, Reason: reason, Field: field, File: r.name, Message: message}
	if at != nil && at.Position != nil {
		e.Line, e.Column = at.Position.Line, at.Position.Column
	}
	return e
}

func (r *settingsReader) report(e *posse.Error) { r.problems = append(r.problems, e) }

// syntax turns the parser's error into ours, with its place and without the lines
// around it, which may hold anything.
func (r *settingsReader) syntax(err error) error {
	at, ok := err.(interface {
		GetToken() *token.Token
		GetMessage() string
	})
	if !ok || at.GetToken() == nil {
		return r.problem("YAML_SYNTAX", "", nil, r.name+" is not YAML")
	}
	reason, message := "YAML_SYNTAX", r.name+" is not YAML: "+at.GetMessage()
	if strings.Contains(at.GetMessage(), "already defined") {
		reason, message = "DUPLICATE_FIELD", at.GetMessage()
	}
	return r.problem(reason, "", at.GetToken(), message)
}

// walk visits a map; path is its own.
func (r *settingsReader) walk(path string, n ast.Node) {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		r.report(r.problem("FIELD_TYPE", path, n.GetToken(), strings.TrimSpace(path+" must be a map of fields")))
		return
	}
	for _, entry := range entries {
		word, plain := entry.Key.(*ast.StringNode)
		if !plain {
			r.report(r.problem("FIELD_TYPE", path, entry.Key.GetToken(), "a key must be a word"))
			continue
		}
		key := strings.TrimPrefix(path+"."+word.Value, ".")
		i := slices.IndexFunc(r.settings, func(s setting) bool { return s.key == key })
		switch {
		case i >= 0:
			r.value(r.settings[i], entry.Value)
		case key == "apiVersion" || key == "kind":
			r.value(setting{key: key}, entry.Value)
		case slices.ContainsFunc(r.settings, func(s setting) bool { return strings.HasPrefix(s.key, key+".") }):
			r.walk(key, entry.Value)
		default:
			e := r.problem("UNKNOWN_FIELD", key, word.GetToken(), key+" is not a field of this file")
			e.Hint = "the fields are " + r.known()
			r.report(e)
		}
	}
}

func (r *settingsReader) known() string {
	var keys []string
	for _, s := range r.settings {
		keys = append(keys, s.key)
	}
	return strings.Join(keys, ", ")
}

// value reads one scalar, or a list of them.
func (r *settingsReader) value(s setting, n ast.Node) {
	place := r.problem("", s.key, n.GetToken(), "")
	if list, ok := n.(*ast.SequenceNode); ok && s.list {
		v := found{from: place}
		for _, item := range list.Values {
			text, ok := scalar(item)
			if !ok {
				r.report(r.problem("FIELD_TYPE", s.key, item.GetToken(), s.key+" must be a list of words"))
				return
			}
			v.values = append(v.values, text)
		}
		r.values[s.key] = v
		return
	}
	text, ok := scalar(n)
	switch {
	case !ok && n.Type() == ast.NullType:
		r.report(r.problem("FIELD_EMPTY", s.key, n.GetToken(), s.key+" has no value"))
	case !ok && (n.Type() == ast.AnchorType || n.Type() == ast.AliasType || n.Type() == ast.TagType):
		r.report(r.problem("YAML_FEATURE", s.key, n.GetToken(), s.key+" uses an anchor, an alias or a tag, which this file may not have"))
	case !ok || s.list:
		what := "one value"
		if s.list {
			what = "a list"
		}
		r.report(r.problem("FIELD_TYPE", s.key, n.GetToken(), s.key+" must be "+what))
	default:
		r.values[s.key] = found{[]string{text}, place}
	}
}

// scalar returns the text of a value as it was written.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// placed says of an error about a value where the value is from.
func (f found) placed(err error) error {
	if err == nil {
		return nil
	}
	e := *posse.As(err)
	e.Field = f.from.Field
	e.File, e.Line, e.Column, e.Problems = f.from.File, f.from.Line, f.from.Column, nil
	return &e
}

// truth reads a boolean.
func (f found) truth() (bool, error) {
	if len(f.values) == 0 {
		return false, nil
	}
	b, err := strconv.ParseBool(f.values[0])
	if err != nil {
		return false, f.placed(&posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Value: quoted(f.values[0]), Allowed: "true or false", Message: f.from.Field + " is neither true nor false",
		})
	}
	return b, nil
}

// text returns the first value, "" when there is none.
func (f found) text() string {
	if len(f.values) == 0 {
		return ""
	}
	return f.values[0]
}
