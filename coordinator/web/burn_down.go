package web

import (
	"fmt"
	"math"
	"time"
)

// forecast is when a budget ends: by the slope of the last ten releases, and by
// that slope ± 2 standard errors.
type forecast struct{ Early, Middle, Late time.Time }

// forecast extrapolates the additive budget by least squares over the last ten
// releases. It is nil with fewer than three, and where nothing is being spent.
func (p Privacy) forecast() *forecast {
	points := p.Left
	if len(points) > 10 {
		points = points[len(points)-10:]
	}
	if len(points) < 3 {
		return nil
	}
	start := points[0].Time
	n := float64(len(points))
	var sx, sy float64
	for _, l := range points {
		sx += l.Time.Sub(start).Hours()
		sy += l.Share
	}
	mx, my := sx/n, sy/n
	var sxx, sxy float64
	for _, l := range points {
		dx := l.Time.Sub(start).Hours() - mx
		sxx += dx * dx
		sxy += dx * (l.Share - my)
	}
	if sxx == 0 || sxy >= 0 {
		return nil
	}
	slope := sxy / sxx
	var residual float64
	for _, l := range points {
		r := l.Share - my - slope*(l.Time.Sub(start).Hours()-mx)
		residual += r * r
	}
	se := math.Sqrt(residual / (n - 2) / sxx)
	last := points[len(points)-1]
	end := func(slope float64) time.Time {
		// A slope that hardly falls ends in a far future; ten years are shown at most.
		hours := 87600.0
		if slope < 0 {
			hours = math.Min(hours, -last.Share/slope)
		}
		return last.Time.Add(time.Duration(hours * float64(time.Hour)))
	}
	return &forecast{Early: end(slope - 2*se), Middle: end(slope), Late: end(slope + 2*se)}
}

// leftFigure is the budget burning down: what is left in steps, the plan and
// the forecast. The axis is what adds up; the table has the ε that it means.
func (p Privacy) leftFigure(now time.Time) *figure {
	last := p.Left[len(p.Left)-1]
	unit := p.Additive
	if unit == "" {
		unit = "the budget"
	}
	f := &figure{Finding: fmt.Sprintf("%s of %s is left", percent(last.Share), plain(unit)), Legend: []legend{{"line-1", "left"}}}
	start := p.Left[0].Time
	hours := func(t time.Time) float64 { return t.Sub(start).Hours() / 24 }
	left := series{class: "ln c1 heavy", stairs: true, marker: "circle-1", points: []point{{0, 1}}}
	t := &table{Caption: "Budget left", Head: []string{"Release", "Left", "ε spent"}}
	for _, l := range thinned(p.Left, 240) {
		left.points = append(left.points, point{hours(l.Time), l.Share})
	}
	for _, l := range thinned(p.Left, 12) {
		t.Rows = append(t.Rows, []string{clock(l.Time, now), percent(l.Share), epsilon(l.Epsilon)})
	}
	end := hours(last.Time)
	all := []series{}
	if !p.Ends.IsZero() && p.Ends.After(start) {
		end = math.Max(end, hours(p.Ends))
		all = append(all, series{class: "ln cr thin d-dash", points: []point{{0, 1}, {hours(p.Ends), 0}}})
		f.Legend = append(f.Legend, legend{"dash-ref", "plan"})
	}
	if fc := p.forecast(); fc != nil {
		f.Finding += ", enough until about " + day(fc.Middle, now)
		f.Note = fmt.Sprintf("(%s to %s)", day(fc.Early, now), day(fc.Late, now))
		limit := math.Max(end, math.Min(hours(fc.Late), 2*math.Max(hours(fc.Middle), end)))
		end = limit
		from := point{hours(last.Time), last.Share}
		all = append(all, series{
			class: "ln c1 thin d-dot", points: []point{from, {hours(fc.Middle), 0}},
			upper: []point{from, {hours(fc.Late), 0}}, band: []point{from, {hours(fc.Early), 0}, {hours(fc.Late), 0}},
		})
		f.Legend = append(f.Legend, legend{"forecast", "forecast, slope of the last 10 releases ± 2 SE"})
	}
	if !p.Ends.IsZero() {
		f.Note += "; planned until " + day(p.Ends, now)
	}
	f.Note += "."
	if p.Total > 0 {
		f.Note += fmt.Sprintf(" The axis is what adds up, %s; the table has the ε that it means at δ %s.", plain(unit), delta(p.Delta))
	}
	if end == 0 {
		end = 1
	}
	chart := lineChart{
		px: 1152, height: 270, narrow: 232, left: 58, right: 112, yName: plain(unit) + " left", xName: "days since the first release",
		xTo: end, y: ticks{values: []float64{0, 0.25, 0.5, 0.75, 1}},
		yText: func(v float64, _ int) string { return percent(v) }, series: append(all, left),
	}
	if p.Total > 0 {
		chart.yName = fmt.Sprintf("%s left, of %s", plain(unit), fixed(p.Total, 5))
	}
	f.Chart, f.Twin = chart.html(), t
	return f
}
