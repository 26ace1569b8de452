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

	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
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

func TestReferenceOfPolicies(t *testing.T) {
	compareGenerated(t, "docs/reference/policies.md", policiesPage())
}

func TestReferenceOfScenarios(t *testing.T) {
	compareGenerated(t, "docs/reference/scenario.md", scenarioPage())
	compareGenerated(t, "docs/reference/schema/scenario.json", string(simnet.Schema()))
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

Not every combination is built yet. What is not is refused with a reason: today ` + "`silo`" + ` and ` + "`local`" + ` learn with the policies that
[name them](policies.md), with discrete Laplace noise or random signs.
`)
	b.WriteString(fieldTables(experiment.Fields()))
	return b.String()
}

// policiesPage is the catalogue, a table for each kind of problem.
func policiesPage() string {
	var b strings.Builder
	b.WriteString(`# Policies

<!-- Made from the code by ` + "`make golden`" + `; a change here is lost. -->

Under *many nodes* stand the privacy models in which nodes learn a policy together; every policy also learns in one process, as a Go library and, for ` + "`arms`" + `,
in simulations. An experiment file knows the kind ` + "`arms`" + ` as yet: the other two are a library.

**Which radius.** ` + "`theory`" + ` has the constants of the source, ` + "`tight`" + ` the smallest that a guarantee is known for, and ` + "`tuned`" + ` is κ times tight and has
no guarantee. Published constants explore for ever: with them five heavy-tailed arms are all in play after 100,000 decisions. ` + "`robust-elimination`" + `,
the private linear and the episodic policies have all three; ` + "`robust-ucb`" + ` too. ` + "`adap-ucb`, `adap-klucb`" + `: theory (α 3.1) and tuned (α = κ). ` + "`dp-se`," + `
` + "`dp-robust-ucb`" + `: theory. ` + "`ldp-ucb`" + `: tight and tuned. ` + "`lin-ucb`" + `: tuned (α = κ, 1 unless given) and theory.

**What rewards.** ` + "`robust-elimination`, `uniform`" + `, the private linear and the episodic policies take a range or a moment; ` + "`robust-ucb`, `dp-robust-ucb`" + ` and
` + "`hvt-ucb`" + ` a moment; all others a range.
`)
	title := map[string]string{"arms": "Arms", "linear": "Arms with features", "episodic": "Episodes"}
	for _, kind := range []string{"arms", "linear", "episodic"} {
		fmt.Fprintf(&b, "\n## %s\n\n| policy | many nodes | source |\n|---|---|---|\n", title[kind])
		for _, e := range catalogue.Default() {
			if e.Kind != kind {
				continue
			}
			var models []string
			for _, m := range e.Models {
				models = append(models, m.String())
			}
			if models == nil {
				models = []string{"–"}
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.Name, strings.Join(models, ", "), e.Paper)
		}
	}
	return b.String()
}

// scenarioPage is a table for each block of a scenario; an experiment's blocks have their own page.
func scenarioPage() string {
	var own []experiment.Field
	for _, f := range simnet.Fields() {
		if !strings.HasPrefix(f.Path, "experiment.") {
			own = append(own, f)
		}
	}
	return `# Scenarios

<!-- Made from the code by ` + "`make golden`" + `; a change here is lost. -->

What ` + "`posse sim`" + ` simulates. A scenario is read as strictly as an [experiment file](experiment-file.md), and embeds one unchanged: under
` + "`experiment`" + ` stand the blocks of such a file, or its path. Here alone ` + "`privacy: {model: none}`" + ` is allowed, and the policy may stand in
` + "`policies`" + ` instead. ` + "`posse sim init`" + ` prints a file to start from, ` + "`posse sim show`" + ` lists every mistake, and
[the JSON Schema](schema/scenario.json) lets editors complete it: ` + "`posse sim init --schema`" + `.

**Where rewards come from.** ` + "`posse sim list environments`" + ` says which fields each kind needs. With ` + "`kind: data`" + ` they come from the rows of a
[data set](../howto/play-your-own-data.md): a row with the rewards of all arms is drawn as it is; of logged decisions, rows are drawn until one shows the
chosen arm. ` + "`nodes.by`" + ` says how rows become nodes; without it ` + "`nodes.count`" + ` nodes are made by the set's own rule (families, segments, blocks of
subjects, a column ` + "`node`" + `). Rewards outside of ` + "`experiment.reward.range`" + ` are refused with their row, unless ` + "`reward.clip`" + ` is set.

**How nodes learn.** ` + "`federated`" + ` is all together, with privacy, the auction and the schedule of the experiment; ` + "`alone`" + ` is each node by itself, with the same
policy, guarantee and users; ` + "`nonPrivate`" + ` is all together without noise and without a bound on users. Regret is measured against each node's own best arm.

**Sweeps.** A key of ` + "`sweep`" + ` is the path of any field, as errors write it (` + "`experiment.privacy.epsilon`, `policies[0].params.kappa`" + `), and its value
the list of values. Every combination is simulated with the same runs on the same luck.
` + fieldTables(own)
}

// fieldTables has a table for each block.
func fieldTables(fields []experiment.Field) string {
	var b strings.Builder
	bars := strings.NewReplacer("|", "\\|", "\n", " ")
	rows, order := map[string]string{}, []string(nil) // by block, in the order of the file
	for _, f := range fields {
		if f.Type == "block" && f.Meaning == "" {
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
