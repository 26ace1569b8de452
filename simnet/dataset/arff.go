package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/posse-dev/posse"
)

// arff reads the dense form of Weka's attribute-relation files.
//
//	% comment            @RELATION name
//	@ATTRIBUTE name NUMERIC | STRING | {ok, timeout}
//	@DATA                one row a line, fields between commas
//
// Keywords are in any case. A field may be padded with blanks and quoted with '
// or "; in quotes a backslash takes the next character as it is. A bare ? is a
// missing value. Comments are whole lines.
type arff struct {
	lines      *lines
	attributes []attribute
	row        int
	fields     []field
	lastBad    *place // the row before, if it was refused
}

type attribute struct {
	name   string
	values []string // of a nominal attribute, else nil
}

type field struct {
	text    string
	missing bool
}

// newARFF reads the header, to the @DATA line.
func newARFF(r io.Reader, name string) (*arff, error) {
	a := &arff{lines: newLines(r, name)}
	for {
		line, err := a.lines.next()
		at := place{file: name, line: a.lines.line}
		if errors.Is(err, io.EOF) {
			return nil, at.malformed("the header does not end", "a line @DATA after the attributes", "")
		}
		if err != nil {
			return nil, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '%' {
			continue
		}
		word, rest := text, ""
		if i := strings.IndexAny(text, " \t"); i >= 0 {
			word, rest = text[:i], strings.TrimSpace(text[i:])
		}
		switch strings.ToLower(word) {
		case "@relation":
		case "@attribute":
			attr, err := parseAttribute(rest, at)
			if err != nil {
				return nil, err
			}
			if len(a.attributes) == maxColumns {
				return nil, tooLarge(name, "attributes", maxColumns)
			}
			a.attributes = append(a.attributes, attr)
		case "@data":
			if len(a.attributes) == 0 {
				return nil, at.malformed("there are no attributes before @DATA", "@ATTRIBUTE lines", "")
			}
			return a, nil
		default:
			return nil, at.malformed("this is no line of an ARFF header", "@RELATION, @ATTRIBUTE, @DATA or a comment that starts with %", "")
		}
	}
}

// parseAttribute reads what follows @ATTRIBUTE.
func parseAttribute(text string, at place) (attribute, error) {
	wrong := func(problem string) error {
		return at.malformed(problem, "@ATTRIBUTE name NUMERIC, STRING or {value, value}", "")
	}
	name, rest, ok := token(text, " \t{")
	if !ok || name.text == "" {
		return attribute{}, wrong("an attribute has no name")
	}
	attr, kind := attribute{name: name.text}, strings.TrimSpace(rest)
	if strings.HasPrefix(kind, "{") {
		if !strings.HasSuffix(kind, "}") {
			return attr, wrong("the values of an attribute don't end")
		}
		fields, ok := split(kind[1:len(kind)-1], nil)
		if !ok {
			return attr, wrong("the values of an attribute can't be told apart")
		}
		for _, f := range fields {
			attr.values = append(attr.values, f.text)
		}
		return attr, nil
	}
	word, _, _ := strings.Cut(strings.ToLower(kind), " ")
	if !slices.Contains([]string{"numeric", "real", "integer", "string", "date"}, word) {
		return attr, wrong("the type of an attribute is not known")
	}
	return attr, nil
}

// column returns the position of an attribute, by name in any case.
func (a *arff) column(name string) (int, error) {
	for i, attr := range a.attributes {
		if strings.EqualFold(attr.name, name) {
			return i, nil
		}
	}
	return 0, missingColumn(place{file: a.lines.file, line: a.lines.line}, name)
}

func missingColumn(at place, name string) error {
	return at.bad("FIELD_MISSING", name, "the file has no such column", "", "a column of this name", "")
}

// next returns the next row; its fields are valid until the next call. A row
// that can't be used comes back as a refusal, and reading goes on after it. A
// refused last row without a newline means that the file was cut.
func (a *arff) next() (fields []field, at place, refusal *posse.Error, err error) {
	for {
		line, err := a.lines.next()
		if errors.Is(err, io.EOF) {
			if a.lastBad != nil && !a.lines.terminated {
				return nil, *a.lastBad, nil, a.lastBad.cut()
			}
			return nil, place{}, nil, io.EOF
		}
		if err != nil {
			return nil, place{}, nil, err
		}
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '%' {
			continue
		}
		a.row++
		at, a.lastBad = place{file: a.lines.file, row: a.row, line: a.lines.line}, nil
		if refusal = a.parse(text, at); refusal != nil {
			a.lastBad = &at
			return nil, at, refusal, nil
		}
		return a.fields, at, nil, nil
	}
}

// parse takes a row apart into a.fields.
func (a *arff) parse(text string, at place) *posse.Error {
	if text[0] == '{' {
		return at.malformed("this is a sparse row", "dense rows, all fields between commas", "")
	}
	var ok bool
	if a.fields, ok = split(text, a.fields[:0]); !ok {
		return at.malformed("a quoted field does not end, or something follows it", "fields between commas", "")
	}
	if len(a.fields) != len(a.attributes) {
		return at.malformed("the row has "+countOf(len(a.fields), "field"), fmt.Sprintf("%d, as there are attributes", len(a.attributes)), "")
	}
	for i, f := range a.fields {
		if attr := a.attributes[i]; attr.values != nil && !f.missing && !slices.Contains(attr.values, f.text) {
			return at.bad("MALFORMED", attr.name, "the value is not one of the declared ones", "another word", strings.Join(attr.values, ", "), "")
		}
	}
	return nil
}

// split takes a line apart at commas outside quotes, into the memory of fields.
func split(line string, fields []field) ([]field, bool) {
	for {
		f, rest, ok := token(strings.TrimLeft(line, " \t"), ",")
		if !ok {
			return fields, false
		}
		fields = append(fields, f)
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return fields, true
		}
		if rest[0] != ',' {
			return fields, false
		}
		line = rest[1:]
	}
}

// token returns the word at the start of text, quoted or up to one of the stop
// characters, and what follows it, from the stop character on.
func token(text, stops string) (f field, rest string, ok bool) {
	if text == "" || (text[0] != '\'' && text[0] != '"') {
		end := strings.IndexAny(text, stops)
		if end < 0 {
			end = len(text)
		}
		word := strings.TrimRight(text[:end], " \t")
		return field{text: word, missing: word == "?"}, text[end:], true
	}
	quote := text[0]
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == quote:
			return field{text: b.String()}, text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return field{}, "", false
}

// countOf says a number of things in words: "1 field", "3 fields".
func countOf(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%s %ss", thousands(n), thing)
}
