package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/node"
)

// invite reads an invite from stdin: from a person without showing it, else the
// first line. It is never an argument, which others on the machine could see.
func (p *program) invite(ctx context.Context) (coordinator.Token, error) {
	var text string
	var err error
	if file, ok := p.in.(*os.File); ok && terminal(p.in) {
		fmt.Fprint(p.err, "Invite: ")
		text, err = compute(ctx, func() (string, error) {
			secret, err := term.ReadPassword(int(file.Fd()))
			return string(secret), err
		})
		fmt.Fprintln(p.err)
	} else {
		text, err = compute(ctx, func() (string, error) {
			all, err := io.ReadAll(io.LimitReader(p.in, maxSecret))
			return string(all), err
		})
	}
	if err != nil {
		return coordinator.Token{}, err
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if strings.TrimSpace(line) == "" {
		return coordinator.Token{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "invite", Message: "there is no invite on stdin",
			Hint: "the cluster's operator makes one: posse invite create --node NAME",
		}
	}
	return coordinator.ParseToken(line)
}

// unreached names --private where nobody could be reached: without it loopback and
// private addresses are not even tried.
func unreached(err error, private bool) error {
	e := *posse.As(err)
	if private || e.Reason != "PEER_UNREACHABLE" {
		return err
	}
	e.Hint = "check that a replica runs and that its address is right; one at a loopback or private address needs --private"
	return &e
}

// joined is what `posse node join -o json` prints.
type joined struct {
	Node     string   `json:"node"`
	Cluster  string   `json:"cluster"`
	Replicas []string `json:"replicas"`
	Dir      string   `json:"dir"`
}

func (p *program) nodeJoin() *cobra.Command {
	var dir string
	var private bool
	cmd := &cobra.Command{
		Use:   "join --dir DIR",
		Short: "Join a cluster with the invite that its operator sent; reads it from stdin or asks for it",
		Example: `  posse node join --dir /var/lib/posse-node
  posse node join --dir /var/lib/posse-node -o json < invite.txt`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if dir == "" {
				dir = p.env["POSSE_DIR"]
			}
			if dir == "" {
				return required("dir", "give the directory that will hold the node's keys and data; it is made if it does not exist")
			}
			token, err := p.invite(ctx)
			if err != nil {
				return err
			}
			in := node.Invite{Secret: token.Secret[:]}
			var ids []string
			for _, r := range token.Replicas {
				in.Replicas = append(in.Replicas, node.Replica{PeerID: r.PeerID, Addresses: r.Addresses})
				ids = append(ids, r.PeerID)
			}
			p.note("Coordinator %s, %d replicas. Compare by phone: %s", token.Cluster, len(ids), strings.Join(ids, ", "))
			if terminal(p.in) {
				if err := p.confirm(ctx, false, "Join?"); err != nil {
					return err
				}
			}
			c, err := node.Join(ctx, dir, in, private)
			if err != nil {
				return unreached(err, private)
			}
			out := joined{Node: c.Name, Cluster: c.Cluster, Replicas: []string{}, Dir: dir}
			for _, r := range c.Replicas {
				out.Replicas = append(out.Replicas, r.Name)
			}
			limits := node.DefaultGuard()
			return p.print(out, func() string {
				return fmt.Sprintf("Joined cluster %s as node %s. Own limits unless you set others (guard): %s per user over all experiments, %s in any one.\n",
					c.Cluster, c.Name, limits.User, limits.Experiment)
			})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "directory of the node (or POSSE_DIR); required")
	cmd.Flags().BoolVar(&private, "private", false, "allow replicas at loopback and private addresses (default false)")
	return cmd
}
