package linear

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/dp/stattest"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// settings of K arms with rewards in [0, 1], and a promise in ρ; 0 is none.
func settings(k, d int, horizon uint64, model dp.Model, rho float64) mechanisms.Settings {
	s := mechanisms.Settings{
		Kind: "linear", Horizon: horizon, Range: &mechanisms.Range{High: 1}, Features: &mechanisms.FeatureSpec{Dimension: d},
	}
	for a := range k {
		s.Arms = append(s.Arms, fmt.Sprint("arm-", a))
	}
	if rho > 0 {
		s.Privacy = &mechanisms.Privacy{
			Model: model, Unit: dp.Reward, Relation: dp.ZeroOut, Epsilon: big.NewRat(1, 1), Rho: new(big.Rat).SetFloat64(rho),
			Delta: 1e-6, MaxContributions: 1, FractionBits: 12,
		}
		if model == dp.Local {
			s.Privacy.Relation, s.Privacy.PublicArrival = dp.Replace, true
		}
	}
	return s
}

// Records are exact integers within their bounds, and decode to what they were.
func TestRecordsKeepTheirNorm(t *testing.T) {
	p := must(NewPrivateLinUCB(settings(2, 5, 1000, dp.Silo, 0.1)))
	d := must(p.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
	w := must(p.Open(d))
	src, set := noise.NewSeeded(2), p.layout.Empty()
	want := make([]float64, 15)
	for range 500 {
		x := environment.Direction(nil, 5, src)
		r, err := w.Record(nil, mechanisms.Features{X: x}, mechanisms.Arm(1), mechanisms.Reward{X: noise.Float64(src)})
		require.NoError(t, err)
		require.NoError(t, p.layout.Enforce(r))
		require.NoError(t, set.Add(r))
		at := 0
		for i := range x {
			for j := range i + 1 {
				want[at] += x[i] * x[j]
				at++
			}
		}
	}
	got := must(p.decode(mechanisms.Model{Parts: []mechanisms.Part{{Descriptor: d, Releases: 3, Sum: set}}}))
	for i, v := range got[1].gram.cell {
		assert.InDelta(t, want[i], v, 0.5)
	}
	assert.Zero(t, got[0].gram.cell[0])
	assert.InDelta(t, 3*p.sigmaGram*p.sigmaGram, got[1].noise2, 1e-12)
	assert.InDelta(t, math.Sqrt(1/0.1), p.sigmaGram, 1e-3, "Δ² = 1 at ρ/2: σ² = 1/ρ")
	assert.InDelta(t, p.sigmaGram, p.sigmaVector, 1e-6)
	cost := must(p.layout.RecordSpend())
	assert.LessOrEqual(t, cost.PicoRho, uint64(1e11))
	assert.Greater(t, cost.PicoRho, uint64(0.999e11))
}

// Sensitivities of (svec(xxᵀ), xy'): zero-out √2; replace √4.5, which the pair with
// x·x' = ½ and y' = −y reaches, and no random pair exceeds. Source: private-learning 6.
func TestNoPairIsFurtherApartThanStated(t *testing.T) {
	joint := func(x []float64, y float64, x2 []float64, y2 float64) float64 {
		sum := 0.0
		for i := range x {
			for j := range x {
				d := x[i]*x[j] - x2[i]*x2[j]
				sum += d * d
			}
			d := x[i]*y - x2[i]*y2
			sum += d * d
		}
		return math.Sqrt(sum)
	}
	src, most := noise.NewSeeded(1), 0.0
	for range 50_000 {
		x, x2 := environment.Direction(nil, 2, src), environment.Direction(nil, 2, src)
		most = math.Max(most, joint(x, 1, x2, -1))
	}
	assert.LessOrEqual(t, most, math.Sqrt(4.5)+1e-12)
	assert.Greater(t, most, math.Sqrt(4.5)-1e-6)
	assert.InDelta(t, math.Sqrt(4.5), joint([]float64{1, 0}, 1, []float64{0.5, math.Sqrt(0.75)}, -1), 1e-9)
	assert.InDelta(t, math.Sqrt2, joint([]float64{1, 0}, 1, []float64{0, 0}, 0), 1e-12)
}

// 20,000 noise matrices: larger than the bound no more often than α = 5 %, binomial
// false alarm 1e-6; a bound without its logarithm (planted) is seen.
func TestTheOperatorNormIsBounded(t *testing.T) {
	const runs, d = 20_000, 5
	src := noise.NewSeeded(8)
	var beyond, planted uint64
	for range runs {
		m := mat.NewSymDense(d, nil)
		for i := range d {
			for j := range i {
				m.SetSym(i, j, noise.Normal(src)/math.Sqrt2)
			}
			m.SetSym(i, i, noise.Normal(src))
		}
		var e mat.EigenSym
		e.Factorize(m, false)
		v := e.Values(nil)
		norm := math.Max(-v[0], v[d-1])
		if norm > OperatorNorm(d, 1, 0.05) {
			beyond++
		}
		if norm > math.Sqrt(2*d) {
			planted++
		}
	}
	assert.GreaterOrEqual(t, stattest.UpperTail(beyond, runs, 0.05), 1e-6)
	assert.Less(t, stattest.UpperTail(planted, runs, 0.05), 1e-6)
	assert.InDelta(t, 5.88, OperatorNorm(5, 1, 0.05), 0.01)
}

// team plays nodes in rounds that double, as the figures of private-learning 6.6 do.
type team struct {
	worlds []environment.Contextual
	share  []int // decisions of a round of 1,000
}

const (
	shared  = "shared"
	alone   = "alone"
	partial = "partial"
	bare    = "planted: no widths"
)

func (g team) play(t *testing.T, how string, s mechanisms.Settings, horizon int, seed uint64) (lost float64) {
	make := NewPrivateLinUCB
	if s.Privacy != nil && s.Privacy.Model == dp.Local {
		make = NewLocalLinUCB
	}
	s.Pooling = how == partial || how == bare
	p := must(make(s))
	var _ mechanisms.Pooled = p
	groups := [][]int{{}}
	for j := range g.worlds {
		if how == alone {
			groups = append(groups, []int{j})
		} else {
			groups[0] = append(groups[0], j)
		}
	}
	src := noise.NewSeeded(seed)
	var s2 environment.Situation
	for _, nodes := range groups {
		var published mechanisms.Model
		var d mechanisms.Descriptor
		own := map[int]*mechanisms.Model{}
		until, done := horizon/32, 0
		for done < horizon {
			until = min(until, horizon)
			var err error
			d, err = p.Plan(d, published, len(nodes))
			require.NoError(t, err)
			sum := p.layout.Empty()
			for _, j := range nodes {
				if own[j] == nil {
					own[j] = &mechanisms.Model{}
				}
				win := must(p.Open(d))
				if how == partial || how == bare {
					mine, _, err := p.Own(d, published, *own[j])
					require.NoError(t, err)
					win = must(p.Open(mine))
					if w := win.(window); how == bare {
						w.boldness = 0
						win = w
					}
				}
				set := p.layout.Empty()
				for slot := range (until - done) * g.share[j] / 1000 {
					s2 = g.worlds[j].Draw(s2, src)
					c := mechanisms.Features{X: s2.X}
					a, _, err := win.Choose(uint64(slot), c, src)
					require.NoError(t, err)
					record, err := win.Record(nil, c, a, mechanisms.Reward{X: s2.Rewards[a.(mechanisms.Arm)]})
					if err != nil {
						t.Fatal(err)
					}
					if p.local {
						for i := range record[:len(record)-1] {
							sigma := []float64{p.sigmaGram, p.sigmaVector}[record[i].Block] * float64(uint64(1)<<(2*p.bits))
							record[i].Value += int64(sigma * noise.Normal(src))
						}
					}
					if err := set.Add(record); err != nil {
						t.Fatal(err)
					}
					_, best := environment.BestGiven(g.worlds[j], s2.X)
					lost += best - g.worlds[j].Mean(s2.X, int(a.(mechanisms.Arm)))
				}
				for i, b := range p.layout {
					if b.Noise == statistics.GaussianPerReport {
						require.NoError(t, noise.Add(set.Blocks[i].Sum, must(noise.NewDiscreteGaussian(b.Num, b.Den)), src))
					}
				}
				require.NoError(t, sum.Merge(set))
				own[j].Parts = append(own[j].Parts, mechanisms.Part{Descriptor: d, Releases: 1, Sum: set})
			}
			published.Version++
			published.Parts = append(published.Parts, mechanisms.Part{Descriptor: d, Releases: uint64(len(nodes)), Sum: sum})
			done, until = until, 2*until
		}
	}
	return lost
}

func (g team) mean(t *testing.T, how string, s mechanisms.Settings, horizon, runs int) (sum float64) {
	for i := range runs {
		sum += g.play(t, how, s, horizon, 70+uint64(i)) / float64(runs)
	}
	return sum
}

// Eight nodes alike, ρ = 0.02: together they lose less than alone, and partial pooling
// nearly as little. Two contrary nodes: partial pooling is far better than shared. Nodes
// that differ by a third: it beats both. The planted rule without widths leaves the
// federation too soon. Fixed seeds.
func TestSilosLearnTogetherAndApart(t *testing.T) {
	theta := [][]float64{{0.45, 0, 0}, {-0.2, 0.4, 0}, {0, -0.3, 0.3}}
	turned := [][]float64{{-0.45, 0, 0}, {0.2, -0.4, 0}, {0, 0.3, -0.3}}
	one := must(environment.NewLinear(0.5, environment.Coins{}, theta...))
	other := must(environment.NewLinear(0.5, environment.Coins{}, turned...))
	alike, contrary := team{}, team{}
	for j := range 8 {
		alike.worlds, alike.share = append(alike.worlds, one), append(alike.share, 125)
		w := environment.Contextual(one)
		if j >= 6 {
			w = other
		}
		contrary.worlds, contrary.share = append(contrary.worlds, w), append(contrary.share, 125)
	}
	runs := 6
	if testing.Short() {
		runs = 2
	}
	s := settings(3, 3, 20_000, dp.Silo, 0.02)
	got := map[string]float64{}
	for _, how := range []string{shared, alone, partial, bare} {
		got[how] = alike.mean(t, how, s, 20_000, runs)
	}
	quiet := alike.mean(t, shared, settings(3, 3, 20_000, dp.Silo, 0), 20_000, runs)
	t.Logf("alike %v, without noise %.0f", got, quiet)
	assert.Less(t, quiet, got[shared])
	assert.Less(t, got[shared], 0.8*got[alone])
	blind := 20_000 * 0.3 // what arms in turn lose, about
	assert.Less(t, got[partial], got[shared]+0.05*blind)
	assert.Less(t, got[partial], 0.8*got[alone])
	assert.Greater(t, got[bare], 1.2*got[partial], "planted")
	for _, how := range []string{shared, alone, partial} {
		got[how] = contrary.mean(t, how, s, 20_000, runs)
	}
	t.Logf("contrary %v", got)
	assert.Less(t, got[partial], 0.8*got[shared], "and alone is better still: a node can't know that it differs before its numbers show it")

	mixed, src := team{}, noise.NewSeeded(5)
	for range 8 { // arm by arm, a third of each node's parameters is its own
		var own [][]float64
		for _, row := range theta {
			dir := environment.Direction(nil, 3, src)
			for i := range dir {
				dir[i] = 0.67*row[i] + 0.2*dir[i]
			}
			own = append(own, dir)
		}
		mixed.worlds, mixed.share = append(mixed.worlds, must(environment.NewLinear(0.5, environment.Coins{}, own...))), append(mixed.share, 125)
	}
	for _, how := range []string{shared, alone, partial} {
		got[how] = mixed.mean(t, how, s, 20_000, runs)
	}
	t.Logf("mixed %v", got)
	assert.Less(t, got[partial], math.Min(got[shared], got[alone]), "better than both where nodes differ as in life")
}

// Local noise hides much more: a local learner is far behind at the same promise, and
// learns at a large one.
func TestLocalLearnersLearnSlowly(t *testing.T) {
	w := must(environment.NewLinear(0.5, environment.Coins{}, []float64{0.45, 0}, []float64{-0.45, 0}))
	g := team{worlds: []environment.Contextual{w}, share: []int{1000}}
	const horizon = 10_000
	little, much := settings(2, 2, horizon, dp.Local, 0.05), settings(2, 2, horizon, dp.Local, 20)
	silo := settings(2, 2, horizon, dp.Silo, 0.05)
	a, b, c := g.mean(t, shared, little, horizon, 3), g.mean(t, shared, much, horizon, 3), g.mean(t, shared, silo, horizon, 3)
	t.Logf("local ρ 0.05 %.0f, ρ 20 %.0f, silo ρ 0.05 %.0f", a, b, c)
	assert.Less(t, b, 0.5*a)
	assert.Less(t, c, 0.5*a)
	p := must(NewLocalLinUCB(little))
	assert.Equal(t, statistics.GaussianPerRecord, p.layout[0].Noise)
	assert.True(t, p.layout.PerRecord())
	assert.False(t, p.layout.PerReport())
}

// tight keeps its promise where it is checked: |x·(θ̂ − θ)| ≤ β‖x‖_{V⁻¹} at every version,
// for every arm and 200 contexts, in 40 runs (the chance of one miss is below 1e-3 by
// the guarantee). The planted β, a hundredth, misses.
func TestTightConfidenceHolds(t *testing.T) {
	theta := []float64{0.3, -0.5, 0.4}
	w := must(environment.NewLinear(0, environment.Normal{SD: 0.1}, theta))
	for _, bonus := range []string{"tight", "theory"} {
		s := settings(1, 3, 4000, dp.Silo, 0.05)
		s.Bonus, s.Range, s.Clip = bonus, &mechanisms.Range{Low: -1, High: 1}, true
		p := must(NewPrivateLinUCB(s))
		missed, planted := 0, 0
		for run := range 40 {
			src := noise.NewSeeded(uint64(run))
			set := p.layout.Empty()
			d := must(p.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
			win := must(p.Open(d))
			var sit environment.Situation
			for range 2000 {
				sit = w.Draw(sit, src)
				require.NoError(t, set.Add(must(win.Record(nil, mechanisms.Features{X: sit.X}, mechanisms.Arm(0), mechanisms.Reward{X: sit.Rewards[0]}))))
			}
			for i, b := range p.layout {
				require.NoError(t, noise.Add(set.Blocks[i].Sum, must(noise.NewDiscreteGaussian(b.Num, b.Den)), src))
			}
			next := must(p.Plan(d, mechanisms.Model{Version: 1, Parts: []mechanisms.Part{{Descriptor: d, Releases: 1, Sum: set}}}, 1))
			sol := must(decodeSolution(next.Plan, 1, 3))
			z := make([]float64, 3)
			for range 200 {
				x := environment.Direction(nil, 3, src)
				off := math.Abs(dot(x, sol.arms[0].theta) - dot(x, theta))
				width := sol.arms[0].beta * math.Sqrt(sol.arms[0].factor.forward(z, x))
				if off > width {
					missed++
				}
				if off > width/100 {
					planted++
				}
			}
		}
		assert.Zero(t, missed, bonus)
		assert.Positive(t, planted, bonus)
	}
}

// The own width against the spread of x·(θ̂ − θ) over draws of the noise alone: between
// the spread and four times of it, where nothing is clipped.
func TestOwnWidthsCoverTheNoise(t *testing.T) {
	d, s2 := 3, 25.0
	m := sums{gram: newTriangle(d), vector: []float64{60, -100, 80}, noise2: s2, noiseB2: s2}
	for i := range d {
		m.gram.row(i)[i] = 200
	}
	theta := []float64{0.3, -0.5, 0.4}
	src, x := noise.NewSeeded(5), []float64{0.6, 0, 0.8}
	squares, width := 0.0, 0.0
	const runs = 20_000
	for range runs {
		n := sums{gram: newTriangle(d), vector: make([]float64, d), noise2: s2, noiseB2: s2}
		for i := range d {
			for j := range i {
				n.gram.row(i)[j] = m.gram.row(i)[j] + 5*noise.Normal(src)/math.Sqrt2
			}
			n.gram.row(i)[i] = m.gram.row(i)[i] + 5*noise.Normal(src)
			n.vector[i] = m.vector[i] + 5*noise.Normal(src)
		}
		own := ownOf(n)
		off := dot(x, own.theta) - dot(x, theta)
		squares += off * off / runs
		width += own.width(x, 0) / runs
	}
	sd := math.Sqrt(squares)
	assert.Greater(t, width, sd*0.9)
	assert.Less(t, width, sd*2, "width %v, spread %v", width, sd)
	quiet := ownOf(sums{gram: m.gram, vector: m.vector})
	assert.Less(t, quiet.width(x, 0), sd/10, "planted: without noise")
}

// Heavy tails: OFUL that clips learns from rewards without a variance.
func TestOFULTakesHeavyTails(t *testing.T) {
	w := must(environment.NewLinear(0, environment.Skewed{Shape: 1.7, Scale: 0.2}, []float64{0.5, 0, 0}, []float64{-0.5, 0, 0}))
	moment := &mechanisms.Moment{Order: 1.5, Bound: w.MomentBound(1.5)}
	make := func(p Problem) (learner, error) { p.Range = nil; return NewOFUL(p, moment) }
	mean, _ := regret(t, w, make, 4000, 6, false)
	half, _ := regret(t, w, make, 2000, 6, false)
	blind := func(p Problem) (learner, error) { l, err := make(p); return random2{l}, err }
	none, _ := regret(t, w, blind, 4000, 6, false)
	t.Logf("%.0f of %.0f, %.0f at half", mean, none, half)
	assert.Less(t, mean, 0.5*none)
	assert.Less(t, mean-half, half)
	s := settings(2, 3, 10_000, dp.Silo, 0.1)
	s.Range, s.Moment = nil, moment
	p := must(NewPrivateLinUCB(s))
	assert.Positive(t, p.bound)
	for name, bad := range map[string]func() error{
		"policy.params.bonus": func() error {
			_, err := NewOFUL(Problem{Arms: 1, Horizon: 9, Features: mechanisms.FeatureSpec{Dimension: 1}, Bonus: "x"}, nil)
			return err
		},
		"policy.params.kappa": func() error {
			_, err := NewOFUL(Problem{Arms: 1, Horizon: 9, Features: mechanisms.FeatureSpec{Dimension: 1}, Kappa: -1}, nil)
			return err
		},
		"reward.moment.order": func() error { _, err := NewOFUL(Problem{}, &mechanisms.Moment{Order: 3, Bound: 1}); return err },
		"policy.params.lambda": func() error {
			_, err := NewOFUL(Problem{Arms: 1, Horizon: 9, Features: mechanisms.FeatureSpec{Dimension: 1}, Params: mechanisms.Params{"lambda": -1}}, nil)
			return err
		},
	} {
		var e *posse.Error
		require.True(t, errors.As(bad(), &e), name)
		assert.Equal(t, name, e.Field)
	}
}

// One-pass Huber regression learns where least squares is thrown off: rewards with an
// index of 1.3, of which single ones are larger than all signal.
func TestHvtUCBLearnsInOnePass(t *testing.T) {
	w := must(environment.NewLinear(0, environment.Skewed{Shape: 1.3, Scale: 0.3}, []float64{0.5, 0, 0}, []float64{-0.5, 0, 0}))
	moment := mechanisms.Moment{Order: 1.25, Bound: environment.Skewed{Shape: 1.3, Scale: 0.3}.Central(1.25)}
	huber := func(p Problem) (learner, error) { p.Range = nil; return NewHvtUCB(p, moment) }
	plain := func(p Problem) (learner, error) {
		p.Range, p.Clip = &mechanisms.Range{Low: -1e4, High: 1e4}, true
		return NewLinUCB(p)
	}
	blind := func(p Problem) (learner, error) { l, err := huber(p); return random2{l}, err }
	mean, _ := regret(t, w, huber, 4000, 6, false)
	squares, _ := regret(t, w, plain, 4000, 6, false)
	none, _ := regret(t, w, blind, 4000, 6, false)
	t.Logf("Huber %.0f, least squares %.0f of %.0f", mean, squares, none)
	assert.Less(t, mean, 0.3*none)
	assert.Greater(t, squares, 2*mean)
	for field, change := range map[string]func(*Problem){
		"reward.range": func(p *Problem) { p.Range = &mechanisms.Range{High: 1} }, "policy.params.bonus": func(p *Problem) { p.Bonus = "tight" },
		"policy.params.kappa": func(p *Problem) { p.Kappa = 99 }, "policy.params.v": func(p *Problem) { p.Params = mechanisms.Params{"v": 1} },
		"policy.params.lambda": func(p *Problem) { p.Params = mechanisms.Params{"lambda": -1} }, "problem.arms": func(p *Problem) { p.Arms = 0 },
	} {
		p := flat(2, 3, 100)
		change(&p)
		_, err := NewHvtUCB(p, moment)
		var e *posse.Error
		require.True(t, errors.As(err, &e), field)
		assert.Equal(t, field, e.Field)
	}
	_, err := NewHvtUCB(flat(2, 3, 100), mechanisms.Moment{Order: 1, Bound: 1})
	assert.Error(t, err)
}

type random2 struct{ learner }

func (r random2) Choose(_ mechanisms.Round, _ mechanisms.Features, src noise.Source) (mechanisms.Arm, float64, error) {
	return mechanisms.Arm(noise.Uniform(2, src)), 0.5, nil
}

// A node that is alone, or has released nothing, follows the model; a node's own
// descriptor survives its encoding and keeps layout and version.
func TestANodeWithNobodyToDifferFromFollows(t *testing.T) {
	s := settings(2, 2, 1000, dp.Silo, 0.5)
	s.Pooling = true
	p := must(NewPrivateLinUCB(s))
	first := must(p.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 2))
	set, src := p.layout.Empty(), noise.NewSeeded(1)
	for i := range 500 {
		x := environment.Direction(nil, 2, src)
		w := must(p.Open(first))
		require.NoError(t, set.Add(must(w.Record(nil, mechanisms.Features{X: x}, mechanisms.Arm(i%2), mechanisms.Reward{X: 0.5 + 0.4*x[0]*float64(1-2*(i%2))}))))
	}
	model := func(n uint64) mechanisms.Model {
		return mechanisms.Model{Version: n, Parts: []mechanisms.Part{{Descriptor: first, Releases: n, Sum: set}}}
	}
	d := must(p.Plan(first, model(2), 2))
	for name, m := range map[string][2]mechanisms.Model{"alone": {model(2), model(2)}, "before its first": {model(2), {}}} {
		own, standing, err := p.Own(d, m[0], m[1])
		require.NoError(t, err)
		assert.Equal(t, d.Encode(), own.Encode(), name)
		assert.Equal(t, []int{0, 1}, standing.Playing)
	}
	own, _, err := p.Own(d, model(9), model(3))
	require.NoError(t, err)
	assert.NotEqual(t, d.Plan, own.Plan)
	assert.Equal(t, d.Version, own.Version)
	back := must(mechanisms.DecodeDescriptor(own.Encode()))
	w := must(p.Open(back))
	a, _, err := w.Choose(0, mechanisms.Features{X: []float64{1, 0}}, nil)
	require.NoError(t, err)
	assert.Equal(t, mechanisms.Arm(0), a)
	bad := back
	bad.Plan = append([]byte(nil), back.Plan...)
	copy(bad.Plan[len(bad.Plan)-8*ownNumbers(2):], make([]byte, 8))
	_, err = p.Open(bad)
	assert.ErrorIs(t, err, errPlan)
}

// With hardly any noise the solution is that without, and it is the ridge regression of
// the records: λ is 1 in the directions that tuned raises.
func TestWithHardlyAnyNoiseTheSolutionIsTheRegression(t *testing.T) {
	quiet, plain := must(NewPrivateLinUCB(settings(1, 3, 1000, dp.Silo, 1e6))), must(NewPrivateLinUCB(settings(1, 3, 1000, dp.Silo, 0)))
	src, theta := noise.NewSeeded(3), []float64{0.3, 0.2, -0.4}
	d := must(plain.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
	set, win := plain.layout.Empty(), must(plain.Open(d))
	for range 400 {
		x := environment.Direction(nil, 3, src)
		require.NoError(t, set.Add(must(win.Record(nil, mechanisms.Features{X: x}, mechanisms.Arm(0), mechanisms.Reward{X: 0.5 + dot(x, theta)/2}))))
	}
	noisy := set.Clone()
	for i, b := range quiet.layout {
		require.NoError(t, noise.Add(noisy.Blocks[i].Sum, must(noise.NewDiscreteGaussian(b.Num, b.Den)), src))
	}
	at := func(p *Shared, s *statistics.Set) armSolution {
		m := mechanisms.Model{Version: 1, Parts: []mechanisms.Part{{Descriptor: d, Releases: 1, Sum: s}}}
		return must(decodeSolution(must(p.Plan(d, m, 1)).Plan, 1, 3)).arms[0]
	}
	one, two := at(quiet, noisy), at(plain, set)
	for i := range 3 {
		assert.InDelta(t, two.theta[i], one.theta[i], 1e-3)
		assert.InDelta(t, theta[i]/2, two.theta[i], 0.06)
	}
	assert.InDelta(t, two.beta, one.beta, 0.01)
}

func TestSharedLinearPoliciesRefuseByField(t *testing.T) {
	change := func(f func(*mechanisms.Settings)) mechanisms.Settings {
		s := settings(2, 3, 1000, dp.Silo, 0.1)
		f(&s)
		return s
	}
	for field, s := range map[string]mechanisms.Settings{
		"problem.features":           change(func(s *mechanisms.Settings) { s.Features = nil }),
		"problem.features.perArm":    change(func(s *mechanisms.Settings) { s.Features.PerArm = true }),
		"problem.features.dimension": change(func(s *mechanisms.Settings) { s.Features.Dimension = 0 }),
		"reward.range":               change(func(s *mechanisms.Settings) { s.Range = nil }),
		"policy.params.bonus":        change(func(s *mechanisms.Settings) { s.Bonus = "loose" }),
		"policy.params.kappa":        change(func(s *mechanisms.Settings) { s.Kappa = 11 }),
		"policy.params.m":            change(func(s *mechanisms.Settings) { s.Params = mechanisms.Params{"m": 1} }),
		"policy.name":                change(func(s *mechanisms.Settings) { s.Privacy.Model = dp.Local }),
		"privacy.delta":              change(func(s *mechanisms.Settings) { s.Privacy.Rho = nil }),
	} {
		_, err := NewPrivateLinUCB(s)
		var e *posse.Error
		require.True(t, errors.As(err, &e), field)
		assert.Equal(t, field, e.Field)
	}
	p := must(NewPrivateLinUCB(settings(2, 3, 1000, dp.Silo, 0.1)))
	_, err := p.Open(mechanisms.Descriptor{Plan: []byte{1}})
	assert.ErrorIs(t, err, errPlan)
	_, err = decodeSolution(append(solution{}.encode(), make([]byte, 8*2*10)...), 2, 3)
	assert.ErrorIs(t, err, errPlan, "a factor with a zero on its diagonal")
}
