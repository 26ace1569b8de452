package web

import (
	"html/template"
	"math"
)

// maxSpark is the most points or bars that a sparkline draws.
const maxSpark = 60

// thinned keeps at most most values, evenly spread, the last one among them.
func thinned[T any](values []T, most int) []T {
	if len(values) <= most {
		return values
	}
	kept := make([]T, most)
	for i := range kept {
		kept[i] = values[(i+1)*len(values)/most-1]
	}
	return kept
}

// sparkline draws values without axes, with a dot on the last one.
func sparkline(values []float64, label string) template.HTML {
	if len(values) < 2 {
		return "" // never a chart with one point
	}
	values = thinned(values, maxSpark)
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = math.Min(low, v), math.Max(high, v)
	}
	if high == low {
		low, high = low-1, high+1
	}
	c := &canvas{width: 180, height: 28}
	x := scale{0, float64(len(values) - 1), 3, 175}
	y := scale{low, high, 24, 4}
	points := make([]point, len(values))
	for i, v := range values {
		points[i] = point{x.at(float64(i)), y.at(v)}
	}
	c.path("ln thin c1", line(points))
	last := points[len(points)-1]
	c.circle("f1", last.x, last.y, 2.5)
	return c.small(label)
}

// bars draws small bars on a line, for shares and for versions behind.
func bars(values []float64, top float64, class string, px, height float64, label string) template.HTML {
	values = thinned(values, maxSpark)
	if len(values) == 0 || top <= 0 {
		return ""
	}
	c := &canvas{width: px, height: height}
	base := height - 3
	c.horizontal("axis", 0, px, base+0.5)
	step := math.Min(px/float64(len(values)), 16)
	for i, v := range values {
		if h := v / top * (base - 3); h > 0 {
			h = math.Max(h, 1)
			c.rect(class, float64(i)*step, base-h, math.Max(step*0.82, 1), h, 0)
		}
	}
	return c.small(label)
}

// shareBar draws a share of the largest one, with an interval if there is one.
func shareBar(share, low, high, largest float64, px float64) template.HTML {
	c := &canvas{width: px, height: 16}
	room := px
	if high > low {
		room = px * 0.86
	}
	if largest > 0 {
		x := scale{0, largest, 0, room}
		c.rect("fm", 0, 4, x.at(share), 8, 1)
		if high > low {
			c.horizontal("ln ct thin", x.at(low), math.Min(px, x.at(high)), 8)
		}
	}
	return c.small("")
}

// meter draws how much of a limit is spent.
func meter(spent, limit float64) template.HTML {
	c := &canvas{width: 110, height: 14}
	c.rect("fe", 0, 4, 110, 6, 3)
	if limit > 0 && spent > 0 {
		c.rect("f1", 0, 4, math.Min(110, 110*spent/limit), 6, 3)
	}
	return c.small("")
}
