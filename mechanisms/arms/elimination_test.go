package arms

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

func names(k int) (out []string) {
	for a := range k {
		out = append(out, fmt.Sprintf("arm-%d", a))
	}
	return out
}

func private(model dp.Model, epsilon *big.Rat, contributions uint64) *mechanisms.Privacy {
	p := &mechanisms.Privacy{
		Model: model, Unit: dp.User, Relation: dp.ZeroOut, Epsilon: epsilon, MaxContributions: contributions, FractionBits: 16,
	}
	if model == dp.Local {
		p.Relation, p.PublicArrival = dp.Replace, true
	}
	return p
}

func elimination(t require.TestingT, k int, change func(*mechanisms.Settings)) *Elimination {
	s := mechanisms.Settings{
		Kind: "arms", Arms: names(k), Horizon: 100_000, Moment: &mechanisms.Moment{Order: 1.5, Bound: 8},
		Privacy: private(dp.Silo, big.NewRat(1, 1), 2),
	}
	if change != nil {
		change(&s)
	}
	e, err := NewElimination(s)
	require.NoError(t, err)
	return e
}

// C records of a user cost at most ε, and one more than all does not fit: for the ε
// of an experiment, its limit rounded down, and every C.
func TestExactlyMaxContributionsRecordsFitTheLimit(t *testing.T) {
	for _, model := range []dp.Model{dp.Silo, dp.Local} {
		for _, relation := range []dp.Relation{dp.ZeroOut, dp.Replace} {
			for _, epsilon := range []*big.Rat{big.NewRat(1, 1), big.NewRat(2, 3), big.NewRat(1, 10), big.NewRat(20, 1), big.NewRat(314159, 100000)} {
				for c := uint64(1); c <= 50; c++ {
					e := elimination(t, 3, func(s *mechanisms.Settings) {
						s.Privacy = private(model, epsilon, c)
						s.Privacy.Relation = relation
					})
					cost, err := e.Layout().RecordSpend()
					require.NoError(t, err)
					limit := new(big.Int).Mul(epsilon.Num(), big.NewInt(1_000_000_000))
					limit.Quo(limit, epsilon.Denom())
					all, err := cost.Times(c)
					require.NoError(t, err)
					assert.LessOrEqual(t, all.NanoEpsilon, limit.Uint64(), "%s %s ε %s C %d", model, relation, epsilon, c)
					assert.Greater(t, all.NanoEpsilon+cost.NanoEpsilon, limit.Uint64(), "%s %s ε %s C %d", model, relation, epsilon, c)
				}
			}
		}
	}
}

func TestNoiseFollowsModelRelationAndContributions(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*mechanisms.Settings)
		scale  float64 // Laplace scale over 2^f
		l1     uint64  // over 2^f
	}{
		"zero-out, C 2":          {nil, 2, 1},
		"replace, C 2":           {func(s *mechanisms.Settings) { s.Privacy.Relation = dp.Replace }, 4, 2},
		"zero-out, C 5, ε ½":     {func(s *mechanisms.Settings) { s.Privacy = private(dp.Silo, big.NewRat(1, 2), 5) }, 10, 1},
		"the widest fixed point": {func(s *mechanisms.Settings) { s.Privacy.FractionBits = 40 }, 2, 1},
		"a third of ε":           {func(s *mechanisms.Settings) { s.Privacy.MaxContributions = 3; s.Privacy.FractionBits = 40 }, 3, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := elimination(t, 2, row.change)
			b := e.Layout()[1]
			assert.InEpsilon(t, row.scale, float64(b.Num)/float64(b.Den)/math.Ldexp(1, int(b.Scale)), 1e-8)
			assert.InEpsilon(t, row.scale, e.scale, 1e-8)
			assert.Equal(t, row.l1<<b.Scale, b.L1)
			assert.NoError(t, e.Layout().Validate())
		})
	}
}

