package auction

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// copied returns an outcome that can be tampered with.
func copied(out Outcome) Outcome {
	out.Winners, out.Payments = slices.Clone(out.Winners), maps.Clone(out.Payments)
	return out
}

func violations(found []Discrepancy) int {
	n := 0
	for _, d := range found {
		if d.Violation {
			n++
		}
	}
	return n
}

func TestVerifyAcceptsEverySettlement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		assert.Empty(t, Verify(s.rule, s.offers, settleMust(s.rule, s.offers), AuditTolerance()))
	})
}

func TestVerifyCatchesEveryTampering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		out := settleMust(s.rule, s.offers)
		for i, node := range out.Winners {
			for name, tamper := range map[string]func(*Outcome){
				"more money": func(o *Outcome) { o.Payments[node] += 2 + o.Payments[node]/1e6 },
				"less money": func(o *Outcome) { o.Payments[node] -= 2 + o.Payments[node]/1e6 },
				"no payment": func(o *Outcome) { delete(o.Payments, node) },
				"a stranger": func(o *Outcome) { o.Winners[i] = "stranger" },
				"left out":   func(o *Outcome) { o.Winners = slices.Delete(o.Winners, i, i+1) },
				"twice":      func(o *Outcome) { o.Winners = append(o.Winners, node) },
				"share":      func(o *Outcome) { o.ShareUnits -= 100 },
			} {
				bad := copied(out)
				tamper(&bad)
				assert.Positive(t, violations(Verify(s.rule, s.offers, bad, AuditTolerance())), name)
			}
		}
		for _, offer := range s.offers {
			if !slices.Contains(out.Winners, offer.Node) {
				bad := copied(out)
				bad.Payments[offer.Node] = 1
				assert.Positive(t, violations(Verify(s.rule, s.offers, bad, AuditTolerance())), "a loser is paid")
				bad = copied(out)
				bad.Winners = append(bad.Winners, offer.Node)
				bad.Payments[offer.Node] = offer.Bid
				assert.Positive(t, violations(Verify(s.rule, s.offers, bad, AuditTolerance())), "a loser wins")
			}
		}
	})
}

func TestVerifyNotesWhatFloatsOfAnotherProcessorMayDo(t *testing.T) {
	rule := Rule{Prior: statistics.Counts(1, 1), Threshold: 0.5, Reserve: 50 * credit}
	out := copied(settleMust(rule, exampleOne()))
	out.Payments["a"]++
	out.ShareUnits--
	found := Verify(rule, exampleOne(), out, AuditTolerance())
	require.Len(t, found, 2)
	assert.Zero(t, violations(found))

	// Two offers whose cross-products differ by less than 1e-9 may come in either order.
	offers := []incentives.Offer{arms("a", 4_000_000_000, 3, 0), arms("b", 4_000_000_001, 0, 3)}
	swapped := copied(settleMust(Rule{Coverage: 1, Reserve: incentives.MaxCredits}, offers))
	require.Equal(t, []string{"a", "b"}, swapped.Winners)
	slices.Reverse(swapped.Winners)
	found = Verify(Rule{Coverage: 1, Reserve: incentives.MaxCredits}, offers, swapped, AuditTolerance())
	require.Len(t, found, 1)
	assert.False(t, found[0].Violation)

	offers[1].Bid *= 2
	far := copied(settleMust(Rule{Coverage: 1, Reserve: incentives.MaxCredits}, offers))
	slices.Reverse(far.Winners)
	assert.Positive(t, violations(Verify(Rule{Coverage: 1, Reserve: incentives.MaxCredits}, offers, far, AuditTolerance())))
}

func TestVerifyReportsARuleThatCanNotBe(t *testing.T) {
	found := Verify(Rule{Coverage: 2}, nil, Outcome{}, AuditTolerance())
	require.Len(t, found, 1)
	assert.Equal(t, "coverage", found[0].Field)
	assert.True(t, found[0].Violation)
}

func TestVerifyOfAnEmptyRound(t *testing.T) {
	rule := Rule{Coverage: 1, Reserve: 1}
	assert.Empty(t, Verify(rule, nil, settleMust(rule, nil), AuditTolerance()))
	assert.Positive(t, violations(Verify(rule, nil, Outcome{Winners: []string{"a"}, ShareUnits: 1 << 32}, AuditTolerance())))
}
