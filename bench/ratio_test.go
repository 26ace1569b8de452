package bench

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// pairs is how often ours and theirs alternate.
const pairs = 7

// row is one line of the table.
type row struct {
	ours, theirs, goal string
	unit               string // "times as long" or "times as many"
	best, low, high    float64
	n                  int
	absent             string // why it can't be measured here; empty: it was
}

var (
	rows []row
	// order is the table's: a run of all benchmarks has each of them.
	order = []string{
		decideInProcess, decideLoopback, ucbErased, ucbTyped, decideArms, decideLinear, treeStep, rootStep, bltStep, mergeReports, decodeReports,
		laplaceSmall, laplaceLarge, gaussianSmall, gaussianLarge,
		laplaceBytes, gaussianBytes, laplaceBig, gaussianBig, composition, mixture, durable, millionth, roundsPublished,
		settleArms, settleLinear, growArms, growLinear, naiveArms, naiveLinear, growNaiveArms,
		simLoop, simLearnerAs, simNumpyLoop, simNumpy, simFour, simLearner, simThompson, simCores, simPrivate, simManyNodes,
	}
)

// slower measures how many times as long ours takes: the ratio of the best of each,
// and the smallest and largest ratio of a pair.
func slower(b *testing.B, ours, theirs, goal string, a, z func() time.Duration) {
	measure(b, row{ours: ours, theirs: theirs, goal: goal, unit: "times as long", n: pairs}, a, z)
}

// faster measures how many times as much ours does in the same time.
func faster(b *testing.B, n int, ours, theirs, goal string, a, z func() time.Duration) {
	measure(b, row{ours: ours, theirs: theirs, goal: goal, unit: "times as many", n: n}, z, a)
}

func measure(b *testing.B, r row, above, below func() time.Duration) {
	b.ReportMetric(0, "ns/op") // nor any other time
	if b.N > 1 {               // measured already: the number of repetitions is ours
		for _, known := range rows {
			if known.ours == r.ours {
				b.ReportMetric(known.best, "ratio")
			}
		}
		return
	}
	least, most := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	r.low = math.Inf(1)
	for i := range r.n {
		var x, y time.Duration
		if i%2 == 0 { // who goes first alternates, too
			x, y = above(), below()
		} else {
			y = below()
			x = above()
		}
		least, most = min(least, x), min(most, y)
		ratio := float64(x) / float64(y)
		r.low, r.high = min(r.low, ratio), max(r.high, ratio)
	}
	r.best = float64(least) / float64(most)
	b.ReportMetric(r.best, "ratio")
	for i := range rows {
		if rows[i].ours == r.ours {
			rows[i] = r
			return
		}
	}
	rows = append(rows, r)
}

