package arms

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// coins plays a federated policy of quotas on one node with Bernoulli arms, a release
// for each descriptor, and returns the regret.
func coins(t *testing.T, e mechanisms.Shared, horizon uint64, means []float64, src noise.Source) float64 {
	t.Helper()
	best := 0.0
	for _, m := range means {
		best = math.Max(best, m)
	}
	layout := e.Layout()
	var law noise.Law
	switch layout[1].Noise {
	case statistics.LaplacePerReport:
		law = must(noise.NewDiscreteLaplace(layout[1].Num, layout[1].Den))
	case statistics.GaussianPerReport:
		law = must(noise.NewDiscreteGaussian(layout[1].Num, layout[1].Den))
	}
	var m mechanisms.Model
	var d mechanisms.Descriptor
	regret, slot := 0.0, uint64(0)
	var record []statistics.Increment
	for slot < horizon {
		var err error
		d, err = e.Plan(d, m, 1)
		require.NoError(t, err)
		p, err := decodePlan(d.Plan, len(means))
		require.NoError(t, err)
		win, err := e.Open(d)
		require.NoError(t, err)
		n := min(horizon-slot, p.quota*uint64(len(p.survivors)))
		if d.Ended {
			return regret + float64(horizon-slot)*(best-means[p.survivors[0]])
		}
		set, err := win.Slots(slot, n)
		require.NoError(t, err)
		for range n {
			a, _, err := win.Choose(slot, mechanisms.None{}, src)
			require.NoError(t, err)
			x := 0.0
			if noise.Float64(src) < means[a.(mechanisms.Arm)] {
				x = 1
			}
			if record, err = win.Record(record[:0], mechanisms.None{}, a, mechanisms.Reward{X: x}); err != nil {
				t.Fatal(err)
			}
			if layout[1].Noise == statistics.DuchiPerRecord {
				record[len(record)-1].Value = sign(record[len(record)-1].Value, 1/math.Tanh(float64(layout[1].Num)/float64(layout[1].Den)/2), src)
			}
			if err := set.Add(record); err != nil {
				t.Fatal(err)
			}
			regret += best - means[a.(mechanisms.Arm)]
			slot++
		}
		if law != nil {
			require.NoError(t, noise.Add(set.Blocks[1].Sum, law, src))
		}
		m.Version++
		if k := len(m.Parts); k > 0 && m.Parts[k-1].Descriptor.Version == d.Version {
			require.NoError(t, m.Parts[k-1].Sum.Merge(set))
			m.Parts[k-1].Releases++
		} else {
			m.Parts = append(m.Parts, mechanisms.Part{Descriptor: d, Releases: 1, Sum: set})
		}
	}
	return regret
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// unit are settings for rewards in [0, 1] at ε; 0 is none. A record changes in value by
// up to 1, the whole range, as in the published form.
func unit(k int, horizon uint64, epsilon *big.Rat, model dp.Model) mechanisms.Settings {
	s := mechanisms.Settings{Kind: "arms", Arms: names(k), Horizon: horizon, Range: &mechanisms.Range{High: 1}}
	if epsilon != nil {
		s.Privacy = private(model, epsilon, 1)
		s.Privacy.Relation = dp.Replace
	}
	return s
}

// The rows of private-learning 10 for AdaP-UCB at T = 10^5: within 5 combined standard
// errors (a row's at least 2 %), false alarm below 1e-6. The planted α, of tuned, is not.
func TestAdaPReproducesTheReferenceRuns(t *testing.T) {
	r2, r3 := []float64{0.75, 0.625, 0.5, 0.375, 0.25}, []float64{0.8, 0.1, 0.1, 0.1, 0.1}
	const horizon, runs = 100_000, 14
	for name, row := range map[string]struct {
		means   []float64
		epsilon *big.Rat
		mean    float64
		se      float64
	}{
		"R2, no privacy": {r2, nil, 697, 19}, "R2, ε 1": {r2, big.NewRat(1, 1), 1293, 25}, "R2, ε ¼": {r2, big.NewRat(1, 4), 2909, 47},
		"R2, ε 0.1": {r2, big.NewRat(1, 10), 5043, 96}, "R2, ε 0.05": {r2, big.NewRat(1, 20), 8464, 64},
		"R3, no privacy": {r3, nil, 287, 7}, "R3, ε 1": {r3, big.NewRat(1, 1), 721, 4}, "R3, ε ¼": {r3, big.NewRat(1, 4), 2840, 15},
		"R3, ε 0.1": {r3, big.NewRat(1, 10), 5734, 1}, "R3, ε 0.05": {r3, big.NewRat(1, 20), 11433, 36},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			average := func(change func(*mechanisms.Settings), runs int) (mean, se float64) {
				s := unit(5, horizon, row.epsilon, dp.Silo)
				change(&s)
				squares := 0.0
				for i := range runs {
					r := coins(t, must(NewAdaptiveUCB(s)), horizon, row.means, noise.NewSeeded(40+uint64(i)))
					mean += r / float64(runs)
					squares += r * r / float64(runs)
				}
				return mean, math.Sqrt(math.Max(0, squares-mean*mean) / float64(runs-1))
			}
			mean, se := average(func(*mechanisms.Settings) {}, runs)
			t.Logf("%.0f ± %.0f, stated %.0f ± %.0f", mean, se, row.mean, row.se)
			away := func(x float64) float64 { return math.Abs(x-row.mean) / math.Hypot(se, math.Max(row.se, 0.02*row.mean)) }
			assert.LessOrEqual(t, away(mean), 5.0)
			tuned, _ := average(func(s *mechanisms.Settings) { s.Bonus = "tuned" }, 3)
			assert.Greater(t, away(tuned), 5.0, "planted: α 1, %.0f", tuned)
		})
	}
}

