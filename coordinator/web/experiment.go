package web

import (
	"fmt"
	"html/template"
	"net/http"
	"sort"
	"strings"
)

// experimentDetail is what an experiment's page shows.
type experimentDetail struct {
	Name     string
	State    state
	Meta     string
	Lead     sentence
	Early    string
	Ranges   []link
	Reward   *figure
	InDemo   bool
	One      string // "solver"
	Noun     string // capital: "Solver"
	Nouns    string // capital: "Solvers"
	Compared *figure
	Regret   *figure
	Arms     []armRow
	ShareBy  string
	Settings []Setting
	Events   []eventRow
}

// armRow is an arm's line in the table.
type armRow struct {
	Name                             string
	Best                             bool
	Estimate, Half, Share, Drop, Why string
	Bars                             template.HTML
}

// experimentsPage lists the experiments, or goes to the only one.
func experimentsPage(v View, _ query) page {
	if len(v.Experiments) == 1 {
		return page{redirect: experimentPath(v.Experiments[0].Name)}
	}
	var rows []experimentRow
	for i := range v.Experiments {
		rows = append(rows, listed(&v.Experiments[i]))
	}
	content := struct {
		Empty       bool
		Lead        sentence
		Experiments []experimentRow
	}{len(rows) == 0, sentence{Fact: say("{} experiments.", capital(spelled(len(rows))))}, rows}
	return page{Title: "Experiments", Current: "/experiments", Template: "experiments", Content: content}
}

// experimentPage answers: which arm is best, and how sure?
func experimentPage(v View, q query) page {
	for i := range v.Experiments {
		if v.Experiments[i].Name == q.name {
			e := &v.Experiments[i]
			return page{Title: cut(e.Name), Current: "/experiments", Template: "experiment", Content: e.detail(v, q)}
		}
	}
	p := missingPage(v, q)
	p.Title, p.Content, p.status = "No such experiment", "There is no experiment of that name. The list is under Experiments.", http.StatusNotFound
	return p
}

func (e *Experiment) detail(v View, q query) experimentDetail {
	d := experimentDetail{
		Name: e.Name, State: e.status(), Lead: e.compared(), Settings: e.Settings,
		Noun: capital(e.noun(1)), One: e.noun(1), Nouns: capital(e.noun(2)), InDemo: e.Demo != nil,
	}
	var meta []string
	if e.Revision > 0 {
		meta = append(meta, "revision "+count(e.Revision))
	}
	if n := len(e.Members); n == 1 {
		meta = append(meta, "1 organisation")
	} else if n > 1 {
		meta = append(meta, count(n)+" organisations")
	}
	if t := clock(e.Created, v.Now); t != "" {
		meta = append(meta, "created "+t)
	}
	d.Meta = strings.Join(meta, " · ")
	for _, event := range newest(v.Events, len(v.Events)) {
		if event.Experiment == e.Name && len(d.Events) < maxEvents {
			d.Events = append(d.Events, eventRows(v, []Event{event})...)
		}
	}
	d.Arms = e.armRows()
	if len(e.Versions) == 0 {
		d.Early = e.tooEarly()
		return d
	}
	shown := e.Versions
	if len(e.Versions) > 30 {
		asked := q.values.Get("versions")
		for _, r := range []struct {
			text, value string
			n           int
		}{{"last 10", "10", 10}, {"last 30", "30", 30}, {"all", "", len(e.Versions)}} {
			path := experimentPath(e.Name)
			if r.value != "" {
				path += "?versions=" + r.value
			}
			d.Ranges = append(d.Ranges, link{Text: r.text, Path: path, Current: asked == r.value})
			if asked == r.value {
				shown = e.Versions[len(e.Versions)-r.n:]
			}
		}
	}
	d.Reward = e.rewardFigure(shown, v.Now)
	d.Compared = e.comparedFigure()
	d.Regret = e.regretFigure()
	if n := len(e.Versions); n > 0 {
		d.ShareBy = "Share by version, 1 to " + count(n)
	}
	return d
}

// comparedFigure is the arms' intervals.
func (e *Experiment) comparedFigure() *figure {
	var arms []Arm
	for _, arm := range e.byEstimate() {
		if arm.Estimated {
			arms = append(arms, arm)
		}
	}
	if len(arms) == 0 {
		return nil
	}
	f := &figure{Note: "Bars show the interval that decided"}
	if e.Privacy.PolicyNote != "" {
		f.Note += " (" + plain(e.Privacy.PolicyNote) + ")"
	}
	f.Note += "; hollow: dropped, at its last estimate."
	name := ""
	if best := e.best(); best != nil {
		name = best.Name
	}
	f.Finding = sentence{Fact: e.compared().Fact}.text()
	f.Chart = intervals(arms, name)
	t := &table{Caption: capital(e.noun(2)) + " compared", Head: []string{capital(e.noun(1)), "Estimate", "Interval"}}
	for _, arm := range arms {
		row := []string{arm.Name, fixed(arm.Estimate, 4), ""}
		if arm.High > arm.Low {
			row[2] = fixed(arm.Low, 4) + " to " + fixed(arm.High, 4)
		}
		t.Rows = append(t.Rows, row)
	}
	f.Twin = t
	return f
}

// byEstimate orders arms: in play first, then by estimate.
func (e *Experiment) byEstimate() []Arm {
	arms := append([]Arm(nil), e.Arms...)
	sort.SliceStable(arms, func(i, j int) bool {
		if arms[i].Alive != arms[j].Alive {
			return arms[i].Alive
		}
		return arms[i].Estimated && (!arms[j].Estimated || arms[i].Estimate > arms[j].Estimate)
	})
	return arms
}

// armRows is the table of arms.
func (e *Experiment) armRows() []armRow {
	best := e.best()
	var rows []armRow
	for _, arm := range e.byEstimate() {
		row := armRow{Name: arm.Name, Best: best != nil && arm.Name == best.Name}
		if arm.Estimated {
			row.Estimate = fixed(arm.Estimate, 3)
			if arm.High > arm.Low {
				row.Half = fixed((arm.High-arm.Low)/2, 3)
			}
		}
		if arm.Share > 0 {
			row.Share = percent(arm.Share)
		}
		class := "fr"
		if arm.Alive {
			class = "f1"
		}
		if len(arm.Shares) > 1 {
			row.Bars = bars(arm.Shares, 1, class, 240, 20, fmt.Sprintf("share of decisions, from %s to %s", percent(arm.Shares[0]), percent(arm.Shares[len(arm.Shares)-1])))
		}
		switch {
		case arm.Alive && e.Stage == Learning && !e.Finished:
			row.Drop = "in play"
		case arm.Alive:
			row.Drop = "kept"
		case arm.DroppedRound > 0:
			row.Drop = "round " + count(arm.DroppedRound)
			if arm.AtBest < arm.AtWorst && arm.DroppedFor != "" {
				a, b := distinct(arm.AtBest, arm.AtWorst)
				row.Why = fmt.Sprintf("at best %s, below %s at worst for %s", a, b, cut(arm.DroppedFor))
			}
		default:
			row.Drop = "dropped"
		}
		rows = append(rows, row)
	}
	return rows
}

// distinct writes two different values with as many decimals, four or more, as
// tell them apart.
func distinct(a, b float64) (string, string) {
	for decimals := 4; decimals < 12; decimals++ {
		if x, y := fixed(a, decimals), fixed(b, decimals); x != y {
			return x, y
		}
	}
	return fixed(a, 12), fixed(b, 12)
}
