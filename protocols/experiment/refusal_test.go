package experiment

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

// everyField is a valid file that writes every field that can be written together,
// one a line.
const everyField = `apiVersion: posse/v1
kind: Experiment
metadata:
  name: dosing
  description: Which of three doses
horizon: 100000
node:
  localModel: private
problem:
  kind: arms
  arms: [low, medium, high]
reward:
  moment:
    order: 1.5
    bound: 8
  deadline: 24h
policy:
  name: robust-elimination
  params:
    bonus: tuned
    kappa: 0.1
  guarantee: none
privacy:
  model: silo
  unit: user
  epsilon: 1
  delta: 1e-6
  maxContributions: 10
  arrival: private
  mechanism: auto
  fractionBits: 16
rounds:
  trigger:
    decisions: 2000
  deadline: 5s
  minContributors: 1
  maxRecords: 10000
incentives:
  payments: truthful
  coverage: 0.7
  reserve: 10
  budget: 1000
  bids: commitments
  contribution:
    minExplore: 5
    maxExplore: 10
  schedule:
    kind: fair-equal
    equality: 0.2
    grantsPerVersion: 4
    floor: 0.05
    redrawEvery: 50s
`

// edited returns the file with one line, counted from 1, replaced by a text; an
// empty text takes the line away.
func edited(line int, text string) string {
	lines := strings.SplitAfter(everyField, "\n")
	if text != "" {
		text += "\n"
	}
	lines[line-1] = text
	return strings.Join(lines, "")
}

