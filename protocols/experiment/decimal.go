package experiment

import (
	"errors"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number, kept as its shortest text so that two equal
// numbers are equal values. The zero value is 0.
//
// Privacy parameters, bounds and money never pass through a float on their way to
// a charge: 0.1 as a float64 is slightly more than 1/10 and would refuse a legal
// spend. Source: privacy 0.
type Decimal struct{ text string }

const (
	decimalDigitsMax   = 40  // more than any field's range and precision together
	decimalExponentMax = 400 // beyond what a float64 can show
)

// decimalForm is the number of YAML's core schema and JSON, in decimal only, and
// without leading zeros, which older YAML reads as octal.
var decimalForm = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

var errDecimal = errors.New("not a decimal number")

var errDecimalSize = errors.New("at most 40 digits and an exponent in [-400, 400]")

// ParseDecimal reads a decimal number such as 12, -0.5 or 1e-6. It refuses
// hexadecimal, underscores, infinities, NaN, leading zeros, more than 40
// significant digits and exponents beyond ±400.
func ParseDecimal(text string) (Decimal, error) {
	if !decimalForm.MatchString(text) {
		return Decimal{}, errDecimal
	}
	digits, exponent := text, 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		e, err := strconv.Atoi(digits[i+1:])
		if err != nil {
			return Decimal{}, errDecimalSize
		}
		digits, exponent = digits[:i], e
	}
	sign := ""
	if digits[0] == '-' {
		sign = "-"
	}
	digits = strings.TrimLeft(digits, "+-")
	if i := strings.IndexByte(digits, '.'); i >= 0 {
		exponent -= len(digits) - i - 1
		digits = digits[:i] + digits[i+1:]
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return Decimal{}, nil
	}
	kept := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(kept)
	if len(kept) > decimalDigitsMax || exponent < -decimalExponentMax || exponent > decimalExponentMax {
		return Decimal{}, errDecimalSize
	}
	return Decimal{sign + decimalText(kept, exponent)}, nil
}

// decimalText writes kept·10^exponent without an exponent where that stays short.
func decimalText(kept string, exponent int) string {
	switch {
	case exponent == 0 || exponent > 0 && len(kept)+exponent <= 16:
		return kept + strings.Repeat("0", exponent)
	case exponent < 0 && -exponent < len(kept):
		return kept[:len(kept)+exponent] + "." + kept[len(kept)+exponent:]
	case exponent < 0 && exponent >= -5:
		return "0." + strings.Repeat("0", -exponent-len(kept)) + kept
	default:
		return kept + "e" + strconv.Itoa(exponent)
	}
}

// integerDecimal returns n as a Decimal.
func integerDecimal(n int64) Decimal {
	d, err := ParseDecimal(strconv.FormatInt(n, 10))
	if err != nil {
		panic("an int64 is a decimal number") // at most 19 digits
	}
	return d
}

// String returns the shortest text that [ParseDecimal] reads as the same number.
func (d Decimal) String() string {
	if d.text == "" {
		return "0"
	}
	return d.text
}

// Rat returns the number as an exact rational, a new one at each call.
func (d Decimal) Rat() *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("experiment: a decimal holds the text " + d.text) // ParseDecimal made it
	}
	return r
}

// Float64 returns the nearest float64. Screens only: charges use [Decimal.Rat].
func (d Decimal) Float64() float64 {
	f, _ := d.Rat().Float64()
	return f
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return d.Rat().Sign() }

// Cmp compares two numbers exactly: -1, 0 or 1.
func (d Decimal) Cmp(other Decimal) int { return d.Rat().Cmp(other.Rat()) }

// Int64 returns the number as an integer, and whether it is one that fits.
func (d Decimal) Int64() (int64, bool) {
	r := d.Rat()
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, false
	}
	return r.Num().Int64(), true
}

// MarshalJSON writes the number as a JSON number with all its digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }
