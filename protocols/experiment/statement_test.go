package experiment

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

var update = flag.Bool("update", false, "write the golden files of this package")

// statements are the experiments with a golden statement: model, unit, and what
// fixes neighbours.
func statements(t *testing.T) map[string]string {
	reward := "unit: reward, epsilon: 1"
	user := "unit: user, epsilon: 1, delta: 1e-6, maxContributions: 10"
	return map[string]string{
		"silo-user":          dosing,
		"silo-user-public":   replaced(t, user, user+", arrival: public"),
		"silo-reward":        replaced(t, user, reward),
		"silo-reward-hidden": replaced(t, user, reward+", arrival: private", "{decisions: 2000}", "{every: 1h}"),
		"local-user":         replaced(t, user, user, "model: silo", "model: local", "{moment: {order: 1.5, bound: 8}}", "{range: [0, 1]}"),
		"local-reward":       replaced(t, user, reward, "model: silo", "model: local"),
	}
}

func golden(t *testing.T, name, first, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got = first + "\n" + got
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "go test ./protocols/experiment -update writes it")
	assert.Equal(t, string(want), got)
}

func TestStatementsAreAsReviewed(t *testing.T) {
	for name, text := range statements(t) {
		t.Run(name, func(t *testing.T) {
			s := Explain(read(t, text))
			asJSON, err := json.MarshalIndent(s, "", "  ")
			require.NoError(t, err)
			const first = "A change of this file changes what users are promised: review it as prose."
			golden(t, "statement-"+name+".txt", first, s.Text()+"\n"+string(asJSON)+"\n")
		})
	}
}

// TestEveryNumberOfAStatementFollowsFromTheFile computes each number again, from
// the file's own numbers and the formulas of README 3, private-learning 4 and 9 and
// privacy 6.
func TestEveryNumberOfAStatementFollowsFromTheFile(t *testing.T) {
	up := 1 + 2e-12 // a statement rounds up, by less than anyone can see
	for name, text := range statements(t) {
		for _, epsilon := range []string{"1", "0.5", "0.3", "7.25"} {
			t.Run(name+" "+epsilon, func(t *testing.T) {
				e := read(t, strings.Replace(text, "epsilon: 1", "epsilon: "+epsilon, 1))
				s := Explain(e)
				eps := e.Privacy.Epsilon.Float64()
				contributions := 1.0
				if strings.Contains(name, "user") {
					contributions = 10
					require.NotNil(t, s.Unit.MaxContributions)
					assert.EqualValues(t, 10, *s.Unit.MaxContributions)
				} else {
					assert.Nil(t, s.Unit.MaxContributions)
				}
				replace := strings.HasPrefix(name, "local") || name == "silo-user-public" || name == "silo-reward"
				record := 65536.0 // 2^16: zero-out of a record in ±2^16
				if replace {
					record *= 2
				}
				assert.Equal(t, map[bool]string{true: "replace", false: "remove"}[replace], s.Neighbours)
				assert.Equal(t, epsilon, s.Guarantee.Epsilon.String())
				assert.Equal(t, epsilon, s.Guarantee.OverHorizon.Epsilon.String())
				assert.Zero(t, s.Guarantee.Delta)
				assert.Zero(t, s.Guarantee.OverHorizon.Delta)
				if name == "silo-reward-hidden" {
					assert.Nil(t, s.Guarantee.OverHorizon.Releases)
				} else {
					assert.EqualValues(t, 50, *s.Guarantee.OverHorizon.Releases)
				}
				release := s.Guarantee.PerRelease[0]
				if strings.HasPrefix(name, "local") {
					assert.Equal(t, "local-dp", s.Guarantee.Definition)
					assert.Equal(t, "duchi", release.Mechanism)
					assert.InEpsilon(t, eps/contributions, release.EpsilonAlone, 1e-12)
				} else {
					assert.Equal(t, "pure-dp", s.Guarantee.Definition)
					assert.Equal(t, "discrete-laplace", release.Mechanism)
					assert.Equal(t, contributions*record, release.Sensitivity)
					assert.InEpsilon(t, contributions*record/eps, release.Scale, 1e-12)
					assert.InEpsilon(t, eps, release.EpsilonAlone, 1e-12)
				}
				assert.GreaterOrEqual(t, s.Meaning.OddsFactor, math.Exp(eps))
				assert.LessOrEqual(t, s.Meaning.OddsFactor, math.Exp(eps)*up)
				assert.InEpsilon(t, 1/(1+math.Exp(-eps)), s.Meaning.MembershipGuessAtMost, 2e-12)
				assert.InEpsilon(t, min(1, 0.05*math.Exp(eps), 1-0.95*math.Exp(-eps)), s.Meaning.TruePositiveAtMost, 2e-12)
			})
		}
	}
}

