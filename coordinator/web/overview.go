package web

import (
	"fmt"
	"html/template"
	"math"
	"sort"
	"strings"
)

// maxEvents is how many events a page lists.
const maxEvents = 8

// overview is what the first page shows.
type overview struct {
	Empty       bool
	Title       string
	State       state
	Lead        sentence
	Sub         string
	Tagged      bool // Sub and Gap are known only in a demo
	Early       string
	EarlyState  state
	Gap         *figure
	Facts       []fact
	Attention   []concern
	Experiments []experimentRow
	Gains       *figure
	Events      []eventRow
}

// fact is one of the figures under the sentence.
type fact struct {
	Name, Big, Unit, Text string
	Check                 string // a check that held
	Failed                string // one that did not
}

// experimentRow is a line of the list of experiments.
type experimentRow struct {
	Name, Path     string
	State          state
	Spark          template.HTML
	Now, Version   string
	Worst, Members string
	Answer         string
}

// eventRow is an event as a page lists it.
type eventRow struct{ Time, Subject, Text string }

// overviewPage answers: was it worth it, and is all well?
func overviewPage(v View, _ query) page {
	o := overview{Empty: len(v.Experiments) == 0, Attention: concerns(v)}
	o.Facts = []fact{clusterFact(v), privacyFact(v), moneyFact(v), attentionFact(v, o.Attention)}
	o.Events = eventRows(v, newest(v.Events, maxEvents))
	for i := range v.Experiments {
		o.Experiments = append(o.Experiments, listed(&v.Experiments[i]))
	}
	if !o.Empty {
		e := &v.Experiments[0]
		o.Title, o.State = e.title(), e.status()
		o.Lead, o.Sub, o.Tagged = e.worth()
		if len(e.Versions) == 0 {
			o.Early, o.EarlyState = e.tooEarly(), e.status()
		} else if d := e.Demo; d != nil {
			o.Gap, o.Gains = gapFigure(e), gainsFigure(d)
		}
	}
	return page{Title: "Overview", Current: "/", Template: "overview", Content: o}
}

// worth says what learning together brought: exactly in a demo, as far as
// released statistics show it elsewhere.
func (e *Experiment) worth() (lead sentence, sub string, demo bool) {
	if len(e.Versions) == 0 {
		return sentence{Fact: say("No estimate yet.")}, "", false
	}
	if e.Demo != nil {
		return e.worthInDemo(), e.summed(), true
	}
	first, last := e.Versions[0].Estimate, e.newestVersion().Estimate
	switch a, b := fixed(first, 3), fixed(last, 3); {
	case len(e.Versions) == 1 || a == b:
		lead.Fact = say("Estimated reward is *{}* with version {}.", b, count(e.newestVersion().Number))
	case last > first:
		lead.Fact = say("Estimated reward rose from *{}* to *{}* since version {}.", a, b, count(e.Versions[0].Number))
	default:
		lead.Fact = say("Estimated reward fell from *{}* to *{}* since version {}.", a, b, count(e.Versions[0].Number))
	}
	if e.Uniform != nil {
		lead.Why = say("Choosing at random would give about {}, as the first versions showed.", fixed(*e.Uniform, 3))
	}
	return lead, plain(e.RewardMeaning), false
}

