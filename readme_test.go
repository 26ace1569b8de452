//go:build unix

package posse_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every command that a document shows in a ```console block is run here, page by page, and what it prints is compared
// with what the page says it prints. The rules for writers are in CONTRIBUTING.md.
func TestDocs(t *testing.T) {
	pages := []string{"README.md"}
	openSources(t, func(name string) {
		if strings.HasPrefix(name, "docs"+string(filepath.Separator)) && filepath.Ext(name) == ".md" {
			pages = append(pages, name)
		}
	})
	binaries := t.TempDir()
	built := false
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			assert.NotRegexp(t, "(?m)^```(sh|bash|shell)", string(text), "a command that no test runs: make it a console block")
			steps := readSteps(string(text))
			if len(steps) == 0 {
				return
			}
			if strings.Contains(string(text), "curl ") {
				if _, err := exec.LookPath("curl"); err != nil {
					t.Skip("this page uses curl, which is not installed: install it to run the page")
				}
			}
			if !built {
				buildPosse(t, binaries)
				built = true
			}
			for _, problem := range runSteps(t, steps, binaries) {
				t.Error(problem)
			}
		})
	}
}

// Every link between documents leads to a file that exists, and to a heading that it has.
func TestDocsLinksLeadSomewhere(t *testing.T) {
	link, codeSpan := regexp.MustCompile(`\]\(([^)\s]+)\)`), regexp.MustCompile("`[^`\n]+`")
	links := 0
	openSources(t, func(page string) {
		if filepath.Ext(page) != ".md" || strings.Contains(page, "testdata") {
			return
		}
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(string(text), "code"), -1) {
			target, heading, _ := strings.Cut(match[1], "#")
			if strings.Contains(match[1], "://") {
				continue
			}
			links++
			at := page
			if target != "" {
				at = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
			}
			if _, err := os.Stat(at); !assert.NoError(t, err, "%s links to %s", page, match[1]) || heading == "" {
				continue
			}
			there, err := os.ReadFile(at)
			require.NoError(t, err)
			assert.Contains(t, headings(string(there)), heading, "%s links to %s", page, match[1])
		}
	})
	assert.Greater(t, links, 50)
	assert.Equal(t, []string{"one-title", "whats-this-a-code"}, headings("# One title\ntext\n## What's this: a `code`?\n"))
}

// headings returns the anchors of a page, as GitHub makes them.
func headings(page string) []string {
	var anchors []string
	for _, match := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(page, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		anchors = append(anchors, strings.ReplaceAll(plain, " ", "-"))
	}
	return anchors
}

// openSources opens every file of the repository, so that the cache of test results depends on what the binary is
// built from, and calls visit with its name.
func openSources(t *testing.T, visit func(name string)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := name != "." && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() && (hidden || entry.Name() == "bin") {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			visit(name)
			file, err := os.Open(name)
			if err != nil {
				return err
			}
			return file.Close()
		}
		return nil
	}))
}

// buildPosse builds the binary in a folder and returns its path.
func buildPosse(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "posse")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/posse").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

func TestDocsRunnerSeesPlantedViolations(t *testing.T) {
	cases := []struct{ name, page, want string }{
		{"as written", "```console\n$ echo one; echo two\none\ntwo\n```", ""},
		{"part left out", "```console\n$ seq 9\n1\n…\n9\n```", ""},
		{"part of a line left out", "```console\n$ echo id 3f9a ok\nid … ok\n```", ""},
		{"numbers vary", "```console varies\n$ echo 'mean 0.25    of 1'\nmean 0.7 of 12\n```", ""},
		{"one shell for the page", "```console\n$ x=7\n```\ntext\n```console\n$ echo $x\n7\n```", ""},
		{"announced failure", "```console\n$ sh -c 'exit 2' # exit 2\n```", ""},
		{"continued", "```console\n$ cat <<E\n> in\n> E\nin\n```", ""},
		{"in the background", "```console\n$ sleep 60 &\n$ echo on\non\n```", ""},
		{"other output", "```console\n$ echo one\ntwo\n```", "printed"},
		{"other numbers", "```console\n$ echo 1\n2\n```", "printed"},
		{"other words", "```console varies\n$ echo mean 1\nmedian 1\n```", "printed"},
		{"missing output", "```console\n$ true\none\n```", "printed"},
		{"more output", "```console\n$ seq 2\n1\n```", "printed"},
		{"failure", "```console\n$ sh -c 'exit 3'\n```", "exit status 3"},
		{"failure that does not happen", "```console\n$ true # exit 1\n```", "exit status 0"},
		{"unknown target", "```console\n$ make no-such-target\n…\n```", "exit status 2"},
		{"never reached", "```console\n$ exit 0\n$ echo one\none\n```", "never ran"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			problems := strings.Join(runSteps(t, readSteps(c.page), t.TempDir()), "\n")
			if c.want == "" {
				assert.Empty(t, problems)
			} else {
				assert.Contains(t, problems, c.want)
			}
		})
	}
}

