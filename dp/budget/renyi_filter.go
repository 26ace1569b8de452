package budget

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// NewRenyiFilter returns a filter that adds Rényi divergence of one order, which is
// fixed here: choosing among orders after the answers are known is not free. For
// pure releases of about one size it allows more than [ZCDP] does with the same
// promise; for Gaussian noise it is ZCDP at this order.
//
// The order is a whole number in [2, 2^20]. limit has a ρ and nothing else: divergence
// at this order over the order, so that a ρ costs itself. A spend of pure ε costs what
// randomised response of that ε does, the worst of all ε-DP mechanisms, never more
// than ε²/2:
//
//	1/(a(a−1))·ln(p^a(1−p)^(1−a) + (1−p)^a·p^(1−a)),  p = e^ε/(1+e^ε)
//
// in whole pico-ρ, rounded up. For a promise (ε, δ) see account.RenyiLimit.
// Source: Feldman and Zrnic 2021, Theorem 4.3; Mironov 2017, Proposition 5.
func NewRenyiFilter(order uint64, limit dp.Spend, whose string) (*Filter, error) {
	if order < 2 || order > 1<<20 {
		return nil, posse.OutOfRange("order", strconv.FormatUint(order, 10), "[2, 2^20]", "")
	}
	if limit.PicoRho == 0 || limit.NanoEpsilon != 0 || limit.AttoDelta != 0 {
		return nil, posse.OutOfRange("limit", limit.String(), "for a Rényi filter: a ρ above 0, no ε, no δ", "")
	}
	return &Filter{rule: rule{Renyi, limit, order}, whose: whose}, nil
}

// renyiCost is a spend's divergence over its order, in pico-ρ.
func renyiCost(s dp.Spend, order uint64) (dp.Spend, error) {
	cost, err := s.ZCDP() // a bound at every order
	if err != nil || s.NanoEpsilon == 0 {
		return cost, err
	}
	// the divergence of the formula above with the larger term taken out:
	// ((a−1)ε − ln(1+e^(−ε)) + ln(1+e^(−(2a−1)ε)))/(a−1)
	e, a := s.Epsilon(), float64(order)
	r := e + (math.Log1p(math.Exp(-(2*a-1)*e))-math.Log1p(math.Exp(-e)))/(a-1)
	// over a it is off by less than 4u·(1 + ε), u = 2^−53: raise it by more
	units := math.Ceil((r/a + (1+e)*1e-14) * float64(dp.PicoPerRho))
	if pure := cost.PicoRho - s.PicoRho; units < float64(pure) {
		cost.PicoRho -= pure - uint64(units)
	}
	return cost, nil
}
