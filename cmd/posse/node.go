package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/node"
	"github.com/posse-dev/posse/node/app"
	"github.com/posse-dev/posse/protocols/possev1"
)

func (p *program) nodeCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "node",
		Short: "Run one organisation's node",
		Example: `  posse node join --dir /var/lib/posse-node < invite.txt
  posse node run --dir /var/lib/posse-node`,
	}, p.nodeJoin(), p.nodeRun(), p.nodeStatus(), p.nodeBudget())
}

const defaultApp = "127.0.0.1:7080"

// nodeSettings are the keys of a node's file.
func nodeSettings() []setting {
	return []setting{
		{key: "dir", flag: "dir", usage: "directory that the node joined with; holds all that it must not lose; required"},
		{key: "app.listen", flag: "app", def: defaultApp, usage: "host:port for the organisation's own applications; other than loopback needs a token"},
		{key: "app.tokenFile", flag: "token-file", usage: "file whose first line is the token that applications send, at least 16 characters"},
		{key: "p2p.listen", flag: "listen", list: true, usage: "multiaddrs to listen on for peers; none: the node only dials, which is enough"},
		{key: "cost", flag: "cost", def: "0", usage: "what taking part in a round is worth, in credits, [0, 1e6]; it is what the node bids"},
		{key: "guard.user.epsilon", flag: "guard-user-epsilon", def: "2", usage: "what one user may spend over all experiments, epsilon in (0, 20]"},
		{key: "guard.experiment.epsilon", flag: "guard-experiment-epsilon", def: "1", usage: "what one user may spend in any one experiment, epsilon in (0, 20]"},
		{key: "private", flag: "private", boolean: true, def: "false", usage: "allow coordinators at loopback and private addresses"},
	}
}

func (p *program) nodeRun() *cobra.Command {
	var file, level string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Serve decisions to the organisation's applications and take part in rounds, until stopped",
		Long: `Settings come from flags, else from variables such as POSSE_GUARD_USER_EPSILON, else from the file, else they have their
default. The file is {apiVersion: posse/v1, kind: Node, dir: …, app: {listen: …}, guard: {user: {epsilon: 2}}, …}.
Once the node serves, one line on stdout says where.`,
		Example: `  posse node run --dir /var/lib/posse-node
  posse node run --config node.yaml --cost 2.5`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			values, err := p.gather(cmd, nodeSettings(), "Node", file)
			if err != nil {
				return err
			}
			config, err := nodeConfig(values)
			if err != nil {
				return err
			}
			if config.Log, err = p.logger(level); err != nil {
				return err
			}
			token := ""
			if name := values["app.tokenFile"]; name.text() != "" {
				if token, err = p.secret(cmd.Context(), name.text()); err != nil {
					return name.placed(err)
				}
				if len(token) < 16 {
					return name.placed(posse.OutOfRange("app.tokenFile", "a shorter token", "a token of at least 16 characters", "make one: head -c 24 /dev/urandom | base64"))
				}
			}
			config.Now = p.now
			return p.serveNode(cmd.Context(), config, values["app.listen"], token)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "YAML file of kind Node; - for stdin")
	addFlags(cmd, nodeSettings())
	logFlag(cmd, &level)
	return cmd
}

// nodeConfig turns settings into a configuration and lists all that is wrong.
func nodeConfig(values map[string]found) (node.Config, error) {
	config := node.Config{Dir: values["dir"].text(), Listen: values["p2p.listen"].values, Guard: node.DefaultGuard()}
	var problems []*posse.Error
	note := func(err error) {
		if err != nil {
			problems = append(problems, posse.As(err))
		}
	}
	if config.Dir == "" {
		e := required("dir", "give the directory that the node joined with")
		e.Message = "the node's directory is required"
		note(e)
	}
	cost, err := incentives.ParseCredits(values["cost"].text())
	if err == nil && (cost < 0 || cost > incentives.MaxCredits) {
		err = posse.OutOfRange("cost", "(withheld: it is the node's bid)", "[0, 1e6] credits", "give the cost of one round in credits")
	}
	note(values["cost"].placed(err))
	config.Cost = cost
	for _, limit := range []struct {
		key  string
		into *dp.Spend
	}{{"guard.user.epsilon", &config.Guard.User}, {"guard.experiment.epsilon", &config.Guard.Experiment}} {
		spend, err := epsilonOf(values[limit.key].text())
		note(values[limit.key].placed(err))
		*limit.into = spend
	}
	config.Private, err = values["private"].truth()
	note(err)
	return config, posse.Join(problems)
}

