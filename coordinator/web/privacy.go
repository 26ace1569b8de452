package web

import (
	"fmt"
	"html/template"
	"strings"
)

// privacyDetail is what the privacy page shows.
type privacyDetail struct {
	Empty     bool
	Choices   []link
	Meta      string
	Lead      sentence
	Facts     []fact
	Users     *figure
	Left      *figure
	LeftEarly string
	Rows      []spendRow
	All       bool // what nodes spent over all experiments is known
	Refused   bool
	Trusted   span2
	Exposed   string
}

// span2 is a bold beginning and its text.
type span2 struct{ Strong, Text string }

// spendRow is one node's spend.
type spendRow struct {
	Name, Unit, Mechanism string
	Spent, Limit          string
	Meter                 template.HTML
	SpentAll, LimitAll    string
	MeterAll              template.HTML
	Releases, Refused     string
	Last                  string
}

// privacyPage answers: how much is spent, in the worst case?
func privacyPage(v View, q query) page {
	e, choices := pick(v, q, "/privacy")
	d := privacyDetail{Empty: e == nil, Choices: choices}
	if e == nil {
		d.Lead = sentence{Fact: say("Nothing is spent.")}
		return page{Title: "Privacy", Current: "/privacy", Template: "privacy", Content: d}
	}
	p := e.Privacy
	d.Meta = cut(e.Name) + " · " + plain(p.Model) + " · unit " + plain(p.Unit)
	d.Lead = e.spent()
	nodes := map[string]Node{}
	for _, n := range v.Nodes {
		nodes[n.ID] = n
	}
	worstAll, limitAll := 0.0, 0.0
	for _, m := range e.Members {
		n := nodes[m.Node]
		row := spendRow{
			Name: m.Node, Unit: p.Unit, Mechanism: p.Mechanism, Spent: epsilon(m.Spent), Limit: epsilon(m.Limit),
			Meter: meter(m.Spent, m.Limit), Releases: count(m.Releases), Last: clock(m.LastRelease, v.Now),
		}
		if n.Spent != nil && n.Limit != nil {
			d.All = true
			row.SpentAll, row.LimitAll, row.MeterAll = epsilon(*n.Spent), epsilon(*n.Limit), meter(*n.Spent, *n.Limit)
			if *n.Limit > 0 && (limitAll == 0 || *n.Spent/(*n.Limit) > worstAll/limitAll) {
				worstAll, limitAll = *n.Spent, *n.Limit
			}
		}
		if m.Refused != nil {
			d.Refused = true
			row.Refused = count(*m.Refused)
		}
		d.Rows = append(d.Rows, row)
	}
	d.Facts = e.privacyFacts(d.All, worstAll, limitAll)
	d.Users = e.usersFigure()
	if n := len(p.Left); n > 0 && n < 3 {
		d.LeftEarly = fmt.Sprintf("%s left after %s. It is too early to say when the budget ends: that takes three.", percent(p.Left[n-1].Share), plural(n, "release"))
	} else if n > 0 {
		d.Left = p.leftFigure(v.Now)
	}
	d.Trusted, d.Exposed = trust(p.Model), exposed(e)
	return page{Title: "Privacy", Current: "/privacy", Template: "privacy", Content: d}
}

// spent is the answer: nobody spent more than the worst, and nobody can spend
// more than the limit.
func (e *Experiment) spent() sentence {
	p := e.Privacy
	whose := "No user of any organisation has"
	if p.Unit != "user" {
		whose = "No record of any organisation has"
	}
	if n := len(p.Left); n > 0 {
		left := p.Left[n-1].Share
		if left <= 0 {
			return sentence{Fact: say("The budget of {} is spent.", cut(e.Name)), Why: say("No more reports leave the nodes; decisions go on with version {}.", versionNumber(e))}
		}
		return sentence{
			Fact: say("Privacy left: *{}* of each {}’s budget in the worst case.", percent(left), p.unit()),
			Why:  say("That is ε"+thin+"{} of {} spent, at δ {}.", epsilon(p.SpentWorst), epsilon(p.Epsilon), delta(p.Delta)),
		}
	}
	s := sentence{}
	switch worst, limit := epsilon(p.SpentWorst), epsilon(p.Epsilon); {
	case p.SpentWorst == 0:
		s.Fact = say("Nothing is spent yet; no "+p.unit()+" can spend more than *ε"+thin+"{}*.", limit)
	case worst == limit:
		s.Fact = say(whose+" spent more than *ε"+thin+"{}*, and none can.", worst)
	default:
		s.Fact = say(whose+" spent more than *ε"+thin+"{}*, and none can spend more than *ε"+thin+"{}*.", worst, limit)
	}
	if p.Unit == "user" && p.MaxContributions > 0 {
		text := "A user teaches at most " + times(p.MaxContributions)
		if p.PerRecord > 0 {
			text += ", at ε" + thin + epsilon(p.PerRecord) + " a record"
		}
		s.Why = say("{}", text+"; after that decisions continue and learning from that user stops.")
	}
	return s
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return spelled(n) + " times"
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}