func TestEachBadValueIsRefusedWithItsFieldLineAndReason(t *testing.T) {
	const outOfRange, wrongType, unknownValue = "FIELD_OUT_OF_RANGE", "FIELD_TYPE", "FIELD_UNKNOWN_VALUE"
	const refused, missing, notApplicable = "COMBINATION_REFUSED", "FIELD_MISSING", "FIELD_NOT_APPLICABLE"
	rows := []struct {
		line    int    // the line that is replaced
		text    string // by what
		field   string
		reason  string
		at      int    // the line of the problem
		message string // a part of it
	}{
		{1, "apiVersion: posse/v2", "apiVersion", unknownValue, 1, `"posse/v2" is not one of posse/v1`},
		{1, "", "apiVersion", missing, 1, "apiVersion: required"},
		{2, "kind: Scenario", "kind", unknownValue, 2, "is not one of Experiment"},
		{4, "  name: Dosing", "metadata.name", outOfRange, 4, "lower-case"},
		{4, "  name: dosing-", "metadata.name", outOfRange, 4, "lower-case"},
		{4, "  name: 7", "metadata.name", wrongType, 4, "must be a string, got a number"},
		{4, "  labels: {}", "metadata.labels", "UNKNOWN_FIELD", 4, "is not a field"},
		{5, "  description: " + strings.Repeat("é", 1001), "metadata.description", outOfRange, 5, "out of range"},
		{5, "  description: [a]", "metadata.description", wrongType, 5, "must be a string, got a list"},
		{6, "horizon: 2", "horizon", outOfRange, 6, "at least the number of arms (3)"},
		{6, "horizon: 1e13", "horizon", outOfRange, 6, "out of range"},
		{6, "horizon: 1000.5", "horizon", outOfRange, 6, "whole number"},
		{6, `horizon: "1000"`, "horizon", wrongType, 6, "must be a number, got a string"},
		{6, "horizon: 0x10", "horizon", wrongType, 6, "decimal number"},
		{6, "horizon: 100_000", "horizon", wrongType, 6, "decimal number"},
		{6, "horizon: 0100", "horizon", wrongType, 6, "decimal number"},
		{6, "horizon:", "horizon", "FIELD_EMPTY", 6, "horizon has no value"},
		{6, "", "horizon", missing, 1, "horizon: required"},
		{8, "  localModel: public", "node.localModel", unknownValue, 8, `"public" is not one of private, raw`},
		{8, "  pooling: some", "node.pooling", unknownValue, 8, `"some" is not one of shared, partial`},
		{10, "  kind: linear", "problem.kind", unknownValue, 10, `"linear" is not one of arms`},
		{10, "  kind: yes", "problem.kind", unknownValue, 10, `"yes" is not one of arms`},
		{11, "  arms: [low, medium, low]", "problem.arms[2]", outOfRange, 11, `duplicate arm "low"`},
		{11, "  arms: []", "problem.arms", outOfRange, 11, "out of range"},
		{11, "  arms: [a, 2]", "problem.arms[1]", wrongType, 11, "must be a string, got a number"},
		{11, `  arms: [a, ""]`, "problem.arms[1]", outOfRange, 11, "printable"},
		{11, `  arms: [a, "b\u0007"]`, "problem.arms[1]", outOfRange, 11, "printable"},
		{11, "  arms: [a, " + strings.Repeat("x", 65) + "]", "problem.arms[1]", outOfRange, 11, "1 to 64"},
		{11, "  arms: [a, ~]", "problem.arms[1]", "FIELD_EMPTY", 11, "has no value"},
		{11, "  arms: low", "problem.arms", wrongType, 11, "must be a list of names or a number, got a string"},
		{11, "  arms: 0", "problem.arms", outOfRange, 11, "out of range"},
		{11, "  arms: 2.5", "problem.arms", outOfRange, 11, "whole number"},
		{11, "  arms: 2000", "problem.arms", "LIMIT_EXCEEDED", 11, "1,024"},
		{11, "  arms: 20000", "problem.arms", outOfRange, 11, "out of range"},
		{11, "  winner: copeland", "problem.winner", "UNKNOWN_FIELD", 11, "is not a field"},
		{13, "  range: [0, 1]\n  moment:", "reward.moment", "FIELD_CONFLICT", 14, "reward.range and reward.moment"},
		{13, "  clip: true\n  moment:", "reward.clip", notApplicable, 13, "applies to reward.range only"},
		{14, "    order: 1", "reward.moment.order", outOfRange, 14, "out of range"},
		{14, "    order: 2.1", "reward.moment.order", outOfRange, 14, "out of range"},
		{14, "", "reward.moment.order", missing, 13, "required with reward.moment"},
		{15, "    bound: 0", "reward.moment.bound", outOfRange, 15, "out of range"},
		{15, "    bound: .inf", "reward.moment.bound", wrongType, 15, "finite"},
		{15, "    bound: .nan", "reward.moment.bound", wrongType, 15, "finite"},
		{15, "    bound: estimate", "reward.moment.bound", wrongType, 15, "must be a number, got a string"},
		{15, "    bound: 1e999999999999", "reward.moment.bound", outOfRange, 15, "exponent"},
		{16, "  deadline: 0s", "reward.deadline", outOfRange, 16, "out of range"},
		{16, "  deadline: 7d", "reward.deadline", wrongType, 16, "must be a duration"},
		{16, "  deadline: 5", "reward.deadline", wrongType, 16, "must be a duration such as 5s or 168h, got a number"},
		{16, "  baseline: 1", "reward.baseline", "UNKNOWN_FIELD", 16, "is not a field"},
		{16, "  combineBeforeTruncation: true", "reward.combineBeforeTruncation", "UNKNOWN_FIELD", 16, "is not a field"},
		{18, "  name: robust-eliminaton", "policy.name", unknownValue, 18, "is not one of robust-elimination"},
		{18, "  name: ucb1\n  #", "policy.name", refused, 18, "ucb1 is not available under privacy.model silo"},
		{20, "    bonus: theory", "policy.params.bonus", unknownValue, 20, "is not one of tight, tuned"},
		{20, "    bonus: tight", "policy.params.kappa", notApplicable, 21, "policy.params.bonus: tuned"},
		{20, "    gamma: 1", "policy.params.gamma", "UNKNOWN_FIELD", 20, "is not a field"},
		{21, "    kappa: 11", "policy.params.kappa", outOfRange, 21, "out of range"},
		{22, "  guarantee: yes please", "policy.guarantee", unknownValue, 22, "is not one of none, required"},
		{22, "  guarantee: required", "policy.guarantee", refused, 22, "tuned bonuses have no guarantee"},
		{24, "  model: silos", "privacy.model", unknownValue, 24, `"silos" is not one of local, silo`},
		{24, "  model: central", "privacy.model", unknownValue, 24, "is not one of local, silo"},
		{24, "  model: none", "privacy.model", refused, 24, "none runs only in posse sim"},
		{24, "  model: local", "privacy.mechanism", notApplicable, 30, "privacy.model: silo"},
		{25, "  unit: reward", "privacy.maxContributions", notApplicable, 28, "privacy.unit: user"},
		{25, "  unit: person", "privacy.unit", unknownValue, 25, "is not one of reward, user"},
		{26, "  epsilon: 0", "privacy.epsilon", outOfRange, 26, "privacy.epsilon is out of range"},
		{26, "  epsilon: -1", "privacy.epsilon", outOfRange, 26, "out of range"},
		{26, "  epsilon: 20.000000001", "privacy.epsilon", outOfRange, 26, "out of range"},
		{26, "  epsilon: true", "privacy.epsilon", wrongType, 26, "must be a number, got a boolean"},
		{26, "  epsilon: {a: 1}", "privacy.epsilon", wrongType, 26, "must be a number, got a map"},
		{26, "  epsilon: 9e-9", "privacy.epsilon", refused, 26, "smallest spend"},
		{26, "  epsilom: 1", "privacy.epsilom", "UNKNOWN_FIELD", 26, "did you mean privacy.epsilon?"},
		{27, "  delta: 0.01", "privacy.delta", outOfRange, 27, "out of range"},
		{28, "", "privacy.maxContributions", missing, 23, "required with privacy.unit: user"},
		{28, "  maxContributions: 0", "privacy.maxContributions", outOfRange, 28, "out of range"},
		{29, "  arrival: secret", "privacy.arrival", unknownValue, 29, "is not one of public, private"},
		{30, "  mechanism: gauss", "privacy.mechanism", unknownValue, 30, "is not one of auto"},
		{30, "  mechanism: discrete-gaussian", "privacy.mechanism", refused, 30, "not available for robust-elimination"},
		{31, "  fractionBits: 3", "privacy.fractionBits", outOfRange, 31, "out of range"},
		{31, "  fractionBits: 40\n  filter: zcdp", "privacy.filter", "UNKNOWN_FIELD", 32, "is not a field"},
		{34, "    # neither", "rounds.trigger", "FIELD_EMPTY", 33, "has no value"},
		{34, "    decisions: 0", "rounds.trigger.decisions", outOfRange, 34, "out of range"},
		{34, "    decisions: 10\n    every: 1h", "rounds.trigger.every", "FIELD_CONFLICT", 35, "only one of them"},
		{34, "    every: 1ms", "rounds.trigger.every", outOfRange, 34, "out of range"},
		{34, "    publishedDeterminantRatio: 1.5", "rounds.trigger.publishedDeterminantRatio", "UNKNOWN_FIELD", 34, "is not a field"},
		{35, "  deadline: 99ms", "rounds.deadline", outOfRange, 35, "out of range"},
		{36, "  minContributors: 0", "rounds.minContributors", outOfRange, 36, "out of range"},
		{37, "  maxRecords: 2e9", "rounds.maxRecords", outOfRange, 37, "out of range"},
		{39, "  payments: fixed-price", "incentives.payments", unknownValue, 39, "is not one of truthful, none"},
		{39, "  payments: none", "incentives.coverage", notApplicable, 40, "incentives.payments: truthful"},
		{40, "  coverage: 0", "incentives.coverage", outOfRange, 40, "out of range"},
		{40, "  coverage: 0.7\n  threshold: 0.5", "incentives.threshold", "FIELD_CONFLICT", 41, "only one of them"},
		{40, "  threshold: 1.5", "incentives.threshold", outOfRange, 40, "out of range"},
		{41, "  reserve: 0.0000001", "incentives.reserve", outOfRange, 41, "more than six decimals"},
		{41, "  reserve: 1000001", "incentives.reserve", outOfRange, 41, "out of range"},
		{41, "", "incentives.reserve", missing, 38, "required with incentives.payments: truthful"},
		{42, "  budget: 0.5", "incentives.budget", refused, 42, "pays no round"},
		{42, "  budget: 1e10", "incentives.budget", outOfRange, 42, "out of range"},
		{42, "", "incentives.budget", missing, 38, "required with incentives.payments: truthful"},
		{43, "  bids: sealed", "incentives.bids", unknownValue, 43, "is not one of commitments, public"},
		{45, "    minExplore: 0", "incentives.contribution.minExplore", outOfRange, 45, "out of range"},
		{46, "    maxExplore: 4", "incentives.contribution.maxExplore", outOfRange, 46, "below minExplore"},
		{48, "    kind: softmax", "incentives.schedule.kind", unknownValue, 48, "is not one of fair-equal, everyone"},
		{48, "    kind: everyone", "incentives.contribution.minExplore", notApplicable, 45, "fair-equal"},
		{49, "    equality: 0", "incentives.schedule.equality", outOfRange, 49, "out of range"},
		{50, "    grantsPerVersion: 0", "incentives.schedule.grantsPerVersion", outOfRange, 50, "out of range"},
		{51, "    floor: 1.1", "incentives.schedule.floor", outOfRange, 51, "out of range"},
		{52, "    redrawEvery: 1ms", "incentives.schedule.redrawEvery", outOfRange, 52, "out of range"},
		{9, "budget: 1\nproblem:", "budget", "UNKNOWN_FIELD", 9, "did you mean incentives.budget?"},
		{17, "policy: {name: uniform, params: {kappa: 1}}\nnodes:", "policy.params.kappa", notApplicable, 17, "robust-elimination"},
	}
	_, err := Read("base", []byte(everyField))
	require.NoError(t, err, "the file that the rows are made from is valid")
	seen := map[string]bool{}
	for _, row := range rows {
		t.Run(row.field+" "+row.text, func(t *testing.T) {
			_, err := Read("bad.yaml", []byte(edited(row.line, row.text)))
			require.Error(t, err)
			var found *posse.Error
			for _, p := range posse.As(err).Problems {
				if p.Field == row.field && p.Reason == row.reason {
					found = p
					break
				}
			}
			require.NotNil(t, found, "problems: %v", Problems(err))
			assert.Equal(t, row.at, found.Line)
			assert.Positive(t, found.Column)
			assert.Equal(t, "bad.yaml", found.File)
			assert.Contains(t, found.Message, row.message)
			assert.Equal(t, posse.InvalidArgument, found.Code)
		})
		seen[strings.SplitN(row.field, "[", 2)[0]] = true
	}
	for _, f := range Fields() {
		// reward.range has a test of its own: this file has a moment
		if f.Type != "block" && f.Path != "reward.range" {
			assert.True(t, seen[f.Path], "no row makes %s bad", f.Path)
		}
	}
}

