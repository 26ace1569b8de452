package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
)

// formatOf finds -o in arguments that may not parse, so that an error about them
// is written as asked for.
func formatOf(args []string) string {
	for i, a := range args {
		switch {
		case a == "--":
			return "table"
		case a == "-ojson" || a == "-o=json" || a == "--output=json":
			return "json"
		case (a == "-o" || a == "--output") && i+1 < len(args) && args[i+1] == "json":
			return "json"
		}
	}
	return "table"
}

// print writes a result: the document with -o json, else what table returns.
func (p *program) print(document any, table func() string) error {
	if p.format != "json" {
		_, err := io.WriteString(p.out, table())
		return err
	}
	text, err := encode(document)
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}

// encode writes one JSON document with a newline. Numbers that JSON does not have
// are an error, never a string.
func encode(document any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// note writes a line to stderr for a person; programs that asked for JSON get none.
func (p *program) note(format string, arguments ...any) {
	if p.format != "json" {
		fmt.Fprintln(p.err, plain(fmt.Sprintf(format, arguments...)))
	}
}

// cells lays out rows under headers in columns. right holds the headers of columns
// of numbers. On a terminal rows are cut at its width.
func (p *program) cells(headers []string, right []string, rows [][]string) string {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight, style.Box.UnfinishedRow = "", "  ", "…"
	style.Size.WidthMax = p.width()
	if p.coloured(p.out) {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	head := table.Row{}
	var configs []table.ColumnConfig
	for i, h := range headers {
		head = append(head, h)
		align := text.AlignLeft
		if slices.Contains(right, h) {
			align = text.AlignRight
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for _, row := range rows {
		r := table.Row{}
		for _, cell := range row {
			r = append(r, plain(cell))
		}
		t.AppendRow(r)
	}
	return t.Render() + "\n"
}

// width is the terminal's in characters, 0 where stdout is none.
func (p *program) width() int {
	file, ok := p.out.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// terminal reports whether a stream is one.
func terminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// coloured reports whether a stream gets colour: --color wins, then NO_COLOR and
// TERM (no-color.org).
func (p *program) coloured(stream any) bool {
	switch p.color {
	case "always":
		return true
	case "never":
		return false
	}
	return p.env["NO_COLOR"] == "" && p.env["TERM"] != "dumb" && terminal(stream)
}

// plain takes control characters out of what somebody else wrote.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n') || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

// errorDocument is an error as -o json shows it.
type errorDocument struct {
	Code     posse.Code               `json:"code"`
	Reason   string                   `json:"reason"`
	Field    string                   `json:"field,omitempty"`
	Value    string                   `json:"value,omitempty"`
	Allowed  string                   `json:"allowed,omitempty"`
	Message  string                   `json:"message"`
	Hint     string                   `json:"hint,omitempty"`
	Problems []experiment.Problematic `json:"problems,omitempty"`
}

// fail writes an error to stderr.
func (p *program) fail(err error) {
	e := posse.As(err)
	if p.format != "json" {
		_, _ = io.WriteString(p.err, p.errorText(e))
		return
	}
	d := errorDocument{
		Code: e.Code, Reason: e.Reason, Field: e.Field, Value: e.Value, Allowed: e.Allowed, Message: e.Message, Hint: e.Hint,
	}
	if len(e.Problems) > 0 || e.Line > 0 || e.File != "" {
		d.Problems = experiment.Problems(e)
	}
	if text, err := encode(map[string]errorDocument{"error": d}); err == nil {
		_, _ = p.err.Write(text)
	}
}

// errorText is an error for people: what happened, where, what was got, what is
// allowed and what to do next.
func (p *program) errorText(e *posse.Error) string {
	var b strings.Builder
	label := "error:"
	if p.coloured(p.err) {
		label = text.Colors{text.Bold, text.FgRed}.Sprint(label)
	}
	fmt.Fprintf(&b, "%s %s\n", label, plain(e.Message))
	part := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, strings.ReplaceAll(plain(value), "\n", "\n           "))
		}
	}
	where := place(e)
	if !strings.Contains(e.Message, e.Field) || where == "" {
		where = strings.TrimSpace(where + " " + e.Field)
	}
	part("where", where)
	part("got", e.Value)
	part("allowed", e.Allowed)
	part("next", e.Hint)
	if len(e.Problems) > 1 {
		rest := e.Problems[1:]
		if len(rest) == 1 {
			fmt.Fprintf(&b, "1 more problem: %s\n", problemLine(rest[0]))
		} else {
			fmt.Fprintf(&b, "%d more problems:\n", len(rest))
			for _, r := range rest {
				fmt.Fprintf(&b, "  %s\n", problemLine(r))
			}
		}
	}
	return b.String()
}

func problemLine(e *posse.Error) string {
	line := e.Message
	if e.Value != "" {
		line += ", got " + e.Value
	}
	if e.Allowed != "" {
		line += ", allowed " + e.Allowed
	}
	if where := place(e); where != "" {
		line += "   (" + where + ")"
	}
	return plain(line)
}

// place is file:line:column as far as they are known.
func place(e *posse.Error) string {
	where := e.File
	if e.Line > 0 {
		where += fmt.Sprintf(":%d", e.Line)
		if e.Column > 0 {
			where += fmt.Sprintf(":%d", e.Column)
		}
	}
	return strings.TrimPrefix(where, ":")
}
