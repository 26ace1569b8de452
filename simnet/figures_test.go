package simnet

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The figures of the documents are of the scenarios as they are: who changes one draws
// its figure anew.
func TestFiguresAreOfTheScenarios(t *testing.T) {
	list, err := os.ReadFile("../docs/images/figures.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(list)) {
		words := strings.Fields(line)
		require.Len(t, words, 4)
		t.Run(words[0], func(t *testing.T) {
			_, err := os.Stat("../docs/images/" + words[0])
			require.NoError(t, err)
			assert.Equal(t, words[2], example(t, words[1]).Digest(), "make figures draws it anew")
		})
	}
}
