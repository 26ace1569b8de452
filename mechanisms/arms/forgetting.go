package arms

import (
	"bytes"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// forgetting is elimination as it is published: an epoch's quota, bound and threshold
// follow from its number, and its arms are compared by its own records alone.
type forgetting struct {
	quota  func(epoch uint32, survivors int) uint64
	bound  func(quota uint64, epoch uint32, survivors int) float64
	margin func(epoch uint32, survivors int, c cell) float64 // an arm further below the best is dropped
}

func (f *forgetting) next(e *Elimination, d mechanisms.Descriptor, epoch uint32, p plan) mechanisms.Descriptor {
	p.quota = min(f.quota(epoch, len(p.survivors)), 1<<62)
	p.bound = f.bound(p.quota, epoch, len(p.survivors))
	d.Epoch, d.Ended, d.Plan = epoch, len(p.survivors) == 1 && !e.settings.Pooling, p.encode()
	return d
}

// kept is the part of a model that an epoch compares.
func (f *forgetting) kept(m mechanisms.Model, epoch uint32) mechanisms.Model {
	out := mechanisms.Model{Version: m.Version}
	for _, part := range m.Parts {
		if part.Descriptor.Epoch == epoch {
			out.Parts = append(out.Parts, part)
		}
	}
	return out
}

func (f *forgetting) plan(e *Elimination, before, d mechanisms.Descriptor, p plan, m mechanisms.Model) (mechanisms.Descriptor, error) {
	cells, err := e.cells(f.kept(m, before.Epoch))
	if err != nil {
		return d, err
	}
	if !met(cells, p) {
		return before, nil
	}
	best := math.Inf(-1)
	for _, a := range p.survivors {
		best = math.Max(best, cells[a].mean)
	}
	var kept []int
	for _, a := range p.survivors {
		if best-cells[a].mean <= f.margin(before.Epoch, len(p.survivors), cells[a]) {
			kept = append(kept, a)
		}
	}
	p.survivors = kept
	d = f.next(e, d, before.Epoch+1, p)
	if bytes.Equal(d.Plan, before.Plan) {
		return before, nil
	}
	return d, nil
}

// published is robust elimination with the published constants: D = 2^−τ,
// R = ⌈u^(1/v)·24^(p/v)·ln(4|S|τ²/β)/(ε·D^(p/v))⌉ + 1, B = (u·R·ε/L)^(1/p), and an
// arm is dropped more than 12·u^(1/p)·(L/(R·ε))^(v/p) below the best. Two and a half
// million pulls an arm end the first epoch at v = ½ and ε = 1: it explores for ever.
// Source: Tao, Wu, Zhao and Wang 2022, algorithm 2 (DPRSE), as private-learning 5.3
// quotes it.
func (e *Elimination) published() *forgetting {
	m, v := e.moment, e.moment.Order-1
	p := m.Order
	l := func(epoch uint32, survivors int) float64 { return e.confidence(uint64(epoch), survivors) }
	return &forgetting{
		quota: func(epoch uint32, survivors int) uint64 {
			r := math.Pow(m.Bound, 1/v) * math.Pow(24, p/v) * l(epoch, survivors) / (e.epsilon * math.Pow(2, -float64(epoch)*p/v))
			return uint64(math.Min(math.Ceil(r)+1, 1<<62))
		},
		bound: func(quota uint64, epoch uint32, survivors int) float64 {
			if e.bounded {
				return e.half
			}
			return robust.TruncationLevel(m, float64(quota)*e.epsilon, l(epoch, survivors))
		},
		margin: func(epoch uint32, survivors int, c cell) float64 {
			return 12 * robust.HeavyRadius(m, float64(c.count)*e.epsilon, l(epoch, survivors))
		},
	}
}

// NewPrivateSuccessiveElimination returns DP-SE for rewards of a range: epoch e has
// R_e = ⌈max(32·ln(8|S|e²/β)/Δ_e², 8·ln(4|S|e²/β)/(ε·Δ_e))⌉ + 1 records of each arm,
// Δ_e = 2^−e of the range and β = 1/T, and drops arms more than 2h + 2c below the best,
// h = √(ln(8|S|e²/β)/(2R_e)) and c the radius of the epoch's noise with the same
// ln(4|S|e²/β). Its regret is O(Σ ln T/Δ + K·ln T/ε), which no private policy beats.
// Source: Sajed and Sheffet 2019, algorithm 2; private-learning 5.6.
func NewPrivateSuccessiveElimination(s mechanisms.Settings) (*Elimination, error) {
	const name = "dp-se"
	if err := needsRange(name, s); err != nil {
		return nil, err
	}
	if s.Bonus != "" && s.Bonus != "theory" {
		return nil, errBonus(s.Bonus, "theory")
	}
	if s.Privacy != nil && s.Privacy.Model == dp.Local {
		return nil, errModel(name, s.Privacy.Model, "silo")
	}
	s.Bonus = "theory"
	e, err := newElimination(name, s)
	if err != nil {
		return nil, err
	}
	l := func(factor float64, epoch uint32, survivors int) float64 {
		return math.Log(factor * float64(survivors) * float64(epoch) * float64(epoch) * float64(s.Horizon))
	}
	e.forget = &forgetting{
		quota: func(epoch uint32, survivors int) uint64 {
			gap := math.Pow(2, -float64(epoch))
			private := 0.0
			if s.Privacy != nil {
				private = 8 * l(4, epoch, survivors) / (e.epsilon * gap)
			}
			return uint64(math.Min(math.Ceil(math.Max(32*l(8, epoch, survivors)/(gap*gap), private))+1, 1<<62))
		},
		bound: func(uint64, uint32, int) float64 { return e.half },
		margin: func(epoch uint32, survivors int, c cell) float64 {
			h := math.Sqrt(l(8, epoch, survivors)/(2*float64(c.count))) * 2 * e.half
			return 2*h + 2*c.ledger.NoiseRadius(l(4, epoch, survivors))/float64(c.count)
		},
	}
	return e, nil
}

func needsRange(policy string, s mechanisms.Settings) error {
	if s.Moment != nil {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: policy,
			Allowed: "robust-elimination", Message: policy + " needs reward.range", Hint: "policies for heavy tails: robust-elimination",
		}
	}
	return nil
}

func errBonus(got, allowed string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.params.bonus", Value: got,
		Allowed: allowed, Message: fmt.Sprintf("policy.params.bonus: %q is not one of %s", got, allowed), Hint: "leave it out",
	}
}

func errModel(policy string, model dp.Model, allowed string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "policy.name", Value: policy,
		Allowed: allowed, Message: fmt.Sprintf("%s is not available under privacy.model %s", policy, model),
		Hint: "set privacy.model to " + allowed,
	}
}
