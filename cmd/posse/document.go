package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/posse-dev/posse"
)

// decode reads one JSON document into a pointer to a struct. Unknown fields, a field
// twice and anything after the document are refused. The error names the field, or
// the line and column; it never repeats a value, which may be a bid.
func decode(document []byte, into any) error {
	if len(document) >= maxDocument {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FILE_TOO_LARGE", Value: "more", Allowed: "at most 256 MiB", Message: "the input is too large",
		}
	}
	err := json.Unmarshal(document, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	var own *posse.Error
	e := &posse.Error{Code: posse.InvalidArgument, Reason: "MALFORMED", Message: "the input is not one JSON document"}
	switch {
	case errors.As(err, &own): // of a type that reads itself
		known := *own
		if errors.As(err, &meaning) {
			known.Field = fieldOf(meaning.JSONPointer)
		}
		return &known
	case errors.As(err, &meaning):
		e.Field = fieldOf(meaning.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			e.Reason, e.Message = "UNKNOWN_FIELD", e.Field+" is not a field"
			break
		}
		e.Reason, e.Message, e.Allowed = "FIELD_TYPE", e.Field+" has another type", wordOf(meaning.GoType)
		e.Line, e.Column = lineOf(document, meaning.ByteOffset)
	case errors.As(err, &syntax):
		if errors.Is(err, jsontext.ErrDuplicateName) {
			e.Reason, e.Field, e.Message = "DUPLICATE_FIELD", fieldOf(syntax.JSONPointer), "a field is given twice"
		}
		e.Line, e.Column = lineOf(document, syntax.ByteOffset)
	default:
		e.Line, e.Column = lineOf(document, int64(len(document)))
	}
	return e
}

// fieldOf writes a place in a document as our errors do: offers[0].bid.
func fieldOf(at jsontext.Pointer) string {
	var b strings.Builder
	for token := range at.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&b, "[%s]", token)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}

// wordOf says in JSON's words what a type is read from.
func wordOf(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	case reflect.String:
		return "a text in quotes"
	case reflect.Bool:
		return "true or false"
	default:
		return "a number"
	}
}

// lineOf is a byte's line and column, from 1.
func lineOf(document []byte, offset int64) (line, column int) {
	before := document[:min(max(0, offset), int64(len(document)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}
