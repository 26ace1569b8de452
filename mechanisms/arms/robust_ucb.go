package arms

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// RobustUCB plays the arm with the largest index for rewards of which only a moment
// E|X|^p ≤ u is known, without privacy.
//
//	theory   truncated mean + 4·u^(1/p)·(L/n)^(v/p), as published
//	tight    clipped mean + the radius of [robust.Clipping] with δ/(2n²) for δ
//	tuned    the same with κ times the radius
//
// L = ln(t²) with t the horizon, so that what is cut is cut for ever and sums stay
// sums: the i-th reward of an arm is cut at (u·i/L)^(1/p). Its regret is
// O(Σ(u/Δ)^(1/v)·ln T). Source: Bubeck, Cesa-Bianchi and Lugosi 2013, figure 1 and
// theorem 1; private-learning 5.1.
type RobustUCB struct {
	problem Problem
	set     *statistics.Set
	n       []int64
	sum     []float64 // of cut rewards, less the baseline
	ledger  []robust.Clipping
	unseen  int
	l       float64
	theory  bool
	kappa   float64
}

// NewRobustUCB returns the policy. It needs a moment; bonus "tuned" with κ = 0.1 is the
// default. Errors name the field.
func NewRobustUCB(p Problem) (*RobustUCB, error) {
	if err := p.Params.Only("robust-ucb"); err != nil {
		return nil, err
	}
	if p.Moment == nil {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_MISSING", Field: "reward.moment",
			Message: "reward.moment: required by policy robust-ucb", Hint: "declare reward.moment, or choose ucb1 for a range",
		}
	}
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	r := &RobustUCB{problem: p, l: 2 * math.Log(math.Max(2, float64(p.Horizon))), kappa: 1}
	switch p.Bonus {
	case "", "tuned":
		if r.kappa = p.Kappa; r.kappa == 0 {
			r.kappa = 0.1
		}
		if !(r.kappa > 0 && r.kappa <= 10) {
			return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(r.kappa), "(0, 10]", "0.1 is the default")
		}
	case "tight":
	case "theory":
		r.theory = true
	default:
		return nil, errBonus(p.Bonus, "theory, tight, tuned")
	}
	r.set = statistics.Layout{{Name: "count", Shape: []int{p.Arms}, Record: 1}}.Empty()
	r.n, r.sum, r.ledger = r.set.Blocks[0].Sum, make([]float64, p.Arms), make([]robust.Clipping, p.Arms)
	return r, nil
}

// Choose returns the arm of the largest index; propensity 1.
func (r *RobustUCB) Choose(_ mechanisms.Round, _ mechanisms.None, _ noise.Source) (mechanisms.Arm, float64, error) {
	if r.unseen < len(r.n) {
		return mechanisms.Arm(r.unseen), 1, nil
	}
	best, at := math.Inf(-1), 0
	for a, n := range r.n {
		if index := r.sum[a]/float64(n) + r.radius(a); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

func (r *RobustUCB) radius(a int) float64 {
	n := float64(r.n[a])
	if r.theory {
		return 4 * robust.HeavyRadius(*r.problem.Moment, n, r.l)
	}
	return r.kappa * r.ledger[a].Radius(*r.problem.Moment, r.l+math.Log(2*n*n))
}

// Observe adds one reward.
func (r *RobustUCB) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	if a < 0 || int(a) >= len(r.n) {
		return posse.OutOfRange("arm", fmt.Sprint(int(a)), fmt.Sprintf("[0, %d]", len(r.n)-1), "send the arm of the decision")
	}
	if math.IsNaN(f.X) || math.IsInf(f.X, 0) {
		return mechanisms.ErrRewardNotFinite()
	}
	r.n[a]++
	bound := robust.TruncationLevel(*r.problem.Moment, float64(r.n[a]), r.l)
	x := f.X - r.problem.Baseline
	switch {
	case math.Abs(x) <= bound:
		r.sum[a] += x
	case !r.theory:
		r.sum[a] += math.Copysign(bound, x)
	}
	r.ledger[a].Add(1, bound, *r.problem.Moment, 62)
	for r.unseen < len(r.n) && r.n[r.unseen] > 0 {
		r.unseen++
	}
	return nil
}

// Statistics returns the counts: where the i-th reward is cut depends on the order,
// so that sums do not add up over nodes.
func (r *RobustUCB) Statistics() *statistics.Set { return r.set }

// Local is the sums of cut rewards.
func (r *RobustUCB) Local() ([]byte, error) {
	var out []byte
	for _, s := range r.sum {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(s))
	}
	return out, nil
}