// Orders that the sources print: KLUCB beats UCB, both beat DP-SE by far, and without
// the noise in the index (planted) the private policy loses the best arm.
func TestAdaptivePoliciesKeepTheirOrders(t *testing.T) {
	r2 := []float64{0.75, 0.625, 0.5, 0.375, 0.25}
	const horizon = 200_000
	mean := func(make func(mechanisms.Settings) (mechanisms.Shared, error), epsilon *big.Rat, model dp.Model, runs int) (sum float64) {
		for i := range runs {
			sum += coins(t, must(make(unit(5, horizon, epsilon, model))), horizon, r2, noise.NewSeeded(uint64(i))) / float64(runs)
		}
		return sum
	}
	ucb := func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewAdaptiveUCB(s) }
	kl := func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewAdaptiveKLUCB(s) }
	se := func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewPrivateSuccessiveElimination(s) }
	one, tenth := big.NewRat(1, 1), big.NewRat(1, 10)
	a, b, c := mean(ucb, one, dp.Silo, 10), mean(kl, one, dp.Silo, 10), mean(se, one, dp.Silo, 3)
	t.Logf("AdaP-UCB %.0f, AdaP-KLUCB %.0f, DP-SE %.0f", a, b, c)
	assert.Less(t, b, a)
	assert.Greater(t, c, 2*a)
	assert.Less(t, mean(ucb, nil, dp.Silo, 5), a, "privacy costs")
	assert.Greater(t, mean(ucb, tenth, dp.Silo, 5), 2*a)
	assert.Greater(t, mean(se, tenth, dp.Silo, 2), 0.9*c)
}

// ldp-ucb in batches of a descriptor: learns with ε 4, and less with ε ½.
func TestLocalUCBLearns(t *testing.T) {
	const horizon = 20_000
	means := []float64{0.8, 0.2}
	mean := func(epsilon *big.Rat, model dp.Model) (sum float64) {
		for i := range 4 {
			s := unit(2, horizon, epsilon, model)
			sum += coins(t, must(NewLocalUCB(s)), horizon, means, noise.NewSeeded(uint64(i))) / 4
		}
		return sum
	}
	none, four, half := mean(nil, dp.Local), mean(big.NewRat(4, 1), dp.Local), mean(big.NewRat(1, 2), dp.Local)
	t.Logf("none %.0f, ε 4 %.0f, ε ½ %.0f of %.0f", none, four, half, 0.3*horizon)
	assert.Less(t, four, 0.1*0.3*horizon)
	assert.Less(t, none, 0.1*0.3*horizon)
	assert.Greater(t, half, 2*four)
	assert.Less(t, half, 0.9*0.3*horizon)
}

