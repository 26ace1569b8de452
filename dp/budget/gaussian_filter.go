package budget

import (
	"math/big"
	"sync"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// GaussianFilter is a filter for Gaussian noise on real numbers and nothing else: it
// adds μ² = (sensitivity/σ)², so that what it allowed is μ-GDP of the limit, however
// the releases were chosen. It allows a seventh more than [ZCDP] for the same (ε, δ).
//
// The discrete Gaussian is not μ-GDP, so the permits of this filter open no door of
// this package: whoever releases takes them with [Permit.Use] and draws the noise
// elsewhere. Noise in floats is not noise on reals; the promise is that of the ideal.
// Safe for concurrent use; the zero value is not valid. Source: Smith and Thakurta
// 2022, Theorem 1; Koskela, Tobaben, Honkela 2023.
type GaussianFilter struct {
	limit dp.Spend // μ²/2 as ρ
	whose string

	mu    sync.Mutex
	spent dp.Spend
}

// NewGaussianFilter returns a filter with nothing spent for a μ in (0, 100]. For a
// promise (ε, δ) see account.GaussianLimit.
func NewGaussianFilter(mu *big.Rat, whose string) (*GaussianFilter, error) {
	if mu == nil || mu.Sign() <= 0 || mu.Cmp(big.NewRat(100, 1)) > 0 {
		return nil, posse.OutOfRange("mu", text(mu), "(0, 100]", "")
	}
	half := halfSquare(mu)
	pico := new(big.Int).Mul(half.Num(), new(big.Int).SetUint64(dp.PicoPerRho))
	limit := dp.Spend{PicoRho: pico.Quo(pico, half.Denom()).Uint64()} // rounded down
	if limit.Zero() {
		return nil, posse.OutOfRange("mu", text(mu), "at least 2e-6", "")
	}
	return &GaussianFilter{limit: limit, whose: whose}, nil
}

// Charge records a release of L2 sensitivity sensitivity with noise of deviation
// sigma, both above 0 in one unit, and returns its permit, or records nothing:
// [ErrExhausted] is behind the error when the limit would be exceeded.
func (f *GaussianFilter) Charge(sensitivity, sigma *big.Rat) (Permit, error) {
	for _, x := range []struct {
		name  string
		value *big.Rat
	}{{"sensitivity", sensitivity}, {"sigma", sigma}} {
		if x.value == nil || x.value.Sign() <= 0 {
			return Permit{}, posse.OutOfRange(x.name, text(x.value), "(0, ∞)", "")
		}
	}
	cost, err := dp.SpendOfRho(halfSquare(new(big.Rat).Quo(sensitivity, sigma)))
	if err != nil {
		return Permit{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	next, err := f.spent.Add(cost)
	if err != nil || next.Exceeds(f.limit) {
		return Permit{}, exhausted(Refusal{Whose: f.whose, Limit: f.limit, Spent: f.spent, Asked: cost})
	}
	f.spent = next
	return newPermit(dp.Spend{}), nil
}

// Restore sets what was spent before a restart, as [GaussianFilter.Spent] gave it,
// unless it is more already.
func (f *GaussianFilter) Restore(spent dp.Spend) error {
	if spent.NanoEpsilon != 0 || spent.AttoDelta != 0 {
		return posse.OutOfRange("spent", spent.String(), "a ρ only", "")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spent = f.spent.Max(spent)
	return nil
}

// Spent returns Σμ²/2 as ρ.
func (f *GaussianFilter) Spent() dp.Spend {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spent
}

// Remaining returns what is left, as ρ.
func (f *GaussianFilter) Remaining() dp.Spend { return f.limit.Left(f.Spent()) }

// halfSquare is x²/2.
func halfSquare(x *big.Rat) *big.Rat {
	y := new(big.Rat).Mul(x, x)
	return y.Quo(y, big.NewRat(2, 1))
}

func text(x *big.Rat) string {
	if x == nil {
		return "nothing"
	}
	return x.FloatString(12)
}
