package account

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// events reads a list as it stands in an event file.
func events(text []byte) ([]Event, error) {
	var list []Event
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	return normalEvents(list)
}

func TestEventsAreReadWithTheirDefaults(t *testing.T) {
	list, err := events([]byte(`[{"mechanism":"gaussian","sigma":4,"count":3},{"mechanism":"laplace","scale":2,"neighbours":"remove"}]`))
	require.NoError(t, err)
	assert.Equal(t, []Event{
		{Mechanism: Gaussian, Sigma: 4, Count: 3, Sensitivity: 1, Sampling: 1, Neighbours: dp.ZeroOut},
		{Mechanism: Laplace, Scale: 2, Count: 1, Sensitivity: 1, Sampling: 1, Neighbours: dp.ZeroOut},
	}, list)
	for name, row := range map[string]struct{ text, reason string }{
		"no events":      {`[]`, "FIELD_OUT_OF_RANGE"},
		"unknown word":   {`[{"mechanism":"geometric","sigma":1}]`, "FIELD_UNKNOWN_VALUE"},
		"bad neighbours": {`[{"mechanism":"gaussian","sigma":1,"neighbours":"add"}]`, "FIELD_UNKNOWN_VALUE"},
		"two relations":  {`[{"mechanism":"gaussian","sigma":1},{"mechanism":"gaussian","sigma":1,"neighbours":"replace"}]`, "FIELD_OUT_OF_RANGE"},
		"negative sigma": {`[{"mechanism":"gaussian","sigma":-1}]`, "FIELD_OUT_OF_RANGE"},
		"two parameters": {`[{"mechanism":"gaussian","sigma":1,"rho":1}]`, "FIELD_NOT_APPLICABLE"},
	} {
		_, err := events([]byte(row.text))
		require.Error(t, err, name)
		assert.Equal(t, row.reason, posse.As(err).Reason, name)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`[{"mechanism":"gaussian","sigma":4,"count":3,"sampling":0.5}]`))
	f.Add([]byte(`[{"mechanism":"zcdp","rho":1e-3,"neighbours":"replace"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := events(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		again, err := events(text)
		if err != nil || len(again) != len(list) || again[0] != list[0] {
			t.Fatalf("%s: %v", text, err)
		}
		for _, e := range list {
			if r, ok := e.rho(); ok && !(r >= 0) {
				t.Fatalf("ρ %v of %v", r, e)
			}
		}
	})
}