// Gaussian noise under a promise in ρ: the law is Δ²/(2ρ), the ledger knows it, and the
// policy still learns. C contributions cost C² times as much.
func TestEliminationTakesGaussianNoise(t *testing.T) {
	s := unit(3, 100_000, big.NewRat(1, 1), dp.Silo)
	s.Privacy.Relation, s.Privacy.Rho, s.Privacy.Delta = dp.ZeroOut, big.NewRat(1, 100), 1e-6
	e := must(NewElimination(s))
	assert.Equal(t, statistics.GaussianPerReport, e.layout[1].Noise)
	assert.InDelta(t, math.Sqrt(1/(2*0.01)), e.sigma, 1e-6)
	cost := must(e.layout.RecordSpend())
	assert.LessOrEqual(t, cost.PicoRho, uint64(dp.PicoPerRho/100))
	assert.Less(t, coins(t, e, 100_000, []float64{0.9, 0.5, 0.1}, noise.NewSeeded(2)), 4000.0)
	s.Privacy.MaxContributions = 10
	assert.InDelta(t, 10*e.sigma, must(NewElimination(s)).sigma, 1e-6)
	s.Privacy.Rho = big.NewRat(1, 1<<62)
	_, err := NewElimination(s)
	assert.ErrorContains(t, err, "maxContributions")
}

// The published constants: the stated quota, bound and threshold, and that nothing is
// ever dropped in a hundred thousand pulls.
func TestPublishedConstantsExploreForEver(t *testing.T) {
	w := newHeavy(0.5, 0.9, 0.7, 0.5, 0.3, 0.1)
	s := mechanisms.Settings{Kind: "arms", Arms: names(5), Horizon: 100_000, Moment: &mechanisms.Moment{Order: 1.5, Bound: w.bound}, Bonus: "theory", Privacy: private(dp.Silo, big.NewRat(1, 2), 1)}
	e := must(NewElimination(s))
	d := must(e.Plan(mechanisms.Descriptor{}, mechanisms.Model{}, 1))
	p := must(decodePlan(d.Plan, 5))
	l := math.Log(4 * 5 * 100_000)
	assert.InEpsilon(t, w.bound*w.bound*math.Pow(24, 3)*l/(0.5*math.Pow(0.5, 3)), float64(p.quota), 1e-4)
	assert.InEpsilon(t, math.Pow(w.bound*float64(p.quota)*0.5/l, 1/1.5), p.bound, 1e-9)
	regret, alive := w.run(t, 0.5, 20_000, 1, func(s *mechanisms.Settings) { s.Bonus = "theory" })
	assert.Equal(t, 5, alive)
	assert.InDelta(t, 0.4*20_000, regret, 1e-6)
	s.Privacy = private(dp.Local, big.NewRat(1, 1), 1)
	_, err := NewElimination(s)
	assert.ErrorContains(t, err, "theory")
}

