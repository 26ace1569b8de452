package web

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"time"
)

// shownRounds is how many rounds a page lists; stripRounds and stripNodes are
// how many the strip draws, the newest ones.
const (
	shownRounds = 18
	stripRounds = 60
	stripNodes  = 30
)

// roundsDetail is what the rounds' page shows.
type roundsDetail struct {
	Empty     bool
	Early     string
	Choices   []link
	Meta      string
	Lead      sentence
	Strip     *figure
	Filters   []link
	Bought    string
	Scale     string
	Noun      string
	Rows      []roundRow
	Nothing   string
	Older     *link
	Newer     *link
	ArmsShown bool
}

// roundRow is one round's line.
type roundRow struct {
	ID, Time, Offers, Information, Paid, Took, Granted, Alive string
	Bought, Phases                                            template.HTML
	State                                                     *state
	Why                                                       string
}

// roundsPage answers: does it run, and whose information was bought?
func roundsPage(v View, q query) page {
	e, choices := pick(v, q, "/rounds")
	d := roundsDetail{Empty: e == nil, Choices: choices}
	if e == nil {
		d.Lead = sentence{Fact: say("No round was opened.")}
		return page{Title: "Rounds", Current: "/rounds", Template: "rounds", Content: d}
	}
	published, aborted := 0, 0
	for _, r := range e.Rounds {
		switch r.State {
		case RoundPublished:
			published++
		case RoundAborted:
			aborted++
		}
	}
	d.Meta = fmt.Sprintf("%s published, %s aborted", count(published), count(aborted))
	d.Lead = e.ran(published, aborted)
	if len(e.Rounds) == 0 {
		d.Early = e.tooEarly()
		return page{Title: "Rounds", Current: "/rounds", Template: "rounds", Content: d}
	}
	d.Noun = capital(e.noun(2))
	d.Strip = e.stripFigure()
	d.list(v, q, e)
	return page{Title: "Rounds", Current: "/rounds", Template: "rounds", Content: d}
}

// ran is the answer in a sentence.
func (e *Experiment) ran(published, aborted int) sentence {
	if len(e.Rounds) == 0 {
		return sentence{Fact: say("No round was opened yet.")}
	}
	var s sentence
	each := ""
	if e.DecisionsPerRound > 0 {
		each = " of " + count(e.DecisionsPerRound) + " decisions"
	}
	switch {
	case published == 0:
		s.Fact = say("No round was published yet.")
	case published == 1:
		s.Fact = say("One round{} was settled and published in {}.", each, seconds(e.medianTook()))
	default:
		s.Fact = say("{} rounds{}, each settled and published in {} (median).", count(published), each, seconds(e.medianTook()))
	}
	switch {
	case e.Stage == Ended && e.alive() == 1:
		s.Why = say("Learning ended with one {} left, so no round follows.", e.noun(1))
	case e.Stage == Ended || e.Stage == Closed || e.Finished:
		s.Why = say("No round follows.")
	case e.openRound() != nil:
		s.Why = say("Round {} is open.", count(e.openRound().ID))
	}
	if aborted > 0 {
		s.Why = append(s.Why, say(" {} aborted; nodes went on with what they had.", capital(plural(aborted, "round"))+map[bool]string{true: " was", false: " were"}[aborted == 1])...)
		s.Why[0].Text = trimLeft(s.Why[0].Text)
	}
	return s
}

func trimLeft(s string) string {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	return s
}

// took is how long a round's four phases lasted.
func (r Round) took() time.Duration { return r.Offer + r.Settle + r.Collect + r.Publish }

