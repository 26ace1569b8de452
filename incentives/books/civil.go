package books

import "fmt"

// The pure folders read no clock and so import no time package; a date is arithmetic.

// timestamp writes Unix milliseconds as RFC 3339 in UTC.
func timestamp(milliseconds int64) string {
	days, rest := milliseconds/86_400_000, milliseconds%86_400_000
	return fmt.Sprintf("%sT%02d:%02d:%02d.%03dZ", date(days), rest/3_600_000, rest/60_000%60, rest/1000%60, rest%1000)
}

// date writes the number of days since 1970-01-01, at least 0, as year-month-day in
// the Gregorian calendar. Years are counted from 1 March, so that the day that comes
// and goes is the last; a month from March on has ⌊(153m + 2)/5⌋ days before it.
func date(days int64) string {
	shifted := days + 719_468 // days from 0000-03-01
	era, day := shifted/146_097, shifted%146_097
	year := (day - day/1460 + day/36_524 - day/146_096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	dayOfMonth := day - (153*month+2)/5 + 1
	year += 400 * era
	if month += 3; month > 12 {
		month, year = month-12, year+1
	}
	return fmt.Sprintf("%04d-%02d-%02d", year, month, dayOfMonth)
}
