// Package epsilon_test measures what ε and maxContributions cost the demo's learning,
// and computes what an ε is worth to an attacker: the figures of
// docs/howto/choose-epsilon.md and docs/explanation/privacy.md, which it keeps true.
package epsilon_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/posse-dev/posse/dp/account"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/catalogue"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/fast"
)

const (
	seeds     = 40
	decisions = 60_000
	page      = "../../docs/howto/choose-epsilon.md"
)

// shares of the traffic of the demo's organisations, in per cent.
var shares = []float64{28, 20, 15, 12, 9, 7, 5, 4}

// file is the experiment that `posse demo` plays.
const file = `apiVersion: posse/v1
kind: Experiment
metadata: {name: choosing-a-solver}
problem: {kind: arms, arms: [%s]}
reward: {moment: {order: 1.5, bound: 0.17}}
policy: {name: robust-elimination, params: {bonus: tuned, kappa: 0.1}}
privacy: {model: silo, unit: user, epsilon: %s, maxContributions: %d}
rounds: {trigger: {decisions: 1000}}
incentives: {payments: none, schedule: {kind: everyone}}
horizon: %d
`

// gap plays one seed and returns the share of the way from choosing at random to the
// best arm that the mean reward went. No ε means no noise and no bound on users.
func gap(epsilon string, contributions int, seed uint64) (float64, error) {
	world := environment.ChoosingASolver()
	var sources []simnet.Source
	for i, share := range shares {
		sources = append(sources, simnet.Source{ID: fmt.Sprint("node-", i+1), Share: share, World: world})
	}
	traffic, err := simnet.NewTraffic(sources, decisions, simnet.DefaultVisits(), seed)
	if err != nil {
		return 0, err
	}
	asked := epsilon
	if asked == "" {
		asked = "1"
	}
	e, err := experiment.Read("epsilon", fmt.Appendf(nil, file, strings.Join(world.Names(), ", "), asked, contributions, decisions))
	if err != nil {
		return 0, err
	}
	settings := e.Settings()
	if epsilon == "" {
		settings.Privacy = nil
	}
	out, err := fast.Learn(fast.Config{
		Settings: settings, Limit: e.Privacy.Params().Limit(), Round: 1000, Source: noise.NewSeeded(seed),
		Policy: func(s mechanisms.Settings) (mechanisms.Shared, error) {
			return catalogue.Default().Shared(e.Policy.Name, s)
		},
	}, traffic)
	if err != nil {
		return 0, err
	}
	_, best := traffic.BestFixed()
	return (out.Mean - traffic.Uniform()) / (best - traffic.Uniform()), nil
}

// row is a line of the page's table: the middle of 40 seeds, and their second and
// second to last, between which 19 of 20 lie.
func row(t *testing.T, epsilon string, contributions int) (line string, median float64) {
	t.Helper()
	gaps := make([]float64, seeds)
	var all errgroup.Group
	all.SetLimit(2)
	for i := range gaps {
		all.Go(func() (err error) {
			gaps[i], err = gap(epsilon, contributions, uint64(i+1))
			return err
		})
	}
	require.NoError(t, all.Wait())
	slices.Sort(gaps)
	median = (gaps[seeds/2-1] + gaps[seeds/2]) / 2
	name := epsilon
	if name == "" {
		name = "no noise"
	}
	percent := func(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }
	records := fmt.Sprint(contributions)
	if epsilon == "" {
		records = "all"
	}
	return fmt.Sprintf("| %s | %s | %s | %s to %s |", name, records, percent(median), percent(gaps[1]), percent(gaps[seeds-2])), median
}

func TestTheFiguresOfTheDocumentAreMeasured(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	last := 0.0
	for _, epsilon := range []string{"0.5", "1", "2", "4", ""} {
		line, median := row(t, epsilon, 2)
		t.Log(line)
		assert.Contains(t, string(text), line)
		assert.Greater(t, median, last, "less noise, more learnt")
		last = median
	}
	if testing.Short() {
		return
	}
	for _, contributions := range []int{1, 5, 20} {
		line, _ := row(t, "1", contributions)
		t.Log(line)
		assert.Contains(t, string(text), line)
	}
}

func TestTheTableOfWhatAnAttackerLearnsIsComputed(t *testing.T) {
	text, err := os.ReadFile("../../docs/explanation/privacy.md")
	require.NoError(t, err)
	percent := func(p float64) string { // rounded up, with more digits next to 100
		for digits := 1.0; ; digits++ {
			if up := math.Ceil(p*100*math.Pow(10, digits)) / math.Pow(10, digits); up < 100 {
				return fmt.Sprintf("%.*f %%", int(digits), up)
			}
		}
	}
	for _, epsilon := range []float64{0.5, 1, 2, 4} {
		m, err := account.Explain(epsilon, 0)
		require.NoError(t, err)
		twice, err := account.Explain(2*epsilon, 0)
		require.NoError(t, err)
		assert.Contains(t, string(text), fmt.Sprintf("| %v | %.3g times | %s | %s | %s |", epsilon, m.OddsFactor,
			percent(m.MembershipGuessAtMost), percent(m.TruePositiveAtMost), percent(twice.MembershipGuessAtMost)))
	}
}
