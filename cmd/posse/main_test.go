package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"posse": main})
}

// Each file of testdata is a story: commands as somebody types them, and what they print.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json":    jsonCommand,
			"noesc":   noEscape,
			"address": addressCommand,
			"token":   tokenCommand,
		},
	})
}

// jsonCommand is `json FILE PATH [VALUE]`: the file is one JSON document that has the path, as in a.b.0.c, and there
// the value, if one is given, as JSON. With ! the document has no such path.
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json file path [value]")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	d.UseNumber()
	var document any
	ts.Check(d.Decode(&document))
	if d.More() {
		ts.Fatalf("%s holds more than one document", args[0])
	}
	at, found := document, true
	for key := range strings.SplitSeq(args[1], ".") {
		switch node := at.(type) {
		case map[string]any:
			at, found = node[key], found && hasKey(node, key)
		case []any:
			found = found && regexp.MustCompile(`^[0-9]$`).MatchString(key) && int(key[0]-'0') < len(node)
			if found {
				at = node[key[0]-'0']
			}
		default:
			found = false
		}
	}
	if found == neg {
		ts.Fatalf("%s: found %s: %v", args[0], args[1], found)
	}
	if len(args) == 3 {
		got, err := json.Marshal(at)
		ts.Check(err)
		if string(got) != args[2] {
			ts.Fatalf("%s: %s is %s, not %s", args[0], args[1], got, args[2])
		}
	}
}

func hasKey(m map[string]any, key string) bool {
	_, ok := m[key]
	return ok
}

// noEscape is `noesc FILE`: nothing in it would move a cursor or colour a terminal.
func noEscape(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		if strings.ContainsRune(ts.ReadFile(name), 0x1b) != neg {
			ts.Fatalf("%s: escape sequences: %v", name, !neg)
		}
	}
}

// addressCommand is `address FILE`: waits until a replica has written to its stdout, FILE, where it serves, and keeps
// that in ADDRESS.
func addressCommand(ts *testscript.TestScript, _ bool, args []string) {
	for range 300 {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		var serving replicaServing
		if err == nil && json.Unmarshal(text, &serving) == nil {
			ts.Setenv("ADDRESS", strings.TrimPrefix(serving.API, "http://"))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s: no replica serves", args[0])
}

// tokenCommand is `token FILE`: what POSSE_TOKEN is from now on.
func tokenCommand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("POSSE_TOKEN", strings.TrimSpace(ts.ReadFile(args[0])))
}

// called runs posse in this process.
func called(t *testing.T, stdin string, environ []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(stdin), &out, &err, environ)
	return status, out.String(), err.String()
}

// wrong is one bad use of posse and what must be said about it.
type wrong struct {
	name, stdin string
	environ     []string
	args        []string
	field       string
	allowed     string // a part of it; empty where nothing is allowed or the hint says it all
	line        int
}

const goodOffers = `{"prior":{"lambda":1},"coverage":0.5,"reserve":10000000,"offers":[{"node":"a","bid":%,"counts":[5,6]}]}`

func offers(bid string) string { return strings.ReplaceAll(goodOffers, "%", bid) }

