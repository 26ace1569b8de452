package account

import (
	"math"
	"math/big"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/dp/budget"
)

// FilterLimit returns the kind and limit of the filter that keeps an experiment's
// promise. δ = 0: pure, the limit is ⌊ε⌋. δ > 0: zCDP with δ split as declared here,
// nine tenths for the conversion and one tenth for releases that have a δ of their
// own; ρ = the largest with ε(ρ, 0.9·δ) ≤ ε, in pico-ρ, rounded down.
func FilterLimit(p dp.Params) (budget.Kind, dp.Spend, error) {
	if !p.Valid() {
		return 0, dp.Spend{}, posse.OutOfRange("privacy", "nothing", "parameters of NewParams", "")
	}
	if p.Pure() {
		return budget.Pure, p.Limit(), nil
	}
	// the floats enter here; both are rounded towards less privacy loss first
	epsilon := below(p.Epsilon())
	conversion := below(new(big.Rat).Mul(p.Delta(), big.NewRat(9, 10)))
	rho, err := ZCDPRho(epsilon, conversion)
	if err != nil {
		return 0, dp.Spend{}, err
	}
	limit := dp.Spend{PicoRho: picoBelow(rho), AttoDelta: p.Limit().AttoDelta / 10}
	if limit.PicoRho == 0 {
		return 0, dp.Spend{}, posse.OutOfRange("privacy.epsilon", p.Epsilon().RatString(), "at least one pico-ρ", "")
	}
	return budget.ZCDP, limit, nil
}

// RenyiLimit returns the order and the limit of a [budget.NewRenyiFilter] that keeps
// (ε, δ), all of δ being for the conversion. The order is that at which most spends
// like usual fit; the promise holds for any others, too. δ = 0 is an error.
func RenyiLimit(p dp.Params, usual dp.Spend) (order uint64, limit dp.Spend, err error) {
	if err := approximate(p); err != nil {
		return 0, dp.Spend{}, err
	}
	epsilon, logDelta := below(p.Epsilon()), math.Log(below(p.Delta()))
	var most float64
	for _, a := range orders() {
		// ε = a·ρ + ln(1 − 1/a) − ln(δ·a)/(a − 1), solved for ρ
		rest := rdpToEpsilon(0, math.Log(a-1), logDelta)
		rho := (epsilon - rest - 3*(epsilon+math.Abs(rest)+1)*up) / a
		pico := picoBelow(math.Min(rho, 200))
		if pico == 0 {
			continue
		}
		f, err := budget.NewRenyiFilter(uint64(a), dp.Spend{PicoRho: pico}, "")
		if err != nil {
			return 0, dp.Spend{}, err
		}
		cost, err := f.Cost(usual)
		if err != nil {
			return 0, dp.Spend{}, err
		}
		if fit := float64(pico) / float64(cost.PicoRho); fit > most {
			most, order, limit = fit, uint64(a), dp.Spend{PicoRho: pico}
		}
	}
	if order == 0 {
		return 0, dp.Spend{}, posse.OutOfRange("privacy.epsilon", p.Epsilon().RatString(), "above what any order gives at this delta", "")
	}
	return order, limit, nil
}

// RenyiEpsilon returns the ε at δ of what a Rényi filter of an order has spent or may
// spend, rounded up. rho is in (0, 200], δ in (0, 1).
func RenyiEpsilon(order uint64, rho, delta float64) (float64, error) {
	if err := inRange("order", float64(order), 1, 1<<20); err != nil {
		return 0, err
	}
	if err := inRange("rho", rho, 0, 200); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	a := float64(order)
	e := rdpToEpsilon(a*rho, math.Log(a-1), math.Log(delta))
	return math.Max(0, e+(math.Abs(e)+1)*up), nil
}

// GaussianLimit returns the largest μ, rounded down, of a [budget.GaussianFilter] that
// keeps (ε, δ). δ = 0 is an error.
func GaussianLimit(p dp.Params) (*big.Rat, error) {
	if err := approximate(p); err != nil {
		return nil, err
	}
	// smallest σ at sensitivity 1, rounded up: its inverse is μ
	sigma, err := GaussianSigma(below(p.Epsilon()), below(p.Delta()), 1)
	if err != nil {
		return nil, err
	}
	return new(big.Rat).SetFloat64(math.Min(100, 1/sigma*(1-up))), nil
}

func approximate(p dp.Params) error {
	if !p.Valid() {
		return posse.OutOfRange("privacy", "nothing", "parameters of NewParams", "")
	}
	if p.Pure() {
		return posse.OutOfRange("privacy.delta", "0", "above 0", "a promise without δ needs a pure filter")
	}
	return nil
}

// picoBelow returns ρ in whole pico-ρ, rounded down by more than the error of a
// conversion; 0 for one below that.
func picoBelow(rho float64) uint64 {
	return uint64(math.Max(0, math.Floor(rho*float64(dp.PicoPerRho)*(1-up))))
}

// below returns the largest float64 not above x.
func below(x *big.Rat) float64 {
	f, exact := x.Float64()
	if !exact && new(big.Rat).SetFloat64(f).Cmp(x) > 0 {
		f = math.Nextafter(f, math.Inf(-1))
	}
	return f
}
