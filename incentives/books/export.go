package books

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/posse-dev/posse/incentives"
)

// Row is one posting as it is exported. Amount is in micro-credits; Time is RFC 3339
// in UTC; Round is 0 where there is none. Bids are never part of an export.
type Row struct {
	Time    string             `json:"time"`
	ID      string             `json:"id"`
	Round   uint64             `json:"round"`
	Kind    Kind               `json:"kind"`
	Account Account            `json:"account"`
	Amount  incentives.Credits `json:"amount"`
}

// Rows returns every posting, in order.
func (b *Book) Rows() []Row {
	rows := []Row{}
	for _, tx := range b.history {
		for _, p := range tx.Postings {
			rows = append(rows, Row{timestamp(tx.Time), tx.ID, tx.Round, tx.Kind, p.Account, p.Amount})
		}
	}
	return rows
}

// WriteCSV writes the rows with a header: time, id, round, kind, account, amount, the
// amount an integer of micro-credits.
func (b *Book) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"time", "id", "round", "kind", "account", "amount"}}
	for _, r := range b.Rows() {
		lines = append(lines, []string{r.Time, r.ID, strconv.FormatUint(r.Round, 10), string(r.Kind), string(r.Account), strconv.FormatInt(int64(r.Amount), 10)})
	}
	return out.WriteAll(lines)
}

// WriteJSON writes the rows as one JSON array.
func (b *Book) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(b.Rows()) }

// WriteBeancount writes a ledger for beancount: accounts are opened first, amounts
// have six decimals of the commodity CREDIT, and signs are those of the books.
func (b *Book) WriteBeancount(w io.Writer) error {
	var out strings.Builder
	names := b.beancountNames()
	if len(b.history) > 0 {
		first := b.history[0].Time
		for _, tx := range b.history {
			first = min(first, tx.Time)
		}
		for _, name := range names {
			fmt.Fprintf(&out, "%s open %s CREDIT\n", date(first/86_400_000), name.beancount)
		}
	}
	for _, tx := range b.history {
		if len(tx.Postings) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n%s * %s %s\n", date(tx.Time/86_400_000), quote(string(tx.Kind)), quote(tx.ID))
		for _, p := range tx.Postings {
			at, _ := slices.BinarySearchFunc(names, p.Account, func(n ledgerName, a Account) int { return strings.Compare(string(n.account), string(a)) })
			fmt.Fprintf(&out, "  %s  %s CREDIT\n", names[at].beancount, p.Amount.Fixed())
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

type ledgerName struct {
	account   Account
	beancount string
}

// beancountNames returns every account that was ever posted to, by its own name. Two
// accounts that would be written the same both get four hex digits of their hash.
func (b *Book) beancountNames() []ledgerName {
	var names []ledgerName
	times := map[string]int{}
	seen := map[Account]bool{}
	for _, tx := range b.history {
		for _, p := range tx.Postings {
			if !seen[p.Account] {
				seen[p.Account] = true
				names = append(names, ledgerName{p.Account, beancountName(p.Account)})
				times[beancountName(p.Account)]++
			}
		}
	}
	for i, name := range names {
		if times[name.beancount] > 1 {
			hash := sha256.Sum256([]byte(name.account))
			names[i].beancount += "-" + hex.EncodeToString(hash[:2])
		}
	}
	slices.SortFunc(names, func(a, b ledgerName) int { return strings.Compare(string(a.account), string(b.account)) })
	return names
}

func beancountName(a Account) string {
	parts := strings.Split(string(a), ":")
	switch {
	case a == Settlement:
		return "Equity:Settlement"
	case parts[0] == "external":
		parts = append([]string{"Equity", "Sponsor"}, parts[1:]...)
	default:
		parts = append([]string{"Assets"}, parts...)
	}
	for i, part := range parts {
		parts[i] = component(part)
	}
	return strings.Join(parts, ":")
}

// component capitalises a part of a name and replaces what beancount does not allow.
func component(part string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, part)
	if clean[0] == '-' {
		return "X" + clean // a component starts with a capital or a digit
	}
	return strings.ToUpper(clean[:1]) + clean[1:]
}

// quote writes a beancount string.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
