package policytest

import (
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

func rules(found []Violation) (out []string) {
	for _, v := range found {
		out = append(out, v.Rule)
	}
	return out
}

// twisted is ucb1 with one thing wrong.
type twisted struct {
	mechanisms.Policy
	choose  func(mechanisms.Policy, mechanisms.Round, noise.Source) (mechanisms.Action, float64, error)
	observe func(mechanisms.Policy, mechanisms.Action, mechanisms.Feedback) error
	calls   int
}

func (p *twisted) Choose(r mechanisms.Round, c mechanisms.Context, src noise.Source) (mechanisms.Action, float64, error) {
	if p.choose != nil {
		return p.choose(p.Policy, r, src)
	}
	return p.Policy.Choose(r, c, src)
}

func (p *twisted) Observe(r mechanisms.Round, c mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) error {
	p.calls++
	if p.observe != nil {
		return p.observe(p.Policy, a, f)
	}
	return p.Policy.Observe(r, c, a, f)
}

func tell(p mechanisms.Policy, a mechanisms.Action, f mechanisms.Feedback) error {
	return p.Observe(mechanisms.Round{T: 1}, mechanisms.None{}, a, f)
}

func learnerCase(twist func(*twisted)) LearnerCase {
	return LearnerCase{
		New: func(k int) (mechanisms.Policy, error) {
			u, err := arms.NewUCB1(arms.Problem{Arms: k, Horizon: 1000})
			if err != nil {
				return nil, err
			}
			p := &twisted{Policy: mechanisms.Erase[mechanisms.None, mechanisms.Arm, mechanisms.Reward](u)}
			if twist != nil {
				twist(p)
			}
			return p, nil
		},
		Option:   func(a mechanisms.Action) int { return int(a.(mechanisms.Arm)) },
		Action:   func(k int) mechanisms.Action { return mechanisms.Arm(k) },
		Feedback: func(u float64) mechanisms.Feedback { return mechanisms.Reward{X: u} },
		Invalid:  []mechanisms.Feedback{mechanisms.Reward{X: 2}}, Foreign: []mechanisms.Action{mechanisms.Arm(99)},
		Additive: true,
	}
}

func TestLearnersThatBreakARuleAreFoundOut(t *testing.T) {
	require.Empty(t, CheckLearner(learnerCase(nil)), "the untwisted policy")
	for name, row := range map[string]struct {
		rule  string
		twist func(*twisted)
	}{
		"a choice that is learnt from": {ruleChoose, func(p *twisted) {
			p.choose = func(inner mechanisms.Policy, r mechanisms.Round, src noise.Source) (mechanisms.Action, float64, error) {
				a, chance, err := inner.Choose(r, mechanisms.None{}, src)
				return a, chance, errors.Join(err, tell(inner, a, mechanisms.Reward{X: 0}))
			}
		}},
		"a choice from nowhere": {ruleReplay, func(p *twisted) {
			p.choose = func(mechanisms.Policy, mechanisms.Round, noise.Source) (mechanisms.Action, float64, error) {
				return mechanisms.Arm(noise.Uniform(2, noise.Secure{})), 0.5, nil
			}
		}},
		"the first record counts twice": {ruleOrder, func(p *twisted) {
			p.observe = func(inner mechanisms.Policy, a mechanisms.Action, f mechanisms.Feedback) error {
				if p.calls == 1 {
					_ = tell(inner, a, f)
				}
				return tell(inner, a, f)
			}
		}},
		"every tenth record is forgotten": {ruleSplit, func(p *twisted) {
			p.observe = func(inner mechanisms.Policy, a mechanisms.Action, f mechanisms.Feedback) error {
				if p.calls%10 == 0 {
					return nil
				}
				return tell(inner, a, f)
			}
		}},
		"half a record before the refusal": {ruleRefuse, func(p *twisted) {
			p.observe = func(inner mechanisms.Policy, a mechanisms.Action, f mechanisms.Feedback) error {
				err := tell(inner, a, f)
				if err != nil {
					_ = tell(inner, mechanisms.Arm(0), mechanisms.Reward{X: 0})
				}
				return err
			}
		}},
		"everything is accepted": {ruleRefuse, func(p *twisted) {
			p.observe = func(inner mechanisms.Policy, a mechanisms.Action, f mechanisms.Feedback) error {
				_ = tell(inner, a, f)
				return nil
			}
		}},
		"a wrong propensity": {rulePropensity, func(p *twisted) {
			p.choose = func(_ mechanisms.Policy, _ mechanisms.Round, src noise.Source) (mechanisms.Action, float64, error) {
				return mechanisms.Arm(noise.Uniform(2, src)), 0.48, nil
			}
		}},
		"a propensity that is never computed": {rulePropensity, func(p *twisted) {
			p.choose = func(inner mechanisms.Policy, r mechanisms.Round, src noise.Source) (mechanisms.Action, float64, error) {
				a, _, err := inner.Choose(r, mechanisms.None{}, src)
				return a, 0, err
			}
		}},
		"a favourite number": {ruleRelabel, func(p *twisted) {
			p.choose = func(_ mechanisms.Policy, _ mechanisms.Round, src noise.Source) (mechanisms.Action, float64, error) {
				if noise.Uniform(10, src) < 6 {
					return mechanisms.Arm(0), 0.6, nil
				}
				return mechanisms.Arm(1), 0.4, nil
			}
		}},
		"an option that there is not": {ruleAccepts, func(p *twisted) {
			p.choose = func(mechanisms.Policy, mechanisms.Round, noise.Source) (mechanisms.Action, float64, error) {
				return mechanisms.Arm(4), 1, nil
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, rules(CheckLearner(learnerCase(row.twist))), row.rule)
		})
	}
}

// bent is elimination with one thing wrong.
type bent struct {
	*arms.Elimination
	layout func(statistics.Layout)
	plan   func(*mechanisms.Descriptor, mechanisms.Model)
	window func(bentWindow) bentWindow
	claim  bool
	check  bool
}

func (p *bent) Layout() statistics.Layout {
	l := append(statistics.Layout(nil), p.Elimination.Layout()...)
	if p.layout != nil {
		p.layout(l)
	}
	return l
}

func (p *bent) Plan(before mechanisms.Descriptor, m mechanisms.Model, nodes int) (mechanisms.Descriptor, error) {
	d, err := p.Elimination.Plan(before, m, nodes)
	d.Layout = p.Layout()
	if p.plan != nil {
		p.plan(&d, m)
	}
	return d, err
}

func (p *bent) Open(d mechanisms.Descriptor) (mechanisms.Window, error) {
	w, err := p.Elimination.Open(d)
	if err != nil || p.window == nil {
		return w, err
	}
	return p.window(bentWindow{Window: w}), nil
}

func (p *bent) Check(d mechanisms.Descriptor, s *statistics.Set) error {
	if p.check && s.Block("count")[0] > 20 {
		return statistics.ErrShape
	}
	return p.Elimination.Check(d, s)
}

func (p *bent) Information(d mechanisms.Descriptor, claim *statistics.Set) (statistics.Information, error) {
	if p.claim {
		return statistics.Counts(1, 1), nil
	}
	return p.Elimination.Information(d, claim)
}

type bentWindow struct {
	mechanisms.Window
	choose func(uint64, mechanisms.Action) mechanisms.Action
	slots  func(*statistics.Set, uint64)
	record func([]statistics.Increment, float64) []statistics.Increment
}

func (w bentWindow) Choose(slot uint64, c mechanisms.Context, src noise.Source) (mechanisms.Action, float64, error) {
	a, p, err := w.Window.Choose(slot, c, src)
	if w.choose != nil {
		a = w.choose(slot, a)
	}
	return a, p, err
}

func (w bentWindow) Slots(first, n uint64) (*statistics.Set, error) {
	s, err := w.Window.Slots(first, n)
	if w.slots != nil && err == nil {
		w.slots(s, first)
	}
	return s, err
}

func (w bentWindow) Record(dst []statistics.Increment, c mechanisms.Context, a mechanisms.Action, f mechanisms.Feedback) ([]statistics.Increment, error) {
	dst, err := w.Window.Record(dst, c, a, f)
	if w.record != nil && err == nil {
		dst = w.record(dst, f.(mechanisms.Reward).X)
	}
	return dst, err
}

func sharedCase(model dp.Model, bend func(*bent)) SharedCase {
	relation := dp.ZeroOut
	if model == dp.Local {
		relation = dp.Replace
	}
	return SharedCase{
		New: func() (mechanisms.Shared, error) {
			e, err := arms.NewElimination(mechanisms.Settings{
				Kind: "arms", Arms: []string{"a", "b", "c"}, Horizon: 10_000, Range: &mechanisms.Range{Low: 0, High: 1}, Bonus: "tight",
				Privacy: &mechanisms.Privacy{
					Model: model, Unit: dp.Reward, Relation: relation, Epsilon: big.NewRat(1, 1), FractionBits: 16,
					PublicArrival: model == dp.Local,
				},
			})
			p := &bent{Elimination: e}
			if bend != nil {
				bend(p)
			}
			return p, err
		},
		Relation: relation, Feedback: func(u float64) mechanisms.Feedback { return mechanisms.Reward{X: u} },
		Invalid: []mechanisms.Feedback{mechanisms.Duel{}}, Foreign: []mechanisms.Action{mechanisms.Arm(3)},
	}
}

func TestSharedPoliciesThatBreakARuleAreFoundOut(t *testing.T) {
	require.Empty(t, CheckShared(sharedCase(dp.Silo, nil)), "the unbent policy")
	require.Empty(t, CheckShared(sharedCase(dp.Local, nil)), "the unbent policy")
	calls := 0
	window := func(bend bentWindow) func(*bent) {
		return func(p *bent) {
			p.window = func(w bentWindow) bentWindow { bend.Window = w.Window; return bend }
		}
	}
	for name, row := range map[string]struct {
		rule  string
		model dp.Model
		bend  func(*bent)
	}{
		"twice the reward": {ruleWorks, dp.Silo, window(bentWindow{record: func(r []statistics.Increment, _ float64) []statistics.Increment {
			r[0].Value *= 2
			return r
		}})},
		"a sensitivity of half":  {ruleLayout, dp.Silo, func(p *bent) { p.layout = func(l statistics.Layout) { l[1].L1 /= 2 } }},
		"a sensitivity of twice": {ruleTight, dp.Silo, func(p *bent) { p.layout = func(l statistics.Layout) { l[1].L1 *= 2 } }},
		"half of the sensitivity of a replacement": {ruleBound, dp.Silo, func(p *bent) {
			p.layout = func(l statistics.Layout) { l[1].L2Squared /= 2 }
		}},
		"a public count of what came back": {rulePublic, dp.Silo, window(bentWindow{record: func(r []statistics.Increment, _ float64) []statistics.Increment {
			return append([]statistics.Increment{{Block: 0, Cell: 0, Value: 1}}, r...)
		}})},
		"silence below the middle": {ruleOneSign, dp.Local, window(bentWindow{record: func(r []statistics.Increment, x float64) []statistics.Increment {
			if x < 0.5 {
				return r[:1]
			}
			return r
		}})},
		"a public count of good rewards": {rulePublic, dp.Local, window(bentWindow{record: func(r []statistics.Increment, x float64) []statistics.Increment {
			if x < 0.5 {
				return r[1:]
			}
			return r
		}})},
		"a plan that counts its calls": {rulePure, dp.Silo, func(p *bent) {
			p.plan = func(d *mechanisms.Descriptor, _ mechanisms.Model) { calls++; d.Epoch = uint32(calls) }
		}},
		"a plan that keeps the model": {rulePure, dp.Silo, func(p *bent) {
			p.plan = func(_ *mechanisms.Descriptor, m mechanisms.Model) {
				for _, part := range m.Parts {
					part.Sum.Blocks[1].Sum[0]++
				}
			}
		}},
		"a layout of its own at version 3": {ruleLayout, dp.Silo, func(p *bent) {
			p.plan = func(d *mechanisms.Descriptor, m mechanisms.Model) {
				if m.Version == 3 {
					d.Layout[1].Den *= 2 // half the noise
				}
			}
		}},
		"an end that is taken back": {ruleEnded, dp.Silo, func(p *bent) {
			p.plan = func(d *mechanisms.Descriptor, m mechanisms.Model) { d.Ended = m.Version == 4 }
		}},
		"slots that are off by one": {ruleSlots, dp.Silo, window(bentWindow{slots: func(s *statistics.Set, _ uint64) { s.Blocks[0].Sum[0]++ }})},
		"slots that fill a private block": {ruleSlots, dp.Silo, window(bentWindow{slots: func(s *statistics.Set, first uint64) {
			s.Blocks[1].Sum[0] += s.Blocks[0].Sum[0]
		}})},
		"a choice against the count": {ruleDue, dp.Silo, window(bentWindow{choose: func(slot uint64, a mechanisms.Action) mechanisms.Action {
			if slot%9 == 0 {
				return mechanisms.Arm(1)
			}
			return a
		}})},
		"a choice that remembers": {ruleSlot, dp.Silo, window(bentWindow{choose: func(uint64, mechanisms.Action) mechanisms.Action {
			calls++
			return mechanisms.Arm(calls % 3)
		}})},
		"a check that honest nodes fail":   {ruleCheck, dp.Silo, func(p *bent) { p.check = true }},
		"information of another dimension": {ruleInfo, dp.Silo, func(p *bent) { p.claim = true }},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, rules(CheckShared(sharedCase(row.model, row.bend))), row.rule)
		})
	}
	t.Run("noise that is not noticed", func(t *testing.T) {
		c := sharedCase(dp.Silo, nil)
		c.Quiet, c.Plain = c.New, func() (mechanisms.Shared, error) {
			return arms.NewElimination(mechanisms.Settings{
				Kind: "arms", Arms: []string{"a", "b", "c"}, Horizon: 10_000, Range: &mechanisms.Range{Low: 0, High: 1}, Kappa: 0.001,
			})
		}
		assert.Contains(t, rules(CheckShared(c)), ruleNoNoise)
	})
	t.Run("feedback of another problem", func(t *testing.T) {
		c := sharedCase(dp.Silo, nil)
		c.Invalid = append(c.Invalid, mechanisms.Reward{X: 0.5})
		assert.Contains(t, rules(CheckShared(c)), ruleInvalid)
	})
}
