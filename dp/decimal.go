package dp

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/posse-dev/posse"
)

// Limits of a decimal: enough for any parameter, and small enough that nobody
// can make us hold a number of a million digits.
const (
	maxDecimalLength   = 64
	maxDecimalExponent = 400
)

// Decimal reads a decimal number exactly: an optional sign, digits with an
// optional point, an optional exponent ("1", "0.1", "1e-6", "+.5"). No
// underscores, fractions, hexadecimal, NaN or infinity; at most 64 characters and
// an exponent within ±400. The error names field.
func Decimal(field, text string) (*big.Rat, error) {
	bad := func(allowed string) error {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_TYPE", Field: field,
			Value: quoted(text), Allowed: allowed, Message: field + " must be a number",
		}
	}
	if len(text) > maxDecimalLength {
		return nil, bad("a decimal number of at most 64 characters")
	}
	digits, exponent, hasExponent := strings.Cut(strings.ToLower(text), "e")
	if hasExponent {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -maxDecimalExponent || n > maxDecimalExponent {
			return nil, bad("a decimal number with an exponent in [-400, 400]")
		}
	}
	unsigned := strings.TrimLeft(digits, "+-")
	if len(digits)-len(unsigned) > 1 {
		return nil, bad("a decimal number")
	}
	seen := false
	for i, c := range unsigned {
		switch {
		case c >= '0' && c <= '9':
			seen = true
		case c == '.' && !strings.Contains(unsigned[:i], "."):
		default:
			return nil, bad("a decimal number")
		}
	}
	if !seen {
		return nil, bad("a decimal number")
	}
	x, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, bad("a decimal number")
	}
	return x, nil
}