// privacyFacts are the figures under the sentence; what was not told is absent.
func (e *Experiment) privacyFacts(all bool, worstAll, limitAll float64) []fact {
	p := e.Privacy
	kind := "δ " + delta(p.Delta)
	if p.Delta == 0 {
		kind += ", pure differential privacy"
	}
	unit := capital(p.unit())
	facts := []fact{{
		Name: "Worst " + p.unit() + ", here", Big: "ε" + thin + epsilon(p.SpentWorst), Unit: "of " + epsilon(p.Epsilon),
		Text: kind + ". " + plain(p.Neighbours),
	}}
	if all {
		facts = append(facts, fact{
			Name: "Worst " + p.unit() + ", all experiments", Big: "ε" + thin + epsilon(worstAll), Unit: "of " + epsilon(limitAll),
			Text: "Each node’s own limit over everything it takes part in.",
		})
	} else {
		facts = append(facts, fact{Name: unit + "’s limit, all experiments", Big: "Each node’s", Text: "A node holds its own limit over everything it takes part in and need not tell it."})
	}
	facts = append(facts, fact{Name: "Releases", Big: count(p.Releases), Text: releasesText(e)})
	if p.Refused != nil {
		facts = append(facts, fact{Name: "Refused", Big: count(*p.Refused), Text: "Releases that a node’s guard refused, whatever the coordinator asked."})
	} else {
		facts = append(facts, fact{Name: "Refused", Big: "Unknown", Text: "A node’s guard refuses what would go over its limit, and need not tell."})
	}
	return facts
}

// releasesText says what the releases are. In the models where nodes send
// reports in the clear of their own noise, offers are released too.
func releasesText(e *Experiment) string {
	switch e.Privacy.Model {
	case "local", "silo":
		return "Noised before they left their nodes. Sold or not, each is charged once."
	}
	return "Of noised sums and of privatised offers. Each is charged once."
}

// usersFigure shows how many users have how much left: counts of users are
// known only in a demo.
func (e *Experiment) usersFigure() *figure {
	if e.Demo == nil || len(e.Demo.Users) < 2 {
		return nil
	}
	users := e.Demo.Users
	last := users[len(users)-1]
	f := &figure{Note: "They go on getting decisions; they no longer teach, and others go on."}
	f.Finding = fmt.Sprintf("%s of users have given all they may.", percent(last.All))
	if e.Stage == Ended {
		f.Finding = fmt.Sprintf("%s of users had given all they may when learning ended.", percent(last.All))
	}
	if last.All == 0 {
		f.Finding, f.Note = "No user has given all they may.", ""
	}
	some := "part left"
	if e.Privacy.MaxContributions == 2 {
		some = "half left"
	}
	f.Legend = []legend{{"area-1", "given all they may (ε" + thin + epsilon(e.Privacy.Epsilon) + " spent)"}, {"area-soft", some}, {"area-empty", "nothing spent yet"}}
	f.Chart = usersChart(thinned(users, 120), some, float64(e.Demo.LearningEnded)/1000)
	t := &table{Caption: "Users by budget left", Head: []string{"Decisions", "Given all", capital(some), "Nothing spent"}}
	for _, u := range thinned(users, 8) {
		t.Rows = append(t.Rows, []string{count(u.Decisions), percent(u.All), percent(u.Some), percent(u.Nothing)})
	}
	f.Twin = t
	return f
}

