package main

import (
	"fmt"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/protocols/possev1"
)

func (p *program) booksCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "books",
		Short: "Show and export the cluster's accounts, and record what was paid out",
		Example: `  posse books show
  posse books withdraw hospital-a 12.5 --reference "transfer 2027-01"`,
	}, p.booksShow(), p.booksStatement(), p.booksExport(), p.booksWithdraw())
}

// accounts is what `posse books show -o json` prints; amounts in micro-credits.
type accounts struct {
	Accounts     []accountBalance `json:"accounts"`
	Balanced     bool             `json:"balanced"`
	Transactions uint64           `json:"transactions"`
}

type accountBalance struct {
	Name   string             `json:"name"`
	Amount incentives.Credits `json:"amount"`
}

func (p *program) booksShow() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every account, and whether the books balance; exit 1 if they do not",
		Example: `  posse books show
  posse books show -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.Books(cmd.Context(), connect.NewRequest(&possev1.BooksRequest{}))
			if err != nil {
				return at.called(cmd.Context(), err)
			}
			out := accounts{Accounts: []accountBalance{}, Balanced: answer.Msg.GetBalanced(), Transactions: answer.Msg.GetTransactions()}
			var rows [][]string
			for _, a := range answer.Msg.GetAccounts() {
				one := accountBalance{a.GetName(), incentives.Credits(a.GetMicro())}
				out.Accounts = append(out.Accounts, one)
				rows = append(rows, []string{one.Name, one.Amount.Fixed()})
			}
			if err := p.print(out, func() string {
				balance := "balanced"
				if !out.Balanced {
					balance = "NOT balanced"
				}
				return p.cells([]string{"ACCOUNT", "CREDITS"}, []string{"CREDITS"}, rows) +
					fmt.Sprintf("%d transactions, %s\n", out.Transactions, balance)
			}); err != nil {
				return err
			}
			if !out.Balanced {
				return told(1)
			}
			return nil
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}

// withdrawn is what `posse books withdraw -o json` prints; amounts in micro-credits.
type withdrawn struct {
	Node   string             `json:"node"`
	Amount incentives.Credits `json:"amount"`
	Left   incentives.Credits `json:"left"`
}

func (p *program) booksWithdraw() *cobra.Command {
	var at *remote
	var reference string
	cmd := &cobra.Command{
		Use:   "withdraw NODE AMOUNT",
		Short: "Record that a node was paid credits outside of Posse",
		Example: `  posse books withdraw hospital-a 12.5
  posse books withdraw hospital-a 12.5 --reference "transfer 2027-01" -o json`,
		Args: arguments("NODE", "AMOUNT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			amount, err := incentives.ParseCredits(args[1])
			if err == nil && amount <= 0 {
				err = posse.OutOfRange("AMOUNT", amount.String(), "credits above 0, at most 6 decimals", "write 12.5")
			}
			if err != nil {
				e := *posse.As(err)
				e.Field = "AMOUNT"
				return &e
			}
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.Withdraw(cmd.Context(), connect.NewRequest(&possev1.WithdrawRequest{
				Node: args[0], Micro: int64(amount), Reference: reference,
			}))
			if err != nil {
				return at.called(cmd.Context(), err)
			}
			out := withdrawn{args[0], amount, incentives.Credits(answer.Msg.GetLeftMicro())}
			return p.print(out, func() string {
				return fmt.Sprintf("%s was paid %s credits; %s are left.\n", plain(out.Node), out.Amount, out.Left)
			})
		},
	}
	cmd.Flags().StringVar(&reference, "reference", "", "what the transfer is called outside; goes into the public log")
	at = p.coordinatorFlags(cmd)
	return cmd
}
