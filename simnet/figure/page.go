package figure

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// Fact is a line of what a page is of.
type Fact struct{ Name, Value string }

// Page is a report in one file.
type Page struct {
	Title   string
	Facts   []Fact
	Figures []*Figure
}

// HTML returns the page: figures inside, no script, and nothing from elsewhere.
func (p Page) HTML() ([]byte, error) {
	type drawn struct {
		*Figure
		SVG template.HTML
	}
	data := struct {
		Page
		Drawn []drawn
	}{Page: p}
	for _, f := range p.Figures {
		svg, err := f.SVG()
		if err != nil {
			return nil, err
		}
		if at := bytes.Index(svg, []byte("<svg")); at > 0 { // HTML takes no XML declaration
			svg = svg[at:]
		}
		data.Drawn = append(data.Drawn, drawn{f, template.HTML(svg)}) //nolint:gosec // drawn here: labels are escaped by the canvas
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("write the page: %w", err)
	}
	return out.Bytes(), nil
}
