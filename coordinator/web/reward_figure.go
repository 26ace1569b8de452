package web

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// versionX is where a version stands on the x axis: decisions in thousands when
// the trigger makes them public, its round otherwise.
func (e *Experiment) versionX(v Version) float64 {
	if e.byDecisions() {
		return float64(v.Decisions) / 1000
	}
	return float64(v.Round)
}

func (e *Experiment) byDecisions() bool {
	for _, v := range e.Versions {
		if v.Decisions <= 0 {
			return false
		}
	}
	return len(e.Versions) > 0
}

// rewardFigure is the estimated reward by version with its band, and in a demo
// what each alone and the baselines would give.
func (e *Experiment) rewardFigure(versions []Version, now time.Time) *figure {
	first, last := versions[0], versions[len(versions)-1]
	f := &figure{Finding: e.rewardFinding(first, last), Note: plain(e.RewardMeaning)}
	together := series{name: "together", class: "ln c1 heavy", text: "x1"}
	t := &table{Caption: "Estimated reward by version", Head: []string{"Version", "Published", "Estimate", "95 % band"}}
	low, high := math.Inf(1), math.Inf(-1)
	banded := false
	kept := thinned(versions, 240)
	for _, v := range kept {
		x := e.versionX(v)
		together.points = append(together.points, point{x, v.Estimate})
		low, high = extent(low, high, v.Estimate)
		if v.High > v.Low {
			banded = true
			together.upper, together.band = append(together.upper, point{x, v.High}), append(together.band, point{x, v.Low})
		}
	}
	for _, v := range thinned(versions, 12) {
		row := []string{count(v.Number), clock(v.Published, now), fixed(v.Estimate, 4), ""}
		if v.High > v.Low {
			row[3] = fixed(v.Low, 4) + " to " + fixed(v.High, 4)
		}
		t.Rows = append(t.Rows, row)
	}
	chart := lineChart{px: 1152, height: 320, narrow: 275, left: 58, right: 150, yName: "mean reward per decision", xName: "round"}
	chart.xFrom, chart.xTo = 0, e.versionX(last)
	if len(versions) < len(e.Versions) {
		chart.xFrom = e.versionX(first)
	}
	if e.byDecisions() {
		chart.xName = "decisions, thousands"
		if d := e.Demo; d != nil {
			chart.xTo = math.Max(chart.xTo, float64(max(d.Horizon, d.Decisions))/1000)
			if made := float64(d.Decisions) / 1000; e.Stage == Ended && made > e.versionX(last) {
				together.points = append(together.points, point{made, last.Estimate})
				if banded {
					together.upper = append(together.upper, point{made, last.High})
					together.band = append(together.band, point{made, last.Low})
				}
			}
		}
	}
	if e.Stage == Learning && !e.Finished {
		together.name, together.marker = "together, now", "circle-1"
	}
	f.Legend = append(f.Legend, legend{"line-1", "together, from released statistics"})
	if banded {
		f.Legend = append(f.Legend, legend{"band", e.bandMeaning()})
	}
	lines := []series{}
	flat := func(name string, value float64) {
		low, high = extent(low, high, value)
		lines = append(lines, series{name: name, class: "ln cr thin d-dot", text: "xr", points: []point{{chart.xFrom, value}, {chart.xTo, value}}})
	}
	switch d := e.Demo; {
	case d != nil:
		flat("at random", d.Uniform)
		flat("always the best", d.Best)
		if alone := e.aloneLine(chart); len(alone.points) > 1 {
			for _, p := range alone.points {
				low, high = extent(low, high, p.y)
			}
			lines = append(lines, alone)
			f.Legend = append(f.Legend, legend{"dash-2", "each alone"})
		}
		f.Legend = append(f.Legend, legend{"dots", "choosing at random, always the best"})
	case e.Uniform != nil:
		flat("at random", *e.Uniform)
		f.Legend = append(f.Legend, legend{"dots", "choosing at random, as the first versions showed"})
	}
	if len(versions) < 2 {
		f.Note, f.Legend = strings.TrimSpace(f.Note+" The chart begins with the second version."), nil
		f.Twin, f.Below = t, true
		return f
	}
	// The plot holds every estimate, and of the bands what the later half needs:
	// the first ones can be so wide that nothing else would be seen.
	for i := len(together.band) / 4; i < len(together.band); i++ {
		low, high = extent(low, high, together.band[i].y, together.upper[i].y)
	}
	chart.series = append(lines, together)
	chart.y = around(low, high, 6)
	chart.marks = e.aliveMarks(versions, chart)
	f.Chart, f.Twin = chart.html(), t
	return f
}

// rewardFinding is what the chart shows in a sentence.
func (e *Experiment) rewardFinding(first, last Version) string {
	a, b := fixed(first.Estimate, 3), fixed(last.Estimate, 3)
	text := fmt.Sprintf("Estimated reward rose from %s to %s", a, b)
	switch {
	case first.Number == last.Number:
		text = "Estimated reward is " + b
	case a == b:
		text = "Estimated reward stayed at " + b
	case last.Estimate < first.Estimate:
		text = fmt.Sprintf("Estimated reward fell from %s to %s", a, b)
	}
	if e.Demo != nil {
		text += "; the best " + e.noun(1) + " gives " + fixed(e.Demo.Best, 3)
	}
	return text + "."
}

