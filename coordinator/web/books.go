package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// shownEntries is how many entries the books' and the log's pages list.
const shownEntries = 15

// booksDetail is what the books' page shows.
type booksDetail struct {
	Empty         bool
	Check, Failed string
	Lead          sentence
	Choices       []link
	Rounds        *figure
	Paid          []paidRow
	Total         paidRow
	Accounts      []accountRow
	Sum           accountRow
	Entries       []entryRow
	EntriesMeta   string
	Logged        bool
}

// paidRow is what one node was paid.
type paidRow struct {
	Name, Chosen, Mean, Paid string
	Bar                      template.HTML
}

// money is an amount with its muted last digits.
type money struct{ Head, Tail string }

// accountRow is a line of the trial balance.
type accountRow struct {
	Name          string
	Debit, Credit money
}

// entryRow is a transfer.
type entryRow struct {
	Number, Time, Round, Debit, Credit, For string
	Amount                                  money
	Log                                     string
}

// booksPage answers: who was paid, and does it add up?
func booksPage(v View, q query) page {
	d := booksDetail{Empty: v.Books == nil}
	if b := v.Books; b != nil {
		d.fill(v, q, b)
	} else {
		d.Lead = sentence{Fact: say("No books are kept yet."), Why: say("Accounts begin with the first experiment that pays for information.")}
	}
	return page{Title: "Books", Current: "/books", Template: "books", Content: d}
}

func (d *booksDetail) fill(v View, q query, b *Books) {
	if b.Balanced {
		d.Check = fmt.Sprintf("Balanced: debit %s = credit %s", credits(b.Debit), credits(b.Credit))
	} else {
		d.Failed = booksOff(b)
	}
	e, choices := pick(v, q, "/books")
	d.Choices = choices
	payees := map[string]bool{}
	for i := range v.Experiments {
		for _, m := range v.Experiments[i].Members {
			if m.Paid > 0 {
				payees[m.Node] = true
			}
		}
	}
	switch n := len(payees); {
	case b.Paid == 0:
		d.Lead.Fact = say("Nobody was paid yet.")
	case n == 1:
		d.Lead.Fact = say("One organisation was paid *{} credits* for what it taught.", credits(b.Paid))
	case n == 0:
		d.Lead.Fact = say("*{} credits* were paid.", credits(b.Paid))
	default:
		d.Lead.Fact = say("{} organisations were paid *{} credits* for what they taught.", capital(spelled(n)), credits(b.Paid))
	}
	if b.Budget > 0 {
		d.Lead.Why = say("{} of {} are left.", credits(b.Budget-b.Paid), credits(b.Budget))
	}
	if e != nil {
		d.Rounds = roundsPaid(e, b)
		d.payees(e)
	}
	for _, a := range b.Accounts {
		row := accountRow{Name: a.Name}
		if a.Debit != 0 || a.Credit == 0 {
			row.Debit = exact(a.Debit)
		}
		if a.Credit != 0 {
			row.Credit = exact(a.Credit)
		}
		d.Accounts = append(d.Accounts, row)
	}
	d.Sum = accountRow{Name: "Total", Debit: exact(b.Debit), Credit: exact(b.Credit)}
	for i := len(b.Entries) - 1; i >= 0 && len(d.Entries) < shownEntries; i-- {
		entry := b.Entries[i]
		row := entryRow{
			Number: count(entry.Number), Time: clock(entry.Time, v.Now), Debit: entry.Debit, Credit: entry.Credit,
			For: entry.For, Amount: exact(entry.Amount),
		}
		if entry.Round > 0 {
			row.Round = count(entry.Round)
		}
		if entry.LogIndex != nil && v.Log != nil {
			row.Log, d.Logged = "#"+count(*entry.LogIndex), true
		}
		d.Entries = append(d.Entries, row)
	}
	d.EntriesMeta = fmt.Sprintf("newest first, %s in all", count(len(b.Entries)))
	if len(b.Entries) > shownEntries {
		d.EntriesMeta = fmt.Sprintf("the newest %s of %s", count(shownEntries), count(len(b.Entries)))
	}
}

func exact(micro int64) money {
	head, tail := creditParts(micro)
	return money{head, tail}
}

// payees is who was paid in an experiment, most first.
func (d *booksDetail) payees(e *Experiment) {
	var total int64
	chosen := 0
	members := ranked(e.Members)
	for _, m := range members {
		total += m.Paid
		chosen += m.Chosen
	}
	for _, m := range members {
		row := paidRow{Name: m.Node, Chosen: count(m.Chosen), Paid: credits(m.Paid)}
		if m.Chosen > 0 {
			row.Mean = credits(m.Paid / int64(m.Chosen))
		}
		if members[0].Paid > 0 {
			row.Bar = shareBar(float64(m.Paid), 0, 0, float64(members[0].Paid), 140)
		}
		d.Paid = append(d.Paid, row)
	}
	d.Total = paidRow{Name: "Total", Chosen: count(chosen), Paid: credits(total)}
	if chosen > 0 {
		d.Total.Mean = credits(total / int64(chosen))
	}
}

