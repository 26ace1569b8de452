package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// Uniform chooses every arm with probability 1/K and learns nothing: the
// baseline that every policy must beat. Its statistics are of rewards scaled from
// the range, or clipped to ±u^(1/p) where a moment E|X|^p ≤ u is declared.
type Uniform struct{ tally }

// NewUniform returns the baseline. Errors name the field of the problem.
func NewUniform(p Problem) (*Uniform, error) {
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	if p.Moment != nil {
		bound := math.Pow(p.Moment.Bound, 1/p.Moment.Order)
		p.Range, p.Clip = &mechanisms.Range{Low: -bound, High: bound}, true
	}
	return &Uniform{newTally(p)}, nil
}

// Choose returns an arm at random, with propensity 1/K.
func (u *Uniform) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	k := uint64(len(u.n))
	return mechanisms.Arm(noise.Uniform(k, src)), 1 / float64(k), nil
}
