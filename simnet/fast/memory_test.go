package fast

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/environment"
)

// scales weighs what is alive while a simulation runs: at moments of the run itself, in
// the goroutine that plays it, with nothing else going on. What is garbage is not seen,
// and two readings of one thing are alike.
type scales struct {
	every, seen  int // steps between two weighings; steps so far
	before, most uint64
	leak         [][8]byte // planted: what each step leaves behind
	leaks        bool
}

func newScales(steps int) *scales { return &scales{every: max(1, steps/weighings), before: alive()} }

const weighings = 40

func alive() uint64 {
	runtime.GC()
	runtime.GC() // what a pool kept outlives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *scales) step() {
	if s.leaks {
		s.leak = append(s.leak, [8]byte{})
	}
	if s.seen++; s.seen%s.every == 0 {
		s.most = max(s.most, alive())
	}
}

// held is the most that was alive beyond what was before.
func (s *scales) held() uint64 { return max(s.most, s.before) - s.before }

// weighed is a world on the scales.
type weighed struct {
	*environment.Bernoulli
	*scales
}

func (w weighed) Reward(arm int, src noise.Source) float64 {
	w.step()
	return w.Bernoulli.Reward(arm, src)
}

// weighedUniform is a policy on the scales.
type weighedUniform struct {
	Learner
	*scales
}

func (w weighedUniform) Observe(r mechanisms.Round, c mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	w.step()
	return w.Learner.Observe(r, c, a, f)
}

// heldByFederation plays one and returns what it held.
func heldByFederation(t *testing.T, text string, runs int, leaks bool) uint64 {
	t.Helper()
	s := scenario(t, text)
	sc := newScales(int(s.Horizon) * runs)
	sc.leaks = leaks
	w := weighed{s.Nodes.Worlds[0].(*environment.Bernoulli), sc}
	for j := range s.Nodes.Worlds {
		s.Nodes.Worlds[j] = w
	}
	run(t, s, Options{Runs: uint64(runs), Seed: 1})
	require.Equal(t, int(s.Horizon)*runs, sc.seen, "every decision passed the scales")
	return sc.held()
}

// heldByLanes plays learners and returns what they held.
func heldByLanes(t *testing.T, horizon, runs int, leaks bool) uint64 {
	t.Helper()
	s := scenario(t, strings.Replace(three, "horizon: 300", fmt.Sprint("horizon: ", horizon), 1))
	sc := newScales(horizon * runs)
	sc.leaks = leaks
	own := Own{"weighed", func(m mechanisms.Settings) (Learner, error) {
		u, err := arms.NewUniform(arms.Problem{Arms: len(m.Arms), Horizon: m.Horizon, Range: m.Range})
		return weighedUniform{u, sc}, err
	}}
	run(t, s, Options{Runs: uint64(runs), Seed: 1, Own: []Own{own}})
	require.Equal(t, horizon*runs, sc.seen, "every step passed the scales")
	return sc.held()
}

// coins is a federation of so many nodes that decide so often each.
func coins(nodes, each int) string {
	return fmt.Sprintf(head+`experiment:
  problem: {kind: arms, arms: 10}
  reward: {range: [0, 1]}
  policy: {name: robust-elimination}
  privacy: {model: silo, unit: reward, epsilon: 1}
  rounds: {trigger: {decisions: %d}}
  horizon: %d
environment: {kind: bernoulli, means: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9]}
nodes: {count: %d}
`, max(1, nodes*each/4), nodes*each, nodes)
}

// A node takes less than a KiB, with the whole run under a memory limit that the
// collector works to keep.
func TestANodeTakesLessThanAKiB(t *testing.T) {
	const nodes = 50_000
	text := coins(nodes, 20)
	var base runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(base.HeapAlloc) + nodes*1024 + 64<<20))
	held := heldByFederation(t, text, 1, false)
	t.Logf("%d bytes a node", held/nodes)
	assert.Less(t, held/nodes, uint64(1024))
}

// What a simulation holds does not grow with its horizon; the twin, which leaves eight
// bytes a decision behind, does.
func TestMemoryDoesNotGrowWithTheHorizon(t *testing.T) {
	const slack = 64 << 10 // tables up to a bound, points of the curve, and the collector is not exact
	for name, held := range map[string]func(horizon int, leaks bool) uint64{
		"lanes":      func(horizon int, leaks bool) uint64 { return heldByLanes(t, horizon, 2, leaks) },
		"federation": func(horizon int, leaks bool) uint64 { return heldByFederation(t, coins(100, horizon/100), 2, leaks) },
	} {
		t.Run(name, func(t *testing.T) {
			held(10_000, false) // the first makes tables that stay
			short, long := held(10_000, false), held(1_000_000, false)
			t.Logf("%d bytes at a horizon of 10⁴, %d at 10⁶", short, long)
			assert.Less(t, float64(long), 1.1*float64(short)+slack)
			short, long = held(10_000, true), held(1_000_000, true)
			assert.Greater(t, float64(long), 1.1*float64(short)+slack, "planted")
		})
	}
}
