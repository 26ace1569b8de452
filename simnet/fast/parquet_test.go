package fast

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The two files of curves say the same, and the same state gives the same bytes.
func TestParquetHasTheRowsOfTheCSV(t *testing.T) {
	st := run(t, scenario(t, three+"sweep:\n  experiment.horizon: [100, 300]\n  policies[0].label: [a, b]\n"), Options{Runs: 9, Seed: 1})
	var table, columns, again bytes.Buffer
	require.NoError(t, st.WriteCurves(&table))
	require.NoError(t, st.WriteParquet(&columns))
	require.NoError(t, st.WriteParquet(&again))
	assert.Equal(t, columns.Bytes(), again.Bytes())
	want, err := csv.NewReader(&table).ReadAll()
	require.NoError(t, err)
	file, err := parquet.OpenFile(bytes.NewReader(columns.Bytes()), int64(columns.Len()))
	require.NoError(t, err)
	require.EqualValues(t, len(want)-1, file.NumRows())
	digest, ok := file.Lookup("posse.digest")
	assert.True(t, ok)
	assert.Equal(t, st.Digest(), digest)
	reader := parquet.NewGenericReader[map[string]any](bytes.NewReader(columns.Bytes()), file.Schema())
	rows := make([]map[string]any, len(want)-1)
	for i := range rows {
		rows[i] = map[string]any{}
	}
	n, _ := reader.Read(rows)
	require.Equal(t, len(rows), n)
	for i, row := range rows {
		for j, name := range want[0] {
			got := fmt.Sprint(row[name])
			if x, ok := row[name].(float64); ok {
				got = strconv.FormatFloat(x, 'g', -1, 64)
			}
			assert.Equal(t, want[i+1][j], got, "row %d, %s", i, name)
		}
	}
}
