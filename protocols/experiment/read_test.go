package experiment

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// dosing is the design's example, which every reader of the documents knows.
const dosing = `apiVersion: posse/v1
kind: Experiment
metadata: {name: dosing, description: Which of three doses}
problem: {kind: arms, arms: [low, medium, high]}
reward: {moment: {order: 1.5, bound: 8}}
policy: {name: robust-elimination}
privacy: {model: silo, unit: user, epsilon: 1, delta: 1e-6, maxContributions: 10}
rounds: {trigger: {decisions: 2000}, deadline: 5s}
incentives: {payments: truthful, coverage: 0.7, reserve: 10, budget: 1000, schedule: {kind: fair-equal}}
horizon: 100000
`

func read(t *testing.T, text string) *Experiment {
	t.Helper()
	e, err := Read("f", []byte(text))
	require.NoError(t, err)
	return e
}

func TestTheDesignsExampleIsReadWithItsDefaults(t *testing.T) {
	e := read(t, dosing)
	assert.Equal(t, &Experiment{
		Name: "dosing", Description: "Which of three doses", Horizon: 100000, Pooling: SharedPooling, LocalModel: PrivateModel,
		Problem: Problem{Kind: "arms", Arms: []string{"low", "medium", "high"}},
		Reward:  Reward{Moment: &Moment{Order: mustDecimal("1.5"), Bound: mustDecimal("8")}, Deadline: 168 * time.Hour},
		Policy:  Policy{Name: "robust-elimination", Bonus: "tuned", Kappa: mustDecimal("0.1")},
		Privacy: Privacy{
			Model: dp.Silo, Unit: dp.User, Epsilon: mustDecimal("1"), Delta: mustDecimal("1e-6"),
			MaxContributions: 10, Arrival: PrivateArrival, Mechanism: "auto", FractionBits: 16,
		},
		Rounds: Rounds{Trigger: Trigger{Decisions: 2000}, Deadline: 5 * time.Second, MinContributors: 1, MaxRecords: 1_000_000},
		Incentives: &Incentives{
			Payments: "truthful", Coverage: mustDecimal("0.7"), Reserve: 10 * incentives.Credit, Budget: 1000 * incentives.Credit,
			Bids: "commitments", MinExplore: 10, MaxExplore: 10,
			Schedule: Schedule{Kind: "fair-equal", Equality: mustDecimal("0.2"), RedrawEvery: 50 * time.Second},
		},
	}, e)
}

func TestDefaultsFollowOtherFields(t *testing.T) {
	rows := []struct {
		name, from, to string
		check          func(*testing.T, *Experiment)
	}{
		{"kappa under local", "model: silo", "model: local", func(t *testing.T, e *Experiment) {
			assert.Equal(t, "0.25", e.Policy.Kappa.String())
			assert.Empty(t, e.Privacy.Mechanism)
		}},
		{"bonus with a guarantee", "{name: robust-elimination}", "{name: robust-elimination, guarantee: required}", func(t *testing.T, e *Experiment) {
			assert.Equal(t, "tight", e.Policy.Bonus)
			assert.Equal(t, "0", e.Policy.Kappa.String())
		}},
		{"arrival with unit reward", "unit: user, epsilon: 1, delta: 1e-6, maxContributions: 10", "unit: reward, epsilon: 1", func(t *testing.T, e *Experiment) {
			assert.Equal(t, PublicArrival, e.Privacy.Arrival)
			assert.Equal(t, dp.Replace, e.Neighbours())
			assert.EqualValues(t, 1, e.Privacy.MaxContributions)
		}},
		{"arrival without quotas", "{name: robust-elimination}", "{name: uniform}", func(t *testing.T, e *Experiment) {
			assert.Equal(t, PrivateArrival, e.Privacy.Arrival)
			assert.Empty(t, e.Policy.Bonus)
		}},
		{"trigger", "trigger: {decisions: 2000}, ", "", func(t *testing.T, e *Experiment) {
			assert.EqualValues(t, 2000, e.Rounds.Trigger.Decisions, "a fiftieth of the horizon")
			assert.EqualValues(t, 50, e.ExpectedRounds())
		}},
		{"exploration on a clock", "{decisions: 2000}", "{every: 1h}", func(t *testing.T, e *Experiment) {
			assert.Equal(t, time.Hour, e.Rounds.Trigger.Every)
			assert.EqualValues(t, 30, e.Incentives.MinExplore)
			assert.EqualValues(t, 30, e.Incentives.MaxExplore)
			assert.Zero(t, e.ExpectedRounds())
		}},
		{"exploration up to what is written", "{kind: fair-equal}", "{kind: fair-equal}, contribution: {maxExplore: 5}", func(t *testing.T, e *Experiment) {
			assert.EqualValues(t, 5, e.Incentives.MinExplore)
			assert.EqualValues(t, 5, e.Incentives.MaxExplore)
		}},
		{"exploration from what is written", "{kind: fair-equal}", "{kind: fair-equal}, contribution: {minExplore: 20}", func(t *testing.T, e *Experiment) {
			assert.EqualValues(t, 20, e.Incentives.MinExplore)
			assert.EqualValues(t, 20, e.Incentives.MaxExplore)
		}},
		{"the clock of late grants", "deadline: 5s", "deadline: 2s", func(t *testing.T, e *Experiment) {
			assert.Equal(t, 20*time.Second, e.Incentives.Schedule.RedrawEvery)
		}},
		{"threshold instead of coverage", "coverage: 0.7", "threshold: 0.5", func(t *testing.T, e *Experiment) {
			assert.Equal(t, "0", e.Incentives.Coverage.String())
			assert.Equal(t, "0.5", e.Incentives.Threshold.String())
		}},
		{"nobody is paid", "payments: truthful, coverage: 0.7, reserve: 10, budget: 1000", "payments: none", func(t *testing.T, e *Experiment) {
			assert.Zero(t, e.Incentives.Reserve)
			assert.Equal(t, "0", e.Incentives.Coverage.String())
			assert.Empty(t, e.Incentives.Bids)
		}},
		{"everyone gets every version", "{kind: fair-equal}", "{kind: everyone}", func(t *testing.T, e *Experiment) {
			assert.Zero(t, e.Incentives.MaxExplore)
			grants, floor := e.Incentives.Schedule.ForNodes(7)
			assert.Equal(t, 7, grants)
			assert.Equal(t, "1", floor.RatString())
		}},
		{"numbered arms", "[low, medium, high]", "3", func(t *testing.T, e *Experiment) {
			assert.Equal(t, []string{"arm-1", "arm-2", "arm-3"}, e.Problem.Arms)
		}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Contains(t, dosing, row.from)
			row.check(t, read(t, strings.Replace(dosing, row.from, row.to, 1)))
		})
	}
}

