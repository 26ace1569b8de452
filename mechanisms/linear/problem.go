package linear

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// MaxDimension is the most features that a context may have.
const MaxDimension = 1024

// Problem is what a learner must know. Arms is in [1, arms.MaxArms], Horizon at
// least 1; Range defaults to [0, 1]. Rewards are divided by the range's end that is
// further from 0, and never shifted: a shift would not be linear in the features.
type Problem struct {
	Arms     int
	Horizon  uint64
	Features mechanisms.FeatureSpec
	Range    *mechanisms.Range
	Clip     bool
	Bonus    string  // "theory" or "tuned", the default
	Kappa    float64 // the factor of "tuned", 0 for the policy's default
	// ParameterBound is S with ‖θ*‖₂ ≤ S, in the reward's unit for features scaled to
	// norm 1; 0 means 1. Only "theory" reads it.
	ParameterBound float64
	Params         mechanisms.Params
}

func (p Problem) validate() (Problem, error) {
	if p.Arms < 1 || p.Arms > arms.MaxArms {
		return p, posse.OutOfRange("problem.arms", fmt.Sprint(p.Arms), fmt.Sprintf("[1, %d]", arms.MaxArms), "name at least one arm")
	}
	if p.Horizon < 1 || p.Horizon > maxRecords {
		return p, posse.OutOfRange("horizon", fmt.Sprint(p.Horizon), fmt.Sprintf("[1, %d]", uint64(maxRecords)), "give the number of decisions")
	}
	var err error
	if p.Features, err = validateFeatures(p.Features); err != nil {
		return p, err
	}
	if p.Range == nil {
		p.Range = &mechanisms.Range{Low: 0, High: 1}
	}
	if p.ParameterBound == 0 {
		p.ParameterBound = 1
	}
	if !(p.ParameterBound > 0 && p.ParameterBound <= 1e6) {
		return p, posse.OutOfRange("problem.parameterBound", fmt.Sprint(p.ParameterBound), "(0, 1e6]", "1 is the default")
	}
	return p, p.Range.Validate()
}

func validateFeatures(f mechanisms.FeatureSpec) (mechanisms.FeatureSpec, error) {
	if f.Dimension < 1 || f.Dimension > MaxDimension {
		return f, posse.OutOfRange("problem.features.dimension", fmt.Sprint(f.Dimension), fmt.Sprintf("[1, %d]", MaxDimension), "give the number of features")
	}
	if f.Bound == 0 {
		f.Bound = 1
	}
	if !(f.Bound > 0 && f.Bound <= 1e6) {
		return f, posse.OutOfRange("problem.features.bound", fmt.Sprint(f.Bound), "(0, 1e6]", "1 is the default")
	}
	return f, nil
}

// longest is the reward's unit: the largest magnitude in the range.
func longest(r mechanisms.Range) float64 { return math.Max(math.Abs(r.Low), math.Abs(r.High)) }

// features writes a context, divided by the bound, into dst: d numbers of a norm of
// at most 1, or so many an arm. Errors name a feature by its number and show none.
func features(dst []float64, f mechanisms.FeatureSpec, vectors int, x []float64) error {
	if len(x) != vectors*f.Dimension {
		return posse.OutOfRange("features", fmt.Sprintf("%d numbers", len(x)), fmt.Sprintf("%d numbers", vectors*f.Dimension), "send problem.features.dimension numbers")
	}
	for v := range vectors {
		x, dst := x[v*f.Dimension:(v+1)*f.Dimension], dst[v*f.Dimension:(v+1)*f.Dimension]
		norm := 0.0
		for i, value := range x {
			if math.IsNaN(value) || math.IsInf(value, 0) {
				return posse.OutOfRange(fmt.Sprintf("features[%d]", v*f.Dimension+i), "(withheld)", "a finite number", "leave out what is missing from every context")
			}
			norm = math.Hypot(norm, value)
		}
		scale := 1 / f.Bound
		switch {
		case norm <= f.Bound:
		case norm > f.Bound*(1+1e-9) && !f.Normalise:
			return posse.OutOfRange("features", "(withheld)", fmt.Sprintf("a Euclidean norm of at most %g", f.Bound),
				"declare a larger problem.features.bound, or set problem.features.normalise: true")
		default:
			scale = 1 / norm
		}
		for i, value := range x {
			dst[i] = value * scale
		}
	}
	return nil
}

