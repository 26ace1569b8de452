// Package notebooks holds a notebook that reads the results of simulations. It is stored
// without outputs; a test runs its code.
package notebooks

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

// code is the code of the notebook, one after another.
func code(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("curves.ipynb")
	require.NoError(t, err)
	var notebook struct {
		Format int `json:"nbformat"`
		Cells  []struct {
			Type    string            `json:"cell_type"`
			Source  []string          `json:"source"`
			Outputs []json.RawMessage `json:"outputs"`
		} `json:"cells"`
	}
	require.NoError(t, json.Unmarshal(data, &notebook))
	require.Equal(t, 4, notebook.Format)
	var out strings.Builder
	for _, c := range notebook.Cells {
		assert.Empty(t, c.Outputs, "stored without outputs")
		if c.Type == "code" {
			out.WriteString(strings.Join(c.Source, "") + "\n\n")
		}
	}
	return out.String()
}

func TestTheNotebookReadsASimulation(t *testing.T) {
	script := filepath.Join(t.TempDir(), "curves.py")
	require.NoError(t, os.WriteFile(script, []byte(code(t)), 0o600))
	if out, err := exec.Command("python3", "-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())", script).CombinedOutput(); err != nil {
		if _, missing := exec.LookPath("python3"); missing != nil {
			t.Skip("no python3: install it to run the notebook")
		}
		t.Fatalf("the code does not parse: %s", out)
	}
	if exec.Command("python3", "-c", "import pandas").Run() != nil {
		t.Skip("no pandas: install it to run the notebook")
	}
	s, err := simnet.Read("k10", simnet.Template(), simnet.Files{})
	require.NoError(t, err)
	st, err := fast.Run(context.Background(), s, fast.Options{Runs: 4, Seed: 1, Parallel: 2})
	require.NoError(t, err)
	folder := t.TempDir()
	table, err := os.Create(filepath.Join(folder, "curves.csv"))
	require.NoError(t, err)
	require.NoError(t, st.WriteCurves(table))
	require.NoError(t, table.Close())
	columns, err := os.Create(filepath.Join(folder, "curves.parquet"))
	require.NoError(t, err)
	require.NoError(t, st.WriteParquet(columns))
	require.NoError(t, columns.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, "manifest.json"), []byte(`{"scenario":"k10","runs":4,"seed":1}`), 0o600))
	run := exec.Command("python3", script)
	run.Env = append(os.Environ(), "POSSE_RESULTS="+folder, "MPLBACKEND=Agg")
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "thompson-beta")
}