func TestRangesOfRewardsAreRefused(t *testing.T) {
	for text, message := range map[string]string{
		"{range: [1, 0]}":               "the first number must be below the second",
		"{range: [1, 1.0]}":             "the first number must be below the second",
		"{range: [0]}":                  "must have two numbers, got 1",
		"{range: 1}":                    "must be a list, got a number",
		`{range: [0, "1"]}`:             "must be a number, got a string",
		"{range: [0, .inf]}":            "finite decimal",
		"{range: [0, 1e13]}":            "out of range",
		"{range: [0, 1], clip: yes}":    "must be a boolean, got a string",
		"{deadline: 5s}":                "reward.range: required, or reward.moment",
		"{moment: {order: 2}}":          "reward.moment.bound: required",
		"{range: [0, 1], support: [1]}": "reward.support is not a field",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Read("f", []byte(strings.Replace(dosing, "{moment: {order: 1.5, bound: 8}}", text, 1)))
			require.Error(t, err)
			p := posse.As(err)
			assert.Contains(t, p.Message, message)
			assert.Equal(t, 5, p.Line)
		})
	}
}

func TestWhatNoFieldMayContainIsRefused(t *testing.T) {
	deep := strings.Repeat("{a: ", 33) + "1" + strings.Repeat("}", 33)
	rows := []struct{ name, text, reason, message string }{
		{"a tab", "apiVersion: posse/v1\nmetadata:\n\tname: x\n", "YAML_SYNTAX", "line 3, column 1"},
		{"an open bracket", "apiVersion: [\n", "YAML_SYNTAX", "line 1"},
		{"bad UTF-8", "a: 1\nb: \xff\n", "YAML_SYNTAX", "line 2, column 4: not UTF-8"},
		{"nothing", "", "YAML_SYNTAX", "the file is empty"},
		{"a comment", "# hello\n", "YAML_SYNTAX", "the file is empty"},
		{"an anchor", "horizon: &a 5\n", "YAML_FEATURE", "anchors are not allowed"},
		{"an alias", "horizon: &a 5\nkind: *a\n", "YAML_FEATURE", "aliases are not allowed"},
		{"a tag", "horizon: !!int 5\n", "YAML_FEATURE", "tags are not allowed"},
		{"a merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", "YAML_FEATURE", "merge keys are not allowed"},
		{"a second document", dosing + "---\n" + dosing, "YAML_FEATURE", "second documents are not allowed"},
		{"a key of more than a word", "? a\n: b\n", "YAML_FEATURE", "keys that are not plain words"},
		{"a key twice", dosing + "horizon: 5\n", "DUPLICATE_FIELD", "on lines 10 and 11"},
		{"a nested key twice", strings.Replace(dosing, "unit: user,", "unit: user, model: local,", 1), "DUPLICATE_FIELD", "privacy.model is written twice"},
		{"a megabyte", dosing + "# " + strings.Repeat("x", 1<<20), "FILE_TOO_LARGE", "1 MiB"},
		{"33 levels", deep, "FILE_TOO_LARGE", "32 deep"},
		{"a million brackets", strings.Repeat("[", 1_000_000), "FILE_TOO_LARGE", "32 deep"},
		{"a million dashes", strings.Repeat("- ", 500_000), "FILE_TOO_LARGE", "32 deep"},
		{"a million question marks", strings.Repeat("? a\n", 250_000), "YAML_FEATURE", "keys that are not plain words"},
		{"a million tags", strings.Repeat("!a ", 340_000), "YAML_FEATURE", "tags"},
		{"a million documents", strings.Repeat("---\n", 250_000), "YAML_FEATURE", "second documents"},
		{"a million items", "a: [" + strings.Repeat("a,", 500_000) + "]", "FILE_TOO_LARGE", "100,000 words"},
		{"many keys", strings.Repeat("a: 1\n", 2000), "FILE_TOO_LARGE", "1,000 keys"},
		{"a list", "- a\n", "FIELD_TYPE", "must be a map of fields, got a list"},
		{"a word", "hello\n", "FIELD_TYPE", "must be a map of fields, got a string"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := Read("bad.yaml", []byte(row.text))
			require.Error(t, err)
			var messages []string
			for _, p := range posse.As(err).Problems {
				if p.Reason == row.reason {
					messages = append(messages, p.Message)
				}
			}
			assert.Contains(t, strings.Join(messages, "\n"), row.message, "problems: %v", Problems(err))
		})
	}
}

