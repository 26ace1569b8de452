package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/posse-dev/posse"
)

// delimited reads RFC 4180 tables with a header: commas, or tabs where the file
// is named .tsv. A byte order mark is dropped; NA and an empty field are missing;
// columns without a name (an index, trailing commas) are ignored; rows of empty
// fields only are skipped.
type delimited struct {
	csv   *csv.Reader
	guard *guard
	header
	row     int
	line    int // where the last whole row began
	lastBad *place
}

// guard fails when one row takes more than maxLineBytes, so that a quote that is
// never closed does not pull the whole file into memory, and knows the last byte.
type guard struct {
	r    *bufio.Reader
	left int
	last byte
}

// byteOrderMark is how some programs begin a UTF-8 file.
const byteOrderMark = "\xEF\xBB\xBF"

var errLongRow = errors.New("row too long")

func (g *guard) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, errLongRow
	}
	n, err := g.r.Read(p)
	g.left -= n
	if n > 0 {
		g.last = p[n-1]
	}
	return n, err
}

// newDelimited reads the header.
func newDelimited(r io.Reader, name string) (*delimited, error) {
	buffered := bufio.NewReader(r)
	if start, _ := buffered.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
		_, _ = buffered.Discard(len(byteOrderMark)) // they were just seen
	}
	d := &delimited{guard: &guard{r: buffered, left: maxLineBytes}, header: header{file: name}, line: 1}
	d.csv = csv.NewReader(d.guard)
	d.csv.FieldsPerRecord, d.csv.ReuseRecord = -1, true
	if strings.HasSuffix(unpacked(name), ".tsv") {
		d.csv.Comma = '\t'
	}
	first, err := d.csv.Read()
	var parse *csv.ParseError
	at := place{file: name, line: 1}
	switch {
	case errors.Is(err, io.EOF):
		return nil, at.malformed("the file is empty", "a header and rows", "")
	case errors.Is(err, errLongRow):
		return nil, at.bad("LIMIT_EXCEEDED", "", "the header is too long", "", "at most 1 MiB", "")
	case err != nil && !errors.As(err, &parse):
		return nil, readFailed(at, err)
	case err != nil:
		return nil, at.malformed("the header can't be taken apart: "+syntax(err), "names between commas", "")
	case len(first) > maxColumns:
		return nil, tooLarge(name, "columns", maxColumns)
	}
	for _, h := range first {
		d.names = append(d.names, strings.TrimSpace(h))
	}
	return d, nil
}

// divider returns the position of the column that the options divide rows by, −1
// if they name none.
func (d *delimited) divider(o Options) (int, error) {
	if o.divider() == "" {
		return -1, nil
	}
	return d.column(o.divider())
}

// next returns the next row, valid until the next call; see [arff.next] for
// refusals.
func (d *delimited) next() (fields []string, at place, refusal *posse.Error, err error) {
	for {
		d.guard.left = maxLineBytes
		fields, err = d.csv.Read()
		var parse *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if d.lastBad != nil && d.guard.last != '\n' {
				return nil, *d.lastBad, nil, d.lastBad.cut()
			}
			return nil, place{}, nil, io.EOF
		case errors.As(err, &parse):
			d.row++
			at = place{file: d.file, row: d.row, line: parse.StartLine}
			d.lastBad = &place{file: at.file, row: at.row, line: at.line}
			return nil, at, at.malformed(syntax(err), "fields between commas, quoted where they hold a quote or a comma", ""), nil
		case err != nil:
			at = place{file: d.file, row: d.row, line: d.line}
			if errors.Is(err, errLongRow) {
				return nil, at, nil, at.bad("LIMIT_EXCEEDED", "", "the row after this one is too long", "", "at most 1 MiB", "look for a quote that is never closed")
			}
			return nil, at, nil, readFailed(at, err)
		}
		if blank(fields) {
			continue
		}
		d.row++
		d.lastBad = nil
		d.line, _ = d.csv.FieldPos(0)
		at = place{file: d.file, row: d.row, line: d.line}
		if len(fields) != len(d.names) {
			d.lastBad = &place{file: at.file, row: at.row, line: at.line}
			return nil, at, at.malformed("the row has "+countOf(len(fields), "field"), fmt.Sprintf("%d, as the header", len(d.names)), ""), nil
		}
		return fields, at, nil, nil
	}
}

// blank says whether all fields are empty.
func blank(fields []string) bool {
	for _, f := range fields {
		if f != "" {
			return false
		}
	}
	return true
}

// syntax says what is wrong with the form of a row, without its content.
func syntax(err error) string {
	switch {
	case errors.Is(err, csv.ErrQuote):
		return "a quoted field does not end, or something follows it"
	case errors.Is(err, csv.ErrBareQuote):
		return "there is a quote within a field that has none around it"
	default:
		return "the row can't be taken apart"
	}
}

// isMissing says whether a field stands for no value.
func isMissing(text string) bool { return text == "" || text == "NA" }
