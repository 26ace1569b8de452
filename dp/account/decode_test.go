package account

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

func TestDecodeEventsIsStrict(t *testing.T) {
	list, err := DecodeEvents([]byte(`{"events":[{"mechanism":"gaussian","sigma":4,"count":3},{"mechanism":"laplace","scale":2,"neighbours":"remove"}]}`))
	require.NoError(t, err)
	assert.Equal(t, []Event{
		{Mechanism: Gaussian, Sigma: 4, Count: 3, Sensitivity: 1, Sampling: 1, Neighbours: dp.ZeroOut},
		{Mechanism: Laplace, Scale: 2, Count: 1, Sensitivity: 1, Sampling: 1, Neighbours: dp.ZeroOut},
	}, list)
	for name, row := range map[string]struct{ text, reason string }{
		"not JSON":        {`{`, "MALFORMED"},
		"unknown key":     {`{"events":[{"mechanism":"gaussian","sigma":1,"sgima":2}]}`, "MALFORMED"},
		"two values":      {`{"events":[{"mechanism":"gaussian","sigma":1}]} {}`, "MALFORMED"},
		"negative count":  {`{"events":[{"mechanism":"gaussian","sigma":1,"count":-1}]}`, "MALFORMED"},
		"no events":       {`{}`, "FIELD_OUT_OF_RANGE"},
		"unknown word":    {`{"events":[{"mechanism":"geometric","sigma":1}]}`, "FIELD_UNKNOWN_VALUE"},
		"bad neighbours":  {`{"events":[{"mechanism":"gaussian","sigma":1,"neighbours":"add"}]}`, "FIELD_UNKNOWN_VALUE"},
		"two relations":   {`{"events":[{"mechanism":"gaussian","sigma":1},{"mechanism":"gaussian","sigma":1,"neighbours":"replace"}]}`, "FIELD_OUT_OF_RANGE"},
		"negative sigma":  {`{"events":[{"mechanism":"gaussian","sigma":-1}]}`, "FIELD_OUT_OF_RANGE"},
		"two parameters":  {`{"events":[{"mechanism":"gaussian","sigma":1,"rho":1}]}`, "FIELD_NOT_APPLICABLE"},
		"a string number": {`{"events":[{"mechanism":"gaussian","sigma":"1"}]}`, "MALFORMED"},
	} {
		_, err := DecodeEvents([]byte(row.text))
		require.Error(t, err, name)
		assert.Equal(t, row.reason, posse.As(err).Reason, name)
	}
}

func FuzzDecodeEvents(f *testing.F) {
	f.Add([]byte(`{"events":[{"mechanism":"gaussian","sigma":4,"count":3,"sampling":0.5}]}`))
	f.Add([]byte(`{"events":[{"mechanism":"zcdp","rho":1e-3,"neighbours":"replace"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := DecodeEvents(data)
		if err != nil {
			return
		}
		text, err := json.Marshal(map[string]any{"events": list})
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeEvents(text)
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

func TestMeaningAsSpecified(t *testing.T) {
	m, err := Explain(1, 0)
	require.NoError(t, err)
	fromAbove(t, math.E, m.OddsFactor, 1e-11)
	assert.InDelta(t, 0.731059, m.MembershipGuessAtMost, 1e-6)
	assert.InDelta(t, 0.135914, m.TruePositiveAtMost, 1e-6)
	m, err = Explain(100, 0.5)
	require.NoError(t, err)
	assert.LessOrEqual(t, m.MembershipGuessAtMost, 1.0)
	assert.LessOrEqual(t, m.TruePositiveAtMost, 1.0)
	m, err = Explain(0, 0.25)
	require.NoError(t, err)
	assert.InDelta(t, 0.625, m.MembershipGuessAtMost, 1e-9) // ½ + δ/2
	_, err = Explain(-1, 0)
	assert.Error(t, err)
	_, err = Explain(1, math.NaN())
	assert.Error(t, err)
}