// medianTook is the median over the published rounds: of an even number, the
// upper of the two in the middle.
func (e *Experiment) medianTook() time.Duration {
	var all []time.Duration
	for _, r := range e.Rounds {
		if r.State == RoundPublished {
			all = append(all, r.took())
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// sellers are the nodes of the strip, in the order of members.
func (e *Experiment) sellers() []string {
	var names []string
	for _, m := range e.Members {
		names = append(names, m.Node)
	}
	return names
}

// stripFigure shows whose information was bought, round by round; nil before
// anything was settled.
func (e *Experiment) stripFigure() *figure {
	names := e.sellers()
	bought := map[string][]int{}
	settled := 0
	var rounds []Round
	for _, r := range e.Rounds {
		if r.State != RoundPublished {
			continue
		}
		settled++
		rounds = append(rounds, r)
		for _, node := range r.Bought {
			bought[node] = append(bought[node], r.ID)
		}
	}
	if settled == 0 || len(names) == 0 {
		return nil
	}
	f := &figure{Legend: []legend{{"cell", "bought"}, {"speck", "offered, not bought, stays on offer"}}}
	fewest, none := settled, 0
	for _, name := range names {
		fewest = min(fewest, len(bought[name]))
		if len(bought[name]) == 0 {
			none++
		}
	}
	switch {
	case none == 0:
		f.Finding = fmt.Sprintf("Every organisation sold in at least %s of %s rounds.", count(fewest), count(settled))
	case none == len(names):
		f.Finding = "No organisation sold anything yet."
	default:
		f.Finding = fmt.Sprintf("%s of %s organisations sold nothing in %s.", capital(spelled(none)), spelled(len(names)), plural(settled, "round"))
	}
	f.Note = "What is not bought stays on offer, so that small organisations sell several rounds at once."
	if len(rounds) > stripRounds {
		rounds = rounds[len(rounds)-stripRounds:]
		f.Note += fmt.Sprintf(" Drawn: the newest %s rounds.", count(stripRounds))
	}
	t := &table{Caption: "Rounds in which each node sold", Head: []string{"Node", "Bought", "Rounds"}}
	for _, name := range names {
		t.Rows = append(t.Rows, []string{name, count(len(bought[name])), numbers(bought[name])})
	}
	if len(names) > stripNodes {
		f.Note += fmt.Sprintf(" Drawn: the first %s nodes; the table has all.", count(stripNodes))
		names = names[:stripNodes]
	}
	if len(rounds) > 1 {
		f.Chart = strip(names, rounds, func(name string) string {
			return fmt.Sprintf("%s of %s", count(len(bought[name])), count(settled))
		})
	}
	f.Twin = t
	f.Below = f.Chart == ""
	return f
}

// numbers writes the last ids, at most 100 of them.
func numbers(ids []int) string {
	text := ""
	if len(ids) > 100 {
		text, ids = "… ", ids[len(ids)-100:]
	}
	for i, id := range ids {
		if i > 0 {
			text += " "
		}
		text += strconv.Itoa(id)
	}
	return text
}

// strip draws a square for each offer bought and a speck for each that was not.
func strip(names []string, rounds []Round, tally func(string) string) template.HTML {
	return draw(1152, func(w width) *canvas {
		row, right := 22.0, 64.0
		if w.narrow() {
			row, right = 17, 4
		}
		left := 50.0
		for _, name := range names {
			left = math.Max(left, 6.6*float64(len([]rune(cutTo(name, 14))))+12)
		}
		bottom := row*float64(len(names)) + 4
		c := &canvas{width: w.px, height: bottom + 40}
		step := math.Min(23, (w.px-left-right)/float64(len(rounds)))
		side := math.Min(14, step*0.88)
		side = math.Max(math.Min(side, step-1), 1.5)
		for i, name := range names {
			y := 4 + row*(float64(i)+0.5)
			c.text("t-b", 0, y+4, cutTo(name, 14))
			for j, r := range rounds {
				x := left + step*(float64(j)+0.5)
				if slices.Contains(r.Bought, name) {
					c.rect("f1", x-side/2, y-side/2, side, side, math.Min(2, side/8))
				} else if slices.Contains(r.Offered, name) {
					c.circle("fl2", x, y, math.Min(1.7, side/3))
				}
			}
			if !w.narrow() {
				c.text("end", w.px, y+4, tally(name))
			}
		}
		every := 1
		for _, n := range []int{1, 5, 10, 15, 20, 50} {
			every = n
			if float64(every)*step >= 44 {
				break
			}
		}
		for j, r := range rounds {
			if j == 0 || r.ID%every == 0 && (float64(j)*step >= 30) {
				c.text("mid", left+step*(float64(j)+0.5), bottom+18, strconv.Itoa(r.ID))
			}
		}
		c.text("end", left+step*float64(len(rounds)), bottom+36, "round")
		return c
	})
}

// list fills the table of rounds: all, slow or aborted ones, newest first,
// those before a given round.
func (d *roundsDetail) list(v View, q query, e *Experiment) {
	filter := q.values.Get("show")
	slow := 2 * e.medianTook()
	var rounds []Round
	for i := len(e.Rounds) - 1; i >= 0; i-- {
		r := e.Rounds[i]
		if filter == "slow" && (r.State != RoundPublished || r.took() <= slow) || filter == "aborted" && r.State != RoundAborted {
			continue
		}
		rounds = append(rounds, r)
	}
	address := func(show string, before int) string {
		values := url.Values{}
		if len(d.Choices) > 0 {
			values.Set("experiment", e.Name)
		}
		if show != "" {
			values.Set("show", show)
		}
		if before > 0 {
			values.Set("before", strconv.Itoa(before))
		}
		if len(values) == 0 {
			return "/rounds"
		}
		return "/rounds?" + values.Encode()
	}
	for _, show := range []string{"", "slow", "aborted"} {
		text := show
		if show == "" {
			text = "all"
		}
		d.Filters = append(d.Filters, link{Text: text, Path: address(show, 0), Current: filter == show})
	}
	if before, err := strconv.Atoi(q.values.Get("before")); err == nil && before > 0 {
		i := sort.Search(len(rounds), func(i int) bool { return rounds[i].ID < before })
		rounds = rounds[i:]
		d.Newer = &link{Text: "Newest", Path: address(filter, 0)}
	}
	if len(rounds) > shownRounds {
		rest := rounds[shownRounds:]
		d.Older = &link{Text: fmt.Sprintf("Older: rounds %s to %s", count(rest[len(rest)-1].ID), count(rest[0].ID)), Path: address(filter, rounds[shownRounds-1].ID)}
		rounds = rounds[:shownRounds]
	}
	d.Nothing = map[string]string{"slow": "No round took more than twice the median.", "aborted": "No round was aborted."}[filter]
	var longest time.Duration
	for _, r := range rounds {
		longest = max(longest, r.took())
		d.ArmsShown = d.ArmsShown || r.Alive > 0
	}
	top := niceDuration(longest)
	d.Scale = "Phases, 0 to " + duration(top)
	names := e.sellers()
	d.Bought = "Bought"
	if n := len(names); n > 1 && n <= stripNodes {
		d.Bought = fmt.Sprintf("Bought, %s to %s", cutTo(names[0], 12), cutTo(names[n-1], 12))
	}
	for _, r := range rounds {
		d.Rows = append(d.Rows, r.row(v, e, names, top))
	}
}

// niceDuration is the next of 1, 2, 5 times a power of ten.
func niceDuration(d time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if n*unit >= d || unit > 1000*time.Hour {
				return n * unit
			}
		}
	}
}

func (r Round) row(v View, e *Experiment, names []string, top time.Duration) roundRow {
	row := roundRow{ID: count(r.ID), Time: clock(r.Published, v.Now)}
	asked := r.Asked
	if asked == 0 {
		asked = len(names)
	}
	row.Offers = fmt.Sprintf("%s of %s", count(len(r.Offered)), count(asked))
	switch r.State {
	case RoundOpen:
		row.State = &state{"", "open"}
		if r.Phase != "" {
			row.State.Text = "open, " + plain(r.Phase)
		}
		return row
	case RoundAborted:
		row.State, row.Why = &state{"warn", "aborted"}, plain(r.Aborted)
		return row
	}
	if len(names) <= stripNodes {
		c := &canvas{width: 13 * float64(len(names)), height: 14}
		for i, name := range names {
			x := 13 * float64(i)
			if slices.Contains(r.Bought, name) {
				c.rect("f1", x+1, 2, 10, 10, 2)
			} else if slices.Contains(r.Offered, name) {
				c.circle("fl2", x+6, 7, 1.8)
			}
		}
		row.Bought = c.small(fmt.Sprintf("%s of %s bought", count(len(r.Bought)), count(len(names))))
	} else {
		row.Bought = template.HTML(template.HTMLEscapeString(fmt.Sprintf("%s of %s", count(len(r.Bought)), count(len(names))))) //nolint:gosec // escaped
	}
	var paid int64
	for _, p := range r.Payments {
		paid += p.Amount
	}
	row.Information, row.Paid, row.Took = percent(r.Information), credits(paid), duration(r.took())
	row.Phases = r.phases(top)
	row.Granted = joined(r.Granted)
	if n := len(e.Members); n > 0 && len(r.Granted) == n {
		row.Granted = "everyone"
	}
	if r.Alive > 0 {
		row.Alive = count(r.Alive)
	}
	return row
}

// phases draws offer, settle, collect and publish, 1 px apart, on one scale.
func (r Round) phases(top time.Duration) template.HTML {
	c := &canvas{width: 300, height: 16}
	x := 0.0
	for i, d := range []time.Duration{r.Offer, r.Settle, r.Collect, r.Publish} {
		w := 297 * float64(d) / float64(top)
		if d > 0 {
			w = math.Max(w, 1)
		}
		c.rect([]string{"fc", "ft", "fm", "f1"}[i], x, 3, w, 10, 0)
		x += w + 1
	}
	return c.small(fmt.Sprintf("offer %s, settle %s, collect %s, publish %s", duration(r.Offer), duration(r.Settle), duration(r.Collect), duration(r.Publish)))
}
