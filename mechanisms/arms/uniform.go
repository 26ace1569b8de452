package arms

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// Uniform chooses every arm with probability 1/K and learns nothing: the
// baseline that every policy must beat.
type Uniform struct{ tally }

// NewUniform returns the baseline. Errors name the field of the problem.
func NewUniform(p Problem) (*Uniform, error) {
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	if p.Range == nil {
		p.Range = &mechanisms.Range{Low: -1, High: 1}
	}
	return &Uniform{newTally(p)}, nil
}

// Choose returns an arm at random, with propensity 1/K.
func (u *Uniform) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	k := uint64(len(u.n))
	return mechanisms.Arm(noise.Uniform(k, src)), 1 / float64(k), nil
}

// Observe counts the reward.
func (u *Uniform) Observe(_ mechanisms.Round, _ mechanisms.None, a mechanisms.Arm, f mechanisms.Reward) error {
	return u.observe(a, f)
}

// Statistics returns pulls and sums of rewards.
func (u *Uniform) Statistics() *statistics.Set { return u.set }

// Local is empty: everything adds up.
func (u *Uniform) Local() ([]byte, error) { return nil, nil }
