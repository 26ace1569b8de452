package mechanisms_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
)

func TestParametersOutsideTheirRangeAreNamed(t *testing.T) {
	p := mechanisms.Params{"alpha": 2, "m": math.NaN()}
	x, err := p.Get("alpha", 1, 0, 10)
	require.NoError(t, err)
	assert.Equal(t, 2.0, x)
	x, err = mechanisms.Params(nil).Get("alpha", 1, 0, 10)
	require.NoError(t, err)
	assert.Equal(t, 1.0, x)
	for _, bad := range []struct {
		name string
		low  float64
	}{{"alpha", 3}, {"m", 0}} {
		_, err := p.Get(bad.name, 4, bad.low, 10)
		var e *posse.Error
		require.True(t, errors.As(err, &e))
		assert.Equal(t, "policy.params."+bad.name, e.Field)
	}
	assert.NoError(t, p.Only("some", "m", "alpha"))
	assert.ErrorContains(t, p.Only("some", "m"), "policy.params.alpha")
	assert.ErrorContains(t, p.Only("some"), "none")
}