// roundsPaid is what each round cost; nil before the first one was published.
func roundsPaid(e *Experiment, b *Books) *figure {
	var sums []int64
	var ids []int
	var sellers, needed []int
	var total, highest, atReserve int64
	pivotal, sold := 0, 0
	for _, r := range e.Rounds {
		if r.State != RoundPublished {
			continue
		}
		var sum int64
		pivotal, sold, atReserve = pivotal+r.Pivotal, sold+len(r.Payments), atReserve+int64(len(r.Payments))*r.Reserve
		for _, p := range r.Payments {
			sum += p.Amount
			highest = max(highest, p.Amount)
		}
		sums, ids, sellers, needed = append(sums, sum), append(ids, r.ID), append(sellers, len(r.Bought)), append(needed, r.Pivotal)
		total += sum
	}
	if len(sums) == 0 {
		return nil
	}
	low, high := sums[0], sums[0]
	for _, s := range sums {
		low, high = min(low, s), max(high, s)
	}
	mean := total / int64(len(sums))
	f := &figure{Finding: fmt.Sprintf("A round cost %s credits on average,", credits(mean)), Note: fmt.Sprintf("between %s and %s.", credits(low), credits(high))}
	if len(sums) == 1 {
		f.Finding, f.Note = fmt.Sprintf("The first round cost %s credits.", credits(mean)), ""
	}
	if b.Reserve > 0 {
		if highest <= b.Reserve {
			f.Note += " Every payment was at or below the reserve of " + credits(b.Reserve) + "."
		} else {
			f.Note += " A payment of " + credits(highest) + " was above the reserve of " + credits(b.Reserve) + "."
		}
	}
	if atReserve > 0 {
		f.Note += fmt.Sprintf(" At the reserve the same reports would have cost %s instead of %s; %s of %s sellers were pivotal.",
			credits(atReserve), credits(total), count(pivotal), count(sold))
	}
	if len(sums) > 1 {
		f.Chart = paidChart(sums, ids, mean, e)
	}
	t := &table{Caption: "Paid by round", Head: []string{"Round", "Paid", "Sellers", "Pivotal"}}
	type row struct{ id, seller, pivotal, i int }
	var rows []row
	for i := range sums {
		rows = append(rows, row{ids[i], sellers[i], needed[i], i})
	}
	for _, r := range thinned(rows, 12) {
		t.Rows = append(t.Rows, []string{count(r.id), credits(sums[r.i]), count(r.seller), count(r.pivotal)})
	}
	f.Twin = t
	f.Below = f.Chart == ""
	return f
}

// paidChart draws one bar a round, from zero, and the mean.
func paidChart(sums []int64, ids []int, mean int64, e *Experiment) template.HTML {
	const most = 240
	skipped := max(0, len(sums)-most)
	sums, ids = sums[skipped:], ids[skipped:]
	var high int64
	for _, s := range sums {
		high = max(high, s)
	}
	t := around(0, float64(high)/micros, 4)
	first, last := ids[0]-1, ids[len(ids)-1]
	end := float64(last)
	if e.DecisionsPerRound > 0 && e.Demo != nil && e.Demo.Horizon > 0 {
		end = math.Max(end, float64(e.Demo.Horizon)/float64(e.DecisionsPerRound))
	}
	return draw(1152, func(w width) *canvas {
		c := &canvas{width: w.px, height: 232}
		left, right, bottom := 40.0, w.px-118, 192.0
		ticksMost := 6
		if w.narrow() {
			right, ticksMost = w.px-8, 4
		}
		x := scale{float64(first), end, left, right}
		y := scale{0, t.values[len(t.values)-1], bottom, 30}
		for _, v := range t.values {
			c.horizontal("grid", left, right, y.at(v))
			c.text("end", left-8, y.at(v)+4, fixed(v, t.decimals))
		}
		step := x.at(x.from+1) - x.at(x.from)
		for i, s := range sums {
			at := x.at(float64(ids[i] - 1))
			top := y.at(float64(s) / micros)
			gap := math.Min(2.4, step*0.2)
			c.rect("fm", at+gap/2, top, step-gap, bottom-top, 0)
		}
		edge := x.at(float64(last))
		c.horizontal("ln ct thin d-dash", left, edge, y.at(float64(mean)/micros))
		if !w.narrow() {
			c.text("t-b", edge+8, y.at(float64(mean)/micros)+4, "mean "+credits(mean))
			if e.Stage == Ended && end > float64(last)+3 && right-edge > 110 {
				c.text("", edge+8, 184, "no rounds after "+count(last))
			}
		}
		horizontal := within(x.from, x.to, ticksMost)
		for _, v := range horizontal.values {
			if v != math.Trunc(v) {
				continue
			}
			c.path("tick", "M"+num(x.at(v))+" "+num(bottom)+"v5")
			c.text("mid", x.at(v), bottom+19, fixed(v, 0))
		}
		c.horizontal("axis", left, right, bottom)
		c.text("end", right, bottom+37, "round")
		c.text("", 0, 9, "credits paid")
		return c
	})
}

// joined writes node names one after the other, cut.
func joined(names []string) string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = cutTo(name, 20)
	}
	if len(short) > 6 {
		return strings.Join(short[:5], ", ") + " and " + count(len(short)-5) + " more"
	}
	return strings.Join(short, ", ")
}
