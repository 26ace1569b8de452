package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/incentives"
)

func (p *program) auditCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "audit",
		Short: "Audit what a cluster says of itself, from its log",
		Example: `  posse audit payments --cluster 127.0.0.1:7070
  posse audit payments --log bundle -o json`,
	}, p.auditPayments())
}

func (p *program) auditPayments() *cobra.Command {
	var dir, keys string
	var at *remote
	cmd := &cobra.Command{
		Use:   "payments (--log DIR | --cluster ADDR)",
		Short: "Settle every paid round again, and with every node's bid changed; exit 1 where a payment does not hold",
		Long: `Each round whose bids are public or opened is settled again from the log. Then each node's
bid is set to 0, 0.5, 0.9, 1.1 and 2 times what it was and above the reserve, the others' left
as they were: none may have brought it more. A winner must still win with its payment as its
bid, and lose with a micro-credit over it. The cluster's API opens the bids to whoever has its
token; posse log export --openings writes them to the folder. Bids are never printed.`,
		Example: `  posse audit payments --cluster 127.0.0.1:7070
  posse audit payments --log bundle --keys pinned-keys.txt -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.trusted(cmd, dir, keys, at)
			if err != nil {
				return err
			}
			if dir == "" {
				if b.Openings, err = p.openings(cmd, at); err != nil {
					return err
				}
			}
			a, err := compute(cmd.Context(), func() (verify.Payments, error) { return verify.AuditPayments(b), nil })
			if err != nil {
				return err
			}
			if err := p.print(a, func() string { return p.auditedText(a) }); err != nil {
				return err
			}
			if a.Verdict != "consistent" {
				return told(1)
			}
			return nil
		},
	}
	at = p.logFlags(cmd, &dir, &keys)
	return cmd
}

// shownSettlements is how many rounds the text lists, the newest ones.
const shownSettlements = 12

func (p *program) auditedText(a verify.Payments) string {
	var b strings.Builder
	var rows [][]string
	pivotal, winners := 0, 0
	var paid, reserve incentives.Credits
	for i, s := range a.Settlements {
		pivotal, winners = pivotal+s.Pivotal, winners+s.Winners
		paid, reserve = paid+s.Paid, reserve+s.ReserveCost
		if i < len(a.Settlements)-shownSettlements {
			continue
		}
		again := "no: bids are not opened"
		if s.Recomputed {
			again = "yes"
		}
		rows = append(rows, []string{s.Experiment, fmt.Sprint(s.Round), fmt.Sprint(s.Winners), fmt.Sprint(s.Pivotal), s.Paid.String(), s.ReserveCost.String(), again})
	}
	if len(rows) > 0 {
		b.WriteString(p.cells([]string{"EXPERIMENT", "ROUND", "WINNERS", "PIVOTAL", "PAID", "AT THE RESERVE", "RECOMPUTED"},
			[]string{"ROUND", "WINNERS", "PIVOTAL", "PAID", "AT THE RESERVE"}, rows))
		if n := len(a.Settlements) - len(rows); n > 0 {
			fmt.Fprintf(&b, "%d earlier rounds are not listed; -o json has them\n", n)
		}
	}
	fmt.Fprintf(&b, "%d of %d paid rounds recomputed; %d of %d winners were pivotal; %s credits for what would have cost %s at the reserve\n",
		a.Recomputed, a.Rounds, pivotal, winners, paid, reserve)
	if a.OtherBids > 0 {
		fmt.Fprintf(&b, "%d other bids tried\n", a.OtherBids)
	}
	for _, r := range a.Rivals {
		if r.Times >= 5 && r.Won == 0 {
			fmt.Fprintf(&b, "look at: %s set the price of %s %d times and never won in these rounds\n", r.SetBy, r.Node, r.Times)
		}
	}
	for _, problem := range a.Problems {
		fmt.Fprintf(&b, "PROBLEM  entry %d (%s): %s\n", problem.Index, problem.Kind, problem.Message)
	}
	switch {
	case a.Verdict != "consistent":
		fmt.Fprintf(&b, "violated: %d problems.\n", len(a.Problems))
	case a.Recomputed < a.Rounds:
		fmt.Fprintf(&b, "consistent, as far as bids are known: open those of the other %d rounds to be sure of them.\n", a.Rounds-a.Recomputed)
	default:
		b.WriteString("consistent: every payment is the highest bid that would have won, and no other bid would have brought more.\n")
	}
	return plain(b.String())
}