// Fixed point of the learners: features and rewards are truncated towards 0 to 15
// bits before they are multiplied, so that products are exact and bounds hold.
const (
	factorBits  = 15
	productBits = 2 * factorBits
	maxRecords  = 1 << 31 // of which the sums stay below 2^62
)

// ridges is what both learners keep: a ridge regression for each arm, or one for all
// of them where every arm has its own features.
type ridges struct {
	problem Problem
	unit    float64 // rewards are divided by it
	set     *statistics.Set
	each    []ridge
	records uint64
	x       []float64 // scratch: a context
	z       []float64 // scratch: d numbers
}

func newRidges(policy string, p Problem, params ...string) (*ridges, error) {
	if err := p.Params.Only(policy, append(params, "lambda")...); err != nil {
		return nil, err
	}
	p, err := p.validate()
	if err != nil {
		return nil, err
	}
	lambda, err := p.Params.Get("lambda", 1, 1e-9, 1e6)
	if err != nil {
		return nil, err
	}
	n, d := p.Arms, p.Features.Dimension
	vectors := 1
	if p.Features.PerArm {
		n, vectors = 1, p.Arms
	}
	if n*(d*(d+1)/2+d) > statistics.MaxCells {
		return nil, posse.OutOfRange("problem.features.dimension", fmt.Sprintf("%d for each of %d arms", d, n),
			fmt.Sprintf("%d numbers in all", statistics.MaxCells), "take fewer features or arms, or problem.features.perArm")
	}
	set := statistics.Layout{
		{Name: "gram", Shape: []int{n, d * (d + 1) / 2}, Scale: productBits, Record: 1 << productBits},
		{Name: "vector", Shape: []int{n, d}, Scale: productBits, Record: 1 << productBits},
	}.Empty()
	r := &ridges{problem: p, unit: longest(*p.Range), set: set, x: make([]float64, vectors*d), z: make([]float64, d)}
	for i := range n {
		r.each = append(r.each, newRidge(lambda, set.Blocks[0].Sum[i*d*(d+1)/2:(i+1)*d*(d+1)/2], set.Blocks[1].Sum[i*d:(i+1)*d]))
	}
	return r, nil
}

// vector returns an arm's features in a context that features read, and its ridge.
func (r *ridges) vector(a int) ([]float64, *ridge) {
	if r.problem.Features.PerArm {
		d := r.problem.Features.Dimension
		return r.x[a*d : (a+1)*d], &r.each[0]
	}
	return r.x, &r.each[a]
}

func (r *ridges) read(c mechanisms.Features) error {
	return features(r.x, r.problem.Features, len(r.x)/r.problem.Features.Dimension, c.X)
}

// Observe adds one record: x·xᵀ and x·y, y the reward over the unit.
func (r *ridges) Observe(_ mechanisms.Round, c mechanisms.Features, a mechanisms.Arm, f mechanisms.Reward) error {
	if a < 0 || int(a) >= r.problem.Arms {
		return posse.OutOfRange("arm", fmt.Sprint(int(a)), fmt.Sprintf("[0, %d]", r.problem.Arms-1), "send the arm of the decision")
	}
	if r.records >= maxRecords {
		return statistics.ErrOverflow
	}
	if err := r.read(c); err != nil {
		return err
	}
	y, err := r.problem.Range.Clipped(f.X, r.problem.Clip)
	if err != nil {
		return err
	}
	x, ridge := r.vector(int(a))
	ridge.add(x, y/r.unit, r.z)
	r.records++
	return nil
}

// Statistics returns the lower halves of the Gram matrices, and the vectors.
func (r *ridges) Statistics() *statistics.Set { return r.set }

// Local is empty: everything adds up.
func (r *ridges) Local() ([]byte, error) { return nil, nil }