func wrongUses(t *testing.T) []wrong {
	t.Helper()
	_, template, _ := called(t, "", nil, "experiment", "init")
	line := func(part string) int { return 1 + strings.Count(template[:strings.Index(template, part)], "\n") }
	edited := func(from, to string) string {
		require.Contains(t, template, from)
		return strings.Replace(template, from, to, 1)
	}
	validate := []string{"experiment", "validate", "-"}
	return []wrong{
		{name: "wrong file", args: []string{"experiment", "validate", "nowhere.yaml"}, field: "file", allowed: "a file that can be read"},
		{name: "a folder for a file", args: []string{"experiment", "validate", "."}, field: "file", allowed: "a file that can be read"},
		{name: "not YAML", stdin: "a: [", args: validate, line: 1},
		{name: "unknown field", stdin: edited("horizon:", "horizn: 5\nhorizon:"), args: validate, field: "horizn", line: line("horizon:")},
		{name: "negative epsilon", stdin: edited("epsilon: 1 ", "epsilon: -1 "), args: validate, field: "privacy.epsilon", allowed: "20", line: line("  epsilon:")},
		{name: "epsilon is not a number", stdin: edited("epsilon: 1 ", "epsilon: .nan "), args: validate, field: "privacy.epsilon", line: line("  epsilon:")},
		{name: "explain a bad file", stdin: edited("epsilon: 1 ", "epsilon: 21 "), args: []string{"privacy", "explain", "-f", "-"}, field: "privacy.epsilon", allowed: "20", line: line("  epsilon:")},
		{name: "apply a bad file", stdin: edited("epsilon: 1 ", "epsilon: 21 "), args: []string{"experiment", "apply", "-"}, field: "privacy.epsilon", allowed: "20", line: line("  epsilon:")},
		{name: "kind of template", args: []string{"experiment", "init", "--kind", "knapsack"}, field: "problem.kind", allowed: "arms"},
		{name: "negative nodes", stdin: template, args: append(validate, "--nodes=-1"), field: "--nodes", allowed: "at least 0"},
		{name: "no file", args: []string{"experiment", "validate"}, field: "FILE"},
		{name: "an argument too many", args: []string{"experiment", "validate", "a", "b"}, field: "argument", allowed: "1"},
		{name: "unknown flag", args: []string{"experiment", "init", "--knd", "arms"}, field: "--knd"},
		{name: "flag without value", args: []string{"experiment", "init", "--kind"}, field: "--kind"},
		{name: "unknown output", args: []string{"version", "-o", "xml"}, field: "--output", allowed: "table, json"},
		{name: "unknown colour", args: []string{"version", "--color", "mauve"}, field: "--color", allowed: "auto, always, never"},
		{name: "unknown command", args: []string{"experment"}, field: "command", allowed: "experiment"},
		{name: "unknown verb", args: []string{"experiment", "aply"}, field: "command", allowed: "apply"},
		{name: "no verb", args: []string{"experiment"}, field: "command", allowed: "validate"},
		{name: "unknown help", args: []string{"help", "experment"}, field: "command", allowed: "experiment"},
		{name: "unknown shell", args: []string{"completion", "tcsh"}, field: "SHELL", allowed: "bash, zsh, fish, powershell"},
		{name: "mistyped variable", environ: []string{"POSSE_TOKN=x"}, args: []string{"version"}, field: "POSSE_TOKN", allowed: "POSSE_TOKEN"},
		{name: "noise without a name", args: []string{"privacy", "calibrate", "--epsilon", "1"}, field: "--mechanism", allowed: "tree"},
		{name: "unknown noise", args: []string{"privacy", "calibrate", "--epsilon", "1", "--mechanism", "cauchy"}, field: "mechanism", allowed: "laplace"},
		{name: "noise without a promise", args: []string{"privacy", "calibrate", "--mechanism", "laplace"}, field: "--epsilon"},
		{name: "promise below zero", args: []string{"privacy", "calibrate", "--mechanism", "laplace", "--epsilon", "-1"}, field: "epsilon", allowed: "(0, 100]"},
		{name: "promise that is no number", args: []string{"privacy", "calibrate", "--mechanism", "laplace", "--epsilon", "NaN"}, field: "epsilon", allowed: "(0, 100]"},
		{name: "promise in words", args: []string{"privacy", "calibrate", "--mechanism", "laplace", "--epsilon", "one"}, field: "--epsilon", allowed: "a number"},
		{name: "Gaussian without delta", args: []string{"privacy", "calibrate", "--mechanism", "gaussian", "--epsilon", "1"}, field: "delta", allowed: "(0, 1)"},
		{name: "Laplace with delta", args: []string{"privacy", "calibrate", "--mechanism", "laplace", "--epsilon", "1", "--delta", "0.1"}, field: "delta"},
		{name: "tree without steps", args: []string{"privacy", "calibrate", "--mechanism", "tree", "--epsilon", "1"}, field: "--steps"},
		{name: "steps without tree", args: []string{"privacy", "calibrate", "--mechanism", "laplace", "--epsilon", "1", "--steps", "4"}, field: "--steps"},
		{name: "part of a unit", args: []string{"privacy", "calibrate", "--mechanism", "discrete-laplace", "--epsilon", "1", "--sensitivity", "1.5"}, field: "sensitivity", allowed: "whole"},
		{name: "noise too large to draw", args: []string{"privacy", "calibrate", "--mechanism", "discrete-laplace", "--epsilon", "1e-9", "--sensitivity", "1e9"}, field: "epsilon", allowed: "1e15"},
		{name: "event without sigma", stdin: `{"events":[{"mechanism":"pure","epsilon":1},{"mechanism":"gaussian"}]}`, args: []string{"privacy", "compose", "-f", "-"}, field: "events[1].sigma", allowed: "(0, 1e+15]"},
		{name: "unknown key of an event", stdin: `{"events":[{"mechanism":"pure","epsilonn":1}]}`, args: []string{"privacy", "compose", "-f", "-"}, field: "epsilonn"},
		{name: "compose nothing", args: []string{"privacy", "compose"}, field: "--file"},
		{name: "shuffle without n", args: []string{"privacy", "shuffle", "--epsilon0", "1", "--delta", "1e-6"}, field: "--n"},
		{name: "shuffle too loud", args: []string{"privacy", "shuffle", "--epsilon0", "21", "--n", "9", "--delta", "1e-6"}, field: "epsilon0", allowed: "(0, 20]"},
		{name: "bid below zero", stdin: offers("-1"), args: []string{"auction", "settle", "-f", "-"}, field: "offers[0].bid", allowed: "[0, "},
		{name: "bid in parts of a micro-credit", stdin: offers("41.4242"), args: []string{"auction", "settle", "-f", "-"}, field: "bid", allowed: "whole number"},
		{name: "bid is not a number", stdin: offers("NaN"), args: []string{"auction", "settle", "-f", "-"}, line: 1},
		{name: "explain a node without offer", stdin: offers("1"), args: []string{"auction", "settle", "-f", "-", "--explain", "z"}, field: "--explain", allowed: "made an offer"},
		{name: "auction of nothing", args: []string{"auction", "settle"}, field: "--file"},
		{name: "two documents", stdin: offers("1") + offers("1"), args: []string{"auction", "settle", "-f", "-"}, line: 1},
		{name: "seed is no number", stdin: "{}", args: []string{"schedule", "preview", "-f", "-", "--seed", "xyz"}, field: "seed", allowed: "hex"},
		{name: "versions below zero", stdin: `{"contributions":{"a":1}}`, args: []string{"schedule", "preview", "-f", "-", "--versions", "-1"}, field: "versions", allowed: "[0, 100000]"},
		{name: "nobody contributes", stdin: `{"contributions":{}}`, args: []string{"schedule", "preview", "-f", "-"}, field: "contributions"},
		{name: "unknown schedule", stdin: `{"kind":"lucky","contributions":{"a":1}}`, args: []string{"schedule", "preview", "-f", "-"}, field: "kind", allowed: "fair-equal"},
		{name: "address without port", args: []string{"experiment", "list", "--coordinator", "localhost"}, field: "--coordinator", allowed: "host:port"},
		{name: "token in the clear", args: []string{"experiment", "list", "--coordinator", "192.0.2.1:7070"}, field: "--coordinator", allowed: "loopback"},
		{name: "close without a word", args: []string{"experiment", "close", "dosing"}, field: "--yes"},
		{name: "no token file", args: []string{"experiment", "list", "--token-file", "nowhere"}, field: "file"},
	}
}

