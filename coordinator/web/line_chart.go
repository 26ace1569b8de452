package web

import (
	"html/template"
	"math"
)

// series is one line of a line chart.
type series struct {
	name   string // at its end; empty: none
	class  string // of the stroke
	text   string // class of the name
	marker string // square-2, diamond-3, circle-1 or empty
	every  int    // points between markers
	points []point
	band   []point // lower edge under upper, in the order of points; empty: none
	upper  []point
	stairs bool
}

// mark is a moment named above the plot, with a thin vertical line at its end.
type mark struct {
	from, to    float64
	long, short string
}

// lineChart is a plot of series over a common x axis.
type lineChart struct {
	px             float64
	height, narrow float64 // of the wide and of the narrow form
	left, right    float64 // margins; right holds the names
	yName, xName   string
	y              ticks
	yText          func(v float64, decimals int) string
	xFrom, xTo     float64
	series         []series
	marks          []mark
}

// html draws the chart in three widths.
func (l lineChart) html() template.HTML {
	return draw(l.px, func(w width) *canvas { return l.draw(w) })
}

func (l lineChart) draw(w width) *canvas {
	c := &canvas{width: w.px, height: l.height}
	right := l.right
	most := 6
	if w.narrow() {
		c.height, right, most = l.narrow, 14, 4
	} else if w.px > 1000 {
		most = 8
	}
	top := 30.0
	if len(l.marks) > 0 {
		top = 44
	}
	bottom := c.height - 40
	x := scale{l.xFrom, l.xTo, l.left, w.px - right}
	y := scale{l.y.values[0], l.y.values[len(l.y.values)-1], bottom, top}
	yText := l.yText
	if yText == nil {
		yText = fixed
	}
	for _, v := range l.y.values {
		c.horizontal("grid", x.left, x.right, y.at(v))
		c.text("end", x.left-8, y.at(v)+4, yText(v, l.y.decimals))
	}
	horizontal := within(l.xFrom, l.xTo, most)
	for i, v := range horizontal.values {
		class := "mid"
		if w.narrow() && i == len(horizontal.values)-1 && x.right-x.at(v) < 4 {
			class = "end"
		}
		c.path("tick", "M"+num(x.at(v))+" "+num(bottom)+"v5")
		c.text(class, x.at(v), bottom+19, fixed(v, horizontal.decimals))
	}
	c.horizontal("axis", x.left, x.right, bottom)
	c.text("end", x.right, bottom+37, l.xName)
	c.text("", 0, 9, l.yName)
	for _, m := range l.marks {
		room := x.at(m.to) - x.at(m.from)
		if words := m.long; 6.6*float64(len([]rune(words))) < room {
			c.text("mid", (x.at(m.from)+x.at(m.to))/2, top-5, words)
		} else if words := m.short; 6.6*float64(len([]rune(words))) < room {
			c.text("mid", (x.at(m.from)+x.at(m.to))/2, top-5, words)
		}
		if m.to < l.xTo {
			c.b.WriteString(`<path class="axis" stroke-dasharray="2 3" d="M` + num(x.at(m.to)) + " " + num(top-13) + "V" + num(bottom) + `"/>`)
		}
	}
	place := func(points []point) []point {
		placed := make([]point, len(points))
		for i, p := range points {
			placed[i] = point{x.at(p.x), y.clamped(p.y)} // a band is cut at the plot's edge, not squeezed
		}
		return placed
	}
	for _, s := range l.series {
		if len(s.band) > 1 {
			c.path("band", area(place(s.upper), place(s.band)))
		}
	}
	var names []label
	for _, s := range l.series {
		points := place(s.points)
		if len(points) == 0 {
			continue
		}
		d := line(points)
		if s.stairs {
			d = steps(points)
		}
		c.path(s.class, d)
		last := points[len(points)-1]
		for i := s.every; s.every > 0 && i < len(points)-1; i += s.every {
			marker(c, s.marker, points[i], 3.05)
		}
		marker(c, s.marker, last, 3.85)
		if s.name != "" {
			names = append(names, label{s.text, s.name, last.y})
		}
	}
	if !w.narrow() {
		for _, n := range apart(names, top, bottom) {
			c.text(n.class, x.right+12, n.y+4, n.text)
		}
	}
	return c
}

// marker draws a series' mark at a point.
func marker(c *canvas, kind string, p point, half float64) {
	switch kind {
	case "square-2":
		c.square("f2", p.x, p.y, half*2)
	case "diamond-3":
		c.diamond("hollow c3", p.x, p.y, half+1.4)
	case "circle-1":
		c.circle("f1", p.x, p.y, 4.25)
	}
}

// extent widens [low, high] to hold the finite values.
func extent(low, high float64, values ...float64) (float64, float64) {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		low, high = math.Min(low, v), math.Max(high, v)
	}
	return low, high
}
