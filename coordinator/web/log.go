package web

import (
	"net/http"
	"strings"
)

// logDetail is what the log's page shows.
type logDetail struct {
	Verified bool
	Lead     sentence
	Origin   string
	Size     string
	Root     string
	Signed   string
	Keys     []Signature
	Checks   string
	Rows     []logRow
}

// logRow is one leaf.
type logRow struct{ Index, Time, Kind, What, Leaf string }

// logPage answers: can I check it myself?
func logPage(v View, q query) page {
	l := v.Log
	if l == nil {
		p := missingPage(v, q)
		p.status = http.StatusNotFound
		return p
	}
	d := logDetail{
		Verified: l.Verified, Origin: cutTo(l.Origin, 80), Size: count(l.Size), Root: cutTo(l.Root, 128),
		Checks: strings.Join(l.Checks, "\n"),
	}
	if l.Size == 0 {
		d.Lead = sentence{Fact: say("The log is empty.")}
	} else {
		d.Lead = sentence{
			Fact: say("Everything that touches privacy or money is in {} entries, signed by *{} of {}* replicas.", count(l.Size), count(len(l.Signatures)), count(l.Signers)),
			Why:  say("An outsider can check it without trusting this page."),
		}
	}
	var signed []string
	for _, s := range l.Signatures {
		signed = append(signed, strings.TrimSpace(cut(s.Replica)+" "+clock(s.Time, v.Now)))
		if s.Key != "" {
			d.Keys = append(d.Keys, Signature{Replica: cut(s.Replica), Key: cutTo(s.Key, 100)})
		}
	}
	d.Signed = strings.Join(signed, ", ")
	for i := len(l.Entries) - 1; i >= 0 && len(d.Rows) < shownEntries; i-- {
		entry := l.Entries[i]
		leaf := plain(entry.Leaf)
		if len(leaf) > 16 {
			leaf = leaf[:16] + "…"
		}
		d.Rows = append(d.Rows, logRow{count(entry.Index), clock(entry.Time, v.Now), cut(entry.Kind), cutTo(entry.What, 160), leaf})
	}
	return page{Title: "Log", Current: "/log", Template: "log", Content: d}
}
