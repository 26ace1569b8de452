package simnet_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// wall is a shared policy of a test: what all three have in common.
type wall struct {
	layout    statistics.Layout
	dimension int
	plan      func(m mechanisms.Model) (plan []byte, ended bool)
	window    func(plan []byte, ended bool) mechanisms.Window
	info      func(claim *statistics.Set) (statistics.Information, error)
}

func (w *wall) Layout() statistics.Layout { return w.layout }
func (w *wall) Dimension() int            { return w.dimension }

func (w *wall) Plan(_ mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	plan, ended := w.plan(m)
	return mechanisms.Descriptor{Version: m.Version, Ended: ended, Layout: w.layout, Plan: plan}, nil
}

func (w *wall) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	return w.window(d.Plan, d.Ended), nil
}

// Check has nothing to refuse: every number here is noised by itself.
func (w *wall) Check(mechanisms.Descriptor, *statistics.Set) error { return nil }

func (w *wall) Information(_ mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	return w.info(claim)
}

func (w *wall) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	return mechanisms.Summary{Ended: d.Ended}, nil
}

// sum adds up the parts of a model, which all have one layout.
func (w *wall) sum(m mechanisms.Model) *statistics.Set {
	total := w.layout.Empty()
	for _, p := range m.Parts {
		if err := total.Merge(p.Sum); err != nil {
			panic(err)
		}
	}
	return total
}

func floats(x ...float64) (out []byte) {
	for _, v := range x {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
	}
	return out
}

func float(b []byte, i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
}

func malformed(what string) error {
	return posse.OutOfRange(what, "(withheld)", "what the problem takes", "")
}

// half is a Laplace block that takes half of a record's ε: L1 over its scale.
func half(t *testing.T, b statistics.BlockSpec, p *mechanisms.Privacy) statistics.BlockSpec {
	share, err := dp.SpendOfEpsilon(p.PerRecord())
	require.NoError(t, err)
	law, err := noise.LaplaceFor(b.L1, dp.Spend{NanoEpsilon: share.NanoEpsilon / 2})
	require.NoError(t, err)
	b.Noise = statistics.LaplacePerReport
	b.Num, b.Den = law.Scale()
	return b
}

// Linear: two features in the unit disk, two arms, rewards in [0, 1]. What is shared
// is a Gram matrix and a vector an arm, with Laplace noise on every report.
func newLinear(t *testing.T, s mechanisms.Settings) mechanisms.Shared {
	const one = 1 << 8 // the grid; products are truncated towards 0, so bounds hold as they are
	gram := statistics.BlockSpec{Name: "gram", Shape: []int{2, 3}, Scale: 8, Record: one, L1: one * 3 / 2, Claim: true}
	vector := statistics.BlockSpec{Name: "vector", Shape: []int{2, 2}, Scale: 8, Record: one, L1: 363} // ⌈√2·2^8⌉
	w := &wall{layout: statistics.Layout{half(t, gram, s.Privacy), half(t, vector, s.Privacy)}, dimension: 2}
	w.plan = func(m mechanisms.Model) ([]byte, bool) {
		total, out := w.sum(m), []float64{}
		for a := range 2 {
			g, b := total.Block("gram")[3*a:], total.Block("vector")[2*a:]
			var theta mat.VecDense
			err := theta.SolveVec(mat.NewSymDense(2, []float64{float64(g[0]) + 10*one, float64(g[1]), float64(g[1]), float64(g[2]) + 10*one}),
				mat.NewVecDense(2, []float64{float64(b[0]), float64(b[1])}))
			if err != nil {
				return floats(0, 0, 0, 0), false // noise made it singular: explore on
			}
			out = append(out, theta.AtVec(0), theta.AtVec(1))
		}
		return floats(out...), m.Version >= 6
	}
	w.window = func(plan []byte, ended bool) mechanisms.Window { return linearWindow{plan, ended, w.layout} }
	w.info = func(claim *statistics.Set) (statistics.Information, error) {
		g := claim.Block("gram")
		if len(g) != 6 {
			return statistics.Information{}, statistics.ErrShape
		}
		off := float64(g[1]+g[4]) / one
		v, err := statistics.Gram(2, []float64{float64(g[0]+g[3]) / one, off, off, float64(g[2]+g[5]) / one})
		if err != nil {
			return v, err
		}
		return v.Repair(0, 0)
	}
	return w
}

