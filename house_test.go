package posse_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/posse-dev/posse"

// house lists every package, the ground floor first. A package may import what stands on a line above its own, and
// nothing else of this module: packages on one line do not know each other.
var house = [][]string{
	{"."},
	{"dp"},
	{"dp/noise", "dp/stattest"},
	{"dp/budget"},
	{"dp/account"},            // above the filters: it turns a promise into a filter's limit
	{"dp/audit"},              // attacks them all
	{"mechanisms/ldp"},        // randomises records as they enter statistics
	{"mechanisms/statistics"}, // below its root: a Learner is described in terms of the statistics that it shares
	{"mechanisms"},
	{"mechanisms/robust", "mechanisms/continual"},
	{"mechanisms/arms"},
	{"mechanisms/linear", "mechanisms/episodic"}, // linear takes the propensities of Thompson sampling from arms
	{"mechanisms/environment"},
	{"mechanisms/policytest", "mechanisms/catalogue"},
	{"incentives"},
	{"incentives/auction", "incentives/contribution", "incentives/schedule", "incentives/books"},
	{"protocols/possev1"},
	{"protocols/possev1/possev1connect"},
	{"protocols/experiment", "protocols/wire", "protocols/checkpoint"},
	{"protocols/peer", "protocols/secagg"},
	{"coordinator/state", "node/store"},
	{
		"coordinator/consensus", "coordinator/rounds", "coordinator/transparency", "coordinator/admin", "coordinator/web",
		"coordinator/helper", "coordinator/verify",
		"node/decision", "node/rounds", "node/guard", "node/app",
	},
	{"coordinator", "node"},
	{"simnet/dataset"}, // below its root: a scenario may name a data set
	{"simnet"},         // holds the traffic that its engines run on
	{"simnet/figure", "simnet/fast", "simnet/faults", "simnet/full"},
	{"simnet/demo", "simnet/forecast"},
	{"cmd/posse"},
}

// nothing of the second list, or below it, is imported by the first, or below it, whatever house says.
var strangers = []struct{ from, to, why string }{
	{"node", "coordinator", "a node trusts no coordinator and shares only protocols with it"},
	{"coordinator/verify", "coordinator", "an auditor must not need the code that it audits"},
	{"coordinator/helper", "coordinator", "the second aggregator shares only protocols and mathematics with the first"},
}

// Pure folders compute: no files, network, clock, log or randomness of their own (context would mean waiting).
var (
	pure       = []string{"dp", "mechanisms", "incentives"}
	impure     = []string{"os", "net", "time", "log", "math/rand", "crypto/rand", "syscall", "context"}
	exemptions = map[string][]string{"dp/noise": {"crypto/rand", "math/rand/v2"}}
)

// stateImports is all of this module that the state machine may see, since its determinism test does not look into
// the packages that it calls.
var stateImports = []string{
	".", "dp", "mechanisms/statistics", "incentives", "incentives/schedule", "incentives/books",
	"protocols/possev1", "protocols/checkpoint",
}

// hands are calls that only cmd makes: elsewhere the clock is a field of a config, and results and errors are returned.
var hands = []string{
	"time.Now", "time.Since", "os.Exit", "fmt.Print", "fmt.Printf", "fmt.Println",
	"log.Fatal", "log.Fatalf", "log.Print", "log.Printf", "log.Println",
}

const longestFile = 600 // lines; past this a file holds two ideas

func TestHouseStands(t *testing.T) {
	for _, problem := range inspectHouse(t, ".") {
		t.Error(problem)
	}
}

func TestHouseSeesPlantedViolations(t *testing.T) {
	plants := []struct{ name, file, source, want string }{
		{"upward import", "dp/noise/planted.go", "package noise\nimport _ \"" + module + "/mechanisms\"\n", "does not stand below it"},
		{"import of a sibling", "node/guard/planted.go", "package guard\nimport _ \"" + module + "/node/rounds\"\n", "does not stand below it"},
		{"pure root imports its own room", "dp/planted.go", "package dp\nimport _ \"" + module + "/dp/noise\"\n", "does not stand below it"},
		{"clock in a pure folder", "mechanisms/planted.go", "package mechanisms\nimport _ \"time\"\n", "is pure"},
		{"global randomness", "incentives/planted.go", "package incentives\nimport _ \"math/rand/v2\"\n", "is pure"},
		{"state sees an algorithm", "coordinator/state/planted.go", "package state\nimport _ \"" + module + "/mechanisms/arms\"\n", "stateImports"},
		{"node knows the coordinator", "node/planted.go", "package node\nimport _ \"" + module + "/coordinator/state\"\n", "a node trusts"},
		{"auditor uses the audited", "coordinator/verify/planted.go", "package verify\nimport _ \"" + module + "/coordinator/state\"\n", "an auditor"},
		{"room without a plan", "dp/misc/planted.go", "package misc\n", "not in the list called house"},
		{"no package comment", "dp/misc/planted.go", "package misc\n", "no package comment"},
		{"init", "dp/planted.go", "package dp\nfunc init() {}\n", "init()"},
		{"clock of its own", "node/planted.go", "package node\nimport \"time\"\nvar start = time.Now()\n", "only cmd"},
		{"two ideas", "dp/planted.go", "package dp\n" + strings.Repeat("\n", longestFile), "lines"},
	}
	root := t.TempDir()
	require.NoError(t, copySources(root))
	for _, plant := range plants {
		t.Run(plant.name, func(t *testing.T) {
			before := inspectHouse(t, root)
			file := filepath.Join(root, filepath.FromSlash(plant.file))
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(plant.source), 0o644))
			seen := slices.DeleteFunc(inspectHouse(t, root), func(p string) bool { return slices.Contains(before, p) })
			assert.Contains(t, strings.Join(seen, "\n"), plant.want)
			require.NoError(t, os.RemoveAll(file))
		})
	}
}

