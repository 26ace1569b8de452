package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/coordinator/web"
	"github.com/posse-dev/posse/simnet/dataset"
	"github.com/posse-dev/posse/simnet/demo"
)

// demoFlags are the flags of `posse demo`.
type demoFlags struct {
	demo.Config
	experiment, format, http, log string
	exit                          bool
}

func (p *program) demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole platform in one process, with simulated users and real noise",
		Long: `Three Raft replicas and eight organisations' nodes talk over libp2p on loopback. They
learn together, privately, which of five solvers is best; the coordinator pays nodes
for what they teach, and everything is in a log that is verified at the end. All data
is in a temporary directory and deleted. On a terminal the dashboard stays up until
Ctrl-C.`,
		Example: `  posse demo
  posse demo --exit -o json --seed 7
  posse demo --data shared/data/aslib/TSP-LION2015 --format aslib`,
		Args: arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, flag := range []string{"nodes", "decisions", "users", "replicas", "kill-leader-after"} {
				if given := c.Flags().Lookup(flag); given.Changed && given.Value.String() == "0" { // left out it has a default
					return posse.OutOfRange("--"+flag, "0", "at least 1", "leave it out for the default")
				}
			}
			return p.demo(c.Context(), f, c.Flags().Changed("http"))
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.experiment, "experiment", "", "an experiment file to play instead of the default; - is standard input")
	flags.StringVar(&f.Data, "data", "", "a data set to play: a folder or file")
	flags.StringVar(&f.format, "format", "", "what the data are: aslib, obd, warfarin, csv, jsonl, parquet, vw or dsjson")
	flags.IntVar(&f.Nodes, "nodes", 0, "organisations, 1 to 64 (default 8, or the data set's own number)")
	flags.IntVar(&f.Replicas, "replicas", 3, "coordinator replicas: 1, 3, 5 or 7")
	flags.IntVar(&f.Decisions, "decisions", 0, "decisions of all organisations together (default 60000, or what suits the data)")
	flags.IntVar(&f.Users, "users", 0, "users of all organisations together (default: as many as come once or twice)")
	flags.Uint64Var(&f.Seed, "seed", 1, "fixes the environment and the users, never the noise")
	flags.StringVar(&f.http, "http", "127.0.0.1:8080", "address of the dashboard; port 0 takes a free one")
	flags.BoolVar(&f.exit, "exit", false, "end after the summary, also on a terminal")
	flags.IntVar(&f.KillLeader, "kill-leader-after", 0, "kill the leading replica after this many published rounds")
	flags.StringVar(&f.log, "log-level", "off", "what the platform's own events show on stderr: off, error, warn, info or debug")
	return c
}

// demo runs the scene and prints the summary. It ends by itself with --exit or
// without a terminal.
func (p *program) demo(ctx context.Context, f demoFlags, addressGiven bool) (err error) {
	logger, err := demoLog(f.log, p.err)
	if err != nil {
		return err
	}
	f.Format, f.Now, f.Version = dataset.Format(f.format), p.now, version().Version
	f.Config.Log = logger
	if f.experiment != "" {
		if f.Config.Experiment, err = p.read(ctx, f.experiment, 1<<20); err != nil {
			return err
		}
		f.File = f.experiment
	}
	if f.Dir, err = os.MkdirTemp("", "posse-demo-"); err != nil {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FILE_NOT_FOUND", Field: "TMPDIR", Value: quoted(os.TempDir()), Allowed: "a directory that can be written",
			Message: "the demo's data can't be put into the directory for temporary files", Hint: "set TMPDIR to another", Cause: err,
		}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(f.Dir)) }()
	if terminal(p.err) && !f.exit {
		f.Pace = 30 * time.Second
	}
	show := p.demoProgress()
	f.Progress = show.update
	d, err := demo.New(f.Config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	stay := terminal(p.out) && !f.exit
	address, stop, err := p.demoDashboard(d, f.http, addressGiven)
	if err != nil {
		return err
	}
	defer stop()
	p.note("Posse demo: one experiment, all on this machine. Everything is in %s and is deleted at the end.", f.Dir)
	for _, line := range d.Said() {
		p.note("  %s", line)
	}
	p.note("  dashboard   %s   # one-time link, loopback only", address)
	summary, err := d.Run(ctx)
	show.clear()
	if err != nil {
		if stopping(ctx) {
			return nil
		}
		return err
	}
	if err := p.print(summary, func() string { return p.demoTable(summary) }); err != nil {
		return err
	}
	if !summary.Books.Balanced || !summary.Log.Verified {
		return told(1)
	}
	if stay {
		p.note("The dashboard stays up; Ctrl-C ends the demo.")
		<-ctx.Done()
	}
	return nil
}

func stopping(ctx context.Context) bool {
	var s stopped
	return errors.As(context.Cause(ctx), &s)
}

