package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/account"
)

// computed runs posse with JSON output and returns the document.
func computed(t *testing.T, stdin string, args ...string) map[string]any {
	t.Helper()
	status, stdout, stderr := called(t, stdin, nil, append(args, "-o", "json")...)
	require.Zero(t, status, stderr)
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(stdout), &out))
	return out
}

func TestWhatCalibrateAnswersComposesBackAndNeverAbove(t *testing.T) {
	for _, row := range []struct {
		mechanism      string
		epsilon, delta float64
		sensitivity    float64
		steps          int
	}{
		{"laplace", 0.3, 0, 1, 0},
		{"laplace", 1, 0, 0.7, 0},
		{"discrete-laplace", 0.1, 0, 3, 0},
		{"discrete-laplace", 2, 0, 1, 0},
		{"gaussian", 0.1, 1e-6, 1, 0},
		{"gaussian", 1, 1e-6, 2.5, 0},
		{"gaussian", 8, 1e-5, 1, 0},
		{"discrete-gaussian", 0.5, 1e-5, 1, 0},
		{"discrete-gaussian", 4, 1e-9, 1, 0},
		{"tree", 1, 1e-6, 1, 1000},
		{"tree", 0.7, 0, 1, 100},
	} {
		t.Run(fmt.Sprintf("%s ε %v δ %v", row.mechanism, row.epsilon, row.delta), func(t *testing.T) {
			args := []string{
				"privacy", "calibrate", "--mechanism", row.mechanism, "--epsilon", number(row.epsilon),
				"--sensitivity", number(row.sensitivity),
			}
			if row.delta > 0 {
				args = append(args, "--delta", number(row.delta))
			}
			count, mechanism := 1.0, row.mechanism
			if row.steps > 0 {
				args = append(args, "--steps", fmt.Sprint(row.steps))
			}
			noise := computed(t, "", args...)
			parameter := "scale"
			if _, ok := noise["sigma"]; ok {
				parameter = "sigma"
			}
			if row.mechanism == "tree" { // a record is in as many nodes as there are levels
				count, mechanism = noise["levels"].(float64), map[string]string{"scale": "laplace", "sigma": "gaussian"}[parameter]
			}
			back := computed(t, fmt.Sprintf(`{"events":[{"mechanism":%q,%q:%s,"sensitivity":%s,"count":%.0f}]}`,
				mechanism, parameter, number(noise[parameter].(float64)), number(row.sensitivity), count),
				"privacy", "compose", "-f", "-", "--delta", number(row.delta))
			best := back["epsilon"].(map[string]any)["best"].(float64)
			assert.LessOrEqual(t, best, row.epsilon)
			assert.GreaterOrEqual(t, best, row.epsilon*(1-1e-3), "and not by much below")
		})
	}
}

// No table holds this one: a thousand sigmas, and the exact curve of their sum.
func TestAThousandDifferentGaussiansComposeWithinAPercentOfTheirCurveFromAbove(t *testing.T) {
	var events []string
	var mus []float64
	for i := range 1000 {
		sigma := 20 + 37*math.Abs(math.Sin(float64(i)))
		events, mus = append(events, fmt.Sprintf(`{"mechanism":"gaussian","sigma":%s}`, number(sigma))), append(mus, 1/sigma)
	}
	mu, err := account.GDPCompose(mus...)
	require.NoError(t, err)
	for _, delta := range []float64{1e-3, 1e-6, 1e-12} {
		exact, err := account.GDPEpsilon(mu, delta)
		require.NoError(t, err)
		got := computed(t, `{"events":[`+strings.Join(events, ",")+`]}`, "privacy", "compose", "-f", "-", "--delta", number(delta))
		pld := got["epsilon"].(map[string]any)["pld"].(float64)
		assert.GreaterOrEqual(t, pld, exact*(1-1e-11), "but for the last digits, which are rounded up")
		assert.LessOrEqual(t, pld, exact*(1+1e-9), "Gaussians alone are added in closed form")
	}
	// an event of another kind, too small to matter, sends them all over the grid
	events = append(events, `{"mechanism":"randomized-response","epsilon":1e-5}`)
	for _, delta := range []float64{1e-9} {
		exact, err := account.GDPEpsilon(mu, delta)
		require.NoError(t, err)
		got := computed(t, `{"events":[`+strings.Join(events, ",")+`]}`, "privacy", "compose", "-f", "-", "--delta", number(delta))
		pld := got["epsilon"].(map[string]any)["pld"].(float64)
		assert.GreaterOrEqual(t, pld, exact*(1-1e-9))
		assert.LessOrEqual(t, pld, exact*1.01)
	}
}

// 0 is no way to say nothing: it is refused where there is a default.
func TestAZeroInAnEventIsNotItsDefault(t *testing.T) {
	for _, field := range []string{"sensitivity", "count", "sampling"} {
		status, _, stderr := called(t, `{"events":[{"mechanism":"gaussian","sigma":1},{"mechanism":"gaussian","sigma":1,"`+field+`":0}]}`, nil, "privacy", "compose", "-f", "-")
		assert.Equal(t, 2, status)
		assert.Contains(t, stderr, "events[1]."+field+" is out of range")
	}
}
