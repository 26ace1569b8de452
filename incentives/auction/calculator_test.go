package auction

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	posse "github.com/posse-dev/posse"
)

const documentOne = `{"prior": {"lambda": 1}, "threshold": 0.5, "reserve": 50000000, "offers": [
	{"node": "a", "bid": 4000000, "counts": [3, 0]}, {"node": "b", "bid": 5000000, "counts": [0, 3]},
	{"node": "c", "bid": 2000000.0, "counts": [1, 1]}, {"node": "d", "bid": 20000000, "counts": [3, 3]}]}`

// calculate settles a document; the command reads it more strictly.
func calculate(t *testing.T, document, explain string) (Result, error) {
	var in Input
	require.NoError(t, json.Unmarshal([]byte(document), &in))
	return Calculate(in, explain)
}

func TestCalculatorSettlesTheFirstExample(t *testing.T) {
	result, err := calculate(t, documentOne, "")
	require.NoError(t, err)
	text, err := json.Marshal(result)
	require.NoError(t, err)
	assert.JSONEq(t, `{"winners": ["c", "a", "b", "d"], "payments": {"a": 15755321, "b": 15755321, "c": 12877123, "d": 50000000},
		"pivotal": ["d"], "excluded": {}, "determinantRatio": 1, "informationShare": 1, "socialCost": 31000000, "totalPaid": 94387765, "reserveCost": 200000000, "infeasible": false}`, string(text))
}

