package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives/auction"
)

func (p *program) auctionCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "auction",
		Short: "Settle an auction of information as a round does",
		Example: `  posse auction settle -f offers.json
  posse auction settle -f offers.json --explain north`,
	}, p.settleCommand())
}

func (p *program) settleCommand() *cobra.Command {
	var file, explain string
	cmd := &cobra.Command{
		Use:   "settle -f FILE",
		Short: "Compute who is bought and at which price",
		Long: `The input is {"prior":{"lambda":1},"coverage":0.9,"reserve":10000000,"offers":[{"node":"a","bid":3000000,"counts":[120,80]}]}:
money in micro-credits; "threshold" (a determinant ratio) may stand for coverage, "gram" for counts. Bids are never printed.`,
		Example: `  posse auction settle -f offers.json
  posse auction settle -f - --explain north -o json < offers.json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return required("file", "give a file with offers, or - for stdin")
			}
			data, err := p.read(cmd.Context(), file, maxDocument)
			if err != nil {
				return err
			}
			var in auction.Input
			if err := decode(data, &in); err != nil {
				return inFile(err, file)
			}
			r, err := compute(cmd.Context(), func() (auction.Result, error) { return auction.Calculate(in, explain) })
			if err != nil {
				if e := posse.As(err); explain != "" && e.Code == posse.NotFound {
					unknown := *e
					unknown.Code, unknown.Field = posse.InvalidArgument, "--explain"
					err = &unknown
				}
				return inFile(err, file)
			}
			return p.print(r, func() string {
				target := "coverage"
				if in.Threshold != nil {
					target = "threshold"
				}
				return p.settledText(r, target)
			})
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "JSON file with offers, - for stdin; required")
	cmd.Flags().StringVar(&explain, "explain", "", "name of a node: say in words why it was or was not chosen, and what set its price")
	return cmd
}

// threeDigits writes a share rounded down, so that it still mends what it mends.
func threeDigits(share float64) string { return number(math.Floor(share*1000) / 1000) }

func (p *program) settledText(r auction.Result, target string) string {
	var b strings.Builder
	var rows [][]string
	for i, node := range r.Winners {
		set := "another offer"
		if slices.Contains(r.Pivotal, node) {
			set = "reserve: pivotal"
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), node, r.Payments[node].String(), set})
	}
	if len(rows) > 0 {
		b.WriteString(p.cells([]string{"#", "NODE", "PAYMENT", "PRICE SET BY"}, []string{"#", "PAYMENT"}, rows))
	}
	if r.Infeasible {
		b.WriteString("Infeasible: all offers together do not cover what is wanted, so nobody is bought.\n")
	}
	fmt.Fprintf(&b, "paid %s credits for a cost of %s, at the reserve %s; information share %.4g, determinant ratio %.4g\n",
		r.TotalPaid, r.SocialCost, r.ReserveCost, r.InformationShare, r.DeterminantRatio)
	if len(r.Winners) > 0 {
		fmt.Fprintf(&b, "%d of %d winners are pivotal: without one of them the others can't cover what is wanted\n", len(r.Pivotal), len(r.Winners))
	}
	switch {
	case r.Mend == nil:
	case *r.Mend > 0:
		fmt.Fprintf(&b, "most nodes are pivotal, so the reserve is the price; with a %s of %s at most half of them would be\n", target, threeDigits(*r.Mend))
	default:
		b.WriteString("most nodes are pivotal, so the reserve is the price; only more nodes mend that\n")
	}
	for _, node := range slices.Sorted(maps.Keys(r.Excluded)) {
		fmt.Fprintf(&b, "left out: %s (%s)\n", node, r.Excluded[node])
	}
	if r.Explanation != "" {
		b.WriteString(r.Explanation + "\n")
	}
	return plain(b.String())
}
