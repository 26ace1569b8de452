package web

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTicksAreFewRoundAndCoverTheData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(-1e6, 1e6).Draw(t, "from")
		to := from + rapid.Float64Range(1e-3, 1e6).Draw(t, "span")
		got := around(from, to, 6)
		n := len(got.values)
		if n < 2 || n > 9 {
			t.Fatalf("%d ticks for [%v, %v]", n, from, to)
		}
		if slack := (to - from) * 1e-6; got.values[0] > from+slack || got.values[n-1] < to-slack {
			t.Fatalf("ticks %v do not cover [%v, %v]", got.values, from, to)
		}
		seen := map[string]bool{}
		for _, v := range got.values {
			if seen[fixed(v, got.decimals)] {
				t.Fatalf("two ticks of %v are both written %s", got.values, fixed(v, got.decimals))
			}
			seen[fixed(v, got.decimals)] = true
		}
	})
}

func TestNamesAtLineEndsDoNotTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := make([]label, rapid.IntRange(0, 8).Draw(t, "n"))
		for i := range names {
			names[i] = label{y: rapid.Float64Range(-50, 400).Draw(t, "y")}
		}
		names = apart(names, 30, 280)
		for i := 1; i < len(names); i++ {
			if names[i].y-names[i-1].y < 17-1e-9 {
				t.Fatalf("%v and %v", names[i-1], names[i])
			}
		}
	})
}

func TestThinningKeepsTheLastValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int(), 1, 300).Draw(t, "values")
		most := rapid.IntRange(1, 100).Draw(t, "most")
		kept := thinned(values, most)
		if len(kept) > max(most, 0) && len(kept) != len(values) || kept[len(kept)-1] != values[len(values)-1] {
			t.Fatalf("%d of %d", len(kept), len(values))
		}
	})
}

var svg = regexp.MustCompile(`(?s)<svg.*?</svg>`)

func TestDrawingsAreWellFormedAndOnThePage(t *testing.T) {
	coordinate := regexp.MustCompile(` (?:x|cx)="(-?[0-9.]+)"`)
	view := regexp.MustCompile(`viewBox="0 0 ([0-9.]+) `)
	for name, v := range map[string]View{"ended": sample(), "running": running(), "deployed": deployed(), "hostile": hostile(), "large": large()} {
		b := open(t, v)
		for _, path := range pagePaths {
			if strings.HasPrefix(path, "/experiments/") {
				path = experimentPath(v.Experiments[0].Name)
			}
			for _, drawing := range svg.FindAllString(b.page(t, path), -1) {
				decoder := xml.NewDecoder(strings.NewReader(drawing))
				for {
					_, err := decoder.Token()
					if errors.Is(err, io.EOF) {
						break
					}
					require.NoError(t, err, "%s %s", name, path)
				}
				width, err := strconv.ParseFloat(view.FindStringSubmatch(drawing)[1], 64)
				require.NoError(t, err)
				for _, found := range coordinate.FindAllStringSubmatch(drawing, -1) {
					x, err := strconv.ParseFloat(found[1], 64)
					require.NoError(t, err)
					assert.True(t, x >= -1 && x <= width+60, "%s %s: x %v on %v", name, path, x, width)
				}
			}
		}
	}
}

func TestForecastFollowsASteadySpend(t *testing.T) {
	p := Privacy{}
	for i := range 11 {
		p.Left = append(p.Left, Left{Time: noon.Add(time.Duration(i) * time.Hour), Share: 1 - 0.05*float64(i)})
	}
	f := p.forecast()
	require.NotNil(t, f)
	end := noon.Add(20 * time.Hour)
	for _, at := range []time.Time{f.Early, f.Middle, f.Late} {
		assert.WithinDuration(t, end, at, time.Minute, "a straight line ends where it ends, without spread")
	}
	p.Left[5].Share -= 0.02
	f = p.forecast()
	assert.True(t, f.Early.Before(f.Middle) && f.Middle.Before(f.Late), "scatter makes a range")
	assert.Nil(t, Privacy{Left: p.Left[:2]}.forecast(), "too early")
	assert.Nil(t, Privacy{Left: []Left{{noon, 1, 0}, {noon.Add(time.Hour), 1, 0}, {noon.Add(2 * time.Hour), 1, 0}}}.forecast(), "nothing is spent")
}

func TestGapIsUndefinedWithoutADifference(t *testing.T) {
	share, ok := gap(0.5, 0, 1)
	assert.True(t, ok)
	assert.InDelta(t, 0.5, share, 1e-12)
	for _, c := range [][3]float64{{0, 0, 0}, {0, 1, 0}, {math.NaN(), 0, 1}, {0, math.NaN(), 1}, {0, 0, math.Inf(1)}} {
		share, ok := gap(c[0], c[1], c[2])
		assert.True(t, !ok || share == 0, "%v", c)
	}
}
