package auction

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// A federated linear bandit without privacy, as in the papers' synthetic experiments,
// small: 20 nodes, dimension 5, 25 arms a step drawn on the unit sphere, 12,000 steps
// in all, ridge 1, reward noise 0.5, optimism with a radius of 1. A node asks for a
// round by DisLinUCB's trigger, on what it gathered since the last one. What differs is
// who sends what it has when a round comes.
const (
	fedNodes, fedDimension, fedArms, fedSteps = 20, 5, 25, 12_000
	fedNoise, fedRadius, fedThreshold         = 0.5, 1, 3
)

type linearNode struct {
	v      *mat.SymDense // what it knows: ridge, what it received, what it has not sent
	b      *mat.VecDense
	fresh  *mat.SymDense // not sent
	since  *mat.SymDense // gathered since the last round
	freshB *mat.VecDense
	count  int
	chol   mat.Cholesky
	theta  *mat.VecDense
}

func (n *linearNode) solve() {
	n.chol.Factorize(n.v)
	_ = n.chol.SolveVecTo(n.theta, n.b)
}

func gramOf(t require.TestingT, m *mat.SymDense) statistics.Information {
	d := m.SymmetricDim()
	entries := make([]float64, 0, d*d)
	for i := range d {
		for j := range d {
			entries = append(entries, m.At(i, j))
		}
	}
	v, err := statistics.Gram(d, entries)
	require.NoError(t, err)
	return v
}

// buyer picks who sends, from offers and the prior; it returns what is paid, too.
type buyer func(t require.TestingT, prior statistics.Information, offers []incentives.Offer) ([]string, incentives.Credits)

func everybody(_ require.TestingT, _ statistics.Information, offers []incentives.Offer) (all []string, _ incentives.Credits) {
	for _, o := range offers {
		all = append(all, o.Node)
	}
	return all, 0
}

func truthFedBan(beta float64) buyer {
	return func(t require.TestingT, prior statistics.Information, offers []incentives.Offer) ([]string, incentives.Credits) {
		out, err := Settle(Rule{Prior: prior, Threshold: beta, Reserve: 100 * credit}, offers)
		require.NoError(t, err)
		return out.Winners, out.TotalPaid
	}
}

// federate plays once; a nil buyer leaves every node alone. It returns the regret of all
// nodes and how many scalars were sent, d² + d each way for each node and round.
func federate(t require.TestingT, seed uint64, buy buyer) (regret float64, scalars int) {
	r := rand.New(rand.NewPCG(seed, 31))
	unit := func() *mat.VecDense {
		x := mat.NewVecDense(fedDimension, nil)
		for i := range fedDimension {
			x.SetVec(i, r.NormFloat64())
		}
		x.ScaleVec(1/mat.Norm(x, 2), x)
		return x
	}
	truth := unit()
	published, publishedB := mat.NewSymDense(fedDimension, nil), mat.NewVecDense(fedDimension, nil)
	for i := range fedDimension {
		published.SetSym(i, i, 1)
	}
	nodes, costs := make([]*linearNode, fedNodes), make([]incentives.Credits, fedNodes)
	for i := range nodes {
		n := &linearNode{
			v: mat.NewSymDense(fedDimension, nil), b: mat.NewVecDense(fedDimension, nil), fresh: mat.NewSymDense(fedDimension, nil),
			since: mat.NewSymDense(fedDimension, nil), freshB: mat.NewVecDense(fedDimension, nil), theta: mat.NewVecDense(fedDimension, nil),
		}
		n.v.CopySym(published)
		n.solve()
		nodes[i], costs[i] = n, incentives.Credits((1+4*r.Float64())*1e6)
	}
	trigger := DisLinUCB{Threshold: fedThreshold}
	width := mat.NewVecDense(fedDimension, nil)
	for step := range fedSteps {
		n := nodes[step%fedNodes]
		var chosen *mat.VecDense
		best, top := math.Inf(-1), math.Inf(-1)
		for range fedArms {
			x := unit()
			_ = n.chol.SolveVecTo(width, x)
			value := mat.Dot(x, truth)
			top = max(top, value)
			if u := mat.Dot(x, n.theta) + fedRadius*math.Sqrt(mat.Dot(x, width)); u > best {
				best, chosen = u, x
			}
		}
		regret += top - mat.Dot(chosen, truth)
		reward := mat.Dot(chosen, truth) + fedNoise*r.NormFloat64()
		for _, m := range []*mat.SymDense{n.v, n.fresh, n.since} {
			m.SymRankOne(m, 1, chosen)
		}
		n.b.AddScaledVec(n.b, reward, chosen)
		n.freshB.AddScaledVec(n.freshB, reward, chosen)
		n.count++
		n.solve()
		if buy == nil {
			continue
		}
		known := mat.NewSymDense(fedDimension, nil)
		known.AddSym(known, n.v)
		floats.Sub(known.RawSymmetric().Data, n.since.RawSymmetric().Data)
		due, err := trigger.Due(n.count, gramOf(t, known), gramOf(t, n.since))
		require.NoError(t, err)
		if !due {
			continue
		}
		var offers []incentives.Offer
		for i, m := range nodes {
			offers = append(offers, incentives.Offer{Node: fmt.Sprintf("n%02d", i), Bid: costs[i], Information: gramOf(t, m.fresh)})
		}
		winners, _ := buy(t, gramOf(t, published), offers)
		for _, name := range winners {
			var i int
			_, err := fmt.Sscanf(name, "n%d", &i)
			require.NoError(t, err)
			m := nodes[i]
			published.AddSym(published, m.fresh)
			publishedB.AddVec(publishedB, m.freshB)
			m.fresh.Zero()
			m.freshB.Zero()
			scalars += fedDimension*fedDimension + fedDimension
		}
		for _, m := range nodes {
			m.count = 0 // what was not bought waits, and asks for no round of its own
			m.since.Zero()
			m.v.AddSym(published, m.fresh)
			m.b.AddVec(publishedB, m.freshB)
			m.solve()
			scalars += fedDimension*fedDimension + fedDimension
		}
	}
	return regret, scalars
}

// The papers' shapes: buying a part of the information costs at most 1/√β + 0.1 of the
// regret of collecting everything, and sends no more; nodes alone do clearly worse.
// Everything is fixed by seeds.
func TestBuyingAPartLearnsNearlyAsWellAsCollectingEverything(t *testing.T) {
	runs := uint64(4)
	if testing.Short() {
		runs = 2
	}
	play := func(buy buyer) (regret, scalars float64) {
		for seed := range runs {
			a, b := federate(t, seed, buy)
			regret, scalars = regret+a/float64(runs), scalars+float64(b)/float64(runs)
		}
		return regret, scalars
	}
	all, sent := play(everybody)
	alone, _ := play(nil)
	assert.Greater(t, alone, 1.5*all, "nodes alone")
	for _, beta := range []float64{0.3, 0.5, 0.7, 0.9} {
		regret, scalars := play(truthFedBan(beta))
		t.Logf("β %.1f: regret %.0f of %.0f, alone %.0f; scalars %.0f of %.0f", beta, regret, all, alone, scalars, sent)
		assert.LessOrEqual(t, regret, (1/math.Sqrt(beta)+0.1)*all, "β %.1f", beta)
		assert.LessOrEqual(t, scalars, sent, "β %.1f", beta)
	}
}
