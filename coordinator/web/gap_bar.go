package web

import (
	"html/template"
	"math"
)

// gap is how much of the way from choosing at random (0) to always choosing the
// best (1) was made. It is undefined, and false returned, where the two give the
// same.
func gap(reward, uniform, best float64) (float64, bool) {
	if !(best > uniform) {
		return 0, false
	}
	share := (reward - uniform) / (best - uniform)
	return share, !math.IsNaN(share) && !math.IsInf(share, 0)
}

// gapBar draws one track from choosing at random to always the best: soft up to
// what each alone closed, full from there to what they closed together. The
// dark part is what federation bought; there is none where it did not help.
func gapBar(d *Demo, arm string) template.HTML {
	together, _ := gap(d.Together, d.Uniform, d.Best)
	return draw(1152, func(w width) *canvas {
		c := &canvas{width: w.px, height: 96}
		y := 40.0
		if w.narrow() {
			c.height, y = 124, 58
		}
		x := scale{0, 1, 8, w.px - 8}
		at := x.clamped
		c.rect("fe", 8, y-3, w.px-16, 6, 3)
		c.rect("fs", 8, y-3, at(together)-8, 6, 3)
		alone, known := 0.0, false
		if d.Alone != nil {
			alone, known = gap(*d.Alone, d.Uniform, d.Best)
		}
		if known && together > alone {
			c.rect("f1", at(alone), y-3, at(together)-at(alone), 6, 0)
		}
		c.path("tick", "M8 "+num(y-9)+"v18M"+num(w.px-8)+" "+num(y-9)+"v18")
		ticked := false
		for _, node := range d.Nodes {
			if share, ok := nodeGap(d, node, node.Alone); ok {
				c.path("ln c2 thin", "M"+num(at(share))+" "+num(y+8)+"v7")
				ticked = true
			}
		}
		if known {
			c.square("f2 halo", at(alone), y, 10.4)
		}
		c.circle("f1 halo", at(together), y, 6.46)
		private := ""
		if d.NonPrivate != nil {
			if share, ok := gap(*d.NonPrivate, d.Uniform, d.Best); ok {
				c.diamond("hollow c3", at(share), y, 6)
				private = "without privacy " + percent(share)
			}
		}
		names := []label{{"x1", "together " + percent(together), at(together)}}
		if known {
			names = append(names, label{"x2", "each alone " + percent(alone), at(alone)})
		}
		if private != "" && !w.narrow() {
			share, _ := gap(*d.NonPrivate, d.Uniform, d.Best)
			names = append(names, label{"x3", private, at(share)})
		}
		gapNames(c, names, y)
		best := "always the best " + arm
		random := "choosing at random"
		if w.narrow() {
			best, random = "always the best", "at random"
			if private != "" {
				c.text("end xr", w.px-8, y+34, private)
			}
			c.text("", 8, y+52, random)
			c.text("end", w.px-8, y+52, best)
			return c
		}
		c.text("", 8, y+32, random)
		c.text("end", w.px-8, y+32, cut(best))
		c.text("", 8, y+49, "mean reward "+fixed(d.Uniform, 4))
		c.text("end", w.px-8, y+49, fixed(d.Best, 4))
		if ticked {
			middle := 220.0
			if w.px > 1000 {
				middle = 360
			}
			c.text("mid", middle, y+32, "one tick an organisation")
		}
		return c
	})
}

// gapNames writes the names above the bar, in a second row where two would
// touch: about 6.4 px a character at 12 px.
func gapNames(c *canvas, names []label, y float64) {
	type taken struct{ from, to float64 }
	rows := [2][]taken{}
	for _, n := range names {
		half := float64(len([]rune(n.text))) * 3.2
		middle := math.Max(8+half, math.Min(c.width-8-half, n.y))
		row := 0
		for row < 1 {
			free := true
			for _, t := range rows[row] {
				if middle-half < t.to+10 && middle+half > t.from-10 {
					free = false
				}
			}
			if free {
				break
			}
			row++
		}
		rows[row] = append(rows[row], taken{middle - half, middle + half})
		height := y - 16 - float64(row)*18
		if row == 1 {
			c.vertical("tick", math.Max(8, math.Min(c.width-8, n.y)), y-30, y-10)
		}
		c.text(n.class+" mid", middle, height, n.text)
	}
}

// nodeGap is the gap that one organisation closed, by its own traffic where that
// is known.
func nodeGap(d *Demo, node DemoNode, reward *float64) (float64, bool) {
	if reward == nil {
		return 0, false
	}
	if node.Best > node.Uniform {
		return gap(*reward, node.Uniform, node.Best)
	}
	return gap(*reward, d.Uniform, d.Best)
}
