//go:build unix

package posse_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/protocols/experiment"
)

// The pages of docs/reference that are made from what they describe. `make golden` writes them anew.
var update = flag.Bool("update", false, "write the generated pages of docs/reference")

func TestReferenceOfExperimentFiles(t *testing.T) {
	compareGenerated(t, "docs/reference/experiment-file.md", experimentFilePage())
}

func TestReferenceOfCommands(t *testing.T) {
	openSources(t, func(string) {})
	compareGenerated(t, "docs/reference/cli.md", commandsPage(t, buildPosse(t, t.TempDir())))
}

func compareGenerated(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(name)
	require.NoError(t, err, "go test -run TestReference . -update writes it")
	assert.Equal(t, want, string(got), "%s is not what it describes: go test -run TestReference . -update writes it", name)
}

// experimentFilePage is a table for each block of an experiment file, from the one list of all fields.
func experimentFilePage() string {
	var b strings.Builder
	b.WriteString(`# Experiment files

<!-- Made from the code by ` + "`make golden`" + `; a change here is lost. -->

YAML 1.2 or JSON, UTF-8, one document of at most 1 MiB. Anchors, tags, merge keys and unknown fields are refused. Numbers are read from
their decimal text and stay exact. Money is in credits with at most six decimals, durations are written ` + "`300ms`, `5s`, `168h`" + `.
` + "`posse experiment init`" + ` prints all of this as a file to start from, ` + "`posse experiment validate`" + ` lists every mistake.

A running experiment takes a change of the fields marked *may change*; ` + "`privacy.epsilon`" + ` may only fall and ` + "`incentives.budget`" + ` only grow.
For anything else create a new experiment.

Not every combination is built yet. What is not is refused with a reason: today ` + "`silo`" + ` and ` + "`local`" + ` learn with ` + "`robust-elimination`" + `
or ` + "`uniform`" + `, with discrete Laplace noise.
`)
	bars := strings.NewReplacer("|", "\\|", "\n", " ")
	rows, order := map[string]string{}, []string(nil) // by block, in the order of the file
	for _, f := range experiment.Fields() {
		if f.Type == "block" {
			continue
		}
		block := f.Path[:max(0, strings.LastIndex(f.Path, "."))]
		if _, known := rows[block]; !known {
			order = append(order, block)
		}
		standard := f.Default
		switch {
		case f.Required:
			standard = "*required*"
		case standard == "":
			standard = "–"
		}
		says := f.Meaning
		if f.Mutable {
			says += "; *may change*"
		}
		allowed := bars.Replace(f.Range)
		if f.Type == "name" { // a pattern, which Markdown would read as a link
			allowed = "`" + allowed + "`"
		}
		rows[block] += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", f.Path, f.Type, allowed, bars.Replace(standard), bars.Replace(says))
	}
	for _, block := range order {
		title := "The file"
		if block != "" {
			title = "`" + block + "`"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| field | is | allowed | default | says |\n|---|---|---|---|---|\n%s", title, rows[block])
	}
	return b.String()
}

var (
	commandList = regexp.MustCompile(`(?ms)^Commands:\n(.*?)(\n\n|\z)`)
	commandName = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)
)

const globalFlags = "\nFlags of every command:\n"

// commandsPage is the help of every command, as the binary prints it.
func commandsPage(t *testing.T, binary string) string {
	var b strings.Builder
	help := func(path ...string) string {
		shell := exec.Command(binary, append(path, "--help")...)
		shell.Env = []string{"NO_COLOR=1", "LANG=C.UTF-8", "HOME=" + t.TempDir()}
		out, err := shell.CombinedOutput()
		require.NoError(t, err, "posse %s --help: %s", strings.Join(path, " "), out)
		return string(out)
	}
	var write func(path ...string)
	write = func(path ...string) {
		text := help(path...)
		own, _, _ := strings.Cut(text, globalFlags)
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n```\n", strings.Join(append([]string{"posse"}, path...), " "), strings.TrimSpace(own))
		list := commandList.FindStringSubmatch(own)
		if list == nil {
			return
		}
		for _, name := range commandName.FindAllStringSubmatch(list[1], -1) {
			write(append(append([]string(nil), path...), name[1])...)
		}
	}
	write()
	require.Contains(t, b.String(), "\n## posse experiment validate\n", "the walk reaches what lies below")
	return `# Commands

<!-- Made from the binary's help by ` + "`make golden`" + `; a change here is lost. -->

Results go to stdout, everything else to stderr. Every command takes ` + "`-o table`" + ` (for people) or ` + "`-o json`" + ` (one document on stdout; an error is one
on stderr). ` + "`--color auto|always|never`" + ` as well. The exit status is 0 for success, 1 for work that failed or a check that did not hold, 2 for bad usage or input, 130 or
143 after SIGINT or SIGTERM; servers that were asked to stop end with 0. ` + "`-`" + ` as a file is standard input.
` + b.String()
}
