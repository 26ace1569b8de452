package schedule

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
)

// preview reads a document; the command reads it more strictly.
func preview(t *testing.T, document string, versions int, seed [32]byte) (Result, error) {
	var in Input
	require.NoError(t, json.Unmarshal([]byte(document), &in))
	return Preview(in, versions, seed)
}

func TestPreviewOfTheExample(t *testing.T) {
	document := `{"kind": "fair-equal", "contributions": {"a": 8, "b": 6.5, "c": 6, "d": 3, "e": 2, "f": 1, "g": 0, "h": -0.4}, "equality": 0.2, "grantsPerVersion": 3, "floor": 0.05}`
	seed, err := ParseSeed("7")
	require.NoError(t, err)
	got, err := preview(t, document, 200, seed)
	require.NoError(t, err)
	assert.InDelta(t, 0.710916, got.Probability["c"], 5e-7)
	assert.Equal(t, 1.0, got.Probability["a"])
	require.Len(t, got.Grants, 200)
	late := 0
	for v, g := range got.Grants {
		assert.Equal(t, v+1, g.Version)
		assert.Len(t, g.Nodes, 3)
		assert.Contains(t, g.Nodes, "a")
		for _, node := range g.Nodes {
			if node >= "d" {
				late++
			}
		}
	}
	assert.Positive(t, late, "the floor lets everyone in now and then")
	again, err := preview(t, document, 200, seed)
	require.NoError(t, err)
	assert.Equal(t, got, again)
}

func TestPreviewFillsInDefaults(t *testing.T) {
	got, err := preview(t, `{"contributions": {"a": 1, "b": 0}}`, 0, [32]byte{})
	require.NoError(t, err)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"grants":[]`)
	got, err = preview(t, `{"kind": "everyone", "contributions": {"a": 1, "b": 0}}`, 1, [32]byte{})
	require.NoError(t, err)
	assert.Equal(t, []Grants{{1, []string{"a", "b"}}}, got.Grants)
}

func TestPreviewRefusesBadInput(t *testing.T) {
	for name, row := range map[string]struct {
		text     string
		versions int
		field    string
	}{
		"no nodes": {`{}`, 1, "contributions"}, "unknown kind": {`{"kind": "fair", "contributions": {"a": 1}}`, 1, "kind"},
		"too many": {`{"contributions": {"a": 1}, "grantsPerVersion": 2}`, 1, "grantsPerVersion"}, "negative versions": {`{"contributions": {"a": 1}}`, -1, "versions"},
		"floor": {`{"contributions": {"a": 1, "b": 1}, "floor": 0.9}`, 1, "floor"},
	} {
		_, err := preview(t, row.text, row.versions, [32]byte{})
		require.Error(t, err, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
	}
	for _, text := range []string{"", "xy", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00"} {
		_, err := ParseSeed(text)
		assert.Error(t, err, text)
	}
	seed, err := ParseSeed("102")
	require.NoError(t, err)
	assert.Equal(t, []byte{1, 2}, seed[30:])
}

func FuzzPreview(f *testing.F) {
	f.Add([]byte(`{"kind": "softmax", "contributions": {"a": 8, "b": 6.5, "c": -1}, "grantsPerVersion": 2}`))
	f.Add([]byte(`{"contributions": {"a": 1, "b": 0}, "floor": 0.1, "equality": 100}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 500 {
			return
		}
		var in Input
		if json.Unmarshal(text, &in) != nil {
			return
		}
		got, err := Preview(in, 3, [32]byte{})
		if err != nil {
			return
		}
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
	})
}
