package linear

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// LinUCB plays the arm with the largest x·θ + α·√(xᵀA⁻¹x), A = λI + Σx·xᵀ and
// θ = A⁻¹·Σx·y, one A and θ an arm, or one for all where arms have features of
// their own. Rewards count in units of the largest that the range allows.
// Source: Li, Chu, Langford and Schapire 2010, algorithm 1; for bonus "theory"
// Abbasi-Yadkori, Pál and Szepesvári 2011, theorem 2.
type LinUCB struct {
	*ridges
	theory bool
	alpha  float64
}

// NewLinUCB returns the policy. Bonus "tuned", the default, takes α = κ, 1 unless
// given; "theory" takes α = σ·√(d·ln((1 + t/λ)/δ)) + √λ·S with σ half the range,
// δ = 1/T, and t the round. Its parameter is lambda, 1 unless given. Errors name the
// field.
func NewLinUCB(p Problem) (*LinUCB, error) {
	r, err := newRidges("lin-ucb", p)
	if err != nil {
		return nil, err
	}
	l := &LinUCB{ridges: r, alpha: p.Kappa}
	switch p.Bonus {
	case "", "tuned":
		if l.alpha == 0 {
			l.alpha = 1
		}
		if !(l.alpha > 0 && l.alpha <= 10) {
			return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(l.alpha), "(0, 10]", "1 is the default")
		}
	case "theory":
		l.theory = true
	default:
		return nil, errBonus(p.Bonus, "theory, tuned")
	}
	return l, nil
}

func errBonus(got, allowed string) error {
	return &posse.Error{
		Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.params.bonus", Value: got,
		Allowed: allowed, Message: fmt.Sprintf("policy.params.bonus: %q is not one of %s", got, allowed),
		Hint: "tuned learns fast without a guarantee, theory has one",
	}
}

// Choose returns the arm of the largest index, the lowest of equals; propensity 1.
func (l *LinUCB) Choose(round mechanisms.Round, c mechanisms.Features, _ noise.Source) (mechanisms.Arm, float64, error) {
	if err := l.read(c); err != nil {
		return 0, 0, err
	}
	alpha, best, at := l.width(round.T), math.Inf(-1), 0
	for a := range l.problem.Arms {
		x, r := l.vector(a)
		if index := dot(x, r.theta) + float64(alpha*math.Sqrt(r.factor.forward(l.z, x))); index > best {
			best, at = index, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

// width is α in round t, in the reward's unit.
func (l *LinUCB) width(t uint64) float64 {
	if !l.theory {
		return l.alpha
	}
	p, lambda := l.problem, l.each[0].lambda
	sigma := (p.Range.High - p.Range.Low) / 2 / l.unit
	spread := float64(p.Features.Dimension) * math.Log((1+float64(t)/lambda)*float64(p.Horizon))
	return sigma*math.Sqrt(spread) + math.Sqrt(lambda)*p.ParameterBound/l.unit
}
