package state_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// Replicas must hold the same bytes at the same index. So nothing here may depend on the processor (floating point:
// fused multiply-add differs), on the order of a map, on the clock, on chance or on the scheduler. The test reads the
// types of all expressions; what the called packages do it does not see, which is why house_test.go at the root says
// which ones may be called.
func TestDeterminismHolds(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, source := range sources { // opened so that the cache of test results depends on them
		_, err := os.ReadFile(source)
		require.NoError(t, err)
	}
	for _, problem := range indeterminate(t, nil) {
		t.Error(problem)
	}
}

func TestDeterminismSeesPlantedViolations(t *testing.T) {
	const planted = `package state

import (
	"maps"
	"slices"
	"time" // want time
)

type plantedReport struct {
	weight float64 // want floating
}

func plantedMean(sum, n int64) int64 {
	half := 0.5 // want floating
	return sum / n * int64(half) // want floating
}

func plantedPhase(x complex64) bool { // want complex
	return x == 0 // want complex
}

func plantedOrder(m map[string]int) (all []string) {
	for name := range m { // want map
		all = append(all, name)
	}
	for name := range maps.Keys(m) { // want maps.Keys
		all = append(all, name)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, name)
	}
	go plantedMean(1, 2) // want goroutine
	select {} // want select
}

func plantedNow() int64 { return time.Now().UnixMilli() }
`
	problems := strings.Join(indeterminate(t, []byte(planted)), "\n")
	for i, line := range strings.Split(planted, "\n") {
		place := fmt.Sprintf("planted.go:%d: ", i+1)
		if _, want, ok := strings.Cut(line, "// want "); ok {
			assert.Regexp(t, regexp.QuoteMeta(place)+".*"+regexp.QuoteMeta(want), problems)
		} else {
			assert.NotContains(t, problems, place)
		}
	}
}

// indeterminate returns what could make two replicas differ, one sentence each, in this package with the file
// planted.go added to it, where there is one.
func indeterminate(t *testing.T, planted []byte) []string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	config := &packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
		packages.NeedTypesInfo | packages.NeedImports}
	if planted != nil {
		config.Overlay = map[string][]byte{filepath.Join(folder, "planted.go"): planted}
	}
	loaded, err := packages.Load(config, ".")
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	pkg := loaded[0]
	require.Empty(t, pkg.Errors)
	require.NotEmpty(t, pkg.Syntax)

	var problems []string
	report := func(node ast.Node, format string, args ...any) {
		at := pkg.Fset.Position(node.Pos())
		problem := fmt.Sprintf("%s:%d: %s", filepath.Base(at.Filename), at.Line, fmt.Sprintf(format, args...))
		if !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	for _, file := range pkg.Syntax {
		sorted := map[ast.Node]bool{} // calls of maps.Keys whose result is sorted at once
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.ImportSpec:
				// The package math may stay: its integer constants are exact and its functions have floating arguments.
				imported, _ := strconv.Unquote(node.Path.Value)
				if slices.Contains([]string{"time", "os", "math/rand", "math/rand/v2", "crypto/rand", "runtime", "unsafe"}, imported) {
					report(node, "imports %s: what it answers differs between replicas", imported)
				}
			case *ast.RangeStmt:
				if _, ok := pkg.TypesInfo.TypeOf(node.X).Underlying().(*types.Map); ok {
					report(node, "ranges over a map: sort the keys first, slices.Sorted(maps.Keys(m))")
				}
			case *ast.CallExpr:
				switch name := calledIn(pkg.TypesInfo, node); name {
				case "slices.Sorted", "slices.SortedFunc":
					sorted[node.Args[0]] = true
				case "maps.Keys", "maps.Values", "maps.All":
					if !sorted[node] {
						report(node, "calls %s without sorting at once: the order of a map differs between replicas", name)
					}
				}
			case *ast.GoStmt:
				report(node, "starts a goroutine: the scheduler differs between replicas")
			case *ast.SelectStmt:
				report(node, "has a select: it chooses by chance")
			}
			if expr, ok := node.(ast.Expr); ok {
				kind := basicInfo(pkg.TypesInfo, expr)
				if kind&types.IsFloat != 0 {
					report(node, "has a floating-point value: the state computes with integers only")
				}
				if kind&types.IsComplex != 0 {
					report(node, "has a complex value: the state computes with integers only")
				}
			}
			return true
		})
	}
	slices.Sort(problems)
	return problems
}

// calledIn returns the package-qualified name of a called function of another package, empty for any other call.
func calledIn(info *types.Info, call *ast.CallExpr) string {
	if index, ok := call.Fun.(*ast.IndexExpr); ok {
		call = &ast.CallExpr{Fun: index.X}
	}
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
		if f, ok := info.Uses[selector.Sel].(*types.Func); ok && f.Pkg() != nil && f.Signature().Recv() == nil {
			return f.Pkg().Path() + "." + f.Name()
		}
	}
	return ""
}

// basicInfo says what kind of number an expression or the type that it names is; zero for all else.
func basicInfo(info *types.Info, expr ast.Expr) types.BasicInfo {
	typ := info.TypeOf(expr)
	if literal, ok := expr.(*ast.BasicLit); ok && (literal.Kind == token.FLOAT || literal.Kind == token.IMAG) {
		return types.IsFloat // even where it is converted: 1e6 is written 1_000_000
	}
	if typ == nil {
		return 0
	}
	if basic, ok := typ.Underlying().(*types.Basic); ok {
		return basic.Info()
	}
	return 0
}
