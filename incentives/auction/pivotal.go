package auction

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/posse-dev/posse/incentives"
)

// Dependence says how much a round depends on single nodes, whatever they bid: it is
// a function of the eligible offers' information alone. A node is pivotal when the
// others can't reach the target; it is then paid the reserve.
type Dependence struct {
	Nodes []string // eligible, by id
	// Without is what the others reach without each of them: the share of the eligible
	// offers' information where the rule has a Coverage, the ratio of determinants
	// where it has a Threshold. 1 where there is nothing to know.
	Without []float64
	target  float64 // the rule's Coverage or Threshold
}

// Depends measures how a round depends on each eligible offer: n + 1 log
// determinants. Offers that would be left out of the auction are left out here, and
// errors are those of [Settle].
func Depends(rule Rule, offers []incentives.Offer) (Dependence, error) {
	m, _, err := rule.open(offers)
	if err != nil {
		return Dependence{}, err
	}
	d := Dependence{target: max(rule.Coverage, rule.Threshold)}
	if len(m.offers) == 0 {
		return d, nil
	}
	without := m.pool.leaveOneOut()
	for i, offer := range m.offers {
		reached := 1.0
		switch {
		case m.total <= 0:
		case rule.Threshold != 0:
			reached = math.Exp(min(0, without[i]-m.total))
		default:
			reached = min(1, max(0, without[i]/m.total))
		}
		d.Nodes, d.Without = append(d.Nodes, offer.Node), append(d.Without, reached)
	}
	return d, nil
}

// Pivotal returns the nodes without whom the target can't be reached, by id. A node
// exactly at the target is not pivotal; floats decide between the two within 1e-9.
func (d Dependence) Pivotal() []string {
	var out []string
	for i, node := range d.Nodes {
		if d.Without[i] < d.target*(1-1e-9) {
			out = append(out, node)
		}
	}
	return out
}

// Mostly reports whether more than half of the nodes are pivotal: the reserve is then
// the price, and the auction buys nothing that a posted price would not.
func (d Dependence) Mostly() bool { return 2*len(d.Pivotal()) > len(d.Nodes) }

// Mend returns the largest coverage (or threshold) with which at most half of the
// nodes are pivotal, 0 when there is none: with one node, or two that know different
// things, nothing helps but more nodes.
func (d Dependence) Mend() float64 {
	if len(d.Without) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d.Without))
	return sorted[len(sorted)/2] // ⌊n/2⌋ are below it
}

// leaveOneOut returns f(E∖i) in nats for every candidate. The sums without one are
// built from the sums before and after it: nothing is subtracted.
func (p *pool) leaveOneOut() []float64 {
	n, size := len(p.adds), len(p.prior)
	after := make([][]float64, n+1)
	after[n] = make([]float64, size)
	for i := n - 1; i > 0; i-- {
		after[i] = floats.AddTo(make([]float64, size), after[i+1], p.adds[i])
	}
	out := make([]float64, n)
	before, sum := make([]float64, size), make([]float64, size)
	base := 0.0
	if !p.arms {
		base = p.logDet(slices.Clone(p.prior))
	}
	for i := range n {
		floats.AddTo(sum, before, after[i+1])
		if p.arms {
			for k, x := range sum {
				out[i] += math.Log1p(x / p.prior[k])
			}
		} else {
			floats.Add(sum, p.prior)
			out[i] = max(0, p.logDet(sum)-base)
		}
		floats.Add(before, p.adds[i])
	}
	return out
}
