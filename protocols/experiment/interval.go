package experiment

import (
	"math/big"
	"strings"
	"time"
)

// interval is a range as files and messages write it: (0, 20] leaves out 0.
type interval struct {
	low, high         *big.Rat
	openLow, openHigh bool
}

// parseInterval reads "(0, 1e6]". Bounds are decimal numbers or, in a range of
// durations, Go durations, which become nanoseconds.
func parseInterval(text string) interval {
	low, high, ok := strings.Cut(text[1:len(text)-1], ", ")
	if !ok {
		panic("experiment: the field table holds the range " + text)
	}
	return interval{
		low: parseBound(low), high: parseBound(high),
		openLow: text[0] == '(', openHigh: text[len(text)-1] == ')',
	}
}

func parseBound(text string) *big.Rat {
	if d, err := ParseDecimal(text); err == nil {
		return d.Rat()
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic("experiment: the field table holds the bound " + text)
	}
	return new(big.Rat).SetInt64(int64(d))
}

func (i interval) contains(x *big.Rat) bool {
	low, high := x.Cmp(i.low), x.Cmp(i.high)
	return (low > 0 || low == 0 && !i.openLow) && (high < 0 || high == 0 && !i.openHigh)
}
