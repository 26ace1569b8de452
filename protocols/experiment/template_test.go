package experiment

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
)

// uncommented takes the marks away from the commented fields that are not skipped,
// and comments the given active ones out.
func uncommented(t *testing.T, text string, skip, off []string) string {
	t.Helper()
	var out []string
	var path []string
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		depth := (len(line) - len(body)) / 2
		commented := strings.HasPrefix(body, "# ")
		key, _, isField := strings.Cut(strings.TrimPrefix(body, "# "), ":")
		if !isField || strings.Contains(key, " ") {
			out = append(out, line)
			continue
		}
		path = append(path[:min(depth, len(path))], key)
		field := strings.Join(path, ".")
		switch {
		case slices.Contains(off, field):
			line = "#" + line
		case commented && !slices.Contains(skip, field):
			line = strings.Repeat("  ", depth) + strings.TrimPrefix(body, "# ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "")
}

func TestTheTemplateReadsBackAndNamesEveryFieldWithItsRange(t *testing.T) {
	text, err := Template("arms")
	require.NoError(t, err)
	e := read(t, string(text))
	assert.Equal(t, "my-experiment", e.Name)
	assert.Empty(t, e.Warnings(Deployment{}))
	for _, f := range Fields() {
		key := f.Path[strings.LastIndexByte(f.Path, '.')+1:] + ":"
		assert.Contains(t, string(text), key)
		if f.Type != "block" {
			assert.Contains(t, string(text), f.Meaning+"; "+f.Range)
		}
	}
}

func TestTheTemplatesCommentedValuesAreTheDefaults(t *testing.T) {
	text, err := Template("arms")
	require.NoError(t, err)
	alternatives := []string{"reward.moment", "reward.moment.order", "reward.moment.bound", "rounds.trigger.every", "incentives.threshold"}
	// these have a default that is empty or follows the number of nodes
	without := append(slices.Clone(alternatives), "metadata.description", "incentives.schedule.grantsPerVersion", "incentives.schedule.floor")
	all := read(t, uncommented(t, string(text), without, nil))
	assert.Equal(t, string(read(t, string(text)).Canonical()), string(all.Canonical()))

	all = read(t, uncommented(t, string(text), alternatives, nil))
	assert.NotEmpty(t, all.Description)
	assert.EqualValues(t, 1, all.Incentives.Schedule.GrantsPerVersion)
}

func TestTheTemplatesAlternativesAreValidToo(t *testing.T) {
	text, err := Template("arms")
	require.NoError(t, err)
	e := read(t, uncommented(t, string(text),
		[]string{"incentives.coverage", "reward.clip"}, []string{"reward.range", "rounds.trigger.decisions"}))
	assert.NotNil(t, e.Reward.Moment)
	assert.NotZero(t, e.Rounds.Trigger.Every)
	assert.Equal(t, "0.5", e.Incentives.Threshold.String())
}

func TestATemplateOfAnotherKindIsRefused(t *testing.T) {
	_, err := Template("linear")
	require.Error(t, err)
	assert.Equal(t, "FIELD_UNKNOWN_VALUE", posse.As(err).Reason)
	assert.Equal(t, "arms", posse.As(err).Allowed)
}