func TestPoliciesWithoutPrivateSumsAreRefusedWithWhatIsAllowed(t *testing.T) {
	for _, name := range []string{"ucb1", "thompson-beta", "thompson-gaussian"} {
		for model, allowed := range map[string]string{
			"silo": "robust-elimination | uniform | dp-robust-ucb | adap-ucb | adap-klucb | dp-se", "local": "robust-elimination | uniform | ldp-ucb",
		} {
			text := strings.Replace(dosing, "robust-elimination", name, 1)
			_, err := Read("f", []byte(strings.Replace(text, "model: silo", "model: "+model, 1)))
			require.Error(t, err)
			p := posse.As(err)
			assert.Equal(t, "COMBINATION_REFUSED", p.Reason)
			assert.Equal(t, "policy.name", p.Field)
			assert.Equal(t, name+" is not available under privacy.model "+model, p.Message)
			assert.Equal(t, allowed, p.Allowed)
		}
	}
}

func TestBlocksThatAreNoBlocksAreRefused(t *testing.T) {
	for _, row := range []struct{ from, to, field, reason string }{
		{"{trigger: {decisions: 2000}, deadline: 5s}", "{trigger: {}}", "rounds.trigger.decisions", "FIELD_MISSING"},
		{"{trigger: {decisions: 2000}, deadline: 5s}", "{trigger: 2000}", "rounds.trigger", "FIELD_TYPE"},
		{"{trigger: {decisions: 2000}, deadline: 5s}", "[]", "rounds", "FIELD_TYPE"},
		{"{name: robust-elimination}", "robust-elimination", "policy", "FIELD_TYPE"},
		{"metadata: {name: dosing, description: Which of three doses}", "node: {}", "metadata", "FIELD_MISSING"},
		{"{name: dosing, description: Which of three doses}", "{}", "metadata.name", "FIELD_MISSING"},
		{"incentives: {payments: truthful", "incentives: {payments: null", "incentives.payments", "FIELD_EMPTY"},
		{"schedule: {kind: fair-equal}", "schedule: fair-equal", "incentives.schedule", "FIELD_TYPE"},
	} {
		require.Contains(t, dosing, row.from)
		_, err := Read("f", []byte(strings.Replace(dosing, row.from, row.to, 1)))
		require.Error(t, err)
		p := posse.As(err)
		assert.Equal(t, row.field, p.Field)
		assert.Equal(t, row.reason, p.Reason)
	}
}

