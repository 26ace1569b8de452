package linear

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// HvtUCB is linear UCB for heavy-tailed rewards without privacy, one step of adaptive
// Huber regression a record and no look back: its cost a record does not grow.
//
//	σ_t = max(ν, 1/√T, √(2β/(τ_0·√a·t^((1−v)/(2+2v))))·‖x‖_{V⁻¹})
//	w = ‖x/σ_t‖_{V⁻¹}/√a,  τ_t = τ_0·√(1 + w²)/w·t^((1−v)/(2+2v))
//	V ← V + x·xᵀ/(a·σ_t²),  θ̃ = θ − V⁻¹∇ℓ(θ),  ℓ Huber's loss of (y − xᵀθ)/σ_t at τ_t
//	θ ← θ̃, scaled into ‖θ‖ ≤ S;  the index is xᵀθ + β‖x‖_{V⁻¹},  β = κ·t^((1−v)/(2+2v))·√(d·ln(1 + t))
//
// with a = 8, τ_0 = 1 and ν = u^(1/p), the scale of the noise. The paper projects in the
// norm of V and has a β_t whose constants were not at hand: bonus is "tuned" alone, which
// has no guarantee. One θ an arm, or one for all where arms have features of their own.
// Source: Wang, Zhang, Zhao and Zhou 2025, algorithm 1 (Hvt-UCB); private-learning 6.5.
type HvtUCB struct {
	problem Problem
	moment  mechanisms.Moment
	kappa   float64
	set     *statistics.Set
	each    []hvt
	x, z    []float64
	t       float64
}

type hvt struct {
	factor triangle
	theta  []float64
}

const (
	hvtShare  = 8.0 // a
	hvtCutoff = 1.0 // τ_0
)

// NewHvtUCB returns the policy for rewards y with E|y − xᵀθ|^p ≤ u. κ is 0.1 unless
// given; the parameter lambda 1. Errors name the field.
func NewHvtUCB(p Problem, moment mechanisms.Moment) (*HvtUCB, error) {
	if err := p.Params.Only("hvt-ucb", "lambda"); err != nil {
		return nil, err
	}
	if err := robust.ValidateMoment(moment); err != nil {
		return nil, err
	}
	if p.Range != nil {
		return nil, posse.OutOfRange("reward.range", "declared", "a moment alone", "lin-ucb takes a range")
	}
	if p.Bonus != "" && p.Bonus != "tuned" {
		return nil, errBonus(p.Bonus, "tuned")
	}
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	h := &HvtUCB{problem: p, moment: moment, kappa: p.Kappa}
	if h.kappa == 0 {
		h.kappa = 0.1
	}
	if !(h.kappa > 0 && h.kappa <= 10) {
		return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(h.kappa), "(0, 10]", "0.1 is the default")
	}
	lambda, err := p.Params.Get("lambda", 1, 1e-9, 1e6)
	if err != nil {
		return nil, err
	}
	n, vectors, d := p.Arms, 1, p.Features.Dimension
	if p.Features.PerArm {
		n, vectors = 1, p.Arms
	}
	for range n {
		one := hvt{newTriangle(d), make([]float64, d)}
		for i := range d {
			one.factor.row(i)[i] = math.Sqrt(lambda)
		}
		h.each = append(h.each, one)
	}
	h.x, h.z = make([]float64, vectors*d), make([]float64, d)
	h.set = statistics.Layout{{Name: "count", Shape: []int{p.Arms}, Record: 1}}.Empty()
	return h, nil
}

func (h *HvtUCB) vector(a int) ([]float64, *hvt) {
	if h.problem.Features.PerArm {
		d := h.problem.Features.Dimension
		return h.x[a*d : (a+1)*d], &h.each[0]
	}
	return h.x, &h.each[a]
}

// growth is t^((1−v)/(2+2v)), t the records so far plus one.
func (h *HvtUCB) growth() float64 {
	v := h.moment.Order - 1
	return math.Pow(h.t+1, (1-v)/(2+2*v))
}

func (h *HvtUCB) beta() float64 {
	return h.kappa * h.growth() * math.Sqrt(float64(h.problem.Features.Dimension)*math.Log(2+h.t))
}

// Choose returns the arm of the largest index, the lowest of equals; propensity 1.
func (h *HvtUCB) Choose(_ mechanisms.Round, c mechanisms.Features, _ noise.Source) (mechanisms.Arm, float64, error) {
	if err := features(h.x, h.problem.Features, len(h.x)/h.problem.Features.Dimension, c.X); err != nil {
		return 0, 0, err
	}
	beta, best, at := h.beta(), math.Inf(-1), 0
	for a := range h.problem.Arms {
		x, one := h.vector(a)
		if index := dot(x, one.theta) + float64(beta*math.Sqrt(one.factor.forward(h.z, x))); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

// Observe takes one step of the regression.
func (h *HvtUCB) Observe(_ mechanisms.Round, c mechanisms.Features, a mechanisms.Arm, f mechanisms.Reward) error {
	if a < 0 || int(a) >= h.problem.Arms || int(a) >= arms.MaxArms {
		return posse.OutOfRange("arm", fmt.Sprint(int(a)), fmt.Sprintf("[0, %d]", h.problem.Arms-1), "send the arm of the decision")
	}
	if math.IsNaN(f.X) || math.IsInf(f.X, 0) {
		return mechanisms.ErrRewardNotFinite()
	}
	if err := features(h.x, h.problem.Features, len(h.x)/h.problem.Features.Dimension, c.X); err != nil {
		return err
	}
	x, one := h.vector(int(a))
	norm := math.Sqrt(one.factor.forward(h.z, x))
	growth := h.growth()
	nu := math.Pow(h.moment.Bound, 1/h.moment.Order)
	sigma := max(nu, 1/math.Sqrt(float64(h.problem.Horizon)), math.Sqrt(2*h.beta()/(hvtCutoff*math.Sqrt(hvtShare)*growth))*norm)
	if w := norm / sigma / math.Sqrt(hvtShare); w > 0 {
		tau := hvtCutoff * math.Sqrt(1+w*w) / w * growth
		residual := (f.X - dot(x, one.theta)) / sigma
		step := math.Max(-tau, math.Min(tau, residual)) / sigma
		for i, v := range x {
			h.z[i] = v / sigma / math.Sqrt(hvtShare)
		}
		one.factor.update(h.z)
		one.factor.solve(h.z, x)
		size := 0.0
		for i := range one.theta {
			one.theta[i] += float64(step * h.z[i])
			size = math.Hypot(size, one.theta[i])
		}
		if s := h.problem.ParameterBound; size > s {
			for i := range one.theta {
				one.theta[i] *= s / size
			}
		}
	}
	h.set.Blocks[0].Sum[a]++
	h.t++
	return nil
}

// Statistics returns the counts: the regression depends on the order of records.
func (h *HvtUCB) Statistics() *statistics.Set { return h.set }

// Local is the factors and the estimates.
func (h *HvtUCB) Local() ([]byte, error) {
	var out []byte
	for _, one := range h.each {
		for _, v := range append(append([]float64(nil), one.factor.cell...), one.theta...) {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	return out, nil
}
