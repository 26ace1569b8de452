package figure

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Field is a number over two axes: Cells[i][j] is at Ys[i] and Xs[j]. X of a cell is
// not used.
type Field struct {
	X, Y   string // what the axes are
	Xs, Ys []string
	Of     string // what the number is
	Cells  [][]Point
}

// ticks are names at 0, 1, 2, …
func ticks(names []string) plot.ConstantTicks {
	var out plot.ConstantTicks
	for i, n := range names {
		out = append(out, plot.Tick{Value: float64(i), Label: n})
	}
	return out
}

// Heat draws a field as a heat map. Each cell has its mean and, below, the half-width
// of its band.
func Heat(name, title string, field Field) (*Figure, error) {
	p := newPlot(title, field.X, field.Y)
	least, most := math.Inf(1), math.Inf(-1)
	f := &Figure{Name: name, Title: title, Table: Table{Head: append([]string{field.Y + " \\ " + field.X}, field.Xs...)}, plot: p}
	for i, cells := range field.Cells {
		row := []string{field.Ys[i]}
		for _, c := range cells {
			least, most = min(least, c.Mean), max(most, c.Mean)
			row = append(row, Number(c.Mean)+" ± "+Number((c.High-c.Low)/2))
		}
		f.Table.Rows = append(f.Table.Rows, row)
	}
	if most > least {
		hot := plotter.NewHeatMap(heated{field, least, most}, shades{})
		hot.Min, hot.Max = 0, 1
		p.Add(hot)
	}
	var places plotter.XYs
	var words []string
	for i, cells := range field.Cells {
		for j, c := range cells {
			places = append(places, plotter.XY{X: float64(j), Y: float64(i)})
			words = append(words, Number(c.Mean)+"\n± "+Number((c.High-c.Low)/2))
		}
	}
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: places, Labels: words})
	if err != nil {
		return nil, fmt.Errorf("labels of %s: %w", name, err)
	}
	for i := range labels.TextStyle {
		s := &labels.TextStyle[i]
		s.XAlign, s.YAlign, s.Font.Size, s.Color = text.XCenter, text.YCenter, vg.Points(8), ink
	}
	p.Add(labels)
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks(field.Xs), ticks(field.Ys)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.5, float64(len(field.Xs))-0.5, -0.5, float64(len(field.Ys))-0.5
	f.Summary = fmt.Sprintf("%s, from %s to %s; darker is more. Behind ± is the half-width of the 95 %% interval of the mean over runs.", field.Of, Number(least), Number(most))
	return f, nil
}

// heated is a field as a plotter's grid, scaled to [0, 1], so that the colours do not
// depend on its unit.
type heated struct {
	field       Field
	least, most float64
}

func (h heated) Dims() (columns, rows int) { return len(h.field.Xs), len(h.field.Ys) }
func (h heated) X(column int) float64      { return float64(column) }
func (h heated) Y(row int) float64         { return float64(row) }

// Z is on a logarithmic scale where all numbers are above 0.
func (h heated) Z(column, row int) float64 {
	z, least, most := h.field.Cells[row][column].Mean, h.least, h.most
	if least > 0 {
		z, least, most = math.Log(z), math.Log(least), math.Log(most)
	}
	return (z - least) / (most - least)
}

// shades go from nearly white to a blue on which dark words are read.
type shades struct{}

func (shades) Colors() []color.Color {
	const n = 256
	from, to := [3]float64{0xF6, 0xFA, 0xFD}, [3]float64{0x56, 0xB4, 0xE9}
	out := make([]color.Color, n)
	for i := range out {
		w := float64(i) / (n - 1)
		at := func(k int) uint8 { return uint8(from[k] + w*(to[k]-from[k])) }
		out[i] = color.NRGBA{at(0), at(1), at(2), 0xFF}
	}
	return out
}