func TestRawIsRefusedUnderLocal(t *testing.T) {
	_, err := Read("f", []byte(strings.Replace(dosing, "model: silo", "model: local", 1)+"node: {localModel: raw}\n"))
	require.Error(t, err)
	p := posse.As(err)
	assert.Equal(t, "COMBINATION_REFUSED", p.Reason)
	assert.Equal(t, "node.localModel", p.Field)
	assert.Equal(t, "under local there is nothing raw", p.Message)
}

func TestPoolingIsRefusedWhereNodesCannotDiffer(t *testing.T) {
	_, err := Read("f", []byte(strings.Replace(dosing, "robust-elimination", "uniform", 1)+"node: {pooling: partial}\n"))
	require.Error(t, err)
	p := posse.As(err)
	assert.Equal(t, "COMBINATION_REFUSED", p.Reason)
	assert.Equal(t, "node.pooling", p.Field)
	assert.Equal(t, "node.pooling: nodes can't differ under uniform", p.Message)
	for _, model := range []string{"silo", "local"} {
		e, err := Read("f", []byte(strings.Replace(dosing, "model: silo", "model: "+model, 1)+"node: {pooling: partial}\n"))
		if model == "local" {
			e, err = Read("f", []byte(strings.Replace(strings.Replace(dosing, "model: silo", "model: local", 1), ", delta: 1e-6", "", 1)+"node: {pooling: partial}\n"))
		}
		require.NoError(t, err)
		assert.True(t, e.Settings().Pooling)
	}
}