// Robust UCB on R1: tuned learns where the published constants hardly do, and the plain
// mean (ucb1 on a range guessed too small) can be worse than both.
func TestRobustUCBLearnsHeavyTails(t *testing.T) {
	w := newHeavy(0.5, 0.9, 0.7, 0.5, 0.3, 0.1)
	const horizon = 40_000
	play := func(make func() (learner, error), runs int) (sum float64) {
		for i := range runs {
			p, src := must(make()), noise.NewSeeded(uint64(i)+9)
			for step := range uint64(horizon) {
				a, _, err := p.Choose(mechanisms.Round{T: step + 1}, mechanisms.None{}, src)
				require.NoError(t, err)
				if err := p.Observe(mechanisms.Round{T: step + 1}, mechanisms.None{}, a, mechanisms.Reward{X: w.reward(int(a), src)}); err != nil {
					t.Fatal(err)
				}
				sum += (w.means[0] - w.means[a]) / float64(runs)
			}
		}
		return sum
	}
	of := func(bonus string) func() (learner, error) {
		return func() (learner, error) {
			return NewRobustUCB(Problem{Arms: 5, Horizon: horizon, Moment: &mechanisms.Moment{Order: 1.5, Bound: w.bound}, Bonus: bonus})
		}
	}
	theory, tight, tuned := play(of("theory"), 2), play(of("tight"), 2), play(of("tuned"), 6)
	t.Logf("theory %.0f, tight %.0f, tuned %.0f of %.0f", theory, tight, tuned, 0.4*horizon)
	assert.Less(t, tuned, 0.5*theory)
	assert.Less(t, tight, theory)
	assert.Greater(t, theory, 0.6*0.4*horizon, "published constants explore almost for ever")
	for name, change := range map[string]func(*Problem){
		"reward.moment":       func(p *Problem) { p.Moment = nil },
		"policy.params.bonus": func(p *Problem) { p.Bonus = "loose" },
		"policy.params.kappa": func(p *Problem) { p.Kappa = -1 },
	} {
		p := Problem{Arms: 2, Horizon: 9, Moment: &mechanisms.Moment{Order: 2, Bound: 1}}
		change(&p)
		_, err := NewRobustUCB(p)
		assert.ErrorContains(t, err, name[:6], name)
	}
}

// The private robust UCB keeps one bound for the whole run, which its noise is made for,
// and hardly learns within a hundred thousand pulls: the reference that elimination beats.
func TestPrivateRobustUCBIsWorseThanElimination(t *testing.T) {
	w := newHeavy(1, 0.9, 0.7, 0.5, 0.3, 0.1)
	const horizon = 60_000
	s := mechanisms.Settings{Kind: "arms", Arms: names(5), Horizon: horizon, Moment: &mechanisms.Moment{Order: 2, Bound: w.bound}, Privacy: private(dp.Silo, big.NewRat(1, 1), 1)}
	p := must(NewPrivateRobustUCB(s))
	src, lost, slot := noise.NewSeeded(3), 0.0, uint64(0)
	law := must(noise.NewDiscreteLaplace(p.layout[1].Num, p.layout[1].Den))
	var m mechanisms.Model
	var d mechanisms.Descriptor
	for m.Version < 60 {
		d = must(p.Plan(d, m, 1))
		win, set := must(p.Open(d)), p.layout.Empty()
		require.InDelta(t, p.bound, must(decodePlan(d.Plan, 5)).bound, 0, "one bound")
		require.NoError(t, set.Merge(must(win.Slots(slot, 1000))))
		for range 1000 {
			a, _, err := win.Choose(slot, mechanisms.None{}, src)
			require.NoError(t, err)
			require.NoError(t, set.Add(must(win.Record(nil, mechanisms.None{}, a, mechanisms.Reward{X: w.reward(int(a.(mechanisms.Arm)), src)}))))
			lost += w.means[0] - w.means[a.(mechanisms.Arm)]
			slot++
		}
		require.NoError(t, noise.Add(set.Blocks[1].Sum, law, src))
		m.Version++
		m.Parts = append(m.Parts, mechanisms.Part{Descriptor: d, Releases: 1, Sum: set})
	}
	elimination, _ := w.run(t, 1, horizon, 3, kappa(0.1, dp.Silo, big.NewRat(1, 1)))
	t.Logf("%.0f, elimination %.0f of %.0f", lost, elimination, 0.4*horizon)
	assert.Greater(t, lost, 3*elimination)
	summary := must(p.Summary(m, d))
	assert.Equal(t, "theory", summary.Bonus)
	for name, change := range map[string]func(*mechanisms.Settings){
		"theory": func(s *mechanisms.Settings) { s.Bonus = "tuned" }, "reward.moment": func(s *mechanisms.Settings) { s.Moment, s.Range = nil, &mechanisms.Range{High: 1} },
		"local": func(s *mechanisms.Settings) { s.Privacy = private(dp.Local, big.NewRat(1, 1), 1) },
	} {
		bad := s
		change(&bad)
		_, err := NewPrivateRobustUCB(bad)
		assert.ErrorContains(t, err, name)
	}
}
