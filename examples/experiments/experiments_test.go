// Package experiments_test holds the files of this folder to what their statements say.
package experiments_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/protocols/experiment"
)

func read(t *testing.T, name, text string) *experiment.Experiment {
	t.Helper()
	e, err := experiment.Read(name, []byte(text))
	require.NoError(t, err)
	return e
}

// promises says of each example, by hand, what its statement must and must not say.
var promises = map[string]struct {
	rawSeenBy   string // who sees raw rewards
	unit        string // what is protected
	records     string // of a user who comes back, what happens to them
	hundred     string // the ε of a user who comes back a hundred times
	neighbours  string
	guess       string // even odds before, right with probability at most
	unprotected []string
	absent      []string // sentences of other models
}{
	"dosing.yaml": {
		"own node.", "a user with all her records", "of which 2 at most are learnt from; the rest is not learnt from",
		"promised the same, epsilon 1 for all of it",
		"a unit adds nothing", "0.7311",
		[]string{"users of one node from that node's operator", "a person with two pseudonyms"},
		[]string{"k records cost up to k times epsilon", "local-dp"},
	},
	"reminder.yaml": {
		"own node.", "a user with all her records", "of which 1 at most are learnt from; the rest is not learnt from",
		"promised the same, epsilon 0.5 for all of it",
		"a unit adds nothing", "0.6225",
		[]string{"the arm of each decision", "timing of decisions"},
		[]string{"whether a decision was rewarded", "local-dp"},
	},
	"solver.yaml": {
		"own node.", "one record: one decision with its reward", "a user's loss grows with the number of her records: k records cost up to k times epsilon",
		"promised epsilon 100 for all of it, 1 for each time",
		"a unit's values are others", "0.7311",
		[]string{"a person by all her records together", "whether a decision was rewarded"},
		[]string{"pseudonym counts at one node", "local-dp"},
	},
	"wording.yaml": {
		"own node, until the record is randomised on arrival.", "one record: one decision with its reward",
		"a user's loss grows with the number of her records: k records cost up to k times epsilon",
		"promised epsilon 100 for all of it, 1 for each time",
		"a unit's values are others", "0.7311",
		[]string{"whether a decision was rewarded", "the arm of each decision"},
		[]string{"users of one node from that node's operator", "pure-dp"},
	},
	"exercise.yaml": {
		"own node, until the record is randomised on arrival.", "a user with all her records", "of which 4 at most are learnt from; the rest is not learnt from",
		"promised the same, epsilon 4 for all of it",
		"a unit's values are others", "0.9821",
		[]string{"a person with two pseudonyms", "that a node takes part"},
		[]string{"users of one node from that node's operator", "pure-dp"},
	},
}

func TestExamplesSayWhatTheyPromise(t *testing.T) {
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(promises))
	models, units, rewards := map[string]int{}, map[string]int{}, map[string]int{}
	for _, name := range files {
		want, ok := promises[name]
		require.True(t, ok, "%s is not in the table", name)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		e := read(t, name, string(text))
		assert.Equal(t, strings.TrimSuffix(name, ".yaml"), e.Name)
		models[e.Privacy.Model.String()]++
		units[e.Privacy.Unit.String()]++
		if e.Settings().Moment != nil {
			rewards["moment"]++
		} else {
			rewards["range"]++
		}
		// a node and a coordinator can begin with it
		shared, err := catalogue.Default().Shared(e.Policy.Name, e.Settings())
		require.NoError(t, err, name)
		_, err = shared.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 2)
		require.NoError(t, err, name)
		require.NoError(t, e.CheckNodes(2), name)

		said := experiment.Explain(e).Text()
		for _, sentence := range append([]string{
			"raw rewards are seen by: " + want.rawSeenBy + "\n", want.unit, want.records, want.hundred, want.neighbours,
			"at even odds before, is right with probability " + want.guess + " at most",
			"Amplification by sampling is claimed: none", "not seeded",
		}, want.unprotected...) {
			assert.Contains(t, said, sentence, name)
		}
		for _, sentence := range want.absent {
			assert.NotContains(t, said, sentence, name)
		}
	}
	for _, seen := range []map[string]int{models, units, rewards} {
		assert.Len(t, seen, 2, "%v: both kinds have an example", seen)
	}
}

// A statement follows its file: one word changed, and each sentence that is no longer
// true is another one.
func TestStatementsFollowTheirFile(t *testing.T) {
	text, err := os.ReadFile("dosing.yaml")
	require.NoError(t, err)
	sentences := func(text string) map[string]bool {
		set := map[string]bool{}
		for line := range strings.Lines(experiment.Explain(read(t, "dosing.yaml", text)).Text()) {
			set[line] = true
		}
		return set
	}
	before := sentences(string(text))
	for _, row := range []struct {
		change []string // old, new, old, new
		starts []string // of the sentences that are no longer true, all of them
	}{
		{[]string{"epsilon: 1\n", "epsilon: 2\n"}, []string{
			"The guarantee is", "Each report takes", "A node makes", "A user who comes back 100 times", "Whoever sees everything", "A guess whether", "A test with",
		}},
		{[]string{"maxContributions: 2", "maxContributions: 3"}, []string{"Each report takes", "Protected is a user"}},
		{[]string{"maxContributions: 2", "maxContributions: 2\n  arrival: public"}, []string{
			"Each report takes", "Compared are worlds", "Protected:", "No epsilon covers:", "A guess whether", "A test with",
		}},
		{[]string{"decisions: 2000", "decisions: 4000"}, []string{"A node makes", "Side channel, round count"}},
		{[]string{"  maxContributions: 2\n", "", "unit: user ", "unit: reward "}, []string{
			"Losses are counted", "Protected is", "A user who comes back 100 times", "A pseudonym counts", "Compared are worlds", "Protected:", "No epsilon covers:",
			"A guess whether", "A test with",
		}},
	} {
		changed := strings.NewReplacer(row.change...).Replace(string(text))
		require.NotEqual(t, string(text), changed)
		after := sentences(changed)
		for line := range before {
			starts := func(start string) bool { return strings.HasPrefix(line, start) }
			assert.Equal(t, slices.ContainsFunc(row.starts, starts), !after[line], "%q: %s", row.change, line)
		}
	}
}