func TestGaussianNoiseWithoutDeltaIsRefused(t *testing.T) {
	_, err := Read("f", []byte(strings.Replace(dosing, "delta: 1e-6", "mechanism: discrete-gaussian", 1)))
	require.Error(t, err)
	p := posse.As(err)
	assert.Equal(t, "privacy.delta", p.Field)
	assert.Equal(t, "COMBINATION_REFUSED", p.Reason)
	assert.Contains(t, p.Message, "Gaussian noise needs delta > 0")
}

func TestOverflowIsRefusedWithTheLargestValueThatFits(t *testing.T) {
	// 2^30 records of 2^40 units are past 2^62 and so is half of that: 31 bits would
	// be 2^61 and fit, 32 bits are 2^62 and do not. 1e9 < 2^30 lets 32 bits fit.
	text := strings.Replace(dosing, "delta: 1e-6", "fractionBits: 40", 1)
	_, err := Read("f", []byte(strings.Replace(text, "deadline: 5s", "deadline: 5s, maxRecords: 1e9", 1)))
	require.Error(t, err)
	p := posse.As(err)
	assert.Equal(t, "privacy.fractionBits", p.Field)
	assert.Equal(t, "COMBINATION_REFUSED", p.Reason)
	assert.Equal(t, "[4, 32]", p.Allowed)
	assert.Equal(t, 7, p.Line)

	text = strings.Replace(text, "fractionBits: 40", "fractionBits: 32", 1)
	_, err = Read("f", []byte(strings.Replace(text, "deadline: 5s", "deadline: 5s, maxRecords: 1e9", 1)))
	assert.NoError(t, err, "what is said to fit does")
}