// absent notes a line that can't be measured on this machine.
func absent(r row, why string) {
	for i := range rows {
		if rows[i].ours == r.ours {
			return
		}
	}
	r.absent = why
	rows = append(rows, r)
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

const head = `# Benchmarks

Ratios against bare libraries, from ` + "`make bench`" + `, which writes this page. Each line alternates ours and theirs on the
same machine; the ratio is that of the best of each, the spread is the smallest and the largest ratio of a pair. How long
anything takes depends on the machine and is not stated. A goal is what the project aims at: nothing fails when it is
missed, and then it is said here.

| ours | theirs | ratio | spread | pairs | goal |
|---|---|---|---|---|---|
`

func table() string {
	var b strings.Builder
	b.WriteString(head)
	for _, name := range order {
		for _, r := range rows {
			if r.ours == name && r.absent != "" {
				fmt.Fprintf(&b, "| %s | %s | %s | – | – | %s |\n", r.ours, r.theirs, r.absent, r.goal)
			} else if r.ours == name {
				fmt.Fprintf(&b, "| %s | %s | %s %s | %s to %s | %d | %s |\n", r.ours, r.theirs, figure(r.best), r.unit, figure(r.low), figure(r.high), r.n, r.goal)
			}
		}
	}
	b.WriteString(notes)
	return b.String()
}

// figure shows three significant digits.
func figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// notes say what stands on both sides of a line.
const notes = `
- **Decide**: a node with its store and guard, one experiment, no coordinator in reach of the measurement. The empty handler
  is Connect's own generated handler on the same kind of server and client, which answers a constant of the same size.
- **UCB1**: 10 arms, 100,000 rounds of choosing and learning, the same rewards. The plain loop keeps counts and sums in two
  slices. Behind *Policy* all types are erased, as a catalogue and replay hold them; behind *Learner* they are not.
- **Choices**: nothing is learnt between them. LinUCB solves with a Cholesky factor an arm, the bare arithmetic multiplies with an inverse that somebody
  made. **Counters**: 1,000 steps, secure randomness; the square root's step grows with the steps before it, to 1,000 products a number.
- **Reports**: half a Gram matrix and a vector, 17 kB each and 17 MB in all. Adding checks every sum for overflow, which a copy does not; without vector
  instructions the goal is missed. Protobuf's numbers are of 24 bits, as varints; ours are 64 bits wide.
- **Noise**: secure randomness on both sides, batches of 1,000 against one call a sample, since that is what each offers;
  the laws are equal up to their own rounding: the library's scale is in its parameters, ours an exact fraction. A batch asks the
  stream for many words at once, the 16 bytes for one word at a time. The paper's algorithms draw from a buffer of 64 KiB.
- **Privacy loss**: pessimistic, to 5e-5 of ε, all grids included; the transforms are as long as the last grid's. **Charges**: a user's
  budget of a node, with everything that a crash needs, journals moved into its file meanwhile; the bare append writes 80 bytes to a file, and one of those
  who wait syncs for all. It follows the disk and what else runs: nine runs on an idle machine gave 0.83 to 0.94, and on a busy one sets of 41 pairs had medians
  of 0.75 to 0.87, below the goal at times. **Millionth charge**: in memory, 1,000 users.
- **Auctions**: with all critical prices. Bare gains are as many as the settlement evaluates, on one core; the settlement also reads and checks the
  offers, and takes cheap bounds so as to evaluate few gains: for Gram matrices, whose bounds need inverses, the goal is missed. Winners are priced side
  by side, which a busy machine does not show. 1,000 offers against 100 are fitted exponents of log10 of the ratio; the naive reference ends at 30 offers
  of 64 arms, with the exponent log3. It has the same prices.
- **Rounds**: three replicas over QUIC on loopback, 64 experiments, two nodes each: offers, auction, reports, sums, plan,
  grants, transparency log, all durable. The bare cluster commits the very commands of that run with nothing behind them, 64 in
  flight, over TCP on loopback, to the same raft-wal.
- **Simulations**: ten coins of 0.1 to 0.9, 10,000 steps, one core unless said; the ratio is of steps in the same time, policies counted each. The plain
  loops and the numpy programs stand in bench/simulation_test.go as a beginner would write them; numpy is Debian's. A mere *Learner* has no batch form, as a
  policy of one's own. Nodes learn robust-elimination, each record protected by itself, ten rounds of 100 decisions a node, nothing is bought or settled; a
  guarantee for users costs more, because the platform's own accounting of every user is called. The sampler of thompson-beta draws from counters, which
  cost more a word than a running generator: that goal is missed.
`

func TestMain(m *testing.M) {
	code := m.Run()
	if len(rows) > 0 && code == 0 {
		text := table()
		fmt.Print("\n", text)
		if len(rows) == len(order) { // a part of the benchmarks does not replace the page
			if err := os.WriteFile("../docs/benchmarks.md", []byte(text), 0o644); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// The page is the one that these benchmarks write: its lines are theirs.
func TestThePageIsOfTheseBenchmarks(t *testing.T) {
	page, err := os.ReadFile("../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(page), head) || !strings.HasSuffix(string(page), notes) {
		t.Error("docs/benchmarks.md has another text than `make bench` writes")
	}
	for _, name := range order {
		if !strings.Contains(string(page), "| "+name+" |") {
			t.Errorf("docs/benchmarks.md has no line %q", name)
		}
	}
}
