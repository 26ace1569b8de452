package web

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestNumbersAreWrittenAsTheyAreRead(t *testing.T) {
	for want, got := range map[string]string{
		"60\u202f000":       count(60000),
		"999":               count(999),
		"−1\u202f234.50":    fixed(-1234.5, 2),
		"0.00":              fixed(-0.001, 2), // no minus before nothing
		"":                  fixed(math.NaN(), 2),
		"77\u202f%":         percent(0.773),
		"6.6\u202f%":        percent(0.066),
		"3\u202f%":          percent(0.03),
		"0\u202f%":          percent(0),
		"10\u202f%":         percent(0.0996),
		"+18 points":        points(0.18),
		"−3 points":         points(-0.03),
		"0.51":              epsilon(0.5001),
		"0.30":              epsilon(0.1 + 0.2), // the last bits of a sum are no spend
		"1.00":              epsilon(1),
		"10⁻⁶":              delta(1e-6),
		"9 × 10⁻⁷":          delta(9e-7),
		"0":                 delta(0),
		"796.48":            credits(796_476_600),
		"−0.01":             credits(-5_000),
		"1\u202f796.48":     credits(1_796_476_600),
		"4\u202fms":         duration(4 * time.Millisecond),
		"38\u202fµs":        duration(38 * time.Microsecond),
		"11\u202fs":         duration(11 * time.Second),
		"3 hours":           age(3 * time.Hour),
		"0.39\u202fs":       seconds(390 * time.Millisecond),
		"14:32:36":          clock(noon, noon),
		"24 Nov 14:32":      clock(noon, noon.AddDate(0, 0, 3)),
		"24 Nov 2026 14:32": clock(noon, noon.AddDate(1, 0, 0)),
		"twelve":            spelled(12),
		"13":                spelled(13),
		"Eight":             capital("eight"),
	} {
		assert.Equal(t, want, got)
	}
	assert.Empty(t, clock(time.Time{}, noon))
}

func TestAmountsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micro := rapid.Int64().Draw(t, "micro")
		head, tail := creditParts(micro)
		digits := strings.NewReplacer("\u202f", "", "−", "", ".", "").Replace(head + tail)
		magnitude := uint64(micro)
		if micro < 0 {
			magnitude = -magnitude
		}
		var read uint64
		for _, d := range digits {
			read = read*10 + uint64(d-'0')
		}
		if magnitude/micros < 1<<53 && read != magnitude {
			t.Fatalf("%d is written %s%s", micro, head, tail)
		}
		if (micro < 0) != strings.HasPrefix(head, "−") {
			t.Fatalf("sign of %d in %s", micro, head)
		}
	})
}

func TestEpsilonIsNeverRoundedDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.Float64Range(0, 1e4).Draw(t, "epsilon")
		var shown float64
		for _, d := range strings.NewReplacer("\u202f", "", ".", "").Replace(epsilon(e)) {
			shown = shown*10 + float64(d-'0')
		}
		if shown/100 < e-1e-7 {
			t.Fatalf("ε %v is shown as %s", e, epsilon(e))
		}
	})
}

func TestDroppedArmsAreTellableApart(t *testing.T) {
	a, b := distinct(-0.10031, -0.10029)
	assert.Equal(t, []string{"−0.10031", "−0.10029"}, []string{a, b})
	a, b = distinct(-0.1003, -0.0996)
	assert.Equal(t, []string{"−0.1003", "−0.0996"}, []string{a, b})
}
