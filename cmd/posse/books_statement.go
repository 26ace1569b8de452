package main

import (
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/incentives/books"
)

// statement is what `posse books statement -o json` prints; money in micro-credits.
type statement struct {
	Node    string             `json:"node"`
	Opening incentives.Credits `json:"opening"`
	Lines   []statementLine    `json:"lines"`
	Closing incentives.Credits `json:"closing"`
}

type statementLine struct {
	Time       string              `json:"time"`
	Kind       books.Kind          `json:"kind"`
	Experiment string              `json:"experiment,omitempty"`
	Round      uint64              `json:"round,omitempty"`
	Bid        *incentives.Credits `json:"bid,omitempty"` // where it is public or opened
	Payment    *incentives.Credits `json:"payment,omitempty"`
	Delivered  *bool               `json:"delivered,omitempty"`
	PriceBy    string              `json:"priceBy,omitempty"` // rival or reserve
	Amount     incentives.Credits  `json:"amount"`            // that it moved on the node's account
}

func (p *program) booksStatement() *cobra.Command {
	var dir, from, to string
	var at *remote
	cmd := &cobra.Command{
		Use:   "statement NODE",
		Short: "Show what one node was paid, round by round, and what was withdrawn",
		Long: `The books are derived again from the log, which must verify. Bids are shown where they are
public or opened: the statement is for that node alone.`,
		Example: `  posse books statement hospital-a
  posse books statement hospital-a --from 2027-01-01 --to 2027-02-01 -o json`,
		Args: arguments("NODE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			first, err := moment("--from", from, 0)
			if err != nil {
				return err
			}
			last, err := moment("--to", to, math.MaxInt64)
			if err != nil {
				return err
			}
			book, err := p.bookOf(cmd, dir, at)
			if err != nil {
				return err
			}
			out := statementOf(book.Statement(args[0], first, last))
			if len(out.Lines) == 0 && from == "" && to == "" {
				return &posse.Error{
					Code: posse.NotFound, Reason: "FIELD_OUT_OF_RANGE", Field: "NODE", Value: quoted(args[0]), Allowed: "a node that won a round",
					Message: "the books have nothing about this node", Hint: "posse books show lists all accounts",
				}
			}
			return p.print(out, func() string { return p.statementText(out) })
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first day or moment of the statement, as 2027-01-31 or RFC 3339 (default: the beginning)")
	cmd.Flags().StringVar(&to, "to", "", "day or moment that it ends before (default: now)")
	at = p.booksFlags(cmd, &dir)
	return cmd
}

// booksFlags are those of commands that derive the books from the log.
func (p *program) booksFlags(cmd *cobra.Command, dir *string) *remote {
	cmd.Flags().StringVar(dir, "log", "", "folder that posse log export wrote, instead of a replica")
	return p.coordinatorFlags(cmd)
}

// bookOf derives the books from a log, which must verify.
func (p *program) bookOf(cmd *cobra.Command, dir string, at *remote) (*books.Book, error) {
	b, err := p.bundle(cmd, dir, at)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		if b.Openings, err = p.openings(cmd, at); err != nil {
			return nil, err
		}
	}
	checked, err := compute(cmd.Context(), func() (verify.Result, error) { return verify.Log(b), nil })
	if err != nil {
		return nil, err
	}
	if !checked.Verified {
		return nil, &posse.Error{
			Code: posse.DataLoss, Reason: "LOG_DAMAGED", Field: "log", Value: fmt.Sprintf("%d problems", len(checked.Problems)),
			Message: "the log that the books are derived from does not verify", Hint: "posse log verify says what is wrong",
		}
	}
	return checked.Book, nil
}

// moment reads a day or a time, in Unix milliseconds.
func moment(flag, text string, unset int64) (int64, error) {
	if text == "" {
		return unset, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, posse.OutOfRange(flag, quoted(text), "a day as 2027-01-31, or a time as 2027-01-31T12:00:00Z", "")
}

func statementOf(s books.Statement) statement {
	out := statement{Node: s.Node, Opening: s.Opening, Lines: []statementLine{}, Closing: s.Closing}
	for _, l := range s.Lines {
		line := statementLine{Time: time.UnixMilli(l.Time).UTC().Format(time.RFC3339), Kind: l.Kind, Experiment: l.Experiment, Round: l.Round, Amount: l.Amount}
		if l.Round > 0 {
			line.Payment, line.Delivered, line.PriceBy = &l.Payment, &l.Delivered, "rival"
			if l.ByReserve {
				line.PriceBy = "reserve"
			}
			if l.Bid > 0 {
				line.Bid = &l.Bid
			}
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

func (p *program) statementText(s statement) string {
	rows := [][]string{{"", "opening", "", "", "", "", "", s.Opening.Fixed()}}
	for _, l := range s.Lines {
		row := []string{l.Time, string(l.Kind), l.Experiment, "", "", "", "", l.Amount.Fixed()}
		if l.Round > 0 {
			row[3], row[5], row[6] = fmt.Sprint(l.Round), l.Payment.Fixed(), l.PriceBy
			if l.Bid != nil {
				row[4] = l.Bid.Fixed()
			}
			if !*l.Delivered {
				row[1] = "not delivered"
			}
		}
		rows = append(rows, row)
	}
	rows = append(rows, []string{"", "closing", "", "", "", "", "", s.Closing.Fixed()})
	return p.cells([]string{"TIME", "WHAT", "EXPERIMENT", "ROUND", "BID", "PAYMENT", "PRICE BY", "CREDITS"}, []string{"ROUND", "BID", "PAYMENT", "CREDITS"}, rows)
}
