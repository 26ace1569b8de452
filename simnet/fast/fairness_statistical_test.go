package fast

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms"
)

// watched is a shared policy that tells how many versions there are and which one the
// last decision was made under.
type watched struct {
	mechanisms.Shared
	newest, used *int
}

func (w watched) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	window, err := w.Shared.Open(d)
	*w.newest++
	return watchedWindow{window, *w.newest, w.used}, err
}

type watchedWindow struct {
	mechanisms.Window
	version int
	used    *int
}

func (w watchedWindow) Choose(slot uint64, c mechanisms.Context, src noise.Source) (mechanisms.Action, float64, error) {
	*w.used = w.version
	return w.Window.Choose(slot, c, src)
}

// staleness plays the demo's federation once and returns how many versions each node
// was behind, on average over its decisions after exploration and while learning went
// on, and how far behind each was at its last decision.
func staleness(t *testing.T, file string, run uint64) (mean, last []float64, versions int) {
	s := scenario(t, file)
	e := s.Policies[0].Experiment
	traffic := newDrawn(s, key(1))
	traffic.run = run
	n := s.Nodes.Count()
	behind, decisions, newest, used := make([]float64, n), make([]float64, n), 0, 0
	last = make([]float64, n)
	market := &Market{Rules: *e.Incentives, MinContributors: 1, Bids: s.Nodes.Costs, Costs: s.Nodes.Costs}
	market.Secret[0], market.Secret[1] = byte(run), byte(run>>8)
	_, err := learn(Config{
		Settings: e.Settings(), Limit: e.Privacy.Params().Limit(), Round: int(e.Rounds.Trigger.Decisions), Source: noise.NewSeeded(run), Market: market,
		Policy: func(settings mechanisms.Settings) (mechanisms.Shared, error) {
			p, err := shared(e)(settings)
			return watched{p, &newest, &used}, err
		},
		Observed: func(node int, _ uint64, _ mechanisms.Arm, _ float64) {
			last[node] = float64(newest - used)
			if newest > int(e.Incentives.MaxExplore)+1 && newest < 20 {
				behind[node] += last[node]
				decisions[node]++
			}
		},
	}, traffic)
	require.NoError(t, err)
	for j := range behind {
		require.Positive(t, decisions[j])
		behind[j] /= decisions[j]
	}
	return behind, last, newest
}

// Fairness acts in the demo: who contributes less is further behind while versions
// come, and at the end everybody holds the last one. With 200 runs under POSSE_SOAK.
// Equal chances give correlations around 0 on both sides: of 30 runs their mean is
// beyond −0.35 with probability below 1e-6, since one run's has a standard deviation
// of at most 0.38 (8 nodes) and 0.38/√30·5 = 0.35.
func TestWhoContributesLessIsFurtherBehindAndAllArriveInTheEnd(t *testing.T) {
	text, err := os.ReadFile("../../examples/sim/demo.yaml")
	require.NoError(t, err)
	runs := uint64(30)
	if os.Getenv("POSSE_SOAK") != "" {
		runs = 200
	}
	correlation := func(file string) (mean, band float64, arrived bool) {
		arrived = true
		var all []float64
		for run := range runs {
			behind, last, versions := staleness(t, file, run)
			for _, b := range last { // while learning goes on somebody is behind: of 60 rounds half are left here
				arrived = arrived && (b == 0 || versions > 30)
			}
			// A node's share of the traffic is what it has to contribute.
			if r, ok := schedule.Pearson([]float64{28, 20, 15, 12, 9, 7, 5, 4}, behind); ok {
				all = append(all, r)
			}
		}
		m, sd := stat.MeanStdDev(all, nil)
		return m, 1.96 * sd / math.Sqrt(float64(len(all))), arrived
	}
	mean, band, arrived := correlation(string(text))
	t.Logf("correlation of contribution and staleness %.2f ± %.2f over %d runs", mean, band, runs)
	assert.Less(t, mean, -0.35)
	assert.True(t, arrived, "all hold the last version at the end")

	// The twin: chances that are equal.
	equal := strings.Replace(string(text), "kind: fair-equal,", "kind: fair-equal, equality: 100,", 1)
	require.NotEqual(t, string(text), equal)
	mean, _, _ = correlation(equal)
	assert.Greater(t, mean, -0.35)
}
