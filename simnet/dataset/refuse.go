package dataset

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
)

// keptRefusals is how many refused rows are described; the others are counted.
const keptRefusals = 5

// place is where in a file something is. Row counts data rows from 1, without
// header and comments; Line counts all lines from 1.
type place struct {
	file      string
	row, line int
}

// refusals counts the rows of a set that could not be used.
type refusals struct {
	limit   float64 // largest share of rows
	rows    int     // read so far, refused ones included
	refused int
	first   []*posse.Error
}

// refuse counts n refused rows, described by one error.
func (r *refusals) refuse(n int, err *posse.Error) {
	r.refused += n
	if len(r.first) < keptRefusals {
		r.first = append(r.first, err)
	}
}

// verdict stops the load where more rows were refused than the limit allows.
func (r *refusals) verdict() error {
	if float64(r.refused) <= r.limit*float64(r.rows) {
		return nil
	}
	stop := *r.first[0]
	stop.Message = fmt.Sprintf("%d of %d rows are refused, more than %g %%; the first: %s", r.refused, r.rows, 100*r.limit, stop.Message)
	stop.Problems = r.first
	return &stop
}

// bad describes a problem of a row; column is empty where it has the whole row.
// The message names the place, what is allowed is said in words or as an
// interval, and got describes the value without showing it.
func (p place) bad(reason, column, problem, got, allowed, hint string) *posse.Error {
	where := fmt.Sprintf("%s, line %d", p.file, p.line)
	if p.row > 0 {
		where = fmt.Sprintf("%s, line %d (row %d)", p.file, p.line, p.row)
	}
	if column != "" {
		where += fmt.Sprintf(", column %q", column)
	}
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: reason, Field: column, Value: got, Allowed: allowed, Hint: hint,
		Message: where + ": " + problem, File: p.file, Line: p.line,
	}
}

// malformed is a row that can't be taken apart.
func (p place) malformed(problem, allowed, hint string) *posse.Error {
	return p.bad("MALFORMED", "", problem, "", allowed, hint)
}

// cut is the error for a last line that ends in the middle.
func (p place) cut() *posse.Error {
	return p.malformed("the file ends in the middle of this row", "whole rows", "the file was cut off: fetch it again")
}

// missing is the error for a file or folder that can't be opened.
func missing(path, what string, cause error) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Field: "data", Value: path, File: path,
		Message: "can't read " + what, Allowed: "a readable path",
		Hint: "data sets are not part of the project: the documentation says where each is fetched", Cause: cause,
	}
}

// tooLarge is the error for a set above a limit of this package.
func tooLarge(file, what string, limit int) *posse.Error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "LIMIT_EXCEEDED", Field: "data", File: file, Allowed: fmt.Sprintf("at most %d", limit),
		Message: fmt.Sprintf("%s has more %s than can be loaded", file, what),
	}
}

func isInf(x float64) bool { return math.IsInf(x, 0) }
