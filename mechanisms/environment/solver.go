package environment

import (
	"fmt"
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// SolverArm is one solver's law of run times, in seconds, before the factor of
// the instance and the cutoff: lognormal, or with probability StuckChance
// Pareto from StuckScale with tail index StuckIndex.
type SolverArm struct {
	Name        string
	Median      float64 // of the lognormal part, seconds, [1e-30, 1e30]
	Sigma       float64 // standard deviation of the logarithm, (0, 10]
	StuckChance float64 // [0, 1]
	StuckScale  float64 // smallest time of a stuck run, seconds, [1e-30, 1e30]
	StuckIndex  float64 // tail index, (0, 100]; below 1 only the cutoff makes a mean
}

// SolverProblem describes a [Solver] world.
type SolverProblem struct {
	Arms        []SolverArm
	CutoffSecs  float64 // a run is stopped here and counts as this long, [1e-30, 1e30]
	FactorSigma float64 // every time of an instance is multiplied by exp(FactorSigma·Z), [0, 10]
}

// Solver is a world of racing algorithms: the reward of a solver on an instance
// is −(run time)/cutoff, in [−1, 0]. The typical run and the mean run differ
// much, because some runs get stuck. Use [NewSolver] or [ChoosingASolver].
type Solver struct {
	problem SolverProblem
	means   []float64
}

// ChoosingASolver returns the demo's world: five solvers with a cutoff of 300 s.
// quick-start is the fastest in the median, local-search has the best mean.
func ChoosingASolver() *Solver {
	s, err := NewSolver(SolverProblem{
		Arms: []SolverArm{
			{Name: "quick-start", Median: 4, Sigma: 0.8, StuckChance: 0.30, StuckScale: 20, StuckIndex: 0.6},
			{Name: "local-search", Median: 9, Sigma: 0.9, StuckChance: 0.05, StuckScale: 20, StuckIndex: 0.9},
			{Name: "branch-and-cut", Median: 14, Sigma: 0.7, StuckChance: 0.10, StuckScale: 20, StuckIndex: 0.8},
			{Name: "constraint", Median: 20, Sigma: 1, StuckChance: 0.18, StuckScale: 20, StuckIndex: 0.7},
			{Name: "exhaustive", Median: 40, Sigma: 0.7, StuckChance: 0.25, StuckScale: 20, StuckIndex: 0.6},
		},
		CutoffSecs:  300,
		FactorSigma: 0.3,
	})
	if err != nil {
		panic(err) // constants above
	}
	return s
}

// NewSolver validates a problem and returns its world. An error names the field
// and the allowed range.
func NewSolver(problem SolverProblem) (*Solver, error) {
	if err := checkCount("environment.arms", len(problem.Arms)); err != nil {
		return nil, err
	}
	if err := scales.check("environment.cutoff", problem.CutoffSecs); err != nil {
		return nil, err
	}
	if err := (interval{low: 0, high: 10}).check("environment.factorSigma", problem.FactorSigma); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(problem.Arms))
	for i, arm := range problem.Arms {
		at := fmt.Sprintf("environment.arms[%d]", i)
		for _, c := range []struct {
			field string
			value float64
			allow interval
		}{
			{"median", arm.Median, scales},
			{"sigma", arm.Sigma, interval{low: 0, high: 10, openLow: true}},
			{"stuckChance", arm.StuckChance, interval{low: 0, high: 1}},
			{"stuckScale", arm.StuckScale, scales},
			{"stuckIndex", arm.StuckIndex, interval{low: 0, high: 100, openLow: true}},
		} {
			if err := c.allow.check(at+"."+c.field, c.value); err != nil {
				return nil, err
			}
		}
		if arm.Name == "" || seen[arm.Name] {
			return nil, posse.OutOfRange(at+".name", fmt.Sprintf("%q", arm.Name), "names, all different", "")
		}
		seen[arm.Name] = true
	}
	problem.Arms = slices.Clone(problem.Arms)
	s := &Solver{problem: problem}
	for a := range problem.Arms {
		s.means = append(s.means, -s.timeMoment(a, 1)/problem.CutoffSecs)
	}
	return s, nil
}

// Arms returns the number of solvers.
func (s *Solver) Arms() int { return len(s.problem.Arms) }

// Names returns the solvers' names in the order of the arms.
func (s *Solver) Names() []string {
	names := make([]string, s.Arms())
	for a, arm := range s.problem.Arms {
		names[a] = arm.Name
	}
	return names
}

// CutoffSecs returns the cutoff in seconds; a reward x is a run of −x·cutoff.
func (s *Solver) CutoffSecs() float64 { return s.problem.CutoffSecs }

// Mean returns the exact mean reward of a solver, in [−1, 0].
func (s *Solver) Mean(arm int) float64 { return s.means[arm] }

