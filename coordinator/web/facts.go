package web

import (
	"fmt"
	"net/url"
)

// clusterFact says how many replicas are up and who leads.
func clusterFact(v View) fact {
	c := v.Cluster
	f := fact{Name: "Cluster", Big: count(c.Up), Unit: fmt.Sprintf("of %s replicas up", count(c.Replicas))}
	if c.Replicas == 1 {
		f.Unit = "of 1 replica up"
	}
	since := ""
	if t := clock(c.Since, v.Now); t != "" {
		since = " since " + t
	}
	if c.Leader == "" {
		f.Text = "No leader" + since + "."
	} else {
		changes := "no change"
		switch {
		case c.LeaderChanges == 1:
			changes = "one change of leader before"
		case c.LeaderChanges > 1:
			changes = spelled(c.LeaderChanges) + " changes of leader before"
		}
		if c.Term > 0 {
			since += " (term " + count(c.Term) + ")"
		}
		f.Text = fmt.Sprintf("Leader %s%s, %s.", cut(c.Leader), since, changes)
	}
	if c.CommitP99 > 0 {
		f.Text += " Commit p99 " + duration(c.CommitP99) + "."
	}
	return f
}

// privacyFact says what the worst user of the experiment that is nearest to its
// limit has spent.
func privacyFact(v View) fact {
	f := fact{Name: "Privacy", Big: "–", Text: "Nothing is promised or spent before the first experiment."}
	worst := -1.0
	for _, e := range v.Experiments {
		p := e.Privacy
		if p.Epsilon <= 0 || p.SpentWorst/p.Epsilon <= worst {
			continue
		}
		worst = p.SpentWorst / p.Epsilon
		f.Big = "ε" + thin + epsilon(p.SpentWorst)
		f.Unit = "of " + epsilon(p.Epsilon) + " spent"
		f.Text = "The worst " + p.unit() + " in any organisation, at δ " + delta(p.Delta) + "."
		if len(v.Experiments) > 1 {
			f.Text = "The worst " + p.unit() + " in any organisation, in " + cut(e.Name) + ", at δ " + delta(p.Delta) + "."
		}
		if p.Unit == "user" && p.MaxContributions > 0 && p.SpentWorst >= p.Epsilon-1e-9 {
			f.Text += " Such users go on getting decisions; they no longer teach."
		}
	}
	return f
}

// moneyFact says what was paid and whether the books balance.
func moneyFact(v View) fact {
	b := v.Books
	if b == nil {
		return fact{Name: "Money", Big: "–", Text: "No books are kept: no experiment pays for information."}
	}
	f := fact{Name: "Money", Big: credits(b.Paid), Unit: "credits paid"}
	if b.Budget > 0 {
		f.Text = credits(b.Budget-b.Paid) + " of " + credits(b.Budget) + " left."
	}
	if b.Balanced {
		f.Check = "Books balance"
	} else {
		f.Failed = booksOff(b)
	}
	return f
}

// attentionFact says how many things need a look, and how the log stands.
func attentionFact(v View, concerns []concern) fact {
	f := fact{Name: "Needs attention", Big: "Nothing"}
	if n := len(concerns); n == 1 {
		f.Big = "One thing"
	} else if n > 1 {
		f.Big = capital(spelled(n)) + " things"
	}
	if l := v.Log; l != nil {
		verified := "not verified yet"
		if l.Verified {
			verified = "verified"
		}
		f.Text = fmt.Sprintf("Log of %s entries %s, signed by %s of %s.", count(l.Size), verified, count(len(l.Signatures)), count(l.Signers))
		if t := clock(l.Time, v.Now); t != "" {
			f.Text += " Newest checkpoint " + t + "."
		}
	}
	return f
}

// concern is something that an operator should look at.
type concern struct {
	Dot, When     string
	Subject, Text string
	Link          link
}

// concerns lists what needs a look, worst first.
func concerns(v View) []concern {
	var stop, now, soon []concern
	if b := v.Books; b != nil && !b.Balanced {
		stop = append(stop, concern{"bad", "stop", "Books do not balance", "The replica has stopped.", link{Text: "Books", Path: "/books"}})
	}
	if c := v.Cluster; c.Leader == "" {
		stop = append(stop, concern{"bad", "stop", "No leader", "No round opens and nothing is paid. Nodes go on deciding.", link{}})
	} else if c.Up < c.Replicas {
		text := fmt.Sprintf("%s of %s do not answer.", capital(spelled(c.Replicas-c.Up)), spelled(c.Replicas))
		if len(c.Down) > 0 {
			text = list(c.Down) + " " + map[bool]string{true: "does", false: "do"}[len(c.Down) == 1] + " not answer."
		}
		text += fmt.Sprintf(" The cluster needs %s.", spelled(c.Replicas/2+1))
		now = append(now, concern{"warn", "now", "Replicas", text, link{}})
	}
	for _, n := range v.Nodes {
		if n.State != NodeSilent {
			continue
		}
		text := "silent"
		if !n.LastSeen.IsZero() {
			text += " for " + age(v.Now.Sub(n.LastSeen))
		}
		if n.Missed == 1 {
			text += "; one deadline missed"
		} else if n.Missed > 1 {
			text += "; " + spelled(n.Missed) + " deadlines missed"
		}
		now = append(now, concern{"warn", "now", cut(n.ID), text + ". It may go on deciding.", link{Text: "Nodes", Path: "/nodes"}})
	}
	for _, e := range v.Experiments {
		p := e.Privacy
		forecast := p.forecast()
		where := link{Text: "Privacy", Path: "/privacy?experiment=" + url.QueryEscape(e.Name)}
		switch {
		case e.Stage == Ended || e.Stage == Closed:
		case len(p.Left) > 0 && p.Left[len(p.Left)-1].Share <= 0:
			now = append(now, concern{"warn", "now", cut(e.Name), fmt.Sprintf("has spent its budget. No more reports leave the nodes; decisions go on with version %s.", versionNumber(&e)), where})
		case forecast != nil && !p.Ends.IsZero() && forecast.Middle.Before(p.Ends):
			soon = append(soon, concern{"warn", "soon", cut(e.Name), fmt.Sprintf("spends faster than planned: its budget ends about %s, planned %s.", day(forecast.Middle, v.Now), day(p.Ends, v.Now)), where})
		}
	}
	return append(append(stop, now...), soon...)
}

// versionNumber is the newest version's number in words' place.
func versionNumber(e *Experiment) string {
	if last := e.newestVersion(); last != nil {
		return count(last.Number)
	}
	return "0"
}

// booksOff says by how much and since when the books do not balance.
func booksOff(b *Books) string {
	off := b.Debit - b.Credit
	if off < 0 {
		off = -off
	}
	head, tail := creditParts(off)
	text := "Books do not balance"
	if off != 0 {
		text += " by " + head + tail
	}
	if b.Since > 0 {
		text += " since entry " + count(b.Since)
	}
	return text + ". The replica has stopped."
}

// unit is who or what the promise protects, in a word.
func (p Privacy) unit() string {
	if p.Unit == "user" {
		return "user"
	}
	return "record"
}