// step is one command of a page and what it must do.
type step struct {
	command string
	output  []string
	exit    int
	varies  bool // numbers differ between runs
}

var (
	consoleBlock = regexp.MustCompile("(?ms)^```console( varies)?\n(.*?)^```")
	prompt       = regexp.MustCompile(`^[a-z0-9-]*\$ (.*)$`)
	exitComment  = regexp.MustCompile(`# exit (\d+)$`)
	number       = regexp.MustCompile(`[0-9][0-9.,]*`)
)

// readSteps returns the commands of a page's console blocks in order. A line after a prompt continues its command
// where it starts with "> "; all others are output.
func readSteps(page string) []step {
	var steps []step
	for _, block := range consoleBlock.FindAllStringSubmatch(page, -1) {
		first := len(steps)
		for _, line := range strings.Split(strings.TrimSuffix(block[2], "\n"), "\n") {
			if match := prompt.FindStringSubmatch(line); match != nil {
				steps = append(steps, step{command: match[1], varies: block[1] != ""})
				if exit := exitComment.FindStringSubmatch(line); exit != nil {
					steps[len(steps)-1].exit, _ = strconv.Atoi(exit[1])
				}
			} else if len(steps) > first {
				last := &steps[len(steps)-1]
				if more, ok := strings.CutPrefix(line, "> "); ok && len(last.output) == 0 {
					last.command += "\n" + more
				} else {
					last.output = append(last.output, line)
				}
			}
		}
	}
	return steps
}

// prelude stands in for what a test cannot do: clone this repository from the network, and run the targets that
// run this very test; for those it checks that they exist.
const prelude = `
git() { mkdir -p "$(basename "$2" .git)"; }
make() {
  case "${1-}" in test|check|bench|soak) command make -n -C "$ROOT" "$@" >/dev/null ;;
  *) command make --no-print-directory -C "$ROOT" "$@" ;; esac
}
`

// runSteps runs the commands in one shell in an empty folder, with the programs in binaries found first, and returns
// what went otherwise than the page says. Whatever is left in the background is stopped.
func runSteps(t *testing.T, steps []step, binaries string) []string {
	t.Helper()
	root, err := os.Getwd()
	require.NoError(t, err)
	work, log := t.TempDir(), t.TempDir()
	script := prelude
	for i, s := range steps {
		script += fmt.Sprintf("{ %s\n} >%s/%d.out 2>&1\necho $? >%s/%d.exit\n", s.command, log, i, log, i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir = work
	shell.Env = append(os.Environ(), "HOME="+work, "PATH="+binaries+":"+os.Getenv("PATH"), "ROOT="+root, "TERM=dumb", "NO_COLOR=1", "LANG=C.UTF-8")
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY"} {
		value, err := exec.Command("go", "env", name).Output()
		require.NoError(t, err)
		shell.Env = append(shell.Env, name+"="+strings.TrimSpace(string(value)))
	}
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stop := func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	shell.Cancel = stop
	runErr := shell.Run()
	for range 100 { // what is left in the background; an error says that nothing is
		if stop() != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}

	var problems []string
	for i, s := range steps {
		text, _ := os.ReadFile(filepath.Join(log, strconv.Itoa(i)+".out"))
		status, err := os.ReadFile(filepath.Join(log, strconv.Itoa(i)+".exit"))
		if err != nil {
			return append(problems, fmt.Sprintf("$ %s\nnever ran to its end (%v); so far it printed:\n%s", s.command, runErr, text))
		}
		if got := strings.TrimSpace(string(status)); got != strconv.Itoa(s.exit) {
			problems = append(problems, fmt.Sprintf("$ %s\nexit status %s, the page says %d; it printed:\n%s", s.command, got, s.exit, text))
		} else if stubbed := regexp.MustCompile(`^make (test|check|bench|soak)\b`).MatchString(s.command); !stubbed && !s.matches(string(text)) {
			problems = append(problems, fmt.Sprintf("$ %s\nprinted:\n%s\nthe page says:\n%s", s.command, text, strings.Join(s.output, "\n")))
		}
	}
	return problems
}

// matches reports whether a command printed what its page says: a line of … stands for any lines, … in a line for
// anything, and where numbers vary any number for any other, with any space around it.
func (s step) matches(printed string) bool {
	if strings.HasSuffix(s.command, "&") {
		return true // goes on printing
	}
	plain := func(text string) string {
		if s.varies {
			text = strings.Join(strings.Fields(number.ReplaceAllString(text, "0")), " ")
		}
		return text
	}
	var pattern strings.Builder
	for _, line := range s.output {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(plain(line)), "…", ".*") + `\n`)
	}
	var lines strings.Builder
	for _, line := range strings.Split(strings.TrimRight(printed, "\n"), "\n") {
		if printed != "" {
			lines.WriteString(plain(strings.TrimRight(line, " ")) + "\n")
		}
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(lines.String())
}