func TestSettingsOutsideTheirRangeAreRefusedByField(t *testing.T) {
	for name, row := range map[string]struct {
		field  string
		change func(*mechanisms.Settings)
	}{
		"no arms":               {"problem.arms", func(s *mechanisms.Settings) { s.Arms = nil }},
		"no horizon":            {"horizon", func(s *mechanisms.Settings) { s.Horizon = 0 }},
		"range and moment":      {"reward.moment", func(s *mechanisms.Settings) { s.Range = &mechanisms.Range{High: 1} }},
		"neither":               {"reward.moment", func(s *mechanisms.Settings) { s.Moment = nil }},
		"order 2.5":             {"reward.moment.order", func(s *mechanisms.Settings) { s.Moment.Order = 2.5 }},
		"bound 0":               {"reward.moment.bound", func(s *mechanisms.Settings) { s.Moment.Bound = 0 }},
		"an empty range":        {"reward.range", func(s *mechanisms.Settings) { s.Moment, s.Range = nil, &mechanisms.Range{Low: 1, High: 1} }},
		"an infinite range":     {"reward.range", func(s *mechanisms.Settings) { s.Moment, s.Range = nil, &mechanisms.Range{High: math.Inf(1)} }},
		"a bonus of none":       {"policy.params.bonus", func(s *mechanisms.Settings) { s.Bonus = "none" }},
		"kappa 11":              {"policy.params.kappa", func(s *mechanisms.Settings) { s.Kappa = 11 }},
		"kappa NaN":             {"policy.params.kappa", func(s *mechanisms.Settings) { s.Kappa = math.NaN() }},
		"3 bits":                {"privacy.fractionBits", func(s *mechanisms.Settings) { s.Privacy.FractionBits = 3 }},
		"41 bits":               {"privacy.fractionBits", func(s *mechanisms.Settings) { s.Privacy.FractionBits = 41 }},
		"no epsilon":            {"privacy.epsilon", func(s *mechanisms.Settings) { s.Privacy.Epsilon = nil }},
		"epsilon below 0":       {"privacy.epsilon", func(s *mechanisms.Settings) { s.Privacy.Epsilon = big.NewRat(-1, 1) }},
		"less than a nano each": {"privacy.epsilon", func(s *mechanisms.Settings) { s.Privacy.Epsilon = big.NewRat(1, 1_000_000_000) }},
		"the central model":     {"policy.name", func(s *mechanisms.Settings) { s.Privacy.Model = dp.Central }},
	} {
		t.Run(name, func(t *testing.T) {
			s := mechanisms.Settings{
				Kind: "arms", Arms: names(3), Horizon: 1000, Moment: &mechanisms.Moment{Order: 1.5, Bound: 8},
				Privacy: private(dp.Silo, big.NewRat(1, 1), 2),
			}
			row.change(&s)
			_, err := NewElimination(s)
			var e *posse.Error
			require.True(t, errors.As(err, &e), "accepted")
			assert.Equal(t, row.field, e.Field)
		})
	}
}

// partOf is a published part with so many records of each arm, whose mean in units of
// the bound is given.
func partOf(e *Elimination, d mechanisms.Descriptor, n int64, means ...float64) mechanisms.Part {
	sum := e.layout.Empty()
	for a, mean := range means {
		if !math.IsNaN(mean) {
			sum.Blocks[0].Sum[a] = n
			sum.Blocks[1].Sum[a] = int64(math.Round(mean * float64(n) * math.Ldexp(1, int(e.layout[1].Scale))))
		}
	}
	return mechanisms.Part{Descriptor: d, Releases: 1, Sum: sum}
}

func planned(t require.TestingT, e *Elimination, before mechanisms.Descriptor, m mechanisms.Model, nodes int) (mechanisms.Descriptor, plan) {
	d, err := e.Plan(before, m, nodes)
	require.NoError(t, err)
	p, err := decodePlan(d.Plan, len(e.settings.Arms))
	require.NoError(t, err)
	return d, p
}

func TestTheFirstPlanPlaysEveryArmAndDependsOnPublicNumbersAlone(t *testing.T) {
	e := elimination(t, 4, nil)
	for nodes, quota := range map[int]uint64{0: 64, 1: 64, 2: 128, 3: 256, 8: 512, 9: 1024} {
		d, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, nodes)
		assert.Equal(t, []int{0, 1, 2, 3}, p.survivors)
		assert.Equal(t, quota, p.quota, "%d nodes", nodes)
		assert.EqualValues(t, 1, d.Epoch)
		assert.False(t, d.Ended)
	}
}

