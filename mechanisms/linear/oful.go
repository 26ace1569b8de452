package linear

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// OFUL plays the arm with the largest x·θ + β·‖x‖_{V⁻¹}, V = λI + Σx·xᵀ, without
// privacy: what [Shared] is without noise, one decision at a time.
//
//	β = R·√(2·ln(1/α) + ln det V − d·ln λ) + √λ·S + c_v·u·B^(−v)·√n
//
// R is half the range; with a moment instead rewards are clipped to the B of
// [Shared] at n = T and R = B. α = 1/T. Source: Abbasi-Yadkori, Pál and Szepesvári
// 2011, theorem 2; for heavy tails after Medina and Yang 2016, section 4.
type OFUL struct {
	*ridges
	kappa, spread, bias float64
}

// NewOFUL returns the policy. Bonus "tight" has κ = 1; "tuned", the default, multiplies
// β by κ, 0.1 unless given. A problem with Moment takes no range.
func NewOFUL(p Problem, moment *mechanisms.Moment) (*OFUL, error) {
	clip := 0.0
	if moment != nil {
		if err := robust.ValidateMoment(*moment); err != nil {
			return nil, err
		}
		n, d := float64(max(1, p.Horizon)), float64(max(1, p.Features.Dimension))
		a := math.Sqrt(2*math.Log(n+1) + d*math.Log(1+n/d))
		clip = math.Pow((moment.Order-1)*robust.BiasConstant(moment.Order)*moment.Bound*math.Sqrt(n)/a, 1/moment.Order)
		p.Range, p.Clip = &mechanisms.Range{Low: -clip, High: clip}, true
	}
	r, err := newRidges("oful", p)
	if err != nil {
		return nil, err
	}
	o := &OFUL{ridges: r, kappa: 1, spread: (r.problem.Range.High - r.problem.Range.Low) / 2 / r.unit}
	if moment != nil {
		o.bias = robust.BiasConstant(moment.Order) * moment.Bound * math.Pow(clip, -moment.Order)
	}
	switch p.Bonus {
	case "", "tuned":
		if o.kappa = p.Kappa; o.kappa == 0 {
			o.kappa = 0.1
		}
		if !(o.kappa > 0 && o.kappa <= 10) {
			return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(o.kappa), "(0, 10]", "0.1 is the default")
		}
	case "tight":
	default:
		return nil, errBonus(p.Bonus, "tight, tuned")
	}
	return o, nil
}

// Choose returns the arm of the largest index, the lowest of equals; propensity 1.
func (o *OFUL) Choose(_ mechanisms.Round, c mechanisms.Features, _ noise.Source) (mechanisms.Arm, float64, error) {
	if err := o.read(c); err != nil {
		return 0, 0, err
	}
	d, l := float64(o.problem.Features.Dimension), math.Log(float64(o.problem.Horizon))
	best, at := math.Inf(-1), 0
	for a := range o.problem.Arms {
		x, r := o.vector(a)
		volume := math.Max(0, r.factor.logDet()-d*math.Log(r.lambda))
		beta := o.spread*math.Sqrt(2*l+volume) + math.Sqrt(r.lambda)*o.problem.ParameterBound/o.unit + o.bias*math.Sqrt(float64(o.records))
		if index := dot(x, r.theta) + float64(o.kappa*beta*math.Sqrt(r.factor.forward(o.z, x))); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}
