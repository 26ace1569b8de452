package environment

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
)

// Mixture is Huber's contamination: with a small chance an arm pays an outlier instead
// of what another world would. Use [NewMixture].
type Mixture struct {
	base     World
	fraction float64
	outlier  float64
}

// NewMixture returns a world in which a share of [0, 1] of all rewards is the value
// outlier, arm by arm and independently. Means and moments are those of the mixture.
func NewMixture(base World, fraction, outlier float64) (*Mixture, error) {
	if err := (interval{low: 0, high: 1}).check("environment.fraction", fraction); err != nil {
		return nil, err
	}
	if err := locations.check("environment.outlier", outlier); err != nil {
		return nil, err
	}
	return &Mixture{base, fraction, outlier}, nil
}

// Arms returns the number of arms.
func (m *Mixture) Arms() int { return m.base.Arms() }

// Mean returns the mean of the mixture.
func (m *Mixture) Mean(arm int) float64 {
	return (1-m.fraction)*m.base.Mean(arm) + m.fraction*m.outlier
}

// Moment returns that of the mixture.
func (m *Mixture) Moment(arm int, order float64) float64 {
	clean := m.base.Moment(arm, order)
	if m.fraction == 1 {
		clean = 0
	}
	return (1-m.fraction)*clean + m.fraction*math.Pow(math.Abs(m.outlier), order)
}

// Draw draws the base world's rewards, and an outlier in place of some.
func (m *Mixture) Draw(into Instance, src noise.Source) Instance {
	into = m.base.Draw(into, src)
	for a := range into {
		if uniform(src) < m.fraction {
			into[a] = m.outlier
		}
	}
	return into
}