// epsilonOf reads a limit; what does not fit nano-epsilons is rounded down.
func epsilonOf(text string) (dp.Spend, error) {
	outside := posse.OutOfRange("epsilon", quoted(text), "(0, 20]", "use 1 for a first try; smaller is more private")
	decimal := regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,20})?([eE]-[0-9]{1,2})?$`)
	value, ok := new(big.Rat).SetString(text)
	if !decimal.MatchString(text) || !ok || value.Sign() <= 0 || value.Cmp(big.NewRat(20, 1)) > 0 {
		return dp.Spend{}, outside
	}
	nano := value.Mul(value, new(big.Rat).SetUint64(dp.NanoPerEpsilon))
	whole := new(big.Int).Quo(nano.Num(), nano.Denom())
	if whole.Sign() == 0 {
		return dp.Spend{}, outside
	}
	return dp.Spend{NanoEpsilon: whole.Uint64()}, nil
}

// nodeServing is what `posse node run` prints once it serves.
type nodeServing struct {
	Node   string `json:"node"`
	PeerID string `json:"peerId"`
	App    string `json:"app"`
}

// serveNode runs the node and its API until the context ends.
func (p *program) serveNode(ctx context.Context, config node.Config, at found, token string) (err error) {
	address, err := netip.ParseAddrPort(strings.Replace(at.text(), "localhost:", "127.0.0.1:", 1))
	if err != nil {
		return at.placed(&posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Value: quoted(at.text()), Allowed: "host:port with an IP address",
			Message: "the address for applications is not one", Hint: "give it as " + defaultApp,
		})
	}
	if !address.Addr().IsLoopback() && token == "" {
		return at.placed(&posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Value: quoted(at.text()), Allowed: "a loopback address, or a token",
			Message: "anybody in the network could ask this node", Hint: "set app.tokenFile, or listen on " + defaultApp,
		})
	}
	listener, err := net.Listen("tcp", address.String())
	if err != nil {
		return at.placed(listening(err, address.String()))
	}
	defer func() { _ = listener.Close() }()
	n, err := node.New(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	server := app.Server(app.Handler(n.Service(), token))
	n.Start(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	serving := nodeServing{Node: n.Name(), PeerID: n.ID(), App: "http://" + listener.Addr().String()}
	if err := p.print(serving, func() string {
		return fmt.Sprintf("node %s answers applications at %s\n", serving.Node, serving.App)
	}); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// listening explains why an address can't be listened on.
func listening(err error, address string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "PORT_IN_USE", Value: address, Message: "another program listens on " + address,
			Hint: "stop it, choose another port, or port 0 for a free one", Cause: err,
		}
	}
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Value: address, Allowed: "an address of this machine",
		Message: "this machine can't listen on " + address, Hint: "give it as " + defaultApp, Cause: err,
	}
}

// appFlags adds the flags of commands that ask a running node.
func (p *program) appFlags(cmd *cobra.Command) *remote {
	r := &remote{p: p, name: "app"}
	cmd.Flags().StringVar(&r.address, "app", defaultApp, "host:port of the node's API (or POSSE_APP_LISTEN)")
	cmd.Flags().StringVar(&r.tokenFile, "token-file", "", "file whose first line is that API's token (or POSSE_APP_TOKEN_FILE names it)")
	return r
}

// asked is a running node's own account of itself.
func (p *program) asked(cmd *cobra.Command, at *remote, user string) (*possev1.BudgetResponse, error) {
	client, err := at.node(cmd)
	if err != nil {
		return nil, err
	}
	answer, err := client.Budget(cmd.Context(), connect.NewRequest(&possev1.BudgetRequest{User: user}))
	if err != nil {
		return nil, at.called(cmd.Context(), err)
	}
	return answer.Msg, nil
}

// nodeStanding is what `posse node status -o json` prints.
type nodeStanding struct {
	Node        string           `json:"node"`
	PeerID      string           `json:"peerId"`
	Experiments []nodeExperiment `json:"experiments"`
}

type nodeExperiment struct {
	Name      string `json:"name"`
	Version   uint64 `json:"version"`
	Decisions uint64 `json:"decisions"`
	Rewards   uint64 `json:"rewards"`
	Pending   uint64 `json:"pending"`
	Released  uint64 `json:"released"`
	Foreign   uint64 `json:"foreign"` // records left out because their arm had been dropped

	Standing *pooledStanding `json:"standing,omitempty"` // with node.pooling partial
}

// pooledStanding is what a node's own noisy releases say of the shared model.
type pooledStanding struct {
	Playing   []string `json:"playing"`
	RuledOut  []string `json:"ruledOut"`
	Leaning   bool     `json:"leaning"`
	Own       bool     `json:"own"`
	Done      bool     `json:"done"`
	Gap       float64  `json:"gap"`
	GapRadius float64  `json:"gapRadius"` // 0 where nothing is known yet
}

// text says whether federation still helps the node.
func (s *pooledStanding) text(experiment string) string {
	playing := strings.Join(s.Playing, ", ")
	switch {
	case s.Own:
		return fmt.Sprintf("%s: on its own with %s; its own numbers rule out what the others found best (better by %.3g ± %.3g).\n", experiment, playing, s.Gap, s.GapRadius)
	case s.Leaning:
		return fmt.Sprintf("%s: leans on the shared model and plays %s; its own numbers rule out %s.\n", experiment, playing, strings.Join(s.RuledOut, ", "))
	default:
		return fmt.Sprintf("%s: follows the shared model; its own numbers don't tell otherwise.\n", experiment)
	}
}

func (p *program) nodeStatus() *cobra.Command {
	var at *remote
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running node decides and learns; nobody but its own operator can ask",
		Example: `  posse node status
  posse node status --app 127.0.0.1:7080 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.asked(cmd, at, "")
			if err != nil {
				return err
			}
			stands := ""
			s := nodeStanding{Node: b.GetNode(), PeerID: b.GetPeerId(), Experiments: []nodeExperiment{}}
			var rows [][]string
			for _, e := range b.GetExperiments() {
				one := nodeExperiment{
					Name: e.GetName(), Version: e.GetVersion(), Decisions: e.GetDecisions(), Rewards: e.GetRewards(),
					Pending: e.GetPending(), Released: e.GetReleased(), Foreign: e.GetForeign(),
				}
				if st := e.GetStanding(); st != nil {
					one.Standing = &pooledStanding{
						append([]string{}, st.GetPlaying()...), append([]string{}, st.GetRuledOut()...), st.GetLeaning(), st.GetOwn(), st.GetDone(),
						st.GetGap(), st.GetGapRadius(),
					}
					stands += one.Standing.text(one.Name)
				}
				s.Experiments = append(s.Experiments, one)
				rows = append(rows, []string{
					e.GetName(), fmt.Sprint(e.GetVersion()), fmt.Sprint(e.GetDecisions()), fmt.Sprint(e.GetRewards()),
					fmt.Sprint(e.GetPending()), fmt.Sprint(e.GetReleased()),
				})
			}
			return p.print(s, func() string {
				head := fmt.Sprintf("NODE %s    peer id %s\n\n", s.Node, s.PeerID)
				if len(rows) == 0 {
					return head + "No experiments yet.\n"
				}
				columns := []string{"EXPERIMENT", "VERSION", "DECISIONS", "REWARDS", "PENDING", "REPORTS"}
				out := head + p.cells(columns, columns[1:], rows)
				if stands != "" {
					out += "\n" + stands
				}
				return out
			})
		},
	}
	at = p.appFlags(cmd)
	return cmd
}

