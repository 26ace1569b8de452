package web

import (
	"html/template"
	"math"
)

// intervals draws each arm's estimate with the interval that decides, filled
// while the arm is in play and hollow once it is dropped.
func intervals(arms []Arm, best string) template.HTML {
	if len(arms) > maxRows {
		arms = arms[:maxRows]
	}
	low, high := math.Inf(1), math.Inf(-1)
	name := 0
	for _, arm := range arms {
		low, high = extent(low, high, arm.Estimate, arm.Low, arm.High)
		name = max(name, len([]rune(cutTo(arm.Name, 24))))
	}
	// An interval that is much wider than what the others need is cut at the edge.
	t := around(low, high, 4)
	return draw(552, func(w width) *canvas {
		row, left, right := 42.0, math.Max(60, 6.7*float64(name)+20), w.px-16
		if w.narrow() {
			row, left, right = 46, 8, w.px-8
		}
		bottom := row*float64(len(arms)) + 6
		c := &canvas{width: w.px, height: bottom + 38}
		x := scale{t.values[0], t.values[len(t.values)-1], left, right}
		for i, v := range t.values {
			c.vertical("grid", x.at(v), 2, bottom)
			class := "mid"
			if i == len(t.values)-1 {
				class = "end"
			} else if i == 0 && w.narrow() {
				class = ""
			}
			c.text(class, x.at(v), bottom+18, fixed(v, t.decimals))
		}
		for i, arm := range arms {
			y := 18 + row*float64(i)
			class, weight := "t-b", ""
			stroke := "cr"
			if arm.Name == best {
				class = "t-strong"
			}
			if arm.Alive {
				stroke, weight = "c1", " heavy"
			}
			if w.narrow() {
				c.text(class, 0, y-5, cutTo(arm.Name, 34))
				y += 8
			} else {
				c.text(class, 0, y+4, cutTo(arm.Name, 24))
			}
			if arm.High > arm.Low {
				from, to := x.at(arm.Low), x.at(arm.High)
				c.horizontal("ln butt "+stroke+weight, from, to, y)
				c.path("ln "+stroke+" thin", "M"+num(from)+" "+num(y-4)+"v8M"+num(to)+" "+num(y-4)+"v8")
			}
			mark := "f1"
			if !arm.Alive {
				mark = "fbg cr hollow"
			}
			c.circle(mark, x.at(arm.Estimate), y, 4.25)
		}
		c.horizontal("axis", left, right, bottom)
		c.text("end", right, bottom+37, "estimated mean reward")
		return c
	})
}