// The map must lead somewhere: every path in ARCHITECTURE.md exists, and every package is on it.
func TestMapLeadsEverywhere(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	paths := mapPaths(string(text))
	for _, p := range paths {
		_, err := os.Stat(filepath.FromSlash(p))
		assert.NoError(t, err, "ARCHITECTURE.md names %s", p)
	}
	require.NoError(t, walkSources(".", func(name string, _ []byte) {
		if pkg := path.Dir(name); pkg != "." && !strings.HasSuffix(name, "_test.go") && !slices.Contains(paths, pkg) {
			paths = append(paths, pkg) // once is enough
			t.Errorf("ARCHITECTURE.md does not name the package %s", pkg)
		}
	}))
	assert.Equal(t, []string{"dp/noise/nowhere.go", "dp"}, mapPaths("see `dp/noise/nowhere.go` of `dp`, for `dp.Params`"))
}

// mapPaths returns the words in backquotes that are paths: a top-level folder or what lies below one, or a file's name.
func mapPaths(text string) []string {
	var paths []string
	shape := regexp.MustCompile("`(([a-z]+|[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]*[A-Za-z0-9_]|[A-Za-z0-9_-]+\\.(go|md))/?)`")
	for _, match := range shape.FindAllStringSubmatch(text, -1) {
		word := strings.TrimSuffix(match[1], "/")
		if _, folder := slices.BinarySearch([]string{"cmd", "coordinator", "docs", "dp", "incentives", "mechanisms", "node", "protocols", "simnet"}, word); folder || strings.ContainsAny(word, "/.") {
			paths = append(paths, word)
		}
	}
	return paths
}

// inspectHouse returns what breaks a rule of the house below root, one sentence each. It reads the files itself, so
// that a cached pass of this test is a pass for these very files.
func inspectHouse(t *testing.T, root string) []string {
	t.Helper()
	storey := map[string]int{}
	for i, line := range house {
		for _, pkg := range line {
			storey[pkg] = i
		}
	}
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	commented := map[string]bool{}
	require.NoError(t, walkSources(root, func(name string, source []byte) {
		pkg := path.Dir(name)
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		if err != nil {
			report("%s does not parse: %v", name, err)
			return
		}
		generated := ast.IsGenerated(file)
		if lines := strings.Count(string(source), "\n"); lines > longestFile && !generated {
			report("%s has %d lines, more than %d: it holds two ideas", name, lines, longestFile)
		}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		commented[pkg] = commented[pkg] || path.Base(pkg) == "possev1connect" || // generated as a whole
			file.Doc.Text() != "" && (file.Name.Name == "main" || path.Base(name) == "doc.go")
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if node.Recv == nil && node.Name.Name == "init" && !generated {
					report("%s has an init(): use an explicit table or a constructor", name)
				}
			case *ast.CallExpr:
				if call := types.ExprString(node.Fun); slices.Contains(hands, call) && !within(pkg, "cmd") {
					report("%s calls %s, which only cmd does: take it as a field (Now: time.Now), or return what is to be shown", name, call)
				}
			}
			return true
		})
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if within(pkg, pure...) && within(imported, impure...) && !slices.Contains(exemptions[pkg], imported) {
				report("%s imports %s, but %s is pure", name, imported, pkg)
			}
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			to := path.Clean("./" + strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"))
			if storey[to] >= storey[pkg] {
				report("%s imports %s, which does not stand below it", name, to)
			}
			if pkg == "coordinator/state" && !slices.Contains(stateImports, to) {
				report("%s imports %s, which is not among stateImports", name, to)
			}
			for _, edge := range strangers {
				if within(pkg, edge.from) && within(to, edge.to) {
					report("%s imports %s: %s", name, to, edge.why)
				}
			}
		}
	}))
	for pkg, ok := range commented {
		if _, known := storey[pkg]; !known {
			report("%s is not in the list called house of house_test.go: say where it stands", pkg)
		}
		if !ok {
			report("%s has no package comment in a doc.go", pkg)
		}
	}
	slices.Sort(problems)
	return problems
}

// within reports whether name is one of the folders or lies below one.
func within(name string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return name == f || strings.HasPrefix(name, f+"/") })
}

// walkSources calls visit with each Go file of the module below root: slash path relative to root, and content.
// Nested modules, testdata and hidden folders are not part of the house.
func walkSources(root string, visit func(name string, source []byte)) error {
	return fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, nested := os.Stat(filepath.Join(root, name, "go.mod"))
			if base := entry.Name(); name != "." && (base == "testdata" || base[0] == '.' || base == "bin" || nested == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := os.ReadFile(filepath.Join(root, name))
		visit(name, source)
		return err
	})
}

// copySources copies the module's Go files to the folder target.
func copySources(target string) error {
	var failures []error
	err := walkSources(".", func(name string, source []byte) {
		failures = append(failures,
			os.MkdirAll(filepath.Join(target, path.Dir(name)), 0o755),
			os.WriteFile(filepath.Join(target, name), source, 0o644))
	})
	return errors.Join(append(failures, err)...)
}
