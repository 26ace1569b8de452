package web

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Charts are drawn in three widths, of which the style sheet shows one: for a
// page of 1152 px, for one column, and for a phone.
type width struct {
	class string
	px    float64
}

// widths of a chart whose widest form is px.
func widths(px float64) []width {
	return []width{{"ch-w", px}, {"ch-m", 700}, {"ch-n", 342}}
}

// narrow reports whether there is no room for names at line ends.
func (w width) narrow() bool { return w.class == "ch-n" }

// canvas collects the marks of one SVG. Text is escaped; class names are ours.
type canvas struct {
	width, height float64
	b             strings.Builder
}

// num writes a coordinate with one decimal, for short and stable documents.
func num(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		x = 0
	}
	s := strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
	if s == "-0" {
		return "0"
	}
	return s
}

func (c *canvas) path(class, d string) {
	c.b.WriteString(`<path class="` + class + `" d="` + d + `"/>`)
}

// horizontal and vertical draw straight lines.
func (c *canvas) horizontal(class string, x1, x2, y float64) {
	c.path(class, "M"+num(x1)+" "+num(y)+"H"+num(x2))
}

func (c *canvas) vertical(class string, x, y1, y2 float64) {
	c.path(class, "M"+num(x)+" "+num(y1)+"V"+num(y2))
}

func (c *canvas) rect(class string, x, y, w, h, r float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, class, num(x), num(y), num(math.Max(0, w)), num(h))
	if r > 0 {
		fmt.Fprintf(&c.b, ` rx="%s"`, num(r))
	}
	c.b.WriteString("/>")
}

// square is a filled marker, diamond a hollow one.
func (c *canvas) square(class string, x, y, side float64) {
	c.rect(class, x-side/2, y-side/2, side, side, 0)
}

func (c *canvas) diamond(class string, x, y, r float64) {
	s := num(r)
	c.path(class, "M"+num(x)+" "+num(y-r)+"l"+s+" "+s+"l-"+s+" "+s+"l-"+s+" -"+s+"z")
}

func (c *canvas) circle(class string, x, y, r float64) {
	fmt.Fprintf(&c.b, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, class, num(x), num(y), strconv.FormatFloat(r, 'f', -1, 64))
}

// text writes words at x; class "mid" and "end" anchor them there by their
// middle and end.
func (c *canvas) text(class string, x, y float64, words string) {
	c.b.WriteString("<text")
	if class != "" {
		c.b.WriteString(` class="` + class + `"`)
	}
	c.b.WriteString(` x="` + num(x) + `" y="` + num(y) + `">` + template.HTMLEscapeString(words) + "</text>")
}

// point is a place on a canvas.
type point struct{ x, y float64 }

// line joins points by straight strokes, steps by horizontal and vertical ones.
func line(points []point) string {
	var b strings.Builder
	for i, p := range points {
		b.WriteString(map[bool]string{true: "M", false: "L"}[i == 0] + num(p.x) + " " + num(p.y))
	}
	return b.String()
}

func steps(points []point) string {
	var b strings.Builder
	for i, p := range points {
		if i == 0 {
			b.WriteString("M" + num(p.x) + " " + num(p.y))
			continue
		}
		b.WriteString("H" + num(p.x) + "V" + num(p.y))
	}
	return b.String()
}

// area is the closed shape between an upper and a lower line.
func area(upper, lower []point) string {
	var b strings.Builder
	b.WriteString(line(upper))
	for i := len(lower) - 1; i >= 0; i-- {
		b.WriteString("L" + num(lower[i].x) + " " + num(lower[i].y))
	}
	return b.String() + "Z"
}

