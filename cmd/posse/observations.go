package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// observations reads numbers, one a line; empty lines are skipped. An error names
// the line and not what is on it: these are somebody's outcomes.
func (p *program) observations(ctx context.Context, file string) ([]float64, error) {
	data, err := p.read(ctx, file, maxDocument)
	if err != nil {
		return nil, err
	}
	if len(data) == maxDocument {
		return nil, inFile(posse.OutOfRange("file", "longer than that", fmt.Sprintf("at most %d MiB", maxDocument>>20), "take a sample of it"), file)
	}
	var x []float64
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxDocument)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "xX_pP") {
			return nil, inFile(&posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: fmt.Sprintf("line %d", n), Value: "(withheld)", Line: n,
				Allowed: "one finite decimal number a line", Message: fmt.Sprintf("line %d is not a number", n),
				Hint: "leave out headers, units and separators",
			}, file)
		}
		x = append(x, v)
	}
	return x, lines.Err()
}

// finite is x for a JSON document, nil where it is no finite number.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// shown is a finite number for a table, in six digits, and otherwise a word for why
// there is none.
func shown(x *float64, otherwise string) string {
	if x == nil {
		return otherwise
	}
	return strconv.FormatFloat(*x, 'g', 6, 64)
}
