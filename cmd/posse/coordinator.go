package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse/coordinator"
	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/protocols/possev1"
)

func (p *program) coordinatorCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "coordinator",
		Short: "Run one replica of the coordinator, and look after the cluster",
		Example: `  posse coordinator run --init --cluster prod --name r1 --dir /var/lib/posse
  posse coordinator members`,
	}, p.coordinatorRun(), p.coordinatorStatus(), p.coordinatorMembers(), p.coordinatorTransfer())
}

// replicaServing is what `posse coordinator run` prints once it serves.
type replicaServing struct {
	Replica   string   `json:"replica"`
	PeerID    string   `json:"peerId"`
	API       string   `json:"api"`
	TokenFile string   `json:"tokenFile"`
	Dashboard string   `json:"dashboard"` // opens once
	Addresses []string `json:"addresses"` // for peers
}

func (p *program) coordinatorRun() *cobra.Command {
	var c coordinator.Config
	var join bool
	var level string
	cmd := &cobra.Command{
		Use:   "run --name NAME --dir DIR",
		Short: "Run a replica until stopped: begin a cluster with --init, or join one with an invite",
		Long: `A replica that has run before needs neither --init nor --join. With --join the invite is read from stdin or asked for.
Once the replica serves, stdout says where, and where the token of its API is.`,
		Example: `  posse coordinator run --init --cluster prod --name r1 --dir /var/lib/posse
  posse coordinator run --join --name r2 --dir /var/lib/posse < invite.txt`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if join && c.Init {
				return combination("--join", "--init begins a cluster and --join joins another one", "give one of them")
			}
			if c.Name == "" {
				return required("name", "give the replica a name that is unique in its cluster, such as r1")
			}
			if c.Dir == "" {
				return required("dir", "give the directory that holds the replica's keys and log; it is made if it does not exist")
			}
			if join {
				token, err := p.invite(ctx)
				if err != nil {
					return err
				}
				c.Join = token.String()
			}
			if c.Log, err = p.logger(level); err != nil {
				return err
			}
			c.Now, c.Web = p.now, true
			return p.serveReplica(ctx, c)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&c.Init, "init", false, "begin a cluster of this one replica; others join it (default false)")
	flags.BoolVar(&join, "join", false, "join a cluster with an invite from stdin (default false)")
	flags.StringVar(&c.Name, "name", "", "name of the replica, unique in its cluster: letters, digits, -, _ and .; required")
	flags.StringVar(&c.Dir, "dir", "", "directory of the replica's keys and log; required")
	flags.StringVar(&c.Cluster, "cluster", "posse", "name of the cluster that --init begins")
	flags.StringSliceVar(&c.Listen, "listen", []string{"/ip4/0.0.0.0/udp/7071/quic-v1", "/ip4/0.0.0.0/tcp/7071"}, "multiaddrs for replicas and nodes")
	flags.StringSliceVar(&c.Advertise, "advertise", nil, "multiaddrs that others are told instead of --listen, where addresses are translated")
	flags.StringVar(&c.Admin, "api", defaultCoordinator, "loopback ip:port of the operator's API and dashboard; port 0 takes a free one")
	flags.BoolVar(&c.Private, "private", false, "allow members at loopback and private addresses (default false)")
	logFlag(cmd, &level)
	return cmd
}

// serveReplica runs a replica until the context ends or it can't go on.
func (p *program) serveReplica(ctx context.Context, config coordinator.Config) error {
	c, err := coordinator.New(config)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		_ = c.Close() // the start's error says more
		return unreached(err, config.Private)
	}
	if config.Init {
		begun(ctx, c)
	}
	serving := replicaServing{
		Replica: c.Name(), PeerID: c.ID(), API: c.AdminURL(), TokenFile: filepath.Join(config.Dir, "admin.token"),
		Dashboard: c.DashboardURL(), Addresses: c.Self().Addresses,
	}
	err = p.print(serving, func() string {
		return fmt.Sprintf("replica %s serves its API at %s, with the token in %s\ndashboard, opens once: %s\n",
			serving.Replica, serving.API, serving.TokenFile, serving.Dashboard)
	})
	if err == nil {
		select {
		case err = <-c.Failed():
		case <-ctx.Done():
		}
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if stopped := c.Stop(stopping); err == nil {
		err = stopped
	}
	return err
}

// beginTime bounds how long the first election of a cluster is waited for.
const beginTime = 10 * time.Second

