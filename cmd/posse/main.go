package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/posse-dev/posse"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	// Without this a write to a closed pipe would kill the process before it can exit with 0.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, os.Interrupt, syscall.SIGTERM)
	go func() {
		first := <-stops
		fmt.Fprintln(os.Stderr, "stopping; once more stops at once")
		cancel(stopped{first})
		os.Exit(stopped{<-stops}.status())
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// program is one run of the binary: its streams, its environment, and the flags
// that every command has.
type program struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	env    map[string]string
	now    func() time.Time
	format string // table or json
	color  string // auto, always or never
}

// run does what the arguments say and returns the exit status.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer, environ []string) int {
	p := &program{in: in, out: out, err: err, env: map[string]string{}, now: time.Now, format: formatOf(args)}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		p.env[name] = value
	}
	root := p.root()
	root.SetArgs(args)
	failure := root.ExecuteContext(ctx)
	var said told
	switch {
	case failure == nil:
		return 0
	case errors.Is(failure, syscall.EPIPE):
		return 0
	case errors.As(failure, &said):
		return int(said)
	}
	var stop stopped
	if errors.As(context.Cause(ctx), &stop) && (errors.Is(failure, context.Canceled) || errors.As(failure, &stop)) {
		return stop.status()
	}
	p.fail(failure)
	if posse.As(failure).Code == posse.InvalidArgument {
		return 2
	}
	return 1
}

// told is an exit status of a command that has printed all there is to say.
type told int

func (t told) Error() string { return fmt.Sprintf("exit status %d", int(t)) }

// stopped is the cause of a context that a signal ended.
type stopped struct{ signal os.Signal }

func (s stopped) Error() string { return "stopped by " + s.signal.String() }

// status is 128 plus the signal's number, as shells have it.
func (s stopped) status() int {
	if s.signal == syscall.SIGTERM {
		return 143
	}
	return 130
}

// root returns the command of the binary with all its subcommands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "posse",
		Short: "Learn with other organisations which option works best, without showing anyone your users' outcomes",
		Example: `  posse experiment init --kind arms > dosing.yaml
  posse experiment validate dosing.yaml`,
		SilenceErrors: true, SilenceUsage: true, TraverseChildren: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return p.checkGlobals() },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagProblem)
	root.SetHelpTemplate(helpText)
	root.SetUsageTemplate(helpText)
	flags := root.PersistentFlags()
	flags.StringVarP(&p.format, "output", "o", p.format, "what stdout gets: table for people, json for programs")
	flags.Lookup("output").DefValue = "table"
	flags.StringVar(&p.color, "color", "auto", "colour: auto (on a terminal, unless NO_COLOR is set), always or never")
	root.SetHelpCommand(p.helpCommand())
	group(root,
		p.experimentCommand(),
		p.nodeCommand(),
		p.coordinatorCommand(),
		p.inviteCommand(),
		p.statusCommand(),
		p.booksCommand(),
		p.logCommand(),
		p.auditCommand(),
		p.privacyCommand(),
		p.budgetCommand(),
		p.auctionCommand(),
		p.scheduleCommand(),
		p.estimateCommand(),
		p.tailCommand(),
		p.demoCommand(),
		p.simCommand(),
		p.versionCommand(),
		p.completionCommand(),
	)
	return root
}

// checkGlobals refuses values of the flags that every command has, and variables
// that look like ours and are not: a mistyped limit must not vanish.
func (p *program) checkGlobals() error {
	if p.format != "table" && p.format != "json" {
		wrong := p.format
		p.format = "table"
		return notAWord("--output", wrong, "table, json")
	}
	if words := []string{"auto", "always", "never"}; !slices.Contains(words, p.color) {
		return notAWord("--color", p.color, strings.Join(words, ", "))
	}
	return p.checkEnvironment()
}

const helpText = `{{.Short}}.
{{if .Long}}
{{.Long}}
{{end}}
Usage:
  {{.UseLine}}
{{if .HasExample}}
Examples:
{{.Example}}
{{end}}{{if .HasAvailableSubCommands}}
Commands:
{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}  {{rpad .Name .NamePadding}} {{.Short}}
{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}`