func TestBadInputNamesFieldAndRangeAndExitsWithTwo(t *testing.T) {
	for _, w := range wrongUses(t) {
		t.Run(w.name, func(t *testing.T) {
			status, stdout, stderr := called(t, w.stdin, w.environ, w.args...)
			assert.Equal(t, 2, status, stderr)
			assert.Empty(t, stdout)
			assert.True(t, strings.HasPrefix(stderr, "error: "), stderr)
			assert.Contains(t, stderr, w.allowed)

			if slices.Contains(w.args, "-o") {
				return // says itself how it wants its errors
			}
			status, stdout, stderr = called(t, w.stdin, w.environ, append([]string{"-o", "json"}, w.args...)...)
			assert.Equal(t, 2, status)
			if len(w.args) > 1 && w.args[1] == "validate" && stdout != "" {
				var v struct {
					Valid    *bool
					Problems []struct {
						Field, Allowed string
						Line           int
					}
				}
				require.NoError(t, json.Unmarshal([]byte(stdout), &v), stdout)
				assert.Empty(t, stderr)
				require.NotNil(t, v.Valid)
				assert.False(t, *v.Valid)
				require.NotEmpty(t, v.Problems)
				assert.Equal(t, w.field, v.Problems[0].Field)
				assert.Contains(t, v.Problems[0].Allowed, w.allowed)
				assert.Equal(t, w.line, v.Problems[0].Line)
				return
			}
			assert.Empty(t, stdout)
			var d struct {
				Error struct {
					Code, Reason, Field, Allowed, Message string
					Problems                              []struct{ Line int }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(stderr), &d), stderr)
			assert.Equal(t, "invalid_argument", d.Error.Code)
			assert.NotEmpty(t, d.Error.Reason)
			assert.NotEmpty(t, d.Error.Message)
			assert.Contains(t, d.Error.Field, w.field)
			assert.Contains(t, d.Error.Allowed, w.allowed)
			if w.line > 0 {
				require.NotEmpty(t, d.Error.Problems)
				assert.Equal(t, w.line, d.Error.Problems[0].Line)
			}
		})
	}
}