// begun waits until a new cluster takes commands, so that who reads that it serves
// can make invites at once.
func begun(ctx context.Context, c *coordinator.Coordinator) {
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	for named := false; !named; {
		c.View(func(s *state.State) { named = s.Cluster != "" })
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// clusterStatus is what `posse coordinator status -o json` prints.
type clusterStatus struct {
	Cluster     string   `json:"cluster"`
	Leader      string   `json:"leader"` // empty while there is none
	Term        uint64   `json:"term"`
	CommitIndex uint64   `json:"commitIndex"`
	Tolerates   uint32   `json:"tolerates"` // replicas that may fail
	Members     []member `json:"members"`
}

type member struct {
	ID      string `json:"id"`
	PeerID  string `json:"peerId"`
	Address string `json:"address"`
	Voter   bool   `json:"voter"`
	Healthy bool   `json:"healthy"`
	Lag     uint64 `json:"lag"` // log entries behind the leader
}

func clusterOf(s *possev1.StatusResponse) clusterStatus {
	out := clusterStatus{
		Cluster: s.GetCluster(), Leader: s.GetLeader(), Term: s.GetTerm(), CommitIndex: s.GetCommitIndex(), Tolerates: s.GetTolerates(), Members: []member{},
	}
	for _, m := range s.GetMembers() {
		out.Members = append(out.Members, member{m.GetName(), m.GetPeerId(), m.GetAddress(), m.GetVoter(), m.GetHealthy(), m.GetLag()})
	}
	return out
}

// asked is a replica's view of its cluster.
func (r *remote) asked(cmd *cobra.Command) (*possev1.StatusResponse, error) {
	admin, err := r.admin(cmd)
	if err != nil {
		return nil, err
	}
	answer, err := admin.Status(cmd.Context(), connect.NewRequest(&possev1.StatusRequest{}))
	if err != nil {
		return nil, r.called(cmd.Context(), err)
	}
	return answer.Msg, nil
}

func (p *program) clusterLine(c clusterStatus) string {
	leader := c.Leader
	if leader == "" {
		leader = "none"
	}
	voters, healthy := 0, 0
	for _, m := range c.Members {
		if m.Voter {
			voters++
			if m.Healthy {
				healthy++
			}
		}
	}
	return plain(fmt.Sprintf("CLUSTER %s    leader %s    term %d    %d of %d voters up    %d may fail", c.Cluster, leader, c.Term, healthy, voters, c.Tolerates))
}

func (p *program) membersText(c clusterStatus) string {
	var rows [][]string
	for _, m := range c.Members {
		vote, state := "no", "down"
		if m.Voter {
			vote = "yes"
		}
		if m.Healthy {
			state = "up"
		}
		rows = append(rows, []string{m.ID, state, vote, fmt.Sprint(m.Lag), strings.ReplaceAll(m.Address, " ", ", ")})
	}
	return p.cells([]string{"REPLICA", "STATE", "VOTES", "LAG", "ADDRESS"}, []string{"LAG"}, rows)
}

func (p *program) coordinatorStatus() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who leads the cluster and how far it is",
		Example: `  posse coordinator status --token-file /var/lib/posse/admin.token
  posse coordinator status -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := at.asked(cmd)
			if err != nil {
				return err
			}
			c := clusterOf(s)
			return p.print(c, func() string {
				return p.clusterLine(c) + fmt.Sprintf("    committed %d\n\n", c.CommitIndex) + p.membersText(c)
			})
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}

func (p *program) coordinatorMembers() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "members",
		Short: "List the replicas of the cluster",
		Example: `  posse coordinator members
  posse coordinator members -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := at.asked(cmd)
			if err != nil {
				return err
			}
			c := clusterOf(s)
			return p.print(items[member]{c.Members}, func() string { return p.membersText(c) })
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}

func (p *program) coordinatorTransfer() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "transfer",
		Short: "Let another replica lead, before this leader's host is stopped",
		Example: `  posse coordinator transfer
  posse coordinator transfer --coordinator 127.0.0.1:7070 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			admin, err := at.admin(cmd)
			if err != nil {
				return err
			}
			answer, err := admin.TransferLeadership(cmd.Context(), connect.NewRequest(&possev1.TransferLeadershipRequest{}))
			if err != nil {
				return at.called(cmd.Context(), err)
			}
			leader := answer.Msg.GetLeader()
			return p.print(map[string]string{"leader": leader}, func() string {
				if leader == "" {
					return "leadership was handed over\n"
				}
				return fmt.Sprintf("leader is %s\n", plain(leader))
			})
		},
	}
	at = p.coordinatorFlags(cmd)
	return cmd
}
