package books

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
)

func told(t *testing.T) *Book {
	return story(t, fund(100*credit), open(1, 33_333_333, 3), settle(1, twoWinners...), publish(1, "north"),
		Order{Kind: Withdraw, Party: "north", Amount: 2 * credit}, Order{Kind: MakeDeposit, Party: "north", Amount: credit})
}

// nonzero keeps what an import of postings can know.
func nonzero(balances []Balance) map[Account]incentives.Credits {
	out := map[Account]incentives.Credits{}
	for _, b := range balances {
		if b.Amount != 0 {
			out[b.Account] = b.Amount
		}
	}
	return out
}

func TestExportsReadBackToTheSameBalances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := randomHistory(t, 40)
		var text bytes.Buffer
		require.NoError(t, b.WriteCSV(&text))
		lines, err := csv.NewReader(&text).ReadAll()
		require.NoError(t, err)
		sums := map[Account]incentives.Credits{}
		for _, line := range lines[1:] {
			amount, err := strconv.ParseInt(line[5], 10, 64)
			require.NoError(t, err)
			if sums[Account(line[4])] += incentives.Credits(amount); sums[Account(line[4])] == 0 {
				delete(sums, Account(line[4]))
			}
		}
		assert.Equal(t, nonzero(b.Balances()), sums)

		text.Reset()
		require.NoError(t, b.WriteJSON(&text))
		var rows []Row
		require.NoError(t, json.Unmarshal(text.Bytes(), &rows))
		assert.Equal(t, b.Rows(), rows)
	})
}

func TestBeancountLedgerReadsLikeThis(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, story(t, fund(100*credit), open(1, 33_333_333, 3)).WriteBeancount(&out))
	assert.Equal(t, `1970-01-01 open Assets:Experiment:Dosing:Budget CREDIT
1970-01-01 open Assets:Experiment:Dosing:Escrow:1 CREDIT
1970-01-01 open Equity:Sponsor:Operator CREDIT

1970-01-01 * "fund" "tx-0"
  Equity:Sponsor:Operator  -100.000000 CREDIT
  Assets:Experiment:Dosing:Budget  100.000000 CREDIT

1970-01-01 * "open" "tx-1"
  Assets:Experiment:Dosing:Budget  -99.999999 CREDIT
  Assets:Experiment:Dosing:Escrow:1  99.999999 CREDIT
`, out.String())
}

func TestBeancountNamesStayApart(t *testing.T) {
	b := story(t,
		Order{Kind: MakeDeposit, Party: "a_b", Amount: 1}, Order{Kind: MakeDeposit, Party: "a.b", Amount: 1},
		Order{Kind: MakeDeposit, Party: "élan", Amount: 1}, Order{Kind: MakeDeposit, Party: "_", Amount: 1})
	seen := map[string]bool{}
	for _, name := range b.beancountNames() {
		assert.False(t, seen[name.beancount], name.beancount)
		seen[name.beancount] = true
		assert.Regexp(t, `^(Assets|Equity)(:[A-Z0-9][A-Za-z0-9-]*)+$`, name.beancount)
	}
	assert.Len(t, seen, 8)
}

func TestBeancountAcceptsTheLedger(t *testing.T) {
	check, err := exec.LookPath("bean-check")
	if err != nil {
		t.Skip("bean-check is not installed; the ledger's text is compared above")
	}
	for seed, b := range []*Book{told(t), rapid.Custom(func(t *rapid.T) *Book { return randomHistory(t, 300) }).Example(1)} {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("posse-%d.beancount", seed))
		var out bytes.Buffer
		require.NoError(t, b.WriteBeancount(&out))
		require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
		report, err := exec.Command(check, path).CombinedOutput()
		require.NoError(t, err, string(report))
		report, err = exec.Command("bean-query", "-f", "csv", path, "SELECT account, sum(number) GROUP BY account").Output()
		require.NoError(t, err)
		lines, err := csv.NewReader(bytes.NewReader(report)).ReadAll()
		require.NoError(t, err)
		theirs := map[string]string{}
		for _, line := range lines[1:] {
			theirs[strings.TrimSpace(line[0])] = strings.TrimSpace(line[1])
		}
		names := map[Account]string{}
		for _, n := range b.beancountNames() {
			names[n.account] = n.beancount
		}
		require.NotEmpty(t, theirs)
		for _, balance := range b.Balances() {
			if balance.Amount != 0 {
				assert.Equal(t, balance.Amount.Fixed(), theirs[names[balance.Account]], balance.Account)
			}
		}
	}
}

func TestExportsHoldNoBids(t *testing.T) {
	b := story(t, fund(100*credit), open(1, 33_333_333, 3), settle(1, Payment{Node: "north", Amount: 6 * credit, Bid: 1_234_567}))
	for name, write := range map[string]func(*bytes.Buffer) error{
		"csv": func(w *bytes.Buffer) error { return b.WriteCSV(w) }, "json": func(w *bytes.Buffer) error { return b.WriteJSON(w) },
		"beancount": func(w *bytes.Buffer) error { return b.WriteBeancount(w) },
	} {
		var out bytes.Buffer
		require.NoError(t, write(&out))
		assert.False(t, strings.Contains(out.String(), "1234567") || strings.Contains(out.String(), "1.234567"), name)
	}
}

func TestTimestampsAreThoseOfTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 250_000_000_000_000).Draw(t, "milliseconds")
		assert.Equal(t, time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), timestamp(ms))
	})
	assert.Equal(t, "2024-02-29", date(19_782))
}

func TestStatementTellsANodeItsRounds(t *testing.T) {
	b := told(t)
	s := b.Statement("north", 0, 1<<62)
	assert.Zero(t, s.Opening)
	assert.Equal(t, 4*credit, s.Closing)
	assert.Equal(t, []Line{
		{Time: 180_000, Kind: Publish, Experiment: "dosing", Round: 1, Bid: 4 * credit, Payment: 6 * credit, Delivered: true, Amount: 6 * credit},
		{Time: 240_000, Kind: Withdraw, Amount: -2 * credit},
		{Time: 300_000, Kind: MakeDeposit, Deposit: credit},
	}, s.Lines)

	s = b.Statement("south", 0, 1<<62)
	assert.Equal(t, []Line{{Time: 180_000, Kind: Publish, Experiment: "dosing", Round: 1, Bid: 5 * credit, Payment: 33_333_333, ByReserve: true}}, s.Lines)
	assert.Zero(t, s.Closing)

	s = b.Statement("north", 200_000, 250_000)
	assert.Equal(t, 6*credit, s.Opening)
	assert.Equal(t, 4*credit, s.Closing)
	assert.Len(t, s.Lines, 1)
	assert.Empty(t, b.Statement("nobody", 0, 1<<62).Lines)
}
