package fast

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
)

// heldBy returns the most bytes that are alive at once while f runs, beyond what was
// before: the heap is collected again and again meanwhile.
func heldBy(f func()) uint64 {
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := live(), uint64(0)
	var over atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !over.Load() {
			most = max(most, live())
		}
	}()
	f()
	over.Store(true)
	<-done
	return max(most, before) - before
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
	s := scenario(t, coins(nodes, 20))
	var base runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(base.HeapAlloc) + nodes*1024 + 64<<20))
	held := heldBy(func() { run(t, s, Options{Runs: 1, Seed: 1}) })
	t.Logf("%d bytes a node", held/nodes)
	assert.Less(t, held/nodes, uint64(1024))
}

// What a simulation holds does not grow with its horizon.
func TestMemoryDoesNotGrowWithTheHorizon(t *testing.T) {
	for name, text := range map[string]func(horizon int) string{
		"lanes": func(horizon int) string {
			return strings.Replace(three, "horizon: 300", fmt.Sprint("horizon: ", horizon), 1)
		},
		"federation": func(horizon int) string { return coins(100, horizon/100) },
	} {
		t.Run(name, func(t *testing.T) {
			const slack = 64 << 10 // tables up to a bound, points of the curve, and the collector is not exact
			runs := Options{Runs: 2, Seed: 1}
			short := heldBy(func() { run(t, scenario(t, text(10_000)), runs) })
			long := heldBy(func() { run(t, scenario(t, text(1_000_000)), runs) })
			t.Logf("%d bytes at a horizon of 10⁴, %d at 10⁶", short, long)
			assert.Less(t, float64(long), 1.1*float64(short)+slack)
		})
	}
}