// A reward or a bid that is wrong is described and never repeated.
func TestCanaryIsNeverPrinted(t *testing.T) {
	const canary = "41.4242"
	printed := 0
	for _, w := range wrongUses(t) {
		if !strings.Contains(w.stdin, canary) {
			continue
		}
		printed++
		for _, format := range []string{"table", "json"} {
			_, stdout, stderr := called(t, w.stdin, w.environ, append([]string{"-o", format}, w.args...)...)
			assert.NotContains(t, stdout+stderr, canary)
		}
	}
	for _, bid := range []string{canary, canary + "e1", "-" + canary, `"` + canary + `"`, "[" + canary + "]", "{\"x\":" + canary + "}", canary + canary, "4142420000"} {
		for _, format := range []string{"table", "json"} {
			status, stdout, stderr := called(t, offers(bid), nil, "-o", format, "auction", "settle", "-f", "-", "--explain", "a")
			printed++
			if bid != "4142420000" { // above the reserve: left out, which is an answer
				assert.Equal(t, 2, status, bid)
			}
			assert.NotContains(t, strings.ReplaceAll(stdout+stderr, ".", ""), "414242", bid)
		}
	}
	assert.Greater(t, printed, 10)
}

// Everything a person may type is explained: what it does, two examples, and each flag with its range or words.
func TestEveryCommandIsExplained(t *testing.T) {
	p := &program{env: map[string]string{}}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		assert.NotEmpty(t, c.Short, c.CommandPath())
		assert.NotRegexp(t, `\.$`, c.Short, c.CommandPath())
		examples := strings.Count(c.Example, "posse ")
		assert.GreaterOrEqual(t, examples, 2, "%s needs two examples", c.CommandPath())
		for example := range strings.SplitSeq(c.Example, "\n") {
			assert.Contains(t, example, "posse", c.CommandPath())
		}
		for _, child := range c.Commands() {
			visit(child)
		}
	}
	visit(p.root())
}

func TestBrokenPipeIsSuccess(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	defer func() { _ = writer.Close() }()
	var stderr bytes.Buffer
	assert.Zero(t, run(t.Context(), []string{"experiment", "init"}, strings.NewReader(""), writer, &stderr, nil))
	assert.Empty(t, stderr.String())
}
