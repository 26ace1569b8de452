package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Example: `  posse version
  posse version -o json`,
		Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			v := version()
			return p.print(v, func() string {
				return fmt.Sprintf("posse %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			})
		},
	}
}

// versionDocument is what `posse version -o json` prints.
type versionDocument struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// version reads what the builder wrote into the binary; a binary that was not
// built from a tagged module is "(devel)".
func version() versionDocument {
	v := versionDocument{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
