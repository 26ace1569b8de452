package web

import (
	"html/template"
	"math"
)

// maxRows is how many rows a chart of nodes or arms has room for.
const maxRows = 40

// gainRow is one organisation's two shares of the gap.
type gainRow struct {
	name            string
	decisions       int64
	alone, together float64
}

// gains are the organisations whose shares are known, in the demo's order.
func gains(d *Demo) []gainRow {
	var rows []gainRow
	for _, node := range d.Nodes {
		alone, ok := nodeGap(d, node, node.Alone)
		together, both := nodeGap(d, node, &node.Together)
		if ok && both {
			rows = append(rows, gainRow{node.Node, node.Decisions, alone, together})
		}
	}
	return rows
}

// dumbbells draws, organisation by organisation, a square for what it would have
// closed alone, a circle for what it closed with the others, and the difference
// in points.
func dumbbells(rows []gainRow) template.HTML {
	if len(rows) > maxRows {
		rows = rows[:maxRows]
	}
	low, high := 0.0, 1.0
	for _, r := range rows {
		low = math.Min(low, math.Min(r.alone, r.together))
		high = math.Max(high, math.Max(r.alone, r.together))
	}
	low, high = math.Max(-1, math.Floor(low*4)/4), math.Min(2, math.Ceil(high*4)/4)
	return draw(720, func(w width) *canvas {
		bottom := 26*float64(len(rows)) + 8
		c := &canvas{width: w.px, height: bottom + 48}
		left := 64.0
		for _, r := range rows {
			left = math.Max(left, 6.6*float64(len([]rune(cutTo(r.name, 16))))+10)
		}
		right := w.px - 64
		if w.narrow() {
			right = w.px - 14
		}
		x := scale{low, high, left, right}
		step := 0.25
		if high-low > 1.5 || w.narrow() && left > 90 {
			step = 0.5
		}
		for v := low; v <= high+1e-9; v += step {
			c.vertical("grid", x.at(v), 4, bottom)
			class := "mid"
			if w.narrow() && v > high-step/2 {
				class = "end"
			}
			c.text(class, x.at(v), bottom+18, percent(v))
		}
		for i, r := range rows {
			y := 14 + 26*float64(i)
			c.text("t-b", 0, y+4, cutTo(r.name, 16))
			c.b.WriteString(`<path class="ln c1 butt" stroke-opacity=".38" d="M` + num(x.clamped(r.alone)) + " " + num(y) + "H" + num(x.clamped(r.together)) + `"/>`)
			c.square("f2", x.clamped(r.alone), y, 7.3)
			c.circle("f1", x.clamped(r.together), y, 4.42)
			if !w.narrow() {
				c.text("end", w.px, y+4, points(r.together-r.alone))
			}
		}
		c.horizontal("axis", left, right, bottom)
		c.text("end", right, bottom+42, "gap closed")
		return c
	})
}

// gainsTable is the twin of dumbbells.
func gainsTable(rows []gainRow) *table {
	t := &table{Caption: "Gap closed by each organisation", Head: []string{"Organisation", "Decisions", "Alone", "Together", "Difference"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{r.name, count(r.decisions), percent(r.alone), percent(r.together), points(r.together - r.alone)})
	}
	return t
}
