package dataset

import (
	"errors"
	"io"

	"github.com/posse-dev/posse"
)

// eachRow gives every whole row of a table to add, and counts those that it or the
// reader refuses. It ends at the end of the file, at a broken one, and at too many
// rows or refusals to go on.
func eachRow[Field any](in *input, file string, next func() ([]Field, place, *posse.Error, error), add func([]Field, place) *posse.Error) error {
	for {
		fields, at, refusal, err := next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := in.count(file); err != nil {
			return err
		}
		if refusal == nil {
			refusal = add(fields, at)
		}
		if refusal != nil {
			in.refuse(1, refusal)
		}
	}
}

// count counts a row of the file.
func (in *input) count(file string) error {
	if in.rows++; in.rows > maxRows {
		return tooLarge(file, "rows", maxRows)
	}
	return nil
}
