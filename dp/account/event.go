package account

import (
	"fmt"
	"math"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
)

// Mechanism is a kind of release whose privacy loss is known.
type Mechanism string

// The mechanisms, spelled as in event files.
const (
	Gaussian           Mechanism = "gaussian"            // sigma
	DiscreteGaussian   Mechanism = "discrete-gaussian"   // sigma, the parameter of the law
	Laplace            Mechanism = "laplace"             // scale
	DiscreteLaplace    Mechanism = "discrete-laplace"    // scale
	RandomizedResponse Mechanism = "randomized-response" // epsilon; two answers
	PureDP             Mechanism = "pure"                // epsilon; any ε-DP mechanism
	ZeroConcentrated   Mechanism = "zcdp"                // rho; any ρ-zCDP mechanism
)

// Event is a release, or Count equal ones. Exactly the one of Sigma, Scale, Epsilon
// and Rho that the mechanism demands is set.
type Event struct {
	Mechanism   Mechanism `json:"mechanism"`
	Sigma       float64   `json:"sigma,omitempty"`       // in the unit of Sensitivity, (0, 1e9]
	Scale       float64   `json:"scale,omitempty"`       // in the unit of Sensitivity, (0, 1e9]
	Epsilon     float64   `json:"epsilon,omitempty"`     // (0, 100]
	Rho         float64   `json:"rho,omitempty"`         // (0, 200]
	Sensitivity float64   `json:"sensitivity,omitempty"` // 0 means 1; whole for discrete laws
	Count       uint64    `json:"count,omitempty"`       // 0 means 1; at most 1e9
	// Sampling in (0, 1] is secret and fresh each time; 0 means none. For zero-out it
	// is the chance that a unit takes part (Poisson), for replace the share m/n of
	// units that are drawn without replacement.
	Sampling   float64     `json:"sampling,omitempty"`
	Neighbours dp.Relation `json:"neighbours,omitzero"` // zero means zero-out
}

// maxNoise is the largest σ or scale.
const maxNoise = 1e15

// normal returns the event with its defaults filled in, or the error that names
// field+"."+the bad field.
func (e Event) normal(field string) (Event, error) {
	if e.Sensitivity == 0 {
		e.Sensitivity = 1
	}
	if e.Count == 0 {
		e.Count = 1
	}
	if e.Sampling == 0 {
		e.Sampling = 1
	}
	if !e.Neighbours.Valid() {
		e.Neighbours = dp.ZeroOut
	}
	numbers := map[string]float64{"sigma": e.Sigma, "scale": e.Scale, "epsilon": e.Epsilon, "rho": e.Rho}
	want, high := "", maxNoise
	switch e.Mechanism {
	case Gaussian, DiscreteGaussian:
		want = "sigma"
	case Laplace, DiscreteLaplace:
		want = "scale"
	case RandomizedResponse, PureDP:
		want, high = "epsilon", 100
	case ZeroConcentrated:
		want, high = "rho", 200
	default:
		return e, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: field + ".mechanism", Value: strconv.Quote(string(e.Mechanism)),
			Allowed: "gaussian, discrete-gaussian, laplace, discrete-laplace, randomized-response, pure, zcdp",
			Message: field + ".mechanism is not one of its words",
		}
	}
	if err := inRange(field+"."+want, numbers[want], 0, high); err != nil {
		return e, err
	}
	for _, name := range []string{"sigma", "scale", "epsilon", "rho"} {
		if name != want && numbers[name] != 0 {
			return e, &posse.Error{
				Code: posse.InvalidArgument, Reason: "FIELD_NOT_APPLICABLE", Field: field + "." + name, Value: float(numbers[name]),
				Allowed: want, Message: fmt.Sprintf("%s.%s does not apply to %s", field, name, e.Mechanism),
			}
		}
	}
	if err := inRange(field+".sensitivity", e.Sensitivity, 0, 1e9); err != nil {
		return e, err
	}
	if discrete := e.Mechanism == DiscreteGaussian || e.Mechanism == DiscreteLaplace; discrete && e.Sensitivity != math.Trunc(e.Sensitivity) {
		return e, posse.OutOfRange(field+".sensitivity", float(e.Sensitivity), "whole numbers for a discrete law", "")
	}
	if e.Count > 1e9 {
		return e, posse.OutOfRange(field+".count", strconv.FormatUint(e.Count, 10), "[1, 1e9]", "")
	}
	if err := inRange(field+".sampling", e.Sampling, 0, 1); err != nil {
		return e, err
	}
	return e, nil
}

// pure returns the ε of one event at δ = 0, sampled by ln(1 + q(e^ε − 1)), which
// holds for both ways of sampling; false for mechanisms that have none.
func (e Event) pure() (float64, bool) {
	var epsilon float64
	switch e.Mechanism {
	case Laplace, DiscreteLaplace:
		epsilon = e.Sensitivity / e.Scale
	case RandomizedResponse, PureDP:
		epsilon = e.Epsilon
	default:
		return 0, false
	}
	if e.Sampling < 1 {
		epsilon = math.Log1p(e.Sampling * math.Expm1(epsilon))
	}
	return epsilon, true
}

// rho returns the zCDP parameter of one event; false when it is sampled.
func (e Event) rho() (float64, bool) {
	if e.Sampling < 1 {
		return 0, false
	}
	switch e.Mechanism {
	case Gaussian, DiscreteGaussian:
		r := e.Sensitivity / e.Sigma
		return r * r / 2, true
	case ZeroConcentrated:
		return e.Rho, true
	}
	epsilon, _ := e.pure()
	return epsilon * epsilon / 2, true
}
