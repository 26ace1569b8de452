package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/protocols/possev1"
)

const watchEvery = 2 * time.Second

// overview is what `posse status -o json` prints.
type overview struct {
	clusterStatus
	Experiments []standing `json:"experiments"`
	Log         struct {
		Size       uint64 `json:"size"`
		Checkpoint uint64 `json:"checkpoint"` // size of the newest signed head in the log
		Signatures uint32 `json:"signatures"` // on it
	} `json:"log"`
}

func overviewOf(s *possev1.StatusResponse) overview {
	out := overview{clusterStatus: clusterOf(s), Experiments: standingsOf(s.GetExperiments())}
	out.Log.Size, out.Log.Checkpoint, out.Log.Signatures = s.GetLogSize(), s.GetCheckpointSize(), s.GetCheckpointSignatures()
	return out
}

func (p *program) statusCommand() *cobra.Command {
	var at *remote
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the cluster, its experiments and its log on one page",
		Example: `  posse status --token-file /var/lib/posse/admin.token
  posse status --watch`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			show := func() error {
				s, err := at.asked(cmd)
				if err != nil {
					return err
				}
				o := overviewOf(s)
				if watch && p.format == "json" {
					return json.NewEncoder(p.out).Encode(o) // an object a line
				}
				return p.print(o, func() string { return p.overviewText(o, watch) })
			}
			for err := show(); ; err = show() {
				if err != nil || !watch {
					return err
				}
				select {
				case <-cmd.Context().Done():
					return cmd.Context().Err()
				case <-time.After(watchEvery):
				}
			}
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it anew every 2s until stopped; with -o json an object a line (default false)")
	at = p.coordinatorFlags(cmd)
	return cmd
}

// overviewText is the page; on a terminal a watched one takes the place of the last.
func (p *program) overviewText(o overview, watch bool) string {
	var b strings.Builder
	if watch && terminal(p.out) {
		b.WriteString("\x1b[H\x1b[2J")
	}
	fmt.Fprintf(&b, "%s    log %d    checkpoint %d signed by %d\n\n", p.clusterLine(o.clusterStatus), o.Log.Size, o.Log.Checkpoint, o.Log.Signatures)
	b.WriteString(p.membersText(o.clusterStatus))
	if len(o.Experiments) == 0 {
		b.WriteString("\nNo experiments.\n")
	} else {
		b.WriteString("\n" + p.standingsText(o.Experiments))
	}
	if watch {
		b.WriteString("\n")
	}
	return b.String()
}