func demoLog(level string, to io.Writer) (*slog.Logger, error) {
	var l slog.Level
	switch level {
	case "off":
		return slog.New(slog.DiscardHandler), nil
	case "error", "warn", "info", "debug":
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, err
		}
	default:
		return nil, notAWord("--log-level", level, "off, error, warn, info, debug")
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: l})), nil
}

// portsTried is how many ports above a taken default one are tried.
const portsTried = 20

// demoDashboard serves the dashboard and returns its one-time link. A default port
// that is taken gives way to the next free one; one that was asked for does not.
func (p *program) demoDashboard(d *demo.Demo, address string, given bool) (link string, stop func(), err error) {
	l, err := net.Listen("tcp", address)
	for try := 1; err != nil && errors.Is(err, syscall.EADDRINUSE) && !given && try <= portsTried; try++ {
		next := fmt.Sprintf("127.0.0.1:%d", 8080+try)
		if l, err = net.Listen("tcp", next); err == nil {
			p.note("Port 8080 is taken: the dashboard is at %s.", next)
		}
	}
	if err != nil {
		e := &posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "--http", Value: address, Allowed: "a loopback address with a port, such as 127.0.0.1:8080",
			Message: "the dashboard can't listen there", Hint: "give a free port, or port 0", Cause: err,
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			e.Code, e.Reason, e.Message = posse.FailedPrecondition, "PORT_IN_USE", "another process listens there"
		}
		return "", nil, e
	}
	if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		_ = l.Close()
		return "", nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "ADDRESS_INVALID", Field: "--http", Value: address, Allowed: "a loopback address",
			Message: "the demo's dashboard is for this machine only", Hint: "use 127.0.0.1:8080",
		}
	}
	token := rand.Text()
	handler, err := web.New(web.Config{Source: d.View, Token: token})
	if err != nil {
		_ = l.Close()
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 2 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = server.Serve(l) }()
	return fmt.Sprintf("http://%s/?t=%s", l.Addr(), token), func() { _ = server.Close() }, nil
}

// demoProgress is the progress of a demo: a bar on a terminal, else a line each ten
// seconds.
type demoShow struct {
	p    *program
	bar  *progressbar.ProgressBar
	last time.Time
}

func (p *program) demoProgress() *demoShow {
	s := &demoShow{p: p, last: p.now()}
	if terminal(p.err) {
		s.bar = progressbar.NewOptions(1, progressbar.OptionSetWriter(p.err), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	return s
}

func (s *demoShow) update(g demo.Progress) {
	text := fmt.Sprintf("leader %s, round %d, version %d held by %d of %d nodes", g.Leader, g.Round, g.Version, g.NodesAtNewest, g.Nodes)
	if g.LeaderChanges > 0 {
		text = fmt.Sprintf("%s, %d leader changes", text, g.LeaderChanges)
	}
	if s.bar != nil {
		s.bar.ChangeMax(g.Of)
		s.bar.Describe(text)
		_ = s.bar.Set(g.Decisions)
		return
	}
	const every = 10 * time.Second
	if now := s.p.now(); now.Sub(s.last) >= every {
		s.last = now
		s.p.note("%d of %d decisions; %s", g.Decisions, g.Of, text)
	}
}

func (s *demoShow) clear() {
	if s.bar != nil {
		_ = s.bar.Clear()
	}
}

// demoTable is the summary for people: one row a node, then the words.
func (p *program) demoTable(s *demo.Summary) string {
	var rows [][]string
	for i, n := range s.Nodes {
		rows = append(rows, []string{
			n.ID, fmt.Sprint(n.Decisions), fmt.Sprintf("%.4f", n.MeanReward), fmt.Sprintf("%.4f", s.Learning.Baselines.Alone[i]),
			fmt.Sprintf("%.2f", n.Spent.Epsilon), fmt.Sprintf("%.2f", float64(n.Paid)/1e6), fmt.Sprintf("%.0f %%", 100*n.Contribution), fmt.Sprint(n.Version),
		})
	}
	headers := []string{"NODE", "DECISIONS", "REWARD", "ALONE", "SPENT", "PAID", "SHARE", "VERSION"}
	var b strings.Builder
	b.WriteString(p.cells(headers, headers[1:], rows))
	verified := "verified"
	if !s.Log.Verified {
		verified = "DOES NOT VERIFY"
	}
	fmt.Fprintf(&b, "\n%s, %s/%s ε %g, %d rounds published and %d aborted, %d leader changes; log of %d entries %s, signed by %d of %d\n",
		s.Policy, s.Privacy.Model, s.Privacy.Unit, s.Privacy.Epsilon, s.Rounds.Published, s.Rounds.Aborted, s.LeaderChanges,
		s.Log.Size, verified, s.Log.Signatures, s.Replicas)
	for _, line := range s.Words {
		b.WriteString(line + "\n")
	}
	return b.String()
}
