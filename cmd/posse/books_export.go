package main

import (
	"bytes"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/incentives/books"
)

func (p *program) booksExport() *cobra.Command {
	var dir, format string
	var at *remote
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write every posting of the books, for a spreadsheet, a program or beancount",
		Long: `The books are derived again from the log, which must verify. Amounts are whole micro-credits in
csv and json, credits with six decimals in beancount. Bids are never part of an export.`,
		Example: `  posse books export --format beancount > posse.beancount
  posse books export --format csv --log bundle > postings.csv`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.format == "json" {
				if format != "json" && cmd.Flags().Changed("format") {
					return combination("--format", "-o json prints JSON", "leave one of them out")
				}
				format = "json"
			}
			write, known := map[string]func(*books.Book, *bytes.Buffer) error{
				"csv":       func(b *books.Book, w *bytes.Buffer) error { return b.WriteCSV(w) },
				"json":      func(b *books.Book, w *bytes.Buffer) error { return b.WriteJSON(w) },
				"beancount": func(b *books.Book, w *bytes.Buffer) error { return b.WriteBeancount(w) },
			}[format]
			if !known {
				return notAWord("--format", format, "csv, json, beancount")
			}
			book, err := p.bookOf(cmd, dir, at)
			if err != nil {
				return err
			}
			var out bytes.Buffer
			if err := write(book, &out); err != nil {
				return err
			}
			_, err = p.out.Write(out.Bytes())
			return err
		},
	}
	cmd.Flags().StringVar(&format, "format", "csv", "csv, json or beancount")
	at = p.booksFlags(cmd, &dir)
	return cmd
}
