package figure

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is a drawing with the words that go with it.
type Figure struct {
	Name    string // of its files, without an ending
	Title   string
	Summary string // one or two sentences: what is to be seen
	Table   Table  // the numbers
	plot    *plot.Plot
	legend  *plot.Legend // stands beside the plot; nil: there is none
}

// Table is the numbers of a figure, for those who read them.
type Table struct {
	Head []string
	Rows [][]string
}

// The size of a figure.
const (
	width  = 16 * vg.Centimeter
	height = 10 * vg.Centimeter
	beside = 3.6 * vg.Centimeter // of the width: a legend's
	dpi    = 144                 // of a PNG
)

// The colours are those of the dashboard: a contrast of 3 at least on white.
var (
	series = []color.NRGBA{{0x00, 0x72, 0xB2, 0xFF}, {0xD5, 0x5E, 0x00, 0xFF}, {0x00, 0x78, 0x5A, 0xFF}, {0xA8, 0x44, 0x7C, 0xFF}, {0x59, 0x63, 0x6E, 0xFF}, {0x8A, 0x5A, 0x00, 0xFF}}
	ink    = color.NRGBA{0x1F, 0x23, 0x28, 0xFF}
	pale   = color.NRGBA{0xD0, 0xD7, 0xDE, 0xFF}
)

// dashes and markers tell series apart without colour.
var (
	dashes  = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(2), vg.Points(2), vg.Points(2)}}
	markers = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.RingGlyph{}, draw.PlusGlyph{}}
)

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Points(6)
	p.BackgroundColor = color.White
	for _, style := range []*color.Color{&p.Title.TextStyle.Color, &p.X.Label.TextStyle.Color, &p.Y.Label.TextStyle.Color, &p.X.Color, &p.Y.Color} {
		*style = ink
	}
	return p
}

func (f *Figure) draw(c draw.Canvas) {
	if f.legend == nil {
		f.plot.Draw(c)
		return
	}
	f.legend.Draw(draw.Crop(c, c.Size().X-beside+vg.Points(6), 0, 0, -vg.Points(24)))
	f.plot.Draw(draw.Crop(c, 0, -beside, 0, 0))
}

// SVG returns the figure as a vector drawing.
func (f *Figure) SVG() ([]byte, error) {
	c := vgsvg.New(width, height)
	f.draw(draw.New(c))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw %s: %w", f.Name, err)
	}
	return out.Bytes(), nil
}

// PNG returns the figure as an image.
func (f *Figure) PNG() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi), vgimg.UseBackgroundColor(color.White))
	f.draw(draw.New(c))
	var out bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: c}).WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw %s: %w", f.Name, err)
	}
	return out.Bytes(), nil
}
