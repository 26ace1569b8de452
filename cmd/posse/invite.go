package main

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/possev1"
	"github.com/posse-dev/posse/protocols/possev1/possev1connect"
)

func (p *program) inviteCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "invite",
		Short: "Let organisations' nodes and further replicas into the cluster",
		Example: `  posse invite create --node hospital-a --expires 48h
  posse invite list`,
	}, p.inviteCreate(), p.inviteList(), p.inviteRevoke())
}

// invited is what `posse invite create -o json` prints.
type invited struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Token   string `json:"token"`
	Expires string `json:"expires"`
}

func (p *program) inviteCreate() *cobra.Command {
	var name, replica, peer string
	var weight uint64
	var expires time.Duration
	var at *remote
	cmd := &cobra.Command{
		Use:   "create (--node NAME | --replica NAME)",
		Short: "Make an invite: it is shown once, works once, and is a password until then",
		Example: `  posse invite create --node hospital-a --expires 48h
  posse invite create --replica r2 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			role := "node"
			switch {
			case name != "" && replica != "":
				return combination("--replica", "an invite is for a node or for a replica", "give one of --node and --replica")
			case replica != "":
				name, role = replica, "replica"
			case name == "":
				return required("node", "name the organisation's node, or a replica with --replica")
			}
			if role == "replica" && cmd.Flags().Changed("weight") {
				return notApplicable("--weight", "a replica has no traffic")
			}
			if expires < time.Minute || expires > 30*24*time.Hour {
				return posse.OutOfRange("--expires", expires.String(), "1m to 720h", "24h is usual")
			}
			if weight < 1 || weight > 1<<20 {
				return posse.OutOfRange("--weight", fmt.Sprint(weight), "[1, 1048576]", "1 for nodes of equal traffic")
			}
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.CreateInvite(cmd.Context(), connect.NewRequest(&possev1.CreateInviteRequest{
				Name: name, Role: role, Weight: weight, ExpiresInMs: expires.Milliseconds(), PeerId: peer,
			}))
			if err != nil {
				return at.called(cmd.Context(), err)
			}
			out := invited{Name: name, Role: role, Token: answer.Msg.GetToken(), Expires: instant(answer.Msg.GetExpiresMs())}
			p.note("Shown once; single use; expires %s. Send it over a channel you trust.", out.Expires)
			return p.print(out, func() string { return out.Token + "\n" })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "node", "", "name of the organisation's node, unique in the cluster")
	flags.StringVar(&replica, "replica", "", "name of the replica, unique in the cluster")
	flags.DurationVar(&expires, "expires", 24*time.Hour, "how long it can be used, 1m to 720h")
	flags.Uint64Var(&weight, "weight", 1, "the node's public share of all traffic relative to others, [1, 1048576]")
	flags.StringVar(&peer, "peer-id", "", "let only this peer id use it (default anybody who holds it)")
	at = p.coordinatorFlags(cmd)
	return cmd
}

// instant writes a time in milliseconds since 1970.
func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// inviteStanding is one invite as -o json lists it; the token is nowhere kept.
type inviteStanding struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	State   string `json:"state"` // open, used, revoked or expired
	Expires string `json:"expires"`
}

func (p *program) inviteList() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List invites and what became of them",
		Example: `  posse invite list
  posse invite list -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.ListInvites(cmd.Context(), connect.NewRequest(&possev1.ListInvitesRequest{}))
			if err != nil {
				return at.called(cmd.Context(), err)
			}
			all := []inviteStanding{}
			var rows [][]string
			for _, i := range answer.Msg.GetInvites() {
				one := inviteStanding{Name: i.GetName(), Role: i.GetRole(), State: "open", Expires: instant(i.GetExpiresMs())}
				switch {
				case i.GetUsed():
					one.State = "used"
				case i.GetRevoked():
					one.State = "revoked"
				case i.GetExpiresMs() <= p.now().UnixMilli():
					one.State = "expired"
				}
				all = append(all, one)
				rows = append(rows, []string{one.Name, one.Role, one.State, one.Expires})
			}
			if len(all) == 0 {
				p.note("No invites. Make one: posse invite create --node NAME")
			}
			return p.print(items[inviteStanding]{all}, func() string {
				if len(rows) == 0 {
					return ""
				}
				return p.cells([]string{"NAME", "ROLE", "STATE", "EXPIRES"}, nil, rows)
			})
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}

func (p *program) inviteRevoke() *cobra.Command {
	var at *remote
	var enrolled, yes bool
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Make an invite worthless that nobody has used yet, or shut out a node that has",
		Example: `  posse invite revoke hospital-a
  posse invite revoke hospital-a --node --yes`,
		Args: arguments("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			if yes && !enrolled {
				return combination("--yes", "an invite is revoked without a question", "give --yes with --node only")
			}
			if enrolled {
				return p.revokeNode(cmd.Context(), at, admin, args[0], yes)
			}
			if _, err := admin.RevokeInvite(cmd.Context(), connect.NewRequest(&possev1.RevokeInviteRequest{Name: args[0]})); err != nil {
				return at.called(cmd.Context(), err)
			}
			return p.print(map[string]string{"name": args[0], "state": "revoked"}, func() string {
				return fmt.Sprintf("the invite of %s is revoked.\n", plain(args[0]))
			})
		},
	}
	cmd.Flags().BoolVar(&enrolled, "node", false, "revoke the enrolled node of this name, for good: it takes no part any more, and keeps what it earned (default false)")
	cmd.Flags().BoolVar(&yes, "yes", false, "revoke a node without asking (default false)")
	at = p.coordinatorFlags(cmd)
	return cmd
}

// revokeNode ends an enrolled node's part. Its name and its identity do not come
// back, so it is asked first.
func (p *program) revokeNode(ctx context.Context, at *remote, admin possev1connect.AdminServiceClient, name string, yes bool) error {
	if err := p.confirm(ctx, yes, fmt.Sprintf("Revoke node %s for good?", plain(name))); err != nil {
		return err
	}
	if _, err := admin.RevokeNode(ctx, connect.NewRequest(&possev1.RevokeNodeRequest{Name: name})); err != nil {
		return at.called(ctx, err)
	}
	return p.print(map[string]string{"name": name, "state": "revoked"}, func() string {
		return fmt.Sprintf("node %s is revoked; what it earned stays in the books.\n", plain(name))
	})
}
