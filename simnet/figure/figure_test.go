package figure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// two curves that cross at x = 20: one falls by a half, the other stands.
func two() []Curve {
	return []Curve{
		{Label: "a <b>", Points: []Point{{10, 4, 3.9, 4.1}, {20, 2, 1.9, 2.1}, {40, 1, 0.9, 1.1}}},
		{Label: "c", Points: []Point{{10, 2, 1.9, 2.1}, {20, 2, 1.9, 2.1}, {40, 2, 1.9, 2.1}}},
	}
}

func TestTheSameNumbersGiveTheSameBytes(t *testing.T) {
	field := Field{X: "nodes", Y: "epsilon", Xs: []string{"1", "2"}, Ys: []string{"0.5"}, Of: "Regret", Cells: [][]Point{{{0, 3, 2, 4}, {0, 5, 4, 6}}}}
	draw := func() (out [][]byte) {
		f, err := Lines("x", "Title", Axes{X: "t", Y: "regret", LogX: true, LogY: true}, two())
		require.NoError(t, err)
		h, err := Heat("y", "Heat", field)
		require.NoError(t, err)
		for _, f := range []*Figure{f, h} {
			svg, err := f.SVG()
			require.NoError(t, err)
			image, err := f.PNG()
			require.NoError(t, err)
			out = append(out, svg, image)
		}
		return out
	}
	first := draw()
	assert.Equal(t, first, draw())
	for _, i := range []int{0, 2} {
		for d := xml.NewDecoder(bytes.NewReader(first[i])); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err)
			}
		}
		_, err := png.Decode(bytes.NewReader(first[i+1]))
		require.NoError(t, err)
	}
	assert.Contains(t, string(first[0]), "fill-opacity", "there are bands")
	assert.Contains(t, string(first[2]), "± 1", "a cell has its band")
}

func TestCurvesCrossWhereTheirOrderChangesBeyondDoubt(t *testing.T) {
	f, err := Lines("x", "Title", Axes{X: "decisions", Y: "regret"}, two())
	require.NoError(t, err)
	assert.Contains(t, f.Summary, "Up to about 20 decisions c is below a <b>, and above from there on.")
	unsure := two()
	for i := range unsure[1].Points {
		unsure[1].Points[i].Low, unsure[1].Points[i].High = 0, 9
	}
	f, err = Lines("x", "Title", Axes{X: "decisions", Y: "regret"}, unsure)
	require.NoError(t, err)
	assert.NotContains(t, f.Summary, "Up to", "bands that overlap everywhere say nothing")
	assert.Equal(t, []string{"20", "2 ± 0.1", "2 ± 4.5"}, f.Table.Rows[1])
}

func TestAPageNeedsNothingElse(t *testing.T) {
	f, err := Lines("x", "Curves & bands", Axes{X: "t", Y: "regret"}, two())
	require.NoError(t, err)
	html, err := Page{Title: "A <title>", Figures: []*Figure{f}, Facts: []Fact{{"Seed", "7"}}}.HTML()
	require.NoError(t, err)
	page := string(html)
	for _, text := range []string{"A &lt;title&gt;", "<svg", "<dt>Seed</dt><dd>7</dd>", "a &lt;b&gt;", "2 ± 0.1"} {
		assert.Contains(t, page, text)
	}
	for _, text := range []string{"<script", "src=", "href=\"http", "a <b>", "url(http", "<?xml"} {
		assert.NotContains(t, strings.ReplaceAll(page, "img-src", ""), text)
	}
}
