package account

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMeaningAsSpecified(t *testing.T) {
	m, err := Explain(1, 0)
	require.NoError(t, err)
	fromAbove(t, math.E, m.OddsFactor, 1e-11)
	assert.InDelta(t, 0.731059, m.MembershipGuessAtMost, 1e-6)
	assert.InDelta(t, 0.135914, m.TruePositiveAtMost, 1e-6)
	m, err = Explain(100, 0.5)
	require.NoError(t, err)
	assert.LessOrEqual(t, m.MembershipGuessAtMost, 1.0)
	assert.LessOrEqual(t, m.TruePositiveAtMost, 1.0)
	m, err = Explain(0, 0.25)
	require.NoError(t, err)
	assert.InDelta(t, 0.625, m.MembershipGuessAtMost, 1e-9) // ½ + δ/2
	_, err = Explain(-1, 0)
	assert.Error(t, err)
	_, err = Explain(1, math.NaN())
	assert.Error(t, err)
}
