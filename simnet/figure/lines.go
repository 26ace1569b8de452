package figure

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is an estimate at x and its band.
type Point struct{ X, Mean, Low, High float64 }

// Curve is a series of points, ascending in X.
type Curve struct {
	Label  string
	Points []Point
}

// Axes say what a figure's axes are, with their units. A logarithmic axis is for
// numbers above 0 only: with another one it is linear.
type Axes struct {
	X, Y       string
	LogX, LogY bool
}

// Lines draws curves with their bands, and says where they cross.
func Lines(name, title string, axes Axes, curves []Curve) (*Figure, error) {
	p := newPlot(title, axes.X, axes.Y)
	logX, logY := axes.LogX, axes.LogY
	for _, c := range curves {
		for _, q := range c.Points {
			logX, logY = logX && q.X > 0, logY && q.Mean > 0
		}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = pale, pale
	p.Add(grid)
	floor := math.Inf(1) // of a logarithmic axis: a band may reach below 0
	for _, c := range curves {
		for _, q := range c.Points {
			floor = min(floor, q.Mean/2)
		}
	}
	y := func(v float64) float64 {
		if logY {
			return max(v, floor)
		}
		return v
	}
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.TextStyle.Color = true, true, ink
	legend.Padding, legend.ThumbnailWidth, legend.TextStyle.Font.Size = vg.Points(2), vg.Points(24), vg.Points(9)
	f := &Figure{Name: name, Title: title, Table: Table{Head: []string{axes.X}}, plot: p, legend: &legend}
	for i, c := range curves {
		if len(c.Points) == 0 {
			continue
		}
		var line, outline plotter.XYs
		for _, q := range c.Points {
			line = append(line, plotter.XY{X: q.X, Y: y(q.Mean)})
			outline = append(outline, plotter.XY{X: q.X, Y: y(q.Low)})
		}
		for _, q := range slices.Backward(c.Points) {
			outline = append(outline, plotter.XY{X: q.X, Y: y(q.High)})
		}
		hue := series[i%len(series)]
		band, err := plotter.NewPolygon(outline)
		if err != nil {
			return nil, fmt.Errorf("band of %s: %w", c.Label, err)
		}
		shade := hue
		shade.A = 0x38
		band.Color, band.LineStyle.Width = color.Color(shade), 0
		l, s, err := plotter.NewLinePoints(line)
		if err != nil {
			return nil, fmt.Errorf("curve of %s: %w", c.Label, err)
		}
		l.Color, l.Width, l.Dashes = hue, vg.Points(1.5), dashes[i%len(dashes)]
		s.Color, s.Radius, s.Shape = hue, vg.Points(2.5), markers[i%len(markers)]
		p.Add(band, l, s)
		legend.Add(c.Label, l, s)
	}
	if logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if logY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if xs := f.table(curves); len(xs) <= fewTicks {
		p.X.Tick.Marker = ticksAt(xs)
	}
	f.Summary = said(axes, curves) + "Bands are 95 % intervals of the mean over runs."
	if crossed := crossings(curves, logX); len(crossed) > 0 {
		var where plotter.XYs
		for _, c := range crossed {
			f.Summary += " " + c.words(axes.X)
			where = append(where, plotter.XY{X: c.x, Y: y(c.y)})
		}
		marks, err := plotter.NewScatter(where)
		if err != nil {
			return nil, fmt.Errorf("crossings: %w", err)
		}
		marks.GlyphStyle = draw.GlyphStyle{Color: ink, Radius: vg.Points(6), Shape: draw.RingGlyph{}}
		p.Add(marks)
		legend.Add("curves cross", marks)
	}
	return f, nil
}

// said is where the curves end.
func said(axes Axes, curves []Curve) string {
	last := slices.DeleteFunc(slices.Clone(curves), func(c Curve) bool { return len(c.Points) == 0 })
	if len(last) == 0 {
		return ""
	}
	end := func(c Curve) Point { return c.Points[len(c.Points)-1] }
	slices.SortStableFunc(last, func(a, b Curve) int { return cmp.Compare(end(a).Mean, end(b).Mean) })
	var parts []string
	for _, c := range last {
		parts = append(parts, fmt.Sprintf("%s %s", c.Label, Number(end(c).Mean)))
	}
	return fmt.Sprintf("At the end, %s is: %s. ", axes.Y, strings.Join(parts, ", "))
}

// crossing is where one curve, which was below another, comes above it.
type crossing struct {
	below, above string // before it
	x, y         float64
}

func (c crossing) words(x string) string {
	return fmt.Sprintf("Up to about %s %s is below %s, and above from there on.", Number(c.x)+" "+x, c.below, c.above)
}

// crossings are the places where the order of two curves with the same points
// changes beyond doubt: their bands are apart somewhere before and somewhere after.
func crossings(curves []Curve, logX bool) []crossing {
	var out []crossing
	for i, a := range curves {
		for _, b := range curves[i+1:] {
			if len(a.Points) != len(b.Points) {
				continue
			}
			sure := 0 // the last order that was beyond doubt
			at := 0
			for k := range a.Points {
				order := 0
				switch p, q := a.Points[k], b.Points[k]; {
				case p.High < q.Low:
					order = -1
				case q.High < p.Low:
					order = 1
				}
				if order == 0 {
					continue
				}
				if sure != 0 && order != sure {
					if c, ok := between(a, b, at, k, logX); ok {
						if sure < 0 {
							c.below, c.above = a.Label, b.Label
						} else {
							c.below, c.above = b.Label, a.Label
						}
						out = append(out, c)
					}
				}
				sure, at = order, k
			}
		}
	}
	return out
}

// between finds the change of sign of the difference between two points.
func between(a, b Curve, from, to int, logX bool) (crossing, bool) {
	x := func(v float64) float64 {
		if logX {
			return math.Log(v)
		}
		return v
	}
	for k := from; k < to; k++ {
		p, q := a.Points[k], a.Points[k+1]
		first, second := p.Mean-b.Points[k].Mean, q.Mean-b.Points[k+1].Mean
		if first*second > 0 || first == second {
			continue
		}
		w := first / (first - second)
		at := x(p.X) + w*(x(q.X)-x(p.X))
		if logX {
			at = math.Exp(at)
		}
		return crossing{x: at, y: p.Mean + w*(q.Mean-p.Mean)}, true
	}
	return crossing{}, false
}

// table has a row for each x of any curve, and returns these.
func (f *Figure) table(curves []Curve) []float64 {
	var xs []float64
	for _, c := range curves {
		f.Table.Head = append(f.Table.Head, c.Label)
		for _, q := range c.Points {
			xs = append(xs, q.X)
		}
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	for _, x := range xs {
		row := []string{Number(x)}
		for _, c := range curves {
			cell := ""
			for _, q := range c.Points {
				if q.X == x {
					cell = Number(q.Mean) + " ± " + Number((q.High-q.Low)/2)
				}
			}
			row = append(row, cell)
		}
		f.Table.Rows = append(f.Table.Rows, row)
	}
	return xs
}

// fewTicks is how many values of x are written at the axis as they are.
const fewTicks = 8

func ticksAt(xs []float64) plot.ConstantTicks {
	var out plot.ConstantTicks
	for _, x := range xs {
		out = append(out, plot.Tick{Value: x, Label: Number(x)})
	}
	return out
}

// Number writes a number with four significant digits.
func Number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 4, 64), 64)
	return strconv.FormatFloat(x, 'f', -1, 64)
}
