package main

import (
	stdjson "encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives/auction"
	"github.com/posse-dev/posse/incentives/schedule"
)

type sheet struct {
	Bid   float64 `json:"bid"`
	Inner struct {
		List []float64 `json:"list"`
	} `json:"inner"`
}

func TestDecodeReadsOneDocument(t *testing.T) {
	var got sheet
	require.NoError(t, decode([]byte(" {\"bid\": 4,\n \"inner\": {\"list\": [1, 2]}} \n"), &got))
	assert.Equal(t, 4.0, got.Bid)
	assert.Equal(t, []float64{1, 2}, got.Inner.List)
}

func TestDecodeRefusesAndPointsWithoutRepeatingValues(t *testing.T) {
	for name, row := range map[string]struct {
		text, reason, field string
		line                int
	}{
		"nothing":              {"", "MALFORMED", "", 1},
		"not JSON":             {"{\"bid\": 4,\n oops}", "MALFORMED", "", 2},
		"not finished":         {"{\"bid\": 4", "MALFORMED", "", 1},
		"an unknown field":     {`{"bids": 4}`, "UNKNOWN_FIELD", "bids", 0},
		"a field twice":        {"{\"bid\": 4,\n\"bid\": 5}", "DUPLICATE_FIELD", "bid", 2},
		"a field twice inside": {`{"inner": {"list": [], "list": []}}`, "DUPLICATE_FIELD", "inner.list", 1},
		"another type":         {`{"bid": "7777"}`, "FIELD_TYPE", "bid", 1},
		"a number beyond":      {`{"bid": 7777e9999}`, "FIELD_TYPE", "bid", 1},
		"another type inside":  {`{"inner": {"list": 7777}}`, "FIELD_TYPE", "inner.list", 1},
		"in a list":            {`{"inner": {"list": [1, "7777"]}}`, "FIELD_TYPE", "inner.list[1]", 1},
		"a list":               {`[1]`, "FIELD_TYPE", "", 1},
		"NaN":                  {`{"bid": NaN}`, "MALFORMED", "", 1},
		"two documents":        {"{}\n{}", "MALFORMED", "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			err := decode([]byte(row.text), &sheet{})
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

func TestDecodeReadsTheCalculatorsDocuments(t *testing.T) {
	for name, row := range map[string]struct {
		text          string
		into          any
		reason, field string
	}{
		"an auction's unknown field": {`{"reverse": 1}`, &auction.Input{}, "UNKNOWN_FIELD", "reverse"},
		"half a micro-credit":        {`{"offers": [{"node": "a", "bid": 0.5}]}`, &auction.Input{}, "FIELD_TYPE", "offers[0].bid"},
		"a bid in quotes":            {`{"offers": [{"node": "a", "bid": "7777"}]}`, &auction.Input{}, "FIELD_TYPE", "offers[0].bid"},
		"a reserve beyond":           {`{"reserve": 77777777777777777777777}`, &auction.Input{}, "FIELD_TYPE", "reserve"},
		"a schedule's unknown field": {`{"contributions": {"a": 1}, "k": 1}`, &schedule.Input{}, "UNKNOWN_FIELD", "k"},
		"a node twice":               {`{"contributions": {"a": 1, "a": 2}}`, &schedule.Input{}, "DUPLICATE_FIELD", "contributions.a"},
	} {
		err := decode([]byte(row.text), row.into)
		require.Error(t, err, name)
		assert.Equal(t, row.reason, posse.As(err).Reason, name)
		assert.Equal(t, row.field, posse.As(err).Field, name)
		assert.NotContains(t, err.Error(), "7777", name)
	}
	var in auction.Input
	require.NoError(t, decode([]byte(`{"reserve": 4.0, "offers": []}`), &in))
	assert.Equal(t, auction.Money(4), *in.Reserve, "4.0 is whole")
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"bid": 4}`, `{"inner": {"list": [1]}}`, `[[`, `{"a":{"a":{}}}`, `"`, `{}{}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var strict, loose sheet
		if decode(text, &strict) != nil {
			return
		}
		if err := stdjson.Unmarshal(text, &loose); err != nil {
			t.Fatalf("accepted %q, which is not one JSON document: %v", text, err)
		}
	})
}