// worthInDemo compares together, alone and the two baselines.
func (e *Experiment) worthInDemo() sentence {
	d := e.Demo
	together, ok := gap(d.Together, d.Uniform, d.Best)
	over := e.Finished || e.Stage == Ended || e.Stage == Closed
	if !ok {
		return sentence{
			Fact: say("There was no gap to close: choosing at random gives as much as always choosing best."),
			Why:  e.compared().Fact,
		}
	}
	if over && e.best() == nil && len(e.Arms) > 1 {
		s := e.compared()
		s.Why = append(s.Why, say(" Learning together closed {} of the gap between choosing at random and always choosing best.", percent(together))...)
		if len(s.Why) > 0 {
			s.Why[0].Text = strings.TrimPrefix(s.Why[0].Text, " ")
		}
		return s
	}
	if together <= 0 {
		return sentence{Fact: say("Learning together did no better than choosing at random: mean reward *{}* against *{}*.", fixed(d.Together, 4), fixed(d.Uniform, 4))}
	}
	if d.Alone == nil {
		if !over {
			return sentence{Fact: say("So far, learning together closed *{}* of the gap.", percent(together)), Why: e.compared().Fact}
		}
		return sentence{Fact: say("Learning together closed *{}* of the gap between choosing at random and always choosing best.", percent(together))}
	}
	alone, _ := gap(*d.Alone, d.Uniform, d.Best)
	switch {
	case math.Round(together*100) <= math.Round(alone*100):
		s := sentence{Fact: say("Learning together did not help here: *{}* of the gap closed together, *{}* each alone.", percent(together), percent(alone))}
		if !over {
			s.Fact = say("So far, learning together does not help: *{}* of the gap closed together, *{}* each alone.", percent(together), percent(alone))
			s.Why = e.compared().Fact
		}
		return s
	case !over:
		return sentence{Fact: say("So far, learning together closed *{}* of the gap, each alone *{}*.", percent(together), percent(alone)), Why: e.compared().Fact}
	case len(d.Nodes) == 1:
		return sentence{Fact: say("Learning closed *{}* of the gap between choosing at random and always choosing best. Alone it would have closed *{}*.", percent(together), percent(alone))}
	}
	return sentence{Fact: say("Learning together closed *{}* of the gap between choosing at random and always choosing best. Each alone would have closed *{}*.", percent(together), percent(alone))}
}

// summed says what the difference came to over all decisions.
func (e *Experiment) summed() string {
	d := e.Demo
	var parts []string
	if g := e.Gain; g.PerReward > 0 && g.Unit != "" {
		saved := func(from float64) float64 { return (d.Together - from) * float64(d.Decisions) * g.PerReward }
		if random := saved(d.Uniform); random > 0 {
			text := fmt.Sprintf("Over %s decisions that is %s %s saved against choosing at random", count(d.Decisions), amount(random), plain(g.Unit))
			if d.Alone != nil && saved(*d.Alone) > 0 {
				text += fmt.Sprintf(", %s of them because organisations learned together", amount(saved(*d.Alone)))
			}
			parts = append(parts, text+".")
		}
	} else {
		parts = append(parts, fmt.Sprintf("Mean reward over %s decisions is %s; choosing at random gives %s, always the best %s %s.",
			count(d.Decisions), fixed(d.Together, 4), fixed(d.Uniform, 4), e.noun(1), fixed(d.Best, 4)))
	}
	if d.NonPrivate != nil {
		together, ok := gap(d.Together, d.Uniform, d.Best)
		open, _ := gap(*d.NonPrivate, d.Uniform, d.Best)
		if cost := math.Round(open*100) - math.Round(together*100); ok && cost > 0 {
			parts = append(parts, fmt.Sprintf("Privacy cost %s points of the gap.", fixed(cost, 0)))
		} else if ok {
			parts = append(parts, "Privacy cost nothing that shows.")
		}
	}
	return strings.Join(parts, " ")
}

// amount writes a sum with no more digits than it deserves.
func amount(x float64) string {
	if math.Abs(x) < 10 {
		return fixed(x, 1)
	}
	return fixed(x, 0)
}

// tooEarly says what the first version waits for.
func (e *Experiment) tooEarly() string {
	text := "The first version is published after the first round."
	if e.DecisionsPerRound > 0 {
		text = fmt.Sprintf("The first version is published after %s decisions.", count(e.DecisionsPerRound))
	}
	if e.Demo != nil && e.Demo.Decisions < e.DecisionsPerRound {
		text += fmt.Sprintf(" %s so far", count(e.Demo.Decisions))
		if e.FirstVersionIn > 0 {
			text += ", about " + age(e.FirstVersionIn) + " to go"
		}
		text += "."
	}
	return text
}