// spent is a sum of privacy losses; the numbers are rounded so that more is never
// left than there is.
type spent struct {
	Epsilon float64 `json:"epsilon"`
	Delta   float64 `json:"delta"`
}

// nodeBudgets is what `posse node budget -o json` prints.
type nodeBudgets struct {
	Node        string       `json:"node"`
	Experiments []nodeBudget `json:"experiments"`
}

type nodeBudget struct {
	Name         string `json:"name"`
	Unit         string `json:"unit"`
	Spent        spent  `json:"spent"`     // of the worst unit
	Remaining    spent  `json:"remaining"` // of the worst unit
	Limit        spent  `json:"limit"`
	Users        uint64 `json:"users"`
	UsersAtLimit uint64 `json:"usersAtLimit"`
	Refused      uint64 `json:"refused"`
	Refusal      string `json:"refusal,omitempty"` // the last one, in words
	// User is how the user of --user stands; null where the unit is reward.
	User *userBudget `json:"user,omitempty"`
}

// userBudget says whether a user's next record would teach, and if not why: whose
// limit it is, how large, what was spent, and what is asked.
type userBudget struct {
	Teaches bool   `json:"teaches"`
	Whose   string `json:"whose,omitempty"`
	Limit   *spent `json:"limit,omitempty"`
	Spent   *spent `json:"spent,omitempty"`
	Asked   *spent `json:"asked,omitempty"`
}