func TestTheFarAreDroppedFromTheFirstQuotaOn(t *testing.T) {
	e := elimination(t, 3, func(s *mechanisms.Settings) { s.Privacy = nil })
	first, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	short := mechanisms.Model{Version: 1, Parts: []mechanisms.Part{partOf(e, first, int64(p.quota)-1, 0.3, 0.3, 0.3)}}
	d, _ := planned(t, e, first, short, 1)
	assert.Equal(t, first, d, "nothing changes: the descriptor stays, and its part goes on growing")
	early := mechanisms.Model{Version: 1, Parts: []mechanisms.Part{partOf(e, first, int64(p.quota)-1, 0.9, 0, 0.9)}}
	d, _ = planned(t, e, first, early, 1)
	assert.Equal(t, first, d, "a handful of records tells nobody apart")

	full := mechanisms.Model{Version: 2, Parts: []mechanisms.Part{partOf(e, first, int64(p.quota), 0.9, 0, 0.9)}}
	d, q := planned(t, e, first, full, 1)
	assert.EqualValues(t, 2, d.Epoch)
	assert.Equal(t, []int{0, 2}, q.survivors)
	assert.Equal(t, 2*p.quota, q.quota)
	assert.Greater(t, q.bound, p.bound, "more records bear a larger bound")

	more := mechanisms.Model{Version: 3, Parts: append(full.Parts, partOf(e, d, 50, -0.9, math.NaN(), 0.9))}
	third, last := planned(t, e, d, more, 1)
	assert.EqualValues(t, 2, third.Epoch, "before the second quota")
	assert.Equal(t, []int{2}, last.survivors)
	assert.True(t, third.Ended)

	one := mechanisms.Model{Version: 2, Parts: []mechanisms.Part{partOf(e, first, int64(p.quota), 0.9, 0, 0)}}
	ended, last := planned(t, e, first, one, 1)
	assert.True(t, ended.Ended)
	assert.Equal(t, []int{0}, last.survivors)
	again, _ := planned(t, e, ended, mechanisms.Model{Version: 3, Parts: append(one.Parts, partOf(e, ended, 1000, 0, 1, 1))}, 1)
	assert.Equal(t, ended, again, "what has ended stays ended, whatever comes")
	s, err := e.Summary(one, ended)
	require.NoError(t, err)
	assert.Equal(t, "arm-0", s.Answer)
	assert.True(t, s.Ended)
	assert.True(t, s.Options[0].Alive)
	assert.False(t, s.Options[1].Alive)
}

func TestAVersionMayMeetSeveralQuotasAtOnce(t *testing.T) {
	e := elimination(t, 2, nil)
	first, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	m := mechanisms.Model{Version: 1, Parts: []mechanisms.Part{partOf(e, first, int64(5*p.quota), 0.5, 0.5)}}
	d, q := planned(t, e, first, m, 1)
	assert.Equal(t, 8*p.quota, q.quota)
	assert.EqualValues(t, 4, d.Epoch)
}

// What was not bought in its own epoch is bought later, under the bound and the noise
// that it was made with: the mean is the one of all records, and the radius grows by
// its noise.
func TestAnUnsoldLeafOfAnOldEpochMerges(t *testing.T) {
	e := elimination(t, 2, nil)
	first, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	m := mechanisms.Model{Version: 1, Parts: []mechanisms.Part{partOf(e, first, int64(p.quota), 0.5, 0.25)}}
	second, q := planned(t, e, first, m, 1)
	require.NotEqual(t, p.bound, q.bound)
	m.Version++
	m.Parts = append(m.Parts, partOf(e, second, 100, 0.5, 0.25))
	late := partOf(e, first, 50, 0.1, 0.1)
	require.NoError(t, m.Parts[0].Sum.Merge(late.Sum))
	m.Parts[0].Releases++

	got, err := e.cells(m)
	require.NoError(t, err)
	n := float64(p.quota)
	assert.EqualValues(t, p.quota+150, got[0].count)
	assert.InEpsilon(t, ((0.5*n+0.1*50)*p.bound+0.5*100*q.bound)/(n+150), got[0].mean, 1e-4)
	assert.InEpsilon(t, e.scale*e.scale*(2*p.bound*p.bound+q.bound*q.bound), got[0].ledger.Scale2, 1e-12)
	assert.Equal(t, math.Max(p.bound, q.bound), got[0].ledger.Max)
	assert.InEpsilon(t, (n+50)*math.Pow(p.bound, -0.5)+100*math.Pow(q.bound, -0.5), got[0].ledger.Bias, 1e-12)
}

// Neither the order of parts nor how leaves were spread over them matters.
func TestCellsAddUpInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := elimination(t, 3, nil)
		first, _ := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
		var parts, back []mechanisms.Part
		for i := range rapid.IntRange(1, 5).Draw(t, "parts") {
			d := first
			p, err := decodePlan(d.Plan, 3)
			require.NoError(t, err)
			p.bound *= float64(i + 1)
			d.Plan = p.encode()
			parts = append(parts, partOf(e, d, rapid.Int64Range(0, 1000).Draw(t, "n"), 0.5, -0.25, math.NaN()))
			back = append([]mechanisms.Part{parts[i]}, back...)
		}
		one, err := e.cells(mechanisms.Model{Parts: parts})
		require.NoError(t, err)
		two, err := e.cells(mechanisms.Model{Parts: back})
		require.NoError(t, err)
		for a := range one {
			assert.Equal(t, one[a].count, two[a].count)
			assert.InDelta(t, one[a].mean, two[a].mean, 1e-9)
		}
		assert.Zero(t, one[2].count, "an arm without records is left out: its sum is noise")
	})
}