// svg closes the document. What it shows is told by the figure's caption and
// table, so it is hidden from readers of the page's structure.
func (c *canvas) svg(class string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="ch %s" viewBox="0 0 %s %s" aria-hidden="true" focusable="false">%s</svg>`,
		class, num(c.width), num(c.height), c.b.String())) //nolint:gosec // every text went through canvas.text
}

// small closes a document that stands in a table cell, with a name if it says
// more than the number beside it.
func (c *canvas) small(label string) template.HTML {
	role := `aria-hidden="true"`
	if label != "" {
		role = `role="img" aria-label="` + template.HTMLEscapeString(label) + `"`
	}
	return template.HTML(fmt.Sprintf(`<svg class="sp" width="%[1]s" height="%[2]s" viewBox="0 0 %[1]s %[2]s" %[3]s>%[4]s</svg>`,
		num(c.width), num(c.height), role, c.b.String())) //nolint:gosec // as above
}

// draw makes a chart in each width.
func draw(px float64, one func(w width) *canvas) template.HTML {
	var b strings.Builder
	for _, w := range widths(px) {
		b.WriteString(string(one(w).svg(w.class)))
	}
	return template.HTML(b.String()) //nolint:gosec // of svg's
}

// scale maps values to pixels.
type scale struct{ from, to, left, right float64 }

func (s scale) at(x float64) float64 {
	if s.to == s.from {
		return s.left
	}
	return s.left + (x-s.from)/(s.to-s.from)*(s.right-s.left)
}

// clamped is at, kept on the plot.
func (s scale) clamped(x float64) float64 {
	return s.at(math.Max(math.Min(s.from, s.to), math.Min(math.Max(s.from, s.to), x)))
}

// round ticks of an axis, and the decimals that write all of them.
type ticks struct {
	values   []float64
	decimals int
}

// tickStep is the round step (1, 2, 2.5 or 5 times a power of ten) that cuts
// span into at most most parts.
func tickStep(span float64, most int) (step float64, decimals int) {
	if span <= 0 || math.IsInf(span, 0) || math.IsNaN(span) {
		return 1, 0
	}
	exponent := int(math.Floor(math.Log10(span / float64(most))))
	for {
		for _, c := range []struct {
			factor float64
			more   int
		}{{1, 0}, {2, 0}, {2.5, 1}, {5, 0}} {
			step = c.factor * math.Pow(10, float64(exponent))
			if span/step <= float64(most)+1e-9 {
				return step, max(0, c.more-exponent)
			}
		}
		exponent++
	}
}

// within are the ticks inside [from, to]; around widens the interval to ticks.
func within(from, to float64, most int) ticks {
	if !finite(from) || !finite(to) {
		from, to = 0, 1
	}
	step, decimals := tickStep(to-from, most)
	return every(step, decimals, math.Ceil(from/step-1e-9), math.Floor(to/step+1e-9))
}

func around(from, to float64, most int) ticks {
	if !finite(from) || !finite(to) {
		from, to = 0, 1 // nothing measured: an empty plot
	}
	if to <= from {
		margin := math.Max(math.Abs(to)*0.1, 0.001)
		from, to = from-margin, to+margin
	}
	step, decimals := tickStep(to-from, most)
	return every(step, decimals, math.Floor(from/step+1e-9), math.Ceil(to/step-1e-9))
}

// finite reports whether x can be drawn.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// every lists the multiples of step from the first to the last one.
func every(step float64, decimals int, first, last float64) ticks {
	t := ticks{decimals: decimals}
	for i := first; i <= last; i++ {
		t.values = append(t.values, i*step)
	}
	return t
}

// label is a line's name at its end.
type label struct {
	class, text string
	y           float64
}

// apart pushes names at line ends at least 17 px apart, keeping their order and
// staying as near to their lines as the plot allows.
func apart(labels []label, top, bottom float64) []label {
	const gap = 17
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	for i := range labels {
		labels[i].y = math.Max(labels[i].y, top)
		if i > 0 {
			labels[i].y = math.Max(labels[i].y, labels[i-1].y+gap)
		}
	}
	for i := range labels {
		labels[i].y = math.Min(labels[i].y, bottom-gap*float64(len(labels)-1-i))
	}
	return labels
}

// table is the twin of a chart: the same facts for those who can't see it.
type table struct {
	Caption string
	Head    []string // the first column names the row
	Rows    [][]string
}

// figure is a chart with what it found in words and its twin.
type figure struct {
	Finding string // bold
	Note    string
	Hidden  string // caption for readers of the structure when nothing is shown
	Legend  []legend
	Chart   template.HTML
	Twin    *table
	Below   bool // the twin stands below the chart and not beside its axis name
}

// After is the note as it follows the finding: a new sentence after a space, the
// rest of the same one without.
func (f figure) After() string {
	if f.Note == "" || strings.ContainsAny(f.Note[:1], ";.,") {
		return f.Note
	}
	return " " + f.Note
}

// legend is one mark with its name; Mark is a template's name.
type legend struct{ Mark, Text string }