func TestTheDefaultTriggerIsRoundedUpAndBounded(t *testing.T) {
	for horizon, want := range map[string]int64{"100001": 2001, "3": 1, "1e12": 1_000_000_000} {
		text := strings.Replace(dosing, "trigger: {decisions: 2000}, ", "", 1)
		e := read(t, strings.Replace(text, "horizon: 100000", "horizon: "+horizon, 1))
		assert.Equal(t, want, e.Rounds.Trigger.Decisions)
	}
}

func TestTheLimitIsWhatPureNoiseSpends(t *testing.T) {
	e := read(t, dosing)
	require.Positive(t, e.Privacy.Delta.Sign(), "the design's example declares one")
	assert.Equal(t, dp.Spend{NanoEpsilon: dp.NanoPerEpsilon}, e.Limit())
	cost, err := mustLayout(t, e).RecordSpend()
	require.NoError(t, err)
	all, err := cost.Times(uint64(e.Privacy.MaxContributions))
	require.NoError(t, err)
	assert.False(t, all.Exceeds(e.Limit()), "a user may give all that she may")
}

func mustLayout(t *testing.T, e *Experiment) statistics.Layout {
	t.Helper()
	l, err := e.layout()
	require.NoError(t, err)
	return l
}

func TestNumbersAreExact(t *testing.T) {
	e := read(t, strings.Replace(dosing, "epsilon: 1,", "epsilon: 0.1,", 1))
	assert.Equal(t, "1/10", e.Privacy.Epsilon.Rat().RatString(), "not the float64 next to it")
	assert.Equal(t, "1/1000000", e.Privacy.Delta.Rat().RatString())
	e = read(t, strings.Replace(dosing, "reserve: 10,", "reserve: 0.000001,", 1))
	assert.EqualValues(t, 1, e.Incentives.Reserve)
	e = read(t, strings.Replace(dosing, "horizon: 100000", "horizon: 1e5", 1))
	assert.EqualValues(t, 100000, e.Horizon)
}

