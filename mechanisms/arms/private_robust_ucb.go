package arms

import (
	"bytes"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// PrivateRobustUCB is robust UCB on private sums, a reference that elimination beats:
// at every version it takes the arm of the largest
//
//	mean + 18·u^(1/p)·(ln(2t⁴)·ln(T)^(1.5+1/v)/(n·ε))^(v/p)
//
// of rewards clipped at B_T = (ε·u·T/ln(T)^1.5)^(1/p). In the published form the bound
// grows with each arm's records; noise must then be made for the largest bound of the
// stream, or it hides too little: here there is one bound for all. Reports take fresh
// noise where the published form has a tree an arm.
// Source: Tao, Wu, Zhao and Wang 2022, algorithm 1 (DPRUCB), as private-learning 5.2
// quotes it.
type PrivateRobustUCB struct {
	*Elimination
	bound float64
}

// NewPrivateRobustUCB returns dp-robust-ucb for silo. It needs a moment and knows bonus
// "theory" alone. Errors name the field.
func NewPrivateRobustUCB(s mechanisms.Settings) (*PrivateRobustUCB, error) {
	const name = "dp-robust-ucb"
	if s.Moment == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "reward.moment",
			Message: "reward.moment: required by policy " + name, Hint: "declare reward.moment, or choose adap-ucb for a range",
		}
	}
	if s.Bonus != "" && s.Bonus != "theory" {
		return nil, errBonus(s.Bonus, "theory")
	}
	if s.Privacy != nil && s.Privacy.Model == dp.Local {
		return nil, errModel(name, s.Privacy.Model, "silo")
	}
	s.Bonus, s.Kappa = "tight", 0
	e, err := newElimination(name, s)
	if err != nil {
		return nil, err
	}
	e.drops, e.bonus = false, "theory"
	t := math.Max(3, float64(s.Horizon))
	return &PrivateRobustUCB{e, math.Pow(e.epsilon*e.moment.Bound*t/math.Pow(math.Log(t), 1.5), 1/e.moment.Order)}, nil
}

// NewSoloPrivateRobustUCB returns [NewPrivateRobustUCB] in one process.
func NewSoloPrivateRobustUCB(p Problem) (*Solo, error) {
	return solo(p, false, func(s mechanisms.Settings) (mechanisms.Shared, error) { return NewPrivateRobustUCB(s) })
}

// Plan takes the arm of the largest index; those without records come first.
func (r *PrivateRobustUCB) Plan(before mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: r.layout, Epoch: before.Epoch + 1}
	cells, err := r.cells(m)
	if err != nil {
		return d, err
	}
	at := largestIndex(cells, r.width)
	d.Plan = plan{bound: r.bound, quota: 1, survivors: []int{at}}.encode()
	if before.Plan != nil && bytes.Equal(d.Plan, before.Plan) {
		return before, nil
	}
	return d, nil
}

func (r *PrivateRobustUCB) width(c cell, t uint64) float64 {
	horizon := math.Log(math.Max(3, float64(r.settings.Horizon)))
	l := math.Log(2*math.Pow(float64(t), 4)) * math.Pow(horizon, 1.5+1/(r.moment.Order-1))
	return 18 * robust.HeavyRadius(r.moment, float64(c.count)*r.epsilon, l)
}

// Summary says each arm's mean and the radius of its index.
func (r *PrivateRobustUCB) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s, err := r.Elimination.Summary(m, d)
	if err != nil {
		return s, err
	}
	cells, err := r.cells(m)
	total := uint64(1)
	for _, c := range cells {
		total += c.count
	}
	for a := range s.Options {
		s.Options[a].Alive = true
		if cells[a].count > 0 {
			s.Options[a].Radius = r.width(cells[a], total)
		}
	}
	return s, err
}
