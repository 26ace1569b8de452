package node

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/node/decision"
	"github.com/posse-dev/posse/protocols/possev1"
)

// A document that no test reads goes stale.
func TestTheDesignNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("DESIGN.md")
	require.NoError(t, err)
	files := 0
	for _, m := range regexp.MustCompile("`([a-z_/]+\\.(?:go|md))`").FindAllStringSubmatch(string(text), -1) {
		files++
		path := m[1]
		if strings.HasPrefix(path, "docs/") {
			path = filepath.Join("..", path)
		}
		_, err := os.Stat(path)
		assert.NoError(t, err, "DESIGN.md names %s", m[1])
	}
	assert.Greater(t, files, 10)
}

func TestTheLifeOfARewardExplainsEveryOutcome(t *testing.T) {
	text, err := os.ReadFile("../docs/explanation/life-of-a-reward.md")
	require.NoError(t, err)
	for o := decision.Accepted; o <= decision.Closed; o++ {
		assert.Contains(t, string(text), "| `"+possev1.RewardOutcome(o).String()+"` |")
		if o != decision.Unknown {
			assert.NotEqual(t, Message(decision.Unknown), Message(o), "each says something of its own")
		}
	}
	assert.Len(t, possev1.RewardOutcome_name, int(decision.Closed)+1, "the API's enumeration is this one")
}