type linearWindow struct {
	plan   []byte
	ended  bool
	layout statistics.Layout
}

func (w linearWindow) Choose(slot uint64, c mechanisms.Context, _ noise.Source) (mechanisms.Action, float64, error) {
	x, ok := c.(mechanisms.Features)
	if !ok || len(x.X) != 2 {
		return nil, 0, mechanisms.ErrMismatch("context", fmt.Sprintf("%T", c), "two features")
	}
	if !w.ended && slot%2 == 0 {
		return mechanisms.Arm(slot / 2 % 2), 1, nil
	}
	score := func(a int) float64 { return float(w.plan, 2*a)*x.X[0] + float(w.plan, 2*a+1)*x.X[1] }
	if score(1) > score(0) {
		return mechanisms.Arm(1), 1, nil
	}
	return mechanisms.Arm(0), 1, nil
}

func (w linearWindow) Slots(uint64, uint64) (*statistics.Set, error) { return w.layout.Empty(), nil }

func (w linearWindow) Record(dst []statistics.Increment, c mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	x, ok := c.(mechanisms.Features)
	y, fits := f.(mechanisms.Reward)
	if !ok || !fits || !(y.X >= 0 && y.X <= 1) || len(x.X) != 2 || !(math.Hypot(x.X[0], x.X[1]) <= 1) {
		return dst, malformed("reward")
	}
	arm, grid := int(a.(mechanisms.Arm)), func(v float64) int64 { return int64(v * (1 << 8)) }
	for cell, v := range []float64{x.X[0] * x.X[0], x.X[0] * x.X[1], x.X[1] * x.X[1]} {
		dst = append(dst, statistics.Increment{Block: 0, Cell: 3*arm + cell, Value: grid(v)})
	}
	for cell, v := range x.X {
		dst = append(dst, statistics.Increment{Block: 1, Cell: 2*arm + cell, Value: grid(v * y.X)})
	}
	return dst, nil
}

// Duels: three arms, shown in pairs; the answer is which one won. What is shared is
// the matrix of wins with Gaussian noise on every report (a budget in ρ), beside the
// public number of times that each pair was due.
var pairs = []mechanisms.Pair{{First: 0, Second: 1}, {First: 0, Second: 2}, {First: 1, Second: 2}}

func newDuels(t *testing.T, s mechanisms.Settings) mechanisms.Shared {
	law, err := noise.GaussianFor(big.NewInt(1), recordRho(t, s))
	require.NoError(t, err)
	sigma2 := law.Sigma2()
	w := &wall{dimension: len(pairs), layout: statistics.Layout{
		{Name: "due", Shape: []int{len(pairs)}, Record: 1, Claim: true},
		{
			Name: "won", Shape: []int{3, 3}, Record: 1, L1: 1, L2Squared: 1, Noise: statistics.GaussianPerReport,
			Num: sigma2.Num().Uint64(), Den: sigma2.Denom().Uint64(),
		},
	}}
	w.plan = func(m mechanisms.Model) ([]byte, bool) {
		won, best, champion := w.sum(m).Block("won"), -1, 0
		for i := range 3 {
			beaten := 0
			for j := range 3 {
				if won[3*i+j] > won[3*j+i] {
					beaten++
				}
			}
			if beaten > best {
				best, champion = beaten, i
			}
		}
		return []byte{byte(champion)}, m.Version >= 5
	}
	w.window = func(plan []byte, ended bool) mechanisms.Window { return duelWindow{plan, ended, w.layout} }
	w.info = func(claim *statistics.Set) (statistics.Information, error) {
		n := claim.Block("due")
		if len(n) != len(pairs) {
			return statistics.Information{}, statistics.ErrShape
		}
		return statistics.Counts(float64(n[0]), float64(n[1]), float64(n[2])), nil
	}
	return w
}

// recordRho is the ρ of a record: ε²/2 for a 32nd of the ε that the file gives, so
// that σ is 8 wins.
func recordRho(t *testing.T, s mechanisms.Settings) dp.Spend {
	share, err := dp.SpendOfEpsilon(s.Privacy.PerRecord())
	require.NoError(t, err)
	rho, err := dp.Spend{NanoEpsilon: share.NanoEpsilon / 32}.ZCDP()
	require.NoError(t, err)
	return rho
}

type duelWindow struct {
	plan   []byte
	ended  bool
	layout statistics.Layout
}

