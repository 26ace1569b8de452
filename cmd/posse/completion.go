package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes posse's commands and flags in bash, zsh, fish or powershell",
		Example: `  posse completion bash > /etc/bash_completion.d/posse
  posse completion zsh > "${fpath[1]}/_posse"`,
		Args:      arguments("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			write, known := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
				"zsh":        root.GenZshCompletion,
				"fish":       func(w io.Writer) error { return root.GenFishCompletion(w, true) },
				"powershell": root.GenPowerShellCompletionWithDesc,
			}[args[0]]
			if !known {
				return notAWord("SHELL", args[0], "bash, zsh, fish, powershell")
			}
			var script strings.Builder
			if err := write(&script); err != nil {
				return err
			}
			document := map[string]string{"shell": args[0], "script": script.String()}
			return p.print(document, script.String)
		},
	}
}