// gapFigure is the gap bar with its words and its table; nil where there is no
// gap.
func gapFigure(e *Experiment) *figure {
	d := e.Demo
	together, ok := gap(d.Together, d.Uniform, d.Best)
	if !ok {
		return nil
	}
	caption := fmt.Sprintf("Gap closed, mean over all %s decisions", count(d.Decisions))
	t := &table{Caption: caption, Head: []string{"", "Gap closed", "Mean reward"}}
	t.Rows = append(t.Rows, []string{"Choosing at random", percent(0), fixed(d.Uniform, 4)})
	for _, node := range d.Nodes {
		if share, ok := nodeGap(d, node, node.Alone); ok {
			t.Rows = append(t.Rows, []string{node.Node + " alone", percent(share), fixed(*node.Alone, 4)})
		}
	}
	words := "Share of the gap between choosing at random and always choosing the best " + e.noun(1) + " that was closed: "
	if d.Alone != nil {
		share, _ := gap(*d.Alone, d.Uniform, d.Best)
		t.Rows = append(t.Rows, []string{"Each alone, by traffic", percent(share), fixed(*d.Alone, 4)})
		words += "each organisation alone " + percent(share) + " on average by traffic, "
	}
	t.Rows = append(t.Rows, []string{"Together", percent(together), fixed(d.Together, 4)})
	words += "together " + percent(together)
	if d.NonPrivate != nil {
		share, _ := gap(*d.NonPrivate, d.Uniform, d.Best)
		t.Rows = append(t.Rows, []string{"Together, without privacy", percent(share), fixed(*d.NonPrivate, 4)})
		words += ", together without privacy " + percent(share)
	}
	t.Rows = append(t.Rows, []string{"Always the best " + e.noun(1), percent(1), fixed(d.Best, 4)})
	return &figure{Hidden: words + ".", Chart: gapBar(d, e.noun(1)), Twin: t, Below: true}
}

// gainsFigure shows what each organisation gained; nil where that is unknown.
func gainsFigure(d *Demo) *figure {
	rows := gains(d)
	if len(rows) == 0 {
		return nil
	}
	return &figure{
		Hidden: gained(rows), Legend: []legend{{"square-2", "alone"}, {"circle-1", "together"}},
		Chart: dumbbells(rows), Twin: gainsTable(rows),
	}
}

// gained says how many organisations gained, and whether some had learned
// nothing alone.
func gained(rows []gainRow) string {
	won, nothing := 0, 0
	for _, r := range rows {
		if math.Round(r.together*100) > math.Round(r.alone*100) {
			won++
		}
		if math.Round(r.alone*100) <= 0 {
			nothing++
		}
	}
	var text string
	switch n := len(rows); {
	case n == 1 && won == 1:
		text = "The one organisation gained"
	case n == 1:
		text = "The one organisation did not gain"
	case won == n:
		text = "All " + spelled(n) + " organisations gained from learning together"
	case won == 0:
		text = "None of the " + spelled(n) + " organisations gained from learning together"
	default:
		text = capital(spelled(won)) + " of " + spelled(n) + " organisations gained from learning together"
	}
	switch {
	case nothing == 1:
		return text + "; one would have learned nothing alone."
	case nothing > 1:
		return text + "; " + spelled(nothing) + " would have learned nothing alone."
	}
	return text + "."
}

// listed is an experiment's line in the list.
func listed(e *Experiment) experimentRow {
	row := experimentRow{Name: e.Name, Path: experimentPath(e.Name), State: e.stage()}
	estimates := make([]float64, len(e.Versions))
	for i, version := range e.Versions {
		estimates[i] = version.Estimate
	}
	if last := e.newestVersion(); last != nil {
		row.Now, row.Version = fixed(last.Estimate, 4), count(last.Number)
		row.Spark = sparkline(estimates, fmt.Sprintf("Estimated reward went from %s to %s in %s versions",
			fixed(estimates[0], 3), fixed(last.Estimate, 3), count(len(estimates))))
	}
	if e.Privacy.Epsilon > 0 {
		row.Worst = "ε" + thin + epsilon(e.Privacy.SpentWorst) + " of " + epsilon(e.Privacy.Epsilon)
	}
	if n := len(e.Members); n > 0 {
		row.Members = count(n)
	}
	if best := e.best(); best != nil {
		row.Answer = best.Name
	} else if alive := e.alive(); alive > 1 && len(e.Versions) > 0 {
		row.Answer = count(alive) + " " + e.noun(alive) + " left"
		if e.Finished || e.Stage == Ended {
			row.Answer = "can’t be told apart"
		}
	}
	return row
}

// newest are the newest events, newest first.
func newest(events []Event, most int) []Event {
	sorted := append([]Event(nil), events...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Time.After(sorted[j].Time) })
	if len(sorted) > most {
		sorted = sorted[:most]
	}
	return sorted
}

// eventRows writes events.
func eventRows(v View, events []Event) []eventRow {
	rows := make([]eventRow, len(events))
	for i, event := range events {
		rows[i] = eventRow{clock(event.Time, v.Now), cut(event.Subject), cutTo(event.Text, 200)}
	}
	return rows
}
