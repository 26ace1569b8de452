package stattest

import (
	"fmt"
	"strconv"

	"github.com/posse-dev/posse"
)

// Result is what a test found.
type Result struct {
	Name      string
	Statistic float64
	PValue    float64 // chance of a statistic at least as extreme, if the hypothesis is true
	Alarm     float64 // the stated false alarm
}

// Rejected reports whether the hypothesis was rejected: PValue < Alarm.
func (r Result) Rejected() bool { return r.PValue < r.Alarm }

// String says the result in one line.
func (r Result) String() string {
	word := "not rejected"
	if r.Rejected() {
		word = "REJECTED"
	}
	return fmt.Sprintf("%s %s: statistic %.6g, p-value %.3g, false alarm %.3g", r.Name, word, r.Statistic, r.PValue, r.Alarm)
}

func checkAlarm(alarm float64) error {
	if !(alarm > 0 && alarm <= 0.5) {
		return posse.OutOfRange("alarm", strconv.FormatFloat(alarm, 'g', -1, 64), "(0, 0.5]", "")
	}
	return nil
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