func TestAHorizonBelowTheNumberOfArmsStillDecides(t *testing.T) {
	e := elimination(t, 100, func(s *mechanisms.Settings) { s.Horizon = 10 })
	d, _ := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	w, err := e.Open(d)
	require.NoError(t, err)
	for slot := range uint64(10) {
		a, _, err := w.Choose(slot, mechanisms.None{}, noise.NewSeeded(1))
		require.NoError(t, err)
		assert.Equal(t, mechanisms.Arm(slot), a)
	}
	s, err := e.Summary(mechanisms.Model{}, d)
	require.NoError(t, err)
	assert.Empty(t, s.Answer)
	assert.Len(t, s.Options, 100)
	assert.False(t, s.Options[0].Known)
}

func TestOneArmNeedsNoLearning(t *testing.T) {
	e := elimination(t, 1, nil)
	d, _ := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 3)
	assert.True(t, d.Ended)
	s, err := e.Summary(mechanisms.Model{}, d)
	require.NoError(t, err)
	assert.Equal(t, "arm-0", s.Answer)
}

// Who is kept out of learning under zero-out enters as the baseline: the slots count
// and nothing is added, so the mean is drawn to the baseline by their share.
func TestRecordsOverTheBoundEnterAsTheBaseline(t *testing.T) {
	e := elimination(t, 2, func(s *mechanisms.Settings) { s.Baseline = 0.3 })
	d, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	w, err := e.Open(d)
	require.NoError(t, err)
	set, err := w.Slots(0, 200)
	require.NoError(t, err)
	for slot := range uint64(200) {
		if slot >= 160 {
			continue // a fifth comes from users who have given all they may
		}
		a, _, err := w.Choose(slot, mechanisms.None{}, noise.NewSeeded(1))
		require.NoError(t, err)
		record, err := w.Record(nil, mechanisms.None{}, a, mechanisms.Reward{X: 1.3})
		require.NoError(t, err)
		require.Len(t, record, 1)
		require.NoError(t, set.Add(record))
	}
	got, err := e.cells(mechanisms.Model{Parts: []mechanisms.Part{{Descriptor: d, Releases: 1, Sum: set}}})
	require.NoError(t, err)
	require.Greater(t, p.bound, 1.0)
	assert.EqualValues(t, 100, got[0].count)
	assert.InDelta(t, 0.3+0.8*1, got[0].mean, 1e-3)
}

func TestUniformDropsNothing(t *testing.T) {
	e, err := NewSharedUniform(mechanisms.Settings{Kind: "arms", Arms: names(2), Horizon: 1000, Range: &mechanisms.Range{High: 1}, Privacy: private(dp.Silo, big.NewRat(1, 1), 1)})
	require.NoError(t, err)
	d, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	for version := range uint64(20) {
		m := mechanisms.Model{Version: version + 1, Parts: []mechanisms.Part{partOf(e, d, int64(p.quota), 1, -1)}}
		d, p = planned(t, e, d, m, 1)
		require.Equal(t, []int{0, 1}, p.survivors)
		require.False(t, d.Ended)
	}
}

func TestPlansFromTheNetworkAreChecked(t *testing.T) {
	good := plan{bound: 2, quota: 64, survivors: []int{0, 2}}
	p, err := decodePlan(good.encode(), 3)
	require.NoError(t, err)
	assert.Equal(t, good, p)
	for name, bad := range map[string]plan{
		"no survivor": {bound: 2, quota: 64}, "an arm that there is not": {bound: 2, quota: 64, survivors: []int{0, 3}},
		"one arm twice": {bound: 2, quota: 64, survivors: []int{1, 1}}, "out of order": {bound: 2, quota: 64, survivors: []int{2, 0}},
		"no bound": {quota: 64, survivors: []int{0}}, "a bound below 0": {bound: -1, quota: 64, survivors: []int{0}},
		"an infinite bound": {bound: math.Inf(1), quota: 64, survivors: []int{0}}, "NaN": {bound: math.NaN(), quota: 64, survivors: []int{0}},
		"no quota": {bound: 2, survivors: []int{0}}, "four survivors of three": {bound: 2, quota: 64, survivors: []int{0, 1, 2, 3}},
	} {
		_, err := decodePlan(bad.encode(), 3)
		assert.Error(t, err, name)
	}
	for n := range len(good.encode()) {
		if n != 20 { // a plan with one survivor less
			_, err := decodePlan(good.encode()[:n], 3)
			assert.Error(t, err, "cut to %d bytes", n)
		}
	}
	e := elimination(t, 3, nil)
	_, err = e.Open(mechanisms.Descriptor{Plan: []byte("nonsense")})
	assert.Error(t, err)
}

