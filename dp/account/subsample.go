package account

import (
	"math"

	"github.com/posse-dev/posse/dp"
)

// Subsample returns the guarantee of a mechanism that runs on a random sample.
//
//	ε' = ln(1 + q(e^ε − 1)),  δ' = qδ
//
// For zero-out neighbours the sample is Poisson with chance q; for replace it has
// m of n units without replacement and q = m/n. q in (0, 1]. It holds only if who
// was sampled stays secret and is drawn afresh for each release: a node that an
// auction chose in public gains nothing.
// Source: Balle, Barthe, Gaboardi 2018, Theorems 8 and 9.
func Subsample(g Guarantee, q float64) (Guarantee, error) {
	if err := inRange("sampling", q, 0, 1); err != nil {
		return Guarantee{}, err
	}
	if _, err := Basic(g); err != nil {
		return Guarantee{}, err
	}
	if q == 1 {
		return g, nil
	}
	theorem := "poisson subsampling"
	if g.Relation == dp.Replace {
		theorem = "subsampling without replacement"
	}
	return Guarantee{
		Epsilon: math.Log1p(q*math.Expm1(g.Epsilon)) * (1 + up), Delta: math.Min(1, q*g.Delta*(1+up)),
		Relation: g.Relation, Theorem: theorem,
	}, nil
}

// Group returns what a guarantee for one unit says of k of them (zero-out): kε, and
// δ·(e^(kε) − 1)/(e^ε − 1). k ≥ 1. Source: Vadhan 2017, Lemma 2.2.
func Group(g Guarantee, k uint64) (Guarantee, error) {
	if _, err := Basic(g); err != nil {
		return Guarantee{}, err
	}
	if err := inRange("k", float64(k), 0, 1e9); err != nil {
		return Guarantee{}, err
	}
	out := Guarantee{Epsilon: float64(k) * g.Epsilon * (1 + up), Relation: g.Relation, Theorem: "group privacy"}
	switch {
	case g.Delta == 0:
	case g.Epsilon == 0:
		out.Delta = math.Min(1, float64(k)*g.Delta*(1+up))
	default:
		out.Delta = math.Min(1, g.Delta*math.Expm1(float64(k)*g.Epsilon)/math.Expm1(g.Epsilon)*(1+up))
	}
	return out, nil
}

// Parallel returns the guarantee of releases of disjoint parts of the data, when a
// unit's part is fixed without looking at the data: the worst part for zero-out,
// and the two worst added for replace, since a replaced unit may change its part.
func Parallel(parts ...Guarantee) (Guarantee, error) {
	if _, err := Basic(parts...); err != nil {
		return Guarantee{}, err
	}
	first, second := Guarantee{Relation: parts[0].Relation}, Guarantee{Relation: parts[0].Relation}
	for _, p := range parts {
		// component by component: parts may trade ε for δ
		if p.Epsilon >= first.Epsilon {
			second.Epsilon, first.Epsilon = first.Epsilon, p.Epsilon
		} else {
			second.Epsilon = math.Max(second.Epsilon, p.Epsilon)
		}
		if p.Delta >= first.Delta {
			second.Delta, first.Delta = first.Delta, p.Delta
		} else {
			second.Delta = math.Max(second.Delta, p.Delta)
		}
	}
	out := first
	if out.Relation == dp.Replace {
		out, _ = Basic(first, second)
	}
	out.Theorem = "parallel composition"
	return out, nil
}
