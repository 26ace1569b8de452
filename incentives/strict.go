package incentives

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	posse "github.com/posse-dev/posse"
)

// maxInput is the largest document that a calculator reads: a thousand Gram matrices
// of dimension 64 take about a tenth of it.
const maxInput = 256 << 20

// ReadStrict decodes one JSON document into a pointer to a struct. Unlike
// encoding/json alone it refuses unknown fields, the same field twice and anything
// after the document. The error names the field, or the line and column; it never
// repeats a value, which may be a bid.
func ReadStrict(document []byte, into any) error {
	if len(document) > maxInput {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FILE_TOO_LARGE", Value: fmt.Sprintf("%d bytes", len(document)),
			Allowed: "at most 256 MiB", Message: "the input is too large",
		}
	}
	if err := refuseDuplicates(document); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return decodingError(document, err)
	}
	return nil
}

// refuseDuplicates walks the tokens of the whole document: exactly one value, no
// object with a name twice.
func refuseDuplicates(document []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	type level struct {
		names map[string]bool // nil in an array
		key   bool            // the next token is a name
	}
	var open []level
	for first := true; first || len(open) > 0; first = false {
		token, err := decoder.Token()
		if err != nil {
			return decodingError(document, err)
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '}' || token == ']' {
				open = open[:len(open)-1]
			} else {
				if token == '{' {
					open = append(open, level{names: map[string]bool{}, key: true})
				} else {
					open = append(open, level{})
				}
				continue
			}
		case string:
			if len(open) > 0 && open[len(open)-1].key {
				top := &open[len(open)-1]
				if top.names[token] {
					e := at(document, decoder.InputOffset())
					e.Reason, e.Field, e.Message = "DUPLICATE_FIELD", token, "a field is given twice"
					return e
				}
				top.names[token], top.key = true, false
				continue
			}
		}
		if len(open) > 0 && open[len(open)-1].names != nil { // a member is complete
			open[len(open)-1].key = true
		}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		e := at(document, decoder.InputOffset())
		e.Reason, e.Message = "MALFORMED", "there is more after the document"
		return e
	}
	return nil
}

// decodingError makes one of ours of what encoding/json says, without values.
func decodingError(document []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var own *posse.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &kind):
		e := at(document, kind.Offset)
		got, _, _ := strings.Cut(kind.Value, " ") // "number 4.5" would repeat the value
		e.Reason, e.Field, e.Value = "FIELD_TYPE", kind.Field, "a "+got
		e.Message = kind.Field + " has the wrong type"
		switch kind.Type.Kind().String() {
		case "slice", "array":
			e.Allowed = "a list"
		case "struct", "map", "ptr":
			e.Allowed = "an object"
		default:
			e.Allowed = "a " + kind.Type.Kind().String()
		}
		return e
	case errors.As(err, &syntax):
		e := at(document, syntax.Offset)
		e.Reason, e.Message = "MALFORMED", "the input is not JSON"
		return e
	}
	e := at(document, int64(len(document)))
	e.Reason, e.Message = "MALFORMED", "the input is not JSON"
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		name = strings.Trim(name, `"`)
		e = &posse.Error{Code: posse.InvalidArgument, Reason: "UNKNOWN_FIELD", Field: name, Message: name + " is not a field"}
	}
	return e
}

// at returns an error that points to a byte of the document.
func at(document []byte, offset int64) *posse.Error {
	before := document[:min(max(0, offset), int64(len(document)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return &posse.Error{Code: posse.InvalidArgument, Line: line, Column: column}
}
