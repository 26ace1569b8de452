package posse_test

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// reasonWord is how reasons of errors, of exclusions and of outcomes are written.
var reasonWord = regexp.MustCompile(`^[A-Z]+(_[A-Z]+)+$`)

// oneWord is how those of one word look.
var oneWord = regexp.MustCompile(`^[A-Z_]+$`)

// notReasons are words of that shape that come from outside: variables of the environment.
var notReasons = regexp.MustCompile(`^(POSSE|XDG|LC|NO_COLOR|CLICOLOR|GOMAXPROCS|CREDENTIALS)(_|$)`)

// docs/reference/errors.md lists each reason that the code can give, and no other.
func TestMapOfErrorsIsComplete(t *testing.T) {
	text, err := os.ReadFile("docs/reference/errors.md")
	require.NoError(t, err)
	documented := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)`").FindAllStringSubmatch(string(text), -1) {
		assert.False(t, documented[match[1]], "docs/reference/errors.md lists %s twice", match[1])
		documented[match[1]] = true
	}
	require.NotEmpty(t, documented)
	used := map[string]bool{}
	require.NoError(t, walkSources(".", func(name string, source []byte) {
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		require.NoError(t, err)
		if strings.HasSuffix(name, "_test.go") || ast.IsGenerated(file) {
			return
		}
		ast.Inspect(file, func(node ast.Node) bool {
			shape := reasonWord
			if field, ok := node.(*ast.KeyValueExpr); ok { // a reason of one word is known by its field alone
				if name, ok := field.Key.(*ast.Ident); !ok || name.Name != "Reason" {
					return true
				}
				node, shape = field.Value, oneWord
			}
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			word, _ := strconv.Unquote(literal.Value)
			if shape.MatchString(word) && !notReasons.MatchString(word) {
				if !documented[word] && !used[word] {
					t.Errorf("%s gives %s, which docs/reference/errors.md does not explain", name, word)
				}
				used[word] = true
			}
			return true
		})
	}))
	for word := range documented {
		assert.True(t, used[word], "docs/reference/errors.md explains %s, which nothing gives", word)
	}
}

// docs/reference/limits.md lists each limit of protocols/wire with its value.
func TestMapOfLimitsIsComplete(t *testing.T) {
	text, err := os.ReadFile("docs/reference/limits.md")
	require.NoError(t, err)
	documented := map[string]string{}
	for _, match := range regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[match[1]] = match[2]
	}
	_, err = os.ReadFile("protocols/wire/limits.go") // opened so that the cache of test results depends on it
	require.NoError(t, err)
	loaded, err := packages.Load(&packages.Config{Mode: packages.NeedTypes | packages.NeedSyntax | packages.NeedImports | packages.NeedTypesInfo}, "./protocols/wire")
	require.NoError(t, err)
	require.Len(t, loaded, 1)
	limits := 0
	scope := loaded[0].Types.Scope()
	for _, name := range scope.Names() {
		limit, ok := scope.Lookup(name).(*types.Const)
		if !ok || !limit.Exported() || !strings.HasSuffix(loaded[0].Fset.Position(limit.Pos()).Filename, "/limits.go") {
			continue
		}
		limits++
		value, exact := constant.Int64Val(constant.ToInt(limit.Val()))
		require.True(t, exact, name)
		assert.Equal(t, value, limitValue(documented[name]), "docs/reference/limits.md, %s, says %q", name, documented[name])
		delete(documented, name)
	}
	require.Positive(t, limits)
	assert.Empty(t, documented, "docs/reference/limits.md lists what is no limit")
}

// limitValue reads a value as the page writes it: "1,024", "64 KiB", "30 s"; -1 where it cannot.
func limitValue(text string) int64 {
	if duration, err := time.ParseDuration(strings.ReplaceAll(text, " ", "")); err == nil && duration != 0 {
		return int64(duration)
	}
	number, unit, _ := strings.Cut(strings.ReplaceAll(text, ",", ""), " ")
	value, err := strconv.ParseInt(number, 10, 64)
	scale, known := map[string]int64{"": 1, "KiB": 1 << 10, "MiB": 1 << 20}[unit]
	if err != nil || !known {
		return -1
	}
	return value * scale
}
