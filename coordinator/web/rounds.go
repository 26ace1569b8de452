package web

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
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
	PaidShown bool
}

// roundRow is one round's line.
type roundRow struct {
	ID, Time, Offers, Information, Paid, Pivotal, Took, Granted, Alive string
	Bought, Phases                                                     template.HTML
	State                                                              *state
	Why                                                                string
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
		s.Why[0].Text = strings.TrimLeft(s.Why[0].Text, " ")
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
		d.PaidShown = d.PaidShown || r.Reserve > 0
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
	if r.Reserve > 0 {
		row.Pivotal = count(r.Pivotal)
	}
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