func TestCalculatorReadsGramsAndWhatIsPublished(t *testing.T) {
	linear := strings.NewReplacer("[3, 0]", "[[3,0],[0,0]]", "[0, 3]", "[[0,0],[0,3]]", "[1, 1]", "[[1,0],[0,1]]", "[3, 3]", "[[3,0],[0,3]]", "counts", "gram").Replace(documentOne)
	a, err := calculate(t, linear, "")
	require.NoError(t, err)
	assert.Equal(t, []string{"c", "a", "b", "d"}, a.Winners)

	published := strings.Replace(documentOne, `{"lambda": 1}`, `{"lambda": 1, "counts": [1e9, 1e9]}`, 1)
	b, err := calculate(t, published, "")
	require.NoError(t, err)
	assert.Empty(t, b.Winners, "half the ratio is reached before anything is bought")

	none, err := calculate(t, `{"prior": {"lambda": 1}, "coverage": 0.7, "reserve": 1, "offers": []}`, "")
	require.NoError(t, err)
	text, err := json.Marshal(none)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"winners":[]`)
}

func TestCalculatorNamesTheFieldOfWhatIsWrong(t *testing.T) {
	offer := `{"node": "a", "bid": 1, "counts": [1]}`
	document := func(head, offers string) string { return "{" + head + `, "offers": [` + offers + "]}" }
	good := `"prior": {"lambda": 1}, "coverage": 0.7, "reserve": 10`
	for name, row := range map[string]struct{ text, reason, field string }{
		"no reserve":             {document(`"prior": {"lambda": 1}, "coverage": 0.7`, offer), "FIELD_MISSING", "reserve"},
		"no prior":               {document(`"coverage": 0.7, "reserve": 10`, offer), "FIELD_MISSING", "prior.lambda"},
		"no lambda":              {document(`"prior": {}, "coverage": 0.7, "reserve": 10`, offer), "FIELD_MISSING", "prior.lambda"},
		"negative lambda":        {document(`"prior": {"lambda": -1}, "coverage": 0.7, "reserve": 10`, offer), "FIELD_OUT_OF_RANGE", "prior.lambda"},
		"lambda 0":               {document(`"prior": {"lambda": 0}, "coverage": 0.7, "reserve": 10`, offer), "FIELD_OUT_OF_RANGE", "prior.lambda"},
		"no target":              {document(`"prior": {"lambda": 1}, "reserve": 10`, offer), "FIELD_MISSING", "coverage"},
		"target 0":               {document(`"prior": {"lambda": 1}, "reserve": 10, "coverage": 0`, offer), "FIELD_OUT_OF_RANGE", "coverage"},
		"both targets":           {document(good+`, "threshold": 0.5`, offer), "FIELD_CONFLICT", "threshold"},
		"negative reserve":       {document(`"prior": {"lambda": 1}, "coverage": 0.7, "reserve": -1`, offer), "FIELD_OUT_OF_RANGE", "reserve"},
		"no bid":                 {document(good, `{"node": "a", "counts": [1]}`), "FIELD_MISSING", "offers[0].bid"},
		"negative bid":           {document(good, `{"node": "a", "bid": -1, "counts": [1]}`), "FIELD_OUT_OF_RANGE", "offers[0].bid"},
		"no node":                {document(good, `{"bid": 1, "counts": [1]}`), "FIELD_OUT_OF_RANGE", "offers[0].node"},
		"node twice":             {document(good, offer+","+offer), "FIELD_OUT_OF_RANGE", "offers[1].node"},
		"no information":         {document(good, `{"node": "a", "bid": 1}`), "FIELD_MISSING", "offers[0].counts"},
		"both kinds":             {document(good, `{"node": "a", "bid": 1, "counts": [1], "gram": [[1]]}`), "FIELD_CONFLICT", "offers[0].gram"},
		"no arms":                {document(good, `{"node": "a", "bid": 1, "counts": []}`), "FIELD_OUT_OF_RANGE", "offers[0].dimension"},
		"negative count":         {document(good, `{"node": "a", "bid": 1, "counts": [-1]}`), "FIELD_OUT_OF_RANGE", "offers[0].counts[0]"},
		"another dimension":      {document(good, offer+`,{"node": "b", "bid": 1, "counts": [1, 2]}`), "FIELD_OUT_OF_RANGE", "offers[1].information"},
		"ragged gram":            {document(good, `{"node": "a", "bid": 1, "gram": [[1, 0], [0]]}`), "FIELD_OUT_OF_RANGE", "offers[0].gram[1]"},
		"asymmetric gram":        {document(good, `{"node": "a", "bid": 1, "gram": [[1, 0], [1, 1]]}`), "FIELD_OUT_OF_RANGE", "offers[0].gram"},
		"indefinite gram":        {document(good, `{"node": "a", "bid": 1, "gram": [[1, 2], [2, 1]]}`), "FIELD_OUT_OF_RANGE", "offers[0].gram"},
		"prior of another shape": {document(`"prior": {"lambda": 1, "counts": [1, 2]}, "coverage": 0.7, "reserve": 10`, offer), "FIELD_OUT_OF_RANGE", "offers[0].information"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := calculate(t, row.text, "")
			require.Error(t, err)
			assert.Equal(t, row.reason, posse.As(err).Reason)
			assert.Equal(t, row.field, posse.As(err).Field)
		})
	}
}

func TestExplainTellsEachNodeItsOwnStory(t *testing.T) {
	document := strings.Replace(documentOne, `"offers": [`, `"offers": [{"node": "e", "bid": 50000001, "counts": [1, 1]}, {"node": "f", "bid": 0, "counts": [0, 0]},`, 1)
	for node, want := range map[string]string{
		"a": "set by another node's offer", "d": "can't cover", "e": "above the announced reserve of 50 credits", "f": "adds no information",
	} {
		result, err := calculate(t, document, node)
		require.NoError(t, err)
		assert.Contains(t, result.Explanation, want)
		for _, bid := range []string{" 4 credits", " 5 credits", " 2 credits", " 20 credits", "50.000001"} {
			assert.NotContains(t, result.Explanation, bid, "nobody's bid, its own neither")
		}
	}
	cheap := strings.Replace(documentOne, `"threshold": 0.5`, `"coverage": 0.3`, 1)
	result, err := calculate(t, cheap, "d")
	require.NoError(t, err)
	assert.Contains(t, result.Explanation, "more information for each credit")
	_, err = calculate(t, documentOne, "zz")
	assert.Equal(t, posse.NotFound, posse.As(err).Code)
}

func FuzzCalculate(f *testing.F) {
	f.Add([]byte(documentOne))
	f.Add([]byte(`{"prior":{"lambda":1,"gram":[[1]]},"coverage":1,"reserve":9,"offers":[{"node":"a","bid":1,"gram":[[2]]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2000 {
			return // enough shapes; large ones only take time
		}
		var in Input
		if json.Unmarshal(text, &in) != nil {
			return
		}
		result, err := Calculate(in, "")
		if err != nil {
			return
		}
		if result.TotalPaid < result.SocialCost {
			t.Fatalf("paid %d for costs of %d", result.TotalPaid, result.SocialCost)
		}
		if _, err := json.Marshal(result); err != nil {
			t.Fatal(err)
		}
	})
}