func TestTheStatementAndTheNoiseAreOneValue(t *testing.T) {
	for name, text := range statements(t) {
		e := read(t, text)
		n := e.Noise()
		require.Len(t, n.Blocks, 1, name)
		b := n.Blocks[0]
		release := Explain(e).Guarantee.PerRelease[0]
		assert.Equal(t, release.Mechanism, b.Noise.String())
		parameter := new(big.Rat).SetFrac(new(big.Int).SetUint64(b.Num), new(big.Int).SetUint64(b.Den))
		if b.Noise == statistics.DuchiPerRecord {
			assert.Zero(t, parameter.Cmp(n.PerRecord), name)
			assert.Equal(t, dp.Replace, n.Neighbours)
			continue
		}
		// the loss of a record, sensitivity over scale, is what a record is charged
		loss := new(big.Rat).Quo(new(big.Rat).SetInt(new(big.Int).SetUint64(b.L1)), parameter)
		assert.Zero(t, loss.Cmp(n.PerRecord), name)
		assert.Equal(t, floatUp(parameter), release.Scale)
	}
}

func TestPrintedBoundsAreRoundedUp(t *testing.T) {
	for x, want := range map[float64]string{1: "1", math.E: "2.719", 0.731058578630005: "0.7311", 0.13591: "0.1360", 1234.5: "1235", 0.99999: "1", 22026.47: "2.203e+04"} {
		got := roundedUp(x)
		var back float64
		_, err := fmt.Sscan(got, &back)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, back, x)
		var expected float64
		_, err = fmt.Sscan(want, &expected)
		require.NoError(t, err)
		assert.InEpsilon(t, expected, back, 1e-12, got)
	}
}

func TestTheListsFollowTheMechanism(t *testing.T) {
	texts := statements(t)
	hidden, public, local := Explain(read(t, texts["silo-reward-hidden"])), Explain(read(t, texts["silo-reward"])), Explain(read(t, texts["local-user"]))
	const arrived = "whether a decision was rewarded"
	assert.Contains(t, hidden.Protected, arrived)
	assert.NotContains(t, hidden.NotProtected, arrived)
	assert.NotContains(t, public.Protected, arrived)
	assert.Contains(t, public.NotProtected, arrived)
	assert.Contains(t, local.NotProtected, arrived)
	assert.Equal(t, []string{"value of each reward"}, local.Protected)
	for _, text := range texts {
		s := Explain(read(t, text))
		for _, p := range s.Protected {
			assert.NotContains(t, s.NotProtected, p)
		}
		assert.Contains(t, s.NotProtected, "a node's bid, payment and cost")
	}
	unpaid := Explain(read(t, replaced(t, "payments: truthful, coverage: 0.7, reserve: 10, budget: 1000", "payments: none")))
	assert.NotContains(t, unpaid.NotProtected, "a node's bid, payment and cost")
	apart := "in which of the arms a node differs from the others, as far as noise lets it be seen"
	assert.Contains(t, Explain(read(t, replaced(t, "horizon:", "node: {pooling: partial}\nhorizon:"))).NotProtected, apart)
	assert.NotContains(t, Explain(read(t, dosing)).NotProtected, apart)
	raw := Explain(read(t, replaced(t, "horizon:", "node: {localModel: raw}\nhorizon:")))
	assert.Contains(t, raw.NotProtected, "users of one node from each other, through its choices")
}
