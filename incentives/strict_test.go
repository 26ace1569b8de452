package incentives_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
)

type document struct {
	Bid   float64 `json:"bid"`
	Inner struct {
		List []float64 `json:"list"`
	} `json:"inner"`
}

func TestReadStrictReadsOneDocument(t *testing.T) {
	var got document
	require.NoError(t, incentives.ReadStrict([]byte(" {\"bid\": 4,\n \"inner\": {\"list\": [1, 2]}} \n"), &got))
	assert.Equal(t, 4.0, got.Bid)
	assert.Equal(t, []float64{1, 2}, got.Inner.List)
}

func TestReadStrictRefusesAndPointsWithoutRepeatingValues(t *testing.T) {
	for name, row := range map[string]struct {
		text, reason, field string
		line                int
	}{
		"nothing":              {"", "MALFORMED", "", 1},
		"not JSON":             {"{\"bid\": 4,\n oops}", "MALFORMED", "", 2},
		"not finished":         {"{\"bid\": 4", "MALFORMED", "", 1},
		"an unknown field":     {`{"bids": 4}`, "UNKNOWN_FIELD", "bids", 0},
		"a field twice":        {"{\"bid\": 4,\n\"bid\": 5}", "DUPLICATE_FIELD", "bid", 2},
		"a field twice inside": {`{"inner": {"list": [], "list": []}}`, "DUPLICATE_FIELD", "list", 1},
		"another type":         {`{"bid": "7777"}`, "FIELD_TYPE", "bid", 1},
		"a number beyond":      {`{"bid": 7777e9999}`, "FIELD_TYPE", "bid", 1},
		"another type inside":  {`{"inner": {"list": 7777}}`, "FIELD_TYPE", "inner.list", 1},
		"a list":               {`[1]`, "FIELD_TYPE", "", 1},
		"NaN":                  {`{"bid": NaN}`, "MALFORMED", "", 1},
		"two documents":        {"{}\n{}", "MALFORMED", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			err := incentives.ReadStrict([]byte(row.text), &document{})
			require.Error(t, err)
			e := posse.As(err)
			assert.Equal(t, posse.InvalidArgument, e.Code)
			assert.Equal(t, row.reason, e.Reason)
			assert.Equal(t, row.field, e.Field)
			assert.Equal(t, row.line, e.Line)
			assert.NotContains(t, e.Error(), "7777")
			assert.NotEmpty(t, e.Message)
		})
	}
}

func FuzzReadStrict(f *testing.F) {
	for _, seed := range []string{`{"bid": 4}`, `{"inner": {"list": [1]}}`, `[[`, `{"a":{"a":{}}}`, `"`, `{}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var strict, loose document
		if incentives.ReadStrict(text, &strict) != nil {
			return
		}
		if err := json.Unmarshal(text, &loose); err != nil {
			t.Fatalf("accepted %q, which is not one JSON document: %v", text, err)
		}
	})
}
