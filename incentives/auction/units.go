package auction

import (
	"math"
	"math/bits"
)

// Unit is the unit of information on which all decisions are made: 2^-32 nat. A gain
// of g nats counts as g·2^32 units, rounded to the nearest, half away from zero.
const Unit = 1.0 / (1 << 32)

// quantise rounds a gain in nats to units. Gains are below 1,024·ln(2^124) nats, so
// the result is below 2^49.
func quantise(nats float64) int64 { return int64(math.Round(nats / Unit)) }

// claim is what a comparison sees of a candidate: its gain in units, positive; its
// bid in micro-credits, not negative; and its index in the order of ids, for ties.
type claim struct {
	gain, bid int64
	index     int
}

// beats reports whether a is bought before b: more information per credit, compared
// as a.gain·b.bid > b.gain·a.bid in 128 bits, or the same and the smaller id. A bid of
// 0 so beats every positive bid. It is a strict total order on claims of positive gain.
func (a claim) beats(b claim) bool {
	hiA, loA := bits.Mul64(uint64(a.gain), uint64(b.bid))
	hiB, loB := bits.Mul64(uint64(b.gain), uint64(a.bid))
	if hiA != hiB {
		return hiA > hiB
	}
	if loA != loB {
		return loA > loB
	}
	return a.index < b.index
}

// highestWinningBid returns the largest bid in [0, limit] with which a candidate of
// the given gain and index beats the rival, or −1 if none does:
//
//	⌊(gain·rival.bid − [index > rival.index]) / rival.gain⌋
//
// in 128 bits. Both gains are positive, limit is not negative.
func highestWinningBid(gain int64, index int, rival claim, limit int64) int64 {
	hi, lo := bits.Mul64(uint64(gain), uint64(rival.bid))
	if index > rival.index { // a tie is lost: the product must be strictly greater
		if hi == 0 && lo == 0 {
			return -1
		}
		var borrow uint64
		lo, borrow = bits.Sub64(lo, 1, 0)
		hi -= borrow
	}
	if hi >= uint64(rival.gain) { // the quotient does not fit into 64 bits
		return limit
	}
	quotient, _ := bits.Div64(hi, lo, uint64(rival.gain))
	if quotient >= uint64(limit) {
		return limit
	}
	return int64(quotient)
}