// Moment returns the exact E|X|^order of a solver's reward, in [0, 1].
func (s *Solver) Moment(arm int, order float64) float64 {
	checkOrder(order)
	return s.timeMoment(arm, order) / math.Pow(s.problem.CutoffSecs, order)
}

// timeMoment returns E min(T, C)^p in seconds^p, with T the run time including
// the instance's factor F = exp(τZ).
//
// The lognormal part times F is lognormal with variance σ²+τ², for which
//
//	E min(X, C)^p = e^(pμ+p²s²/2) Φ((ln C − μ − p s²)/s) + C^p Φ(−(ln C − μ)/s).
//
// The Pareto part given F starts at k = F·scale, and for k < C
//
//	E min(P, C)^p = k^p + p k^a (C^(p−a) − k^(p−a))/(p−a),  or k^p + p k^p ln(C/k) for p = a,
//
// in which every term is a power of the lognormal k (or one times ln k) on k < C,
// so that its mean over F is closed too. k ≥ C gives C^p.
func (s *Solver) timeMoment(arm int, p float64) float64 {
	a, c := s.problem.Arms[arm], math.Log(s.problem.CutoffSecs)
	tau := s.problem.FactorSigma
	normalPart := cappedPower{mu: math.Log(a.Median), sigma: math.Hypot(a.Sigma, tau), cap: c}
	moment := (1 - a.StuckChance) * (normalPart.below(p) + math.Exp(p*c)*normalPart.above())
	if a.StuckChance == 0 {
		return moment
	}
	k := cappedPower{mu: math.Log(a.StuckScale), sigma: tau, cap: c}
	stuck := math.Exp(p*c)*k.above() + k.below(p)
	if math.Abs(p-a.StuckIndex) < 1e-9 { // the difference quotient below loses all digits here
		stuck += p * k.belowLog(p)
	} else {
		stuck += p / (p - a.StuckIndex) * (math.Exp((p-a.StuckIndex)*c)*k.below(a.StuckIndex) - k.below(p))
	}
	return moment + a.StuckChance*stuck
}

// cappedPower is a lognormal number K = exp(mu + sigma·Z) and the logarithm of
// a cap; sigma = 0 is a constant.
type cappedPower struct{ mu, sigma, cap float64 }

// above returns P(K ≥ cap).
func (k cappedPower) above() float64 {
	if k.sigma == 0 {
		if k.mu >= k.cap {
			return 1
		}
		return 0
	}
	return cumulative((k.mu - k.cap) / k.sigma)
}

// below returns E K^q 1{K < cap}.
func (k cappedPower) below(q float64) float64 {
	if k.sigma == 0 {
		return (1 - k.above()) * math.Exp(q*k.mu)
	}
	return math.Exp(q*k.mu+q*q*k.sigma*k.sigma/2) * cumulative((k.cap-k.mu-q*k.sigma*k.sigma)/k.sigma)
}

// belowLog returns E K^q ln(cap/K) 1{K < cap}: under the law tilted by K^q, ln K
// is N(mu+qσ², σ²), and E (d − σZ)^+ = d Φ(d/σ) + σ φ(d/σ).
func (k cappedPower) belowLog(q float64) float64 {
	if k.sigma == 0 {
		return (1 - k.above()) * math.Exp(q*k.mu) * (k.cap - k.mu)
	}
	d := k.cap - k.mu - q*k.sigma*k.sigma
	z := d / k.sigma
	tilted := d*cumulative(z) + k.sigma*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi)
	return math.Exp(q*k.mu+q*q*k.sigma*k.sigma/2) * tilted
}

// cumulative is the standard normal distribution function Φ.
func cumulative(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// Reward draws one run of one solver on a fresh instance.
func (s *Solver) Reward(arm int, src noise.Source) float64 {
	return s.reward(arm, s.factor(src), src)
}

// Draw draws one instance: its factor, then a run of every solver on it.
func (s *Solver) Draw(into Instance, src noise.Source) Instance {
	into = room(into, s.Arms())
	factor := s.factor(src)
	for a := range into {
		into[a] = s.reward(a, factor, src)
	}
	return into
}

// factor draws how much longer than usual everything takes on an instance.
func (s *Solver) factor(src noise.Source) float64 {
	return math.Exp(s.problem.FactorSigma * normal(src))
}

// reward draws a run: always two words, so that solvers don't shift each other's
// numbers.
func (s *Solver) reward(arm int, factor float64, src noise.Source) float64 {
	a := s.problem.Arms[arm]
	stuck := uniform(src) < a.StuckChance
	var secs float64
	if stuck {
		secs = a.StuckScale * math.Pow(uniform(src), -1/a.StuckIndex)
	} else {
		secs = a.Median * math.Exp(a.Sigma*normal(src))
	}
	return -min(secs*factor, s.problem.CutoffSecs) / s.problem.CutoffSecs
}