// aloneLine is what each alone would choose, on average by traffic.
func (e *Experiment) aloneLine(chart lineChart) series {
	s := series{name: "each alone", class: "ln c2 d-dash", text: "x2", marker: "square-2"}
	for _, p := range thinned(e.Demo.Curve, 120) {
		if x := float64(p.Decisions) / 1000; p.Alone != nil && x >= chart.xFrom {
			s.points = append(s.points, point{x, *p.Alone})
		}
	}
	s.every = max(1, len(s.points)/10)
	return s
}

// aliveMarks names the stretches in which so many arms were left.
func (e *Experiment) aliveMarks(versions []Version, chart lineChart) []mark {
	var marks []mark
	from, alive := chart.xFrom, len(e.Arms)
	add := func(to float64) {
		marks = append(marks, mark{from, to, spelledLeft(alive, e), count(alive) + " left"})
	}
	for _, v := range versions {
		if v.Alive == 0 {
			return nil
		}
		if v.Alive != alive {
			if x := e.versionX(v); x > chart.xFrom {
				add(x)
				from = x
			}
			alive = v.Alive
		}
	}
	add(chart.xTo)
	return marks
}

func spelledLeft(alive int, e *Experiment) string {
	return count(alive) + " " + e.noun(alive) + " left"
}

// regretFigure is what was lost against always choosing the best: exact, so
// known only in a demo.
func (e *Experiment) regretFigure() *figure {
	d := e.Demo
	if d == nil || len(d.Curve) < 2 {
		return nil
	}
	factor, unit := 1.0, "units of reward"
	if e.Gain.PerReward > 0 && e.Gain.Unit != "" {
		factor, unit = e.Gain.PerReward, plain(e.Gain.Unit)
	}
	last := d.Curve[len(d.Curve)-1]
	f := &figure{Finding: fmt.Sprintf("%s %s lost so far against always choosing the best", amount(last.RegretTogether*factor), unit), Note: "."}
	if last.RegretAlone != nil {
		f.Note = fmt.Sprintf("; %s had each learned alone.", amount(*last.RegretAlone*factor))
	}
	random := series{name: "at random", class: "ln cr thin d-dot", text: "xr"}
	alone := series{name: "each alone", class: "ln c2 d-dash", text: "x2", marker: "square-2"}
	together := series{name: "together", class: "ln c1 heavy", text: "x1"}
	open := series{name: "no privacy", class: "ln c3 d-dd", text: "x3", marker: "diamond-3"}
	high := 0.0
	curve := thinned(d.Curve, 120)
	for _, p := range append([]DemoPoint{{RegretAlone: new(float64), RegretNonPrivate: new(float64)}}, curve...) {
		x := float64(p.Decisions) / 1000
		random.points = append(random.points, point{x, p.RegretUniform * factor})
		together.points = append(together.points, point{x, p.RegretTogether * factor})
		_, high = extent(0, high, p.RegretUniform*factor, p.RegretTogether*factor)
		if p.RegretAlone != nil && last.RegretAlone != nil {
			alone.points = append(alone.points, point{x, *p.RegretAlone * factor})
			_, high = extent(0, high, *p.RegretAlone*factor)
		}
		if p.RegretNonPrivate != nil && last.RegretNonPrivate != nil {
			open.points = append(open.points, point{x, *p.RegretNonPrivate * factor})
		}
	}
	alone.every, open.every = max(1, len(alone.points)/6), max(1, len(open.points)/6)
	chart := lineChart{
		px: 552, height: 286, narrow: 246, left: 52, right: 112, yName: unit, xName: "decisions, thousands",
		xTo: float64(last.Decisions) / 1000, y: around(0, high, 4), series: []series{random, alone, together, open},
	}
	f.Chart = chart.html()
	t := &table{Caption: "Lost against always choosing the best, in " + unit, Head: []string{"Decisions", "Together", "Each alone", "Without privacy", "At random"}}
	for _, p := range thinned(d.Curve, 6) {
		row := []string{count(p.Decisions), amount(p.RegretTogether * factor), "", "", amount(p.RegretUniform * factor)}
		if p.RegretAlone != nil {
			row[2] = amount(*p.RegretAlone * factor)
		}
		if p.RegretNonPrivate != nil {
			row[3] = amount(*p.RegretNonPrivate * factor)
		}
		t.Rows = append(t.Rows, row)
	}
	f.Twin = t
	return f
}

// bandMeaning says what the band of the reward is worth: a tuned half-width is a
// rule of thumb and no confidence.
func (e *Experiment) bandMeaning() string {
	switch note := e.Privacy.PolicyNote; {
	case strings.Contains(note, "no guarantee"):
		return "half-width that the policy decides by, " + plain(note)
	case note != "":
		return "interval that the policy decides by, valid at any time you look"
	default:
		return "95 %, valid at any time you look"
	}
}
