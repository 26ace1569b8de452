package budget

import (
	"math/big"

	"github.com/posse-dev/posse/dp/noise"
)

// AddLaplace uses the permit to add noise to x, an integer query of L1 sensitivity
// sensitivity: what makes x fit to leave. The permit must have been charged at least
// what the noise costs; a zero, used or smaller one is refused and x is untouched.
// When a sum does not fit int64 the permit is spent all the same.
func (p Permit) AddLaplace(x []int64, sensitivity uint64, l noise.DiscreteLaplace, src noise.Source) error {
	if err := p.UseFor(l.Spend(sensitivity)); err != nil {
		return err
	}
	return noise.Add(x, l, src)
}

// AddGaussian is AddLaplace for a query of squared L2 sensitivity sensitivity2 and
// Gaussian noise, charged as ρ.
func (p Permit) AddGaussian(x []int64, sensitivity2 *big.Int, g noise.DiscreteGaussian, src noise.Source) error {
	if err := p.UseFor(g.SpendBig(sensitivity2)); err != nil {
		return err
	}
	return noise.Add(x, g, src)
}