// usersChart draws three areas that add to all users.
func usersChart(users []DemoUsers, some string, ended float64) template.HTML {
	if users[0].Decisions > 0 {
		users = append([]DemoUsers{{Nothing: 1}}, users...)
	}
	last := users[len(users)-1]
	return draw(1152, func(w width) *canvas {
		c := &canvas{width: w.px, height: 282}
		right, most := 190.0, 6
		if w.narrow() {
			c.height, right, most = 250, 12, 4
		}
		bottom := c.height - 40
		x := scale{0, float64(last.Decisions) / 1000, 44, w.px - right}
		y := scale{0, 1, bottom, 30}
		floor, all, both, roof := []point{}, []point{}, []point{}, []point{}
		for _, u := range users {
			at := x.at(float64(u.Decisions) / 1000)
			floor = append(floor, point{at, bottom})
			all = append(all, point{at, y.at(u.All)})
			both = append(both, point{at, y.at(u.All + u.Some)})
			roof = append(roof, point{at, 30})
		}
		c.path("f1", area(all, floor))
		c.path("fs", area(both, all))
		c.path("fe", area(roof, both))
		c.path("edge", line(all))
		c.path("edge", line(both))
		for _, v := range []float64{0, 0.25, 0.5, 0.75, 1} {
			c.b.WriteString(`<path class="grid" stroke-opacity=".5" d="M44 ` + num(y.at(v)) + "H" + num(x.right) + `"/>`)
			c.text("end", 36, y.at(v)+4, percent(v))
		}
		horizontal := within(x.from, x.to, most)
		for _, v := range horizontal.values {
			c.path("tick", "M"+num(x.at(v))+" "+num(bottom)+"v5")
			c.text("mid", x.at(v), bottom+19, fixed(v, horizontal.decimals))
		}
		c.horizontal("axis", 44, x.right, bottom)
		c.text("end", x.right, bottom+37, "decisions, thousands")
		c.text("", 0, 9, "share of users")
		if ended > 0 && ended < x.to {
			c.vertical("ln ct thin d-dash", x.at(ended), 30, bottom)
			if class := "end t-b halo"; x.at(ended) > 140 {
				c.text(class, x.at(ended)-6, 44, "learning ended")
			}
		}
		if !w.narrow() {
			names := apart([]label{
				{"", percent(last.Nothing) + " nothing spent", y.at(1 - last.Nothing/2)},
				{"", percent(last.Some) + " " + some, y.at(last.All + last.Some/2)},
				{"", percent(last.All) + " given all they may", y.at(last.All / 2)},
			}, 34, bottom)
			for _, n := range names {
				c.text("t-b", x.right+12, n.y+4, n.text)
			}
		}
		return c
	})
}

// trust says in one plain paragraph who is trusted with what.
func trust(model string) span2 {
	switch model {
	case "local":
		return span2{"local.", "Nobody is trusted with an outcome, not even the organisation’s own statistics: noise is added to every record as it arrives. The coordinator, the other organisations and anyone who reads the log see only noised records’ sums."}
	case "silo":
		return span2{"silo.", "Each organisation sees its own users’ outcomes, as it does today. Before anything leaves the organisation, its node adds noise that nobody can take off again. The coordinator, the other organisations and anyone who reads the log see only noised sums."}
	case "central":
		return span2{"central.", "Each organisation sees its own users’ outcomes, and the coordinator’s leader sees each organisation’s sums in memory. It adds noise once, to the total. The other organisations and anyone who reads the log see only the noised total."}
	case "distributed":
		return span2{"distributed.", "Each organisation sees its own users’ outcomes. Two aggregators, run by parties that must not collude, add up secret shares and see no organisation’s report; each adds noise. Trusting either of them is enough."}
	}
	return span2{plain(model) + ".", "What this model trusts whom with is not known to this version."}
}

// exposed says what is not protected.
func exposed(e *Experiment) string {
	text := "how many decisions an organisation makes and when; which organisation takes part; what the experiment concludes about " + e.noun(2) + "."
	if e.Privacy.Unit != "user" {
		text = "that several records belong to one user: the promise is for one record; " + text
	}
	if strings.Contains(e.Privacy.PolicyNote, "tuned") {
		text += " A tuned policy changes what is learned, not what is protected."
	}
	return text
}
