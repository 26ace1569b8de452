package account

import (
	"math"
	"sort"

	"github.com/posse-dev/posse/dp"
)

// pair is a dominating pair (P, Q) of output laws of one event, seen through its
// privacy loss L = ln P/Q: mass returns what P and Q give to losses in (low, high],
// low and high possibly infinite. For 'remove', P is the law with the unit and Q
// that without; 'add' is the reverse.
type pair interface {
	mass(low, high float64) (p, q float64)
}

// gaussianPair is N(μ, 1) against N(0, 1): L ~ N(μ²/2, μ²) under P, N(−μ²/2, μ²)
// under Q. Its reverse is the same.
type gaussianPair struct{ mu float64 }

func (g gaussianPair) mass(low, high float64) (p, q float64) {
	half := g.mu / 2
	return normalMass(low/g.mu-half, high/g.mu-half), normalMass(low/g.mu+half, high/g.mu+half)
}

// laplacePair is two Laplace laws t scales apart: atoms ½ at L = t (under P) and at
// −t, exponential between. Its reverse is the same.
type laplacePair struct{ t float64 }

func (l laplacePair) mass(low, high float64) (p, q float64) {
	// P(L ≤ x) = ½·e^(−(t−x)/2), Q(L ≤ x) = 1 − ½·e^(−(t+x)/2) on [−t, t)
	a, b := math.Max(low, -l.t), math.Min(high, l.t)
	if a < b {
		p = math.Exp((a-l.t)/2) / 2 * math.Expm1((b-a)/2)
		q = -math.Exp(-(a+l.t)/2) / 2 * math.Expm1(-(b-a)/2)
	}
	if low < l.t && l.t <= high {
		p += 0.5
		q += math.Exp(-l.t) / 2
	}
	if low < -l.t && -l.t <= high {
		p += math.Exp(-l.t) / 2
		q += 0.5
	}
	return p, q
}

// atomsPair is a law of finitely many losses, ascending.
type atomsPair struct {
	loss []float64
	p, q []float64
}

// newAtoms takes atoms in any order.
func newAtoms(loss, p, q []float64) atomsPair {
	order := make([]int, len(loss))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return loss[order[i]] < loss[order[j]] })
	a := atomsPair{make([]float64, len(loss)), make([]float64, len(loss)), make([]float64, len(loss))}
	for to, from := range order {
		a.loss[to], a.p[to], a.q[to] = loss[from], p[from], q[from]
	}
	return a
}

func (a atomsPair) mass(low, high float64) (p, q float64) {
	from := sort.Search(len(a.loss), func(i int) bool { return a.loss[i] > low })
	for i := from; i < len(a.loss) && a.loss[i] <= high; i++ {
		p += a.p[i]
		q += a.q[i]
	}
	return p, q
}

// response is randomised response, which dominates every ε-DP mechanism.
func response(epsilon float64) atomsPair {
	p := 1 / (1 + math.Exp(-epsilon))
	q := math.Exp(-epsilon) * p
	return newAtoms([]float64{epsilon, -epsilon}, []float64{p, q}, []float64{q, p})
}

// maxAtoms bounds the atoms of a discrete law; a wider one has no PLD here.
const maxAtoms = 1 << 20

// discreteLaplacePair has one atom for x ≤ 0, one for x ≥ Δ and those between.
func discreteLaplacePair(delta, scale float64) (atomsPair, bool) {
	if delta > maxAtoms {
		return atomsPair{}, false
	}
	rate := 1 / scale
	side := 1 / (1 + math.Exp(-rate)) // Σ_{x ≤ 0} of the law
	t := delta * rate
	loss, p, q := []float64{t, -t}, []float64{side, side * math.Exp(-t)}, []float64{side * math.Exp(-t), side}
	c := math.Tanh(rate / 2)
	for x := 1.0; x < delta; x++ {
		loss = append(loss, (delta-2*x)*rate)
		p = append(p, c*math.Exp(-x*rate))
		q = append(q, c*math.Exp(-(delta-x)*rate))
	}
	return newAtoms(loss, p, q), true
}

