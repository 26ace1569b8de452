package main

import (
	"github.com/spf13/cobra"
)

// helpCommand is `posse help COMMAND`, the same as `posse COMMAND --help`; a name
// that does not exist is bad usage.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Explain a command",
		Example: `  posse help experiment
  posse help experiment validate`,
		RunE: func(cmd *cobra.Command, args []string) error {
			at := cmd.Root()
			for len(args) > 0 {
				next, rest, err := at.Find(args[:1])
				if err != nil || next == at || len(rest) > 0 {
					return at.RunE(at, args[:1])
				}
				at, args = next, args[1:]
			}
			at.InitDefaultHelpFlag()
			return at.Help()
		},
	}
}