func TestJSONIsReadWithTabs(t *testing.T) {
	text := "{\n\t\"apiVersion\": \"posse/v1\",\n\t\"kind\": \"Experiment\",\n\t\"metadata\": {\"name\": \"j\"},\n" +
		"\t\"problem\": {\"kind\": \"arms\", \"arms\": [\"a\", \"b\\u00e9\"]},\n\t\"reward\": {\"range\": [0, 1], \"clip\": true},\n" +
		"\t\"policy\": {\"name\": \"uniform\"},\n\t\"privacy\": {\"model\": \"local\", \"unit\": \"reward\", \"epsilon\": 2},\n\t\"horizon\": 1000\n}\n"
	e := read(t, text)
	assert.Equal(t, []string{"a", "bé"}, e.Problem.Arms)
	assert.True(t, e.Reward.Clip)
	_, err := Read("f", []byte(strings.Replace(text, "\"horizon\": 1000", "\"horizon\": 0", 1)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "horizon")
}

// file draws the text of a valid experiment.
func file(t *rapid.T) string {
	pick := func(label string, texts ...string) string { return rapid.SampledFrom(texts).Draw(t, label) }
	number := func(label string, low, high int) int { return rapid.IntRange(low, high).Draw(t, label) }
	var b strings.Builder
	say := func(format string, arguments ...any) { fmt.Fprintf(&b, format+"\n", arguments...) }
	say("apiVersion: posse/v1\nkind: Experiment")
	description := rapid.StringOfN(rapid.Rune(), 0, 20, -1).Draw(t, "description")
	say("metadata: {name: n%d, description: %q}", number("name", 0, 999), strings.ToValidUTF8(description, "?"))
	arms := number("arms", 1, 12)
	say("problem: {kind: arms, arms: %d}", arms)
	say("horizon: %d", number("horizon", arms, 1_000_000))
	say("reward: {%s}", pick("reward", "range: [0, 1]", "range: [-1.5, 1e3], clip: true", "moment: {order: 1.000001, bound: 0.17}", "moment: {order: 2, bound: 1e6}, deadline: 90m"))
	model := pick("model", "silo", "local")
	policy := pick("policy", "{name: uniform}", "{name: robust-elimination}", "{name: robust-elimination, params: {bonus: tight}, guarantee: required}", "{name: robust-elimination, params: {kappa: 0.3}}")
	say("policy: %s", policy)
	unit := pick("unit", "unit: reward", fmt.Sprintf("unit: user, maxContributions: %d", number("contributions", 1, 1000)))
	say("privacy: {model: %s, %s, epsilon: 0.%03d, delta: %s%s}", model, unit, number("epsilon", 1, 999), pick("delta", "0", "1e-9", "0.001"),
		pick("arrival", "", ", arrival: public", ", arrival: private", ", fractionBits: 20"))
	if trigger := pick("trigger", "", fmt.Sprintf("{decisions: %d}", number("decisions", 1, 100_000)), "{every: 90s}"); trigger != "" {
		say("rounds: {trigger: %s, deadline: %dms, maxRecords: 1e5}", trigger, number("deadline", 100, 100_000))
	}
	say("%s", pick("incentives", "", "incentives: {payments: none}", "incentives: {reserve: 10, budget: 1000}",
		"incentives: {reserve: 0.25, budget: 1000.000001, threshold: 0.9, bids: public, schedule: {kind: everyone}}",
		"incentives: {reserve: 1, budget: 1e6, contribution: {minExplore: 3}, schedule: {grantsPerVersion: 2, floor: 0, equality: 1e-3}}"))
	return b.String()
}

func TestTheCanonicalFormReadsBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, err := Read("f", []byte(file(t)))
		if err != nil {
			t.Fatalf("a drawn file is refused: %v", Problems(err))
		}
		again, err := Read("canonical", e.Canonical())
		if err != nil {
			t.Fatalf("the canonical form is refused: %v\n%s", Problems(err), e.Canonical())
		}
		assert.Equal(t, e, again)
		assert.Equal(t, string(e.Canonical()), string(again.Canonical()))
		assert.Equal(t, e.Digest(), again.Digest())
		assert.True(t, e.Equal(again))
	})
}

func TestAChangedFieldChangesTheDigest(t *testing.T) {
	a := read(t, dosing)
	b := read(t, strings.Replace(dosing, "epsilon: 1,", "epsilon: 1.000000001,", 1))
	assert.NotEqual(t, a.Digest(), b.Digest())
	assert.False(t, a.Equal(b))
	c := read(t, strings.Replace(dosing, "epsilon: 1,", "epsilon: 1.00,", 1))
	assert.Equal(t, a.Digest(), c.Digest(), "the same number in other words")
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{dosing, everyField, "a: &x 1\nb: *x\n", "? [a]\n: {b}\n", "- - - {a: [", "a: |\n  b\n--- \n", "{\"a\": \"\\ud800\"}", "\ufeffa: 'b\n  c'\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Read("f", data)
		if err != nil {
			problems := Problems(err)
			require.NotEmpty(t, problems)
			for _, p := range problems {
				require.NotEmpty(t, p.Message)
				require.NotEmpty(t, p.Reason)
			}
			return
		}
		again, err := Read("canonical", e.Canonical())
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}
