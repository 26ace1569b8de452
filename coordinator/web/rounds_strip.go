package web

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
)

// stripFigure shows whose information was bought, round by round; nil before
// anything was settled.
func (e *Experiment) stripFigure() *figure {
	names := e.sellers()
	bought := map[string][]int{}
	settled := 0
	var rounds []Round
	for _, r := range e.Rounds {
		if r.State != RoundPublished {
			continue
		}
		settled++
		rounds = append(rounds, r)
		for _, node := range r.Bought {
			bought[node] = append(bought[node], r.ID)
		}
	}
	if settled == 0 || len(names) == 0 {
		return nil
	}
	f := &figure{Legend: []legend{{"cell", "bought"}, {"speck", "offered, not bought, stays on offer"}}}
	fewest, none := settled, 0
	for _, name := range names {
		fewest = min(fewest, len(bought[name]))
		if len(bought[name]) == 0 {
			none++
		}
	}
	switch {
	case none == 0:
		f.Finding = fmt.Sprintf("Every organisation sold in at least %s of %s rounds.", count(fewest), count(settled))
	case none == len(names):
		f.Finding = "No organisation sold anything yet."
	default:
		f.Finding = fmt.Sprintf("%s of %s organisations sold nothing in %s.", capital(spelled(none)), spelled(len(names)), plural(settled, "round"))
	}
	f.Note = "What is not bought stays on offer, so that small organisations sell several rounds at once."
	if len(rounds) > stripRounds {
		rounds = rounds[len(rounds)-stripRounds:]
		f.Note += fmt.Sprintf(" Drawn: the newest %s rounds.", count(stripRounds))
	}
	t := &table{Caption: "Rounds in which each node sold", Head: []string{"Node", "Bought", "Rounds"}}
	for _, name := range names {
		t.Rows = append(t.Rows, []string{name, count(len(bought[name])), numbers(bought[name])})
	}
	if len(names) > stripNodes {
		f.Note += fmt.Sprintf(" Drawn: the first %s nodes; the table has all.", count(stripNodes))
		names = names[:stripNodes]
	}
	if len(rounds) > 1 {
		f.Chart = strip(names, rounds, func(name string) string {
			return fmt.Sprintf("%s of %s", count(len(bought[name])), count(settled))
		})
	}
	f.Twin = t
	f.Below = f.Chart == ""
	return f
}

// numbers writes the last ids, at most 100 of them.
func numbers(ids []int) string {
	text := ""
	if len(ids) > 100 {
		text, ids = "… ", ids[len(ids)-100:]
	}
	for i, id := range ids {
		if i > 0 {
			text += " "
		}
		text += strconv.Itoa(id)
	}
	return text
}

// strip draws a square for each offer bought and a speck for each that was not.
func strip(names []string, rounds []Round, tally func(string) string) template.HTML {
	return draw(1152, func(w width) *canvas {
		row, right := 22.0, 64.0
		if w.narrow() {
			row, right = 17, 4
		}
		left := 50.0
		for _, name := range names {
			left = math.Max(left, 6.6*float64(len([]rune(cutTo(name, 14))))+12)
		}
		bottom := row*float64(len(names)) + 4
		c := &canvas{width: w.px, height: bottom + 40}
		step := math.Min(23, (w.px-left-right)/float64(len(rounds)))
		side := math.Min(14, step*0.88)
		side = math.Max(math.Min(side, step-1), 1.5)
		for i, name := range names {
			y := 4 + row*(float64(i)+0.5)
			c.text("t-b", 0, y+4, cutTo(name, 14))
			for j, r := range rounds {
				x := left + step*(float64(j)+0.5)
				if slices.Contains(r.Bought, name) {
					c.rect("f1", x-side/2, y-side/2, side, side, math.Min(2, side/8))
				} else if slices.Contains(r.Offered, name) {
					c.circle("fl2", x, y, math.Min(1.7, side/3))
				}
			}
			if !w.narrow() {
				c.text("end", w.px, y+4, tally(name))
			}
		}
		every := 1
		for _, n := range []int{1, 5, 10, 15, 20, 50} {
			every = n
			if float64(every)*step >= 44 {
				break
			}
		}
		for j, r := range rounds {
			if j == 0 || r.ID%every == 0 && (float64(j)*step >= 30) {
				c.text("mid", left+step*(float64(j)+0.5), bottom+18, strconv.Itoa(r.ID))
			}
		}
		c.text("end", left+step*float64(len(rounds)), bottom+36, "round")
		return c
	})
}