func TestNoiseCountsTowardsOverflow(t *testing.T) {
	// (2^22 − 1)·2^40 alone is below 2^62, by one record; 64σ is more than that
	text := replaced(t, "delta: 1e-6", "fractionBits: 40", "deadline: 5s", "deadline: 5s, maxRecords: 4194303")
	_, err := Read("f", []byte(text))
	require.Error(t, err)
	assert.Equal(t, "privacy.fractionBits", posse.As(err).Field)
	assert.Equal(t, "[4, 39]", posse.As(err).Allowed)
	_, err = Read("f", []byte(strings.Replace(text, "model: silo", "model: local", 1)))
	assert.NoError(t, err, "under local a report takes no noise")

	// a Laplace scale is at most 2^50: 10^6·2^34/20 fits, 10^6·2^35/20 does not
	text = replaced(t, "delta: 1e-6", "fractionBits: 40", "epsilon: 1,", "epsilon: 20,", "maxContributions: 10", "maxContributions: 1e6",
		"deadline: 5s", "deadline: 5s, maxRecords: 1")
	_, err = Read("f", []byte(text))
	require.Error(t, err)
	assert.Equal(t, "[4, 34]", posse.As(err).Allowed)
}

func TestDepthIsCountedWhereColumnsDoNotShowIt(t *testing.T) {
	// a list may stand under its key's own column: n maps and n lists in n columns
	nested := func(n int) string {
		var b strings.Builder
		b.WriteString("a:\n")
		for i := range n - 1 {
			b.WriteString(strings.Repeat("  ", i) + "- a:\n")
		}
		return b.String() + strings.Repeat("  ", n-1) + "- 1\n"
	}
	reasons := func(text string) string {
		_, err := Read("f", []byte(text))
		require.Error(t, err)
		var out []string
		for _, p := range posse.As(err).Problems {
			out = append(out, p.Reason)
		}
		return strings.Join(out, " ")
	}
	assert.NotContains(t, reasons(nested(15)), "FILE_TOO_LARGE", "31 levels")
	assert.Contains(t, reasons(nested(16)), "FILE_TOO_LARGE", "33 levels")
}

func TestAtMostTwentyProblemsAreListedInTheOrderOfTheFile(t *testing.T) {
	text := dosing
	for _, key := range strings.Split("q1 q2 q3 q4 q5 q6 q7 q8 q9 r1 r2 r3 r4 r5 r6 r7 r8 r9 s1 s2 s3 s4 s5", " ") {
		text += key + ": 1\n"
	}
	_, err := Read("f", []byte(text))
	require.Error(t, err)
	problems := posse.As(err).Problems
	require.Len(t, problems, 21)
	for i, p := range problems[:20] {
		assert.Equal(t, 11+i, p.Line)
		assert.Equal(t, "UNKNOWN_FIELD", p.Reason)
	}
	assert.Equal(t, "and 3 more", problems[20].Message)
}

func TestOtherKindsOfTheSpecificationAreRefusedByName(t *testing.T) {
	for _, kind := range []string{"linear", "episodic", "duels", "subsets", "recovering", "shared", "budgeted-arm", "bidding", "strategic", "preference", "channel", "best-arm"} {
		_, err := Read("f", []byte(strings.Replace(dosing, "kind: arms", "kind: "+kind, 1)))
		require.Error(t, err)
		p := posse.As(err)
		assert.Equal(t, "FIELD_UNKNOWN_VALUE", p.Reason)
		assert.Equal(t, "problem.kind", p.Field)
		assert.Equal(t, "arms", p.Allowed)
	}
}
