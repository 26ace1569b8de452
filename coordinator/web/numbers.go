package web

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	thin   = "\u202f" // thin no-break space: between thousands, before units
	minus  = "\u2212"
	micros = 1_000_000 // of a credit
	// nameLength is how much of a name is shown where space is short, in characters.
	nameLength = 34
)

// fixed writes x with so many decimals, a true minus and thin spaces between
// thousands. What is not a number is unknown and written as nothing.
func fixed(x float64, decimals int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	s := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	var b strings.Builder
	if x < 0 && strings.Trim(s, "0.") != "" {
		b.WriteString(minus)
	}
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(thin)
		}
		b.WriteRune(digit)
	}
	if fraction != "" {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// count writes a whole number.
func count[N int | int64 | uint64](n N) string { return fixed(float64(n), 0) }

// percent writes a share in [0, 1]: without decimals, or with one below 10 %.
func percent(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return ""
	}
	decimals := 0
	if math.Abs(share) < 0.0995 && math.Round(share*1000) != math.Round(share*100)*10 {
		decimals = 1
	}
	return fixed(share*100, decimals) + thin + "%"
}

// percent1 writes a share with one decimal, for columns that add to 100 %.
func percent1(share float64) string {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return ""
	}
	return fixed(share*100, 1) + thin + "%"
}

// points writes a difference of shares, with its sign.
func points(difference float64) string {
	s := fixed(difference*100, 0)
	if !strings.HasPrefix(s, minus) {
		s = "+" + s
	}
	return s + " points"
}

// epsilon writes a privacy loss, rounded up: a spend is never shown smaller
// than it is. The slack forgives the last bits of a sum such as 0.1 + 0.2.
func epsilon(e float64) string {
	if e >= 1e9 {
		return fixed(e, 2)
	}
	return fixed(math.Ceil(e*100-1e-6)/100, 2)
}

// delta writes δ as 0 or in powers of ten.
func delta(d float64) string {
	if d == 0 {
		return "0"
	}
	exponent := int(math.Floor(math.Log10(d) + 1e-9))
	mantissa := d / math.Pow(10, float64(exponent))
	power := "10" + raised(exponent)
	if math.Abs(mantissa-1) < 1e-6 {
		return power
	}
	return strconv.FormatFloat(mantissa, 'g', 3, 64) + " × " + power
}

// raised writes an exponent in superscript digits.
func raised(n int) string {
	superscript := strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴",
		"5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹")
	return superscript.Replace(strconv.Itoa(n))
}

// credits writes millionths of a credit with two decimals, half away from zero.
// Amounts are added before they are rounded, never after.
func credits(micro int64) string {
	head, _ := creditParts(roundCents(micro))
	return head
}

// roundCents rounds millionths to hundredths, in millionths.
func roundCents(micro int64) int64 {
	half := int64(micros / 200)
	if micro < 0 {
		half = -half
	}
	return (micro + half) / (micros / 100) * (micros / 100)
}

// creditParts writes an amount exactly, as the part up to the second decimal
// and the last four digits.
func creditParts(micro int64) (head, tail string) {
	sign := ""
	magnitude := uint64(micro)
	if micro < 0 {
		sign, magnitude = minus, -magnitude
	}
	fraction := strconv.FormatUint(magnitude%micros+micros, 10)[1:]
	return sign + count(magnitude/micros) + "." + fraction[:2], fraction[2:]
}

// clock writes a moment as seen from now, in UTC: the time today, the day this
// year, the year else; nothing for the zero time.
func clock(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	t, now = t.UTC(), now.UTC()
	switch {
	case now.IsZero() || t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

// day writes a date.
func day(t, now time.Time) string {
	if t.UTC().Year() == now.UTC().Year() {
		return t.UTC().Format("2 January")
	}
	return t.UTC().Format("2 January 2006")
}

// age writes how long ago something was, in one unit.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0" + thin + "s"
	case d < 2*time.Minute:
		return fixed(d.Seconds(), 0) + thin + "s"
	case d < 2*time.Hour:
		return fixed(d.Minutes(), 0) + " minutes"
	case d < 48*time.Hour:
		return fixed(d.Hours(), 0) + " hours"
	}
	return fixed(d.Hours()/24, 0) + " days"
}

// duration writes a length of time in one unit with two or three digits.
func duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fixed(float64(d)/float64(time.Microsecond), 0) + thin + "µs"
	case d < time.Second:
		return fixed(float64(d)/float64(time.Millisecond), 0) + thin + "ms"
	case d < 10*time.Second:
		return fixed(d.Seconds(), 1) + thin + "s"
	case d < 2*time.Minute:
		return fixed(d.Seconds(), 0) + thin + "s"
	}
	return age(d)
}

// seconds writes a short length of time in seconds with two decimals, as in a
// sentence about rounds; longer ones as duration does.
func seconds(d time.Duration) string {
	if d >= 10*time.Millisecond && d < 10*time.Second {
		return fixed(d.Seconds(), 2) + thin + "s"
	}
	return duration(d)
}

// spelled writes a small whole number as a word.
func spelled(n int) string {
	words := [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return count(n)
}

// capital makes the first letter a capital.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 || r == utf8.RuneError {
		return s
	}
	return strings.ToUpper(string(r)) + s[size:]
}

// cut shortens a name to nameLength characters, the last one being "…". Control
// characters and direction marks, which could make one name look like another
// or leave its place on the page, become visible boxes.
func cut(name string) string { return cutTo(name, nameLength) }

func cutTo(name string, length int) string {
	name = plain(name)
	if utf8.RuneCountInString(name) <= length {
		return name
	}
	runes := []rune(name)
	return string(runes[:length-1]) + "…"
}

// plain replaces what must not reach a page as it is: control characters and
// direction overrides.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069,
			r == 0x200e, r == 0x200f, r == 0x2028, r == 0x2029, r == utf8.RuneError:
			return '▯'
		}
		return r
	}, name)
}
