package coordinator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/coordinator/verify"
	"github.com/posse-dev/posse/protocols/checkpoint"
)

// mutated returns every version of a JSON value with one of its numbers changed, and
// what was changed.
func mutated(value any, path string) (out []any, where []string) {
	switch v := value.(type) {
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, nil
		}
		plus := int64(2) // beyond what floats of another processor may do
		if n > 1_000_000 {
			plus = 1_000_000
		}
		return []any{json.Number(fmt.Sprint(n + plus))}, []string{path}
	case []any:
		for i, x := range v {
			changed, at := mutated(x, path)
			for k := range changed {
				list := slices.Clone(v)
				list[i] = changed[k]
				out, where = append(out, any(list)), append(where, at[k])
			}
		}
	case map[string]any:
		for key, x := range v {
			changed, at := mutated(x, path+"."+key)
			for k := range changed {
				object := map[string]any{}
				for other, y := range v {
					object[other] = y
				}
				object[key] = changed[k]
				out, where = append(out, any(object)), append(where, at[k])
			}
		}
	}
	return out, where
}

// Every number of a leaf that touches money, changed by itself in a log that is whole
// and signed, is caught by the audit of payments.
func TestEveryChangedNumberAboutMoneyIsCaught(t *testing.T) {
	c := newCluster(t, 1)
	var nodes []*node
	for i := range 4 {
		nodes = append(nodes, c.enrol(fmt.Sprintf("n%d", i), uint64(10*(i+1))))
	}
	c.apply(strings.Replace(experimentFile, "budget: 1000", "budget: 1000, bids: public", 1), 4)
	for i, n := range nodes {
		go n.run(t.Context(), int64(1_000_000*(i+1)))
	}
	require.Eventually(t, func() bool { return c.version() >= 3 }, 20*time.Second, time.Millisecond)
	var leaves []checkpoint.Leaf
	for _, raw := range c.bundle().Leaves {
		leaf, err := checkpoint.DecodeLeaf(raw)
		require.NoError(t, err)
		if leaf.Kind != "cosign_checkpoint" {
			leaves = append(leaves, leaf)
		}
	}
	// Clocks, which nothing follows from.
	clocks := []string{".now", ".offerBy", ".reportBy"}
	tried := map[string]int{}
	for i, leaf := range leaves {
		switch leaf.Kind {
		case "apply_experiment", "open_round", "settle", "publish", "abort_round", "close_experiment":
		default:
			continue
		}
		var view map[string]any
		decoder := json.NewDecoder(bytes.NewReader(leaf.View))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&view))
		bodies, where := mutated(view["body"], "")
		for k, body := range bodies {
			if slices.Contains(clocks, where[k]) {
				continue
			}
			l := &lie{t: t, leaves: slices.Clone(leaves)}
			text, err := json.Marshal(map[string]any{"time": view["time"], "body": body})
			require.NoError(t, err)
			l.leaves[i].View = text
			tried[leaf.Kind+where[k]]++
			assert.Equal(t, "violated", verify.AuditPayments(l.signed()).Verdict, "leaf %d: %s%s", i, leaf.Kind, where[k])
		}
	}
	t.Log(tried)
	for _, must := range []string{
		"apply_experiment.funded", "open_round.reserve", "open_round.nodes", "open_round.round", "settle.winners.amount", "settle.round", "settle.share",
		"publish.round", "publish.version", "publish.contributions.units", "publish.quotas.units",
	} {
		assert.Positive(t, tried[must], must)
	}
}