// discreteGaussianPair has the atoms within 40σ, beyond which a float has nothing.
func discreteGaussianPair(delta, sigma float64) (atomsPair, bool) {
	reach := math.Ceil(38*sigma) + 1
	if 2*reach+delta > maxAtoms {
		return atomsPair{}, false
	}
	norm := discreteGaussianNorm(sigma)
	var loss, p, q []float64
	for x := -reach; x <= reach+delta; x++ {
		px, qx := math.Exp(-x*x/(2*sigma*sigma))/norm, math.Exp(-(x-delta)*(x-delta)/(2*sigma*sigma))/norm
		if px == 0 && qx == 0 {
			continue
		}
		loss = append(loss, ((x-delta)*(x-delta)-x*x)/(2*sigma*sigma))
		p, q = append(p, px), append(q, qx)
	}
	return newAtoms(loss, p, q), true
}

// sampledPair is a pair of which the unit is in with chance q only: (1−q)Q + qP
// against Q. Its loss is ln(1 − q + q·e^L), monotone in L.
type sampledPair struct {
	of pair
	q  float64
}

func (s sampledPair) mass(low, high float64) (p, q float64) {
	a, b := s.inner(low), s.inner(high)
	if a >= b {
		return 0, 0
	}
	p, q = s.of.mass(a, b)
	return (1-s.q)*q + s.q*p, q
}

// inner returns the L whose sampled loss is l.
func (s sampledPair) inner(l float64) float64 {
	if math.IsInf(l, 1) {
		return l
	}
	if x := math.Expm1(l)/s.q + 1; x > 0 {
		return math.Log(x)
	}
	return math.Inf(-1)
}

// mirrored is a pair for a sample of m of n units without replacement, of which one
// may be replaced: its curve is that of of (q = m/n) or of the reverse of of, whichever
// is larger. Losses above 0 are those of of, those below 0 mirror them, what is left is at 0.
//
// Source: δ'(ln(1 + q(e^ε − 1))) ≤ q·δ(ε) for ε ≥ 0 (Balle, Barthe, Gaboardi 2018,
// Theorem 9), and a relation that is symmetric; Zhu, Dong, Wang 2022, section 4.
type mirrored struct{ of sampledPair }

func (m mirrored) mass(low, high float64) (p, q float64) {
	if high > 0 {
		p, q = m.of.mass(math.Max(low, 0), high)
	}
	if low < 0 {
		b, a := m.of.mass(math.Max(0, -high), -low) // an atom on an edge changes sides
		p, q = p+a, q+b
	}
	if low < 0 && 0 <= high {
		a, b := m.of.mass(0, math.Inf(1))
		rest := math.Max(0, 1-a-b)
		p, q = p+rest, q+rest
	}
	return p, q
}

// reversed is the pair (Q, P): its loss is −L.
type reversed struct{ of pair }

func (r reversed) mass(low, high float64) (p, q float64) {
	p, q = r.of.mass(-high, -low) // an atom on an edge changes sides, which the grid does not mind
	return q, p
}

// pair returns the dominating pair for 'remove' and whether its reverse differs;
// false when none is known.
func (e Event) pair() (of pair, oneSided, ok bool) {
	switch e.Mechanism {
	case Gaussian:
		of, ok = gaussianPair{e.Sensitivity / e.Sigma}, true
	case Laplace:
		of, ok = laplacePair{e.Sensitivity / e.Scale}, true
	case RandomizedResponse, PureDP:
		of, ok = response(e.Epsilon), true
	case DiscreteLaplace:
		of, ok = discreteLaplacePair(e.Sensitivity, e.Scale)
	case DiscreteGaussian:
		of, ok = discreteGaussianPair(e.Sensitivity, e.Sigma)
	}
	if ok && e.Sampling < 1 {
		if s := (sampledPair{of, e.Sampling}); e.Neighbours == dp.Replace {
			return mirrored{s}, false, true
		} else {
			return s, true, true
		}
	}
	return of, false, ok
}
