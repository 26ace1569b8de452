package environment

import (
	"math"
	"slices"

	"github.com/posse-dev/posse/dp/noise"
)

// StudentT is a world of symmetric heavy-tailed rewards. Use [NewStudentT].
type StudentT struct {
	degrees float64
	means   []float64
}

// NewStudentT returns a world whose arm a pays means[a] plus Student's t with
// the given degrees of freedom in (1, 1e6]. Moments of order ≥ degrees are
// infinite. Means in [−1e30, 1e30].
func NewStudentT(degrees float64, means ...float64) (*StudentT, error) {
	if err := (interval{low: 1, high: 1e6, openLow: true}).check("environment.degrees", degrees); err != nil {
		return nil, err
	}
	if err := locations.checkAll("environment.means", means); err != nil {
		return nil, err
	}
	return &StudentT{degrees: degrees, means: slices.Clone(means)}, nil
}

// Arms returns the number of arms.
func (s *StudentT) Arms() int { return len(s.means) }

// Mean returns the mean of an arm, which is its shift.
func (s *StudentT) Mean(arm int) float64 { return s.means[arm] }

// Moment returns E|X|^order by quadrature of t's density, +Inf for orders of at
// least the degrees of freedom.
//
//	f(s) = Γ((ν+1)/2) / (√(νπ) Γ(ν/2)) · (1 + s²/ν)^(−(ν+1)/2)
func (s *StudentT) Moment(arm int, order float64) float64 {
	checkOrder(order)
	nu := s.degrees
	if order >= nu {
		return math.Inf(1)
	}
	upper, _ := math.Lgamma((nu + 1) / 2)
	lower, _ := math.Lgamma(nu / 2)
	constant := upper - lower - math.Log(nu*math.Pi)/2
	return absoluteMoment(s.means[arm], 1, order, func(x float64) float64 {
		return constant - (nu+1)/2*math.Log1p(x*x/nu)
	})
}

// Reward draws one reward of an arm from two words.
func (s *StudentT) Reward(arm int, src noise.Source) float64 {
	return s.means[arm] + student(s.degrees, src)
}

// student draws Student's t from two words.
//
//	T = √(ν(U^(−2/ν) − 1)) · cos(2πV)
//
// Source: Bailey 1994, Mathematics of Computation 62, the non-rejecting form.
func student(degrees float64, src noise.Source) float64 {
	radius := math.Sqrt(degrees * math.Expm1(-2/degrees*math.Log(uniform(src))))
	return radius * math.Cos(2*math.Pi*uniform(src))
}

// Draw draws the rewards of all arms, independently.
func (s *StudentT) Draw(into Instance, src noise.Source) Instance {
	into = room(into, s.Arms())
	for a := range into {
		into[a] = s.Reward(a, src)
	}
	return into
}