func (w duelWindow) Choose(slot uint64, _ mechanisms.Context, _ noise.Source) (mechanisms.Action, float64, error) {
	if w.ended {
		return mechanisms.Pair{First: int(w.plan[0]), Second: int(w.plan[0])}, 1, nil
	}
	return pairs[slot%uint64(len(pairs))], 1, nil
}

func (w duelWindow) Slots(first, n uint64) (*statistics.Set, error) {
	set := w.layout.Empty()
	for slot := first; slot < first+n; slot++ {
		set.Blocks[0].Sum[slot%uint64(len(pairs))]++
	}
	return set, nil
}

func (w duelWindow) Record(dst []statistics.Increment, _ mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	duel, ok := f.(mechanisms.Duel)
	p, fits := a.(mechanisms.Pair)
	if !ok || !fits || p.First == p.Second {
		return dst, malformed("duel")
	}
	winner, loser := p.Second, p.First
	if duel.FirstWon {
		winner, loser = loser, winner
	}
	return append(dst, statistics.Increment{Block: 1, Cell: 3*winner + loser, Value: 1}), nil
}

// Censored: three solvers with a cutoff of 10 s; what comes back is a run time, or
// that it was stopped. Every record is randomised as it arrives (the local model): a
// time and a timeout, each at half of the record's ε.
const cutoff = 10.0

func newCensored(t *testing.T, s mechanisms.Settings) mechanisms.Shared {
	share, err := dp.SpendOfEpsilon(s.Privacy.PerRecord())
	require.NoError(t, err)
	private := func(name string) statistics.BlockSpec {
		return statistics.BlockSpec{
			Name: name, Shape: []int{3}, Scale: 10, Record: 1 << 10, L1: 2 << 10, Noise: statistics.DuchiPerRecord,
			Num: share.NanoEpsilon / 2, Den: dp.NanoPerEpsilon,
		}
	}
	w := &wall{dimension: 3, layout: statistics.Layout{
		{Name: "count", Shape: []int{3}, Record: 1, Claim: true}, private("time"), private("timeout"),
	}}
	w.plan = func(m mechanisms.Model) ([]byte, bool) {
		total, best := w.sum(m), 0
		score := func(a int) float64 { // the mean time and as much again for a timeout, up to a factor
			return float64(total.Block("time")[a]+total.Block("timeout")[a]) / float64(max(1, total.Block("count")[a]))
		}
		for a := range 3 {
			if score(a) < score(best) {
				best = a
			}
		}
		return []byte{byte(best)}, m.Version >= 6
	}
	w.window = func(plan []byte, ended bool) mechanisms.Window { return censoredWindow{plan, ended, w.layout} }
	w.info = func(claim *statistics.Set) (statistics.Information, error) {
		n := claim.Block("count")
		if len(n) != 3 {
			return statistics.Information{}, statistics.ErrShape
		}
		return statistics.Counts(float64(n[0]), float64(n[1]), float64(n[2])), nil
	}
	return w
}

type censoredWindow struct {
	plan   []byte
	ended  bool
	layout statistics.Layout
}

func (w censoredWindow) Choose(slot uint64, _ mechanisms.Context, _ noise.Source) (mechanisms.Action, float64, error) {
	if !w.ended && slot%4 != 0 {
		return mechanisms.Arm(slot % 4 % 3), 1, nil
	}
	return mechanisms.Arm(w.plan[0]), 1, nil
}

func (w censoredWindow) Slots(uint64, uint64) (*statistics.Set, error) { return w.layout.Empty(), nil }

func (w censoredWindow) Record(dst []statistics.Increment, _ mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	run, ok := f.(mechanisms.Runtime)
	if !ok || !(run.Seconds >= 0 && run.Seconds <= cutoff) || run.Censored != (run.Seconds == cutoff) {
		return dst, malformed("runtime")
	}
	arm, timeout := int(a.(mechanisms.Arm)), int64(-1<<10)
	if run.Censored {
		timeout = 1 << 10
	}
	q, err := statistics.FixedPoint(2*run.Seconds/cutoff-1, 1, 10)
	return append(dst, statistics.Increment{Block: 0, Cell: arm, Value: 1}, statistics.Increment{Block: 1, Cell: arm, Value: q},
		statistics.Increment{Block: 2, Cell: arm, Value: timeout}), err
}
