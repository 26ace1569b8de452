package incentives

import (
	"fmt"
	"strconv"
	"strings"

	posse "github.com/posse-dev/posse"
)

// Credits is an amount of money in micro-credits: 1 credit = 10^6. The zero value is
// no money. Amounts are exact; nothing in Posse rounds money.
type Credits int64

const (
	// Credit is one credit.
	Credit Credits = 1_000_000
	// MaxCredits bounds bids, reserves and payments: a million credits.
	MaxCredits Credits = 1_000_000 * Credit
)

// ParseCredits reads an amount that a person wrote in credits: an optional minus
// sign, digits, and at most six decimals, as in "10", "0.25", "-3.000001". It refuses
// exponents, signs other than minus, empty parts, more decimals ("never rounded") and
// what does not fit into an int64 count of micro-credits. Errors never repeat the
// text, which may be somebody's bid.
func ParseCredits(text string) (Credits, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, decimals, point := strings.Cut(digits, ".")
	switch {
	case whole == "" || point && decimals == "" || !onlyDigits(whole) || !onlyDigits(decimals):
		return 0, creditsError("not a decimal number of credits")
	case len(decimals) > 6:
		return 0, creditsError(fmt.Sprintf("%d decimals", len(decimals)))
	}
	// Only the magnitude of the least int64 does not fit; it is refused too, so that
	// every amount has its opposite.
	micro, err := strconv.ParseInt(whole+decimals+strings.Repeat("0", 6-len(decimals)), 10, 64)
	if err != nil {
		return 0, creditsError("beyond the range of an amount")
	}
	if negative {
		micro = -micro
	}
	return Credits(micro), nil
}

// String writes the amount in credits, the shortest text that [ParseCredits] reads
// back: "10", "0.25", "-3.000001".
func (c Credits) String() string {
	text := c.Fixed()
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// Fixed writes the amount in credits with all six decimals: "10.000000".
func (c Credits) Fixed() string {
	sign, magnitude := "", uint64(c)
	if c < 0 {
		sign, magnitude = "-", -uint64(c)
	}
	return fmt.Sprintf("%s%d.%06d", sign, magnitude/1_000_000, magnitude%1_000_000)
}

func onlyDigits(text string) bool {
	for _, r := range text {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

func creditsError(value string) error {
	e := posse.OutOfRange("amount", value, "credits with at most 6 decimals, magnitude below 9223372036854.775808", "write 10 or 0.25")
	e.Message = "the amount is not a number of credits"
	return e
}