func userBudgetOf(u *possev1.BudgetResponse_User) (*userBudget, string) {
	if u == nil {
		return nil, "the unit is reward: records are not counted by user"
	}
	if u.GetTeaches() {
		return &userBudget{Teaches: true}, "her next record teaches"
	}
	amount := func(s *possev1.BudgetResponse_Spend) dp.Spend {
		return dp.Spend{NanoEpsilon: s.GetNanoEpsilon(), PicoRho: s.GetPicoRho(), AttoDelta: s.GetAttoDelta()}
	}
	limit, used, asked := amount(u.GetLimit()), amount(u.GetSpent()), amount(u.GetAsked())
	return &userBudget{
		Whose: u.GetWhose(), Limit: &spent{limit.EpsilonLeft(), limit.DeltaLeft()},
		Spent: &spent{used.Epsilon(), used.Delta()}, Asked: &spent{asked.Epsilon(), asked.Delta()},
	}, fmt.Sprintf("her records teach no more: the limit of %s is %s, spent %s, asked now %s", u.GetWhose(), limit, used, asked)
}

func (p *program) nodeBudget() *cobra.Command {
	var at *remote
	var user string
	cmd := &cobra.Command{
		Use:   "budget",
		Short: "Show what a running node's guard has spent of its users' privacy, and what is left",
		Example: `  posse node budget
  posse node budget --user alice
  posse node budget --app 127.0.0.1:7080 -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := p.asked(cmd, at, user)
			if err != nil {
				return err
			}
			out := nodeBudgets{Node: b.GetNode(), Experiments: []nodeBudget{}}
			var rows [][]string
			var hers string
			for _, e := range b.GetExperiments() {
				used := dp.Spend{NanoEpsilon: e.GetSpentNanoEpsilon(), AttoDelta: e.GetSpentAttoDelta()}
				limit := dp.Spend{NanoEpsilon: e.GetLimitNanoEpsilon()}
				left := limit.Left(used)
				one := nodeBudget{
					Name: e.GetName(), Unit: e.GetUnit(), Spent: spent{used.Epsilon(), used.Delta()},
					Remaining: spent{left.EpsilonLeft(), left.DeltaLeft()}, Limit: spent{limit.EpsilonLeft(), limit.DeltaLeft()},
					Users: e.GetUsers(), UsersAtLimit: e.GetUsersAtLimit(), Refused: e.GetRefused(), Refusal: e.GetRefusal(),
				}
				if user != "" {
					var said string
					one.User, said = userBudgetOf(e.GetUser())
					hers += fmt.Sprintf("in %s %s\n", one.Name, said)
				}
				out.Experiments = append(out.Experiments, one)
				rows = append(rows, []string{
					one.Name, one.Unit, number(one.Spent.Epsilon), number(one.Remaining.Epsilon), number(one.Limit.Epsilon),
					fmt.Sprintf("%d of %d", one.UsersAtLimit, one.Users), fmt.Sprint(one.Refused),
				})
			}
			return p.print(out, func() string {
				if len(rows) == 0 {
					return "No experiments yet, so nothing is spent.\n"
				}
				columns := []string{"EXPERIMENT", "UNIT", "SPENT", "LEFT", "LIMIT", "USERS AT LIMIT", "REFUSED"}
				return p.cells(columns, columns[2:], rows) + "epsilon of the worst unit\n" + hers
			})
		},
	}
	at = p.appFlags(cmd)
	cmd.Flags().StringVar(&user, "user", "", "also say whether this user's next record would teach, and if not, whose limit was reached")
	return cmd
}
