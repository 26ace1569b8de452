package posse

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the coarse kind of an error, spelled as Connect and gRPC spell it.
type Code string

// The codes in use. Anything that is not an [Error] is Internal to a user.
const (
	InvalidArgument    Code = "invalid_argument"
	FailedPrecondition Code = "failed_precondition"
	AlreadyExists      Code = "already_exists"
	NotFound           Code = "not_found"
	PermissionDenied   Code = "permission_denied"
	ResourceExhausted  Code = "resource_exhausted"
	Unavailable        Code = "unavailable"
	DataLoss           Code = "data_loss"
	Internal           Code = "internal"
)

// Error is what every boundary (API, command line, file) shows: what happened,
// to which field, what was got, what is allowed and what to do next. The zero
// value is not valid; Code, Reason and Message are always set.
//
// Value never holds a reward, a context, a user, a bid, a token or a key: for
// such fields it describes the problem instead ("not a number").
type Error struct {
	Code     Code
	Reason   string // upper snake, stable, tells cases of one code apart
	Field    string // path of the field, as written in the file or the request
	Value    string // what was got, or a description of it
	Allowed  string // the allowed range, as an interval or a list
	Message  string // one sentence
	Hint     string // what to do next
	Line     int    // 1-based line in File, 0 when there is no file
	Column   int
	File     string
	Problems []*Error // several problems of one input, the first of them being this one
	Cause    error
}

// Error returns the message with what is needed to act on it, on one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Value != "" {
		fmt.Fprintf(&b, ", got %s", e.Value)
	}
	if e.Allowed != "" {
		fmt.Fprintf(&b, ", allowed %s", e.Allowed)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, ": %s", e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause, so that [errors.Is] sees sentinels behind it.
func (e *Error) Unwrap() error { return e.Cause }

// OutOfRange is the error for a value outside its allowed interval.
func OutOfRange(field, value, allowed, hint string) *Error {
	return &Error{
		Code: InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: field, Value: value, Allowed: allowed,
		Message: field + " is out of range", Hint: hint,
	}
}

// Join makes one error of several problems of the same input: the first one's
// facts, with all of them listed. It returns nil when there are none.
func Join(problems []*Error) error {
	if len(problems) == 0 {
		return nil
	}
	first := *problems[0]
	first.Problems = problems
	return &first
}

// As returns err as an [*Error], or wraps what is not one as an internal error.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Reason: "INTERNAL", Message: err.Error(), Cause: err}
}