func FuzzDecodePlan(f *testing.F) {
	f.Add(plan{bound: 2, quota: 64, survivors: []int{0, 2}}.encode(), 3)
	f.Fuzz(func(t *testing.T, data []byte, k int) {
		p, err := decodePlan(data, k)
		if err != nil {
			return
		}
		if string(p.encode()) != string(data) {
			t.Fatal("accepted bytes that are not canonical")
		}
		if len(p.survivors) == 0 || p.survivors[len(p.survivors)-1] >= k {
			t.Fatal("survivors outside of the arms")
		}
	})
}

func TestLateRecordsOfADroppedArmAreForeign(t *testing.T) {
	e := elimination(t, 3, nil)
	d, p := planned(t, e, mechanisms.Descriptor{}, mechanisms.Model{}, 1)
	p.survivors = []int{0, 2}
	d.Plan = p.encode()
	w, err := e.Open(d)
	require.NoError(t, err)
	record, err := w.Record(nil, mechanisms.None{}, mechanisms.Arm(1), mechanisms.Reward{X: 1})
	assert.ErrorIs(t, err, mechanisms.ErrForeign)
	assert.Empty(t, record)
}

func TestStatisticsThatNoWindowGivesAreRefused(t *testing.T) {
	arrival := func(m dp.Model) *mechanisms.Privacy {
		p := private(m, big.NewRat(1, 1), 2)
		p.PublicArrival = true
		return p
	}
	const record, scale = 1 << 16, 2 << 16 // Laplace of C·Δ/ε
	for name, row := range map[string]struct {
		privacy *mechanisms.Privacy
		count   int64
		arm     int
		sum     int64
		field   string
	}{
		"slots, none of them rewarded":            {private(dp.Silo, big.NewRat(1, 1), 2), 10, 0, 0, ""},
		"slots, and rewards of earlier ones":      {private(dp.Silo, big.NewRat(1, 1), 2), 1, 0, 1000 * record, ""},
		"fewer slots than none":                   {private(dp.Silo, big.NewRat(1, 1), 2), -1, 0, 0, "count"},
		"slots of an arm that was dropped":        {private(dp.Silo, big.NewRat(1, 1), 2), 1, 1, 0, "count"},
		"records at the bound":                    {arrival(dp.Silo), 10, 0, -10*record - 91*scale, ""},
		"records over the bound and any noise":    {arrival(dp.Silo), 10, 0, -10*record - 91*scale - 1, "sum"},
		"noise of an arm that was dropped":        {arrival(dp.Silo), 0, 1, 91 * scale, ""},
		"signs, each its record's":                {arrival(dp.Local), 10, 2, 10 * record, ""},
		"one sign more than records":              {arrival(dp.Local), 10, 2, 11 * record, "sum"},
		"signs without a record":                  {arrival(dp.Local), 0, 2, -record, "sum"},
		"a sum whose size is not a number of its": {arrival(dp.Local), 10, 2, math.MinInt64, "sum"},
	} {
		t.Run(name, func(t *testing.T) {
			e := elimination(t, 3, func(s *mechanisms.Settings) { s.Privacy = row.privacy })
			d := mechanisms.Descriptor{Layout: e.Layout(), Plan: plan{bound: 1, quota: 64, survivors: []int{0, 2}}.encode()}
			set := e.Layout().Empty()
			set.Block("count")[row.arm], set.Block("sum")[row.arm] = row.count, row.sum
			err := e.Check(d, set)
			claimed := e.Check(d, e.Layout().Claim(set))
			if row.field == "" {
				assert.NoError(t, err)
				assert.NoError(t, claimed)
				return
			}
			require.Error(t, err)
			assert.Equal(t, row.field, posse.As(err).Field)
			assert.Equal(t, row.field == "count", claimed != nil, "a claim shows counts alone")
		})
	}
	e := elimination(t, 3, nil)
	d := mechanisms.Descriptor{Plan: plan{bound: 1, quota: 64, survivors: []int{0}}.encode()}
	require.Error(t, e.Check(d, elimination(t, 4, nil).Layout().Empty()), "another number of arms")
	require.Error(t, e.Check(mechanisms.Descriptor{}, e.Layout().Empty()), "no plan")
}
