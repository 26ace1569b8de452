package contribution

import (
	"math"
	"math/bits"

	"github.com/posse-dev/posse/mechanisms/statistics"
)

// MaxExactPlayers is the largest game that [Exact] plays: 2^20 coalitions.
const MaxExactPlayers = 20

// Shapley returns each report's contribution in nats to the information game over a
// prior: exactly by quadrature for arms, by all coalitions for Gram matrices of at
// most 20 nodes. Beyond, it is an error that says to use [Sample]. Conditions and
// errors are those of [InformationGame]. The values sum to what all reports together
// bring; a report without information has 0.
func Shapley(prior statistics.Information, reports []statistics.Information) ([]float64, error) {
	g, err := InformationGame(prior, reports)
	if err != nil {
		return nil, err
	}
	if prior.Diagonal() {
		return arms(prior, reports), nil
	}
	return Exact(g)
}

// Exact returns the Shapley values of a game of at most 20 players from all of its
// coalitions, each evaluated once:
//
//	φ_i = Σ_{S ∌ i} |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S))
//
// 2^n evaluations and n·2^n additions.
func Exact(g Game) ([]float64, error) {
	if err := g.check(MaxExactPlayers, "estimate by sampling"); err != nil {
		return nil, err
	}
	n := g.Players
	worth := make([]float64, 1<<n)
	members := make([]int, 0, n)
	for set := 1; set < 1<<n; set++ {
		members = members[:0]
		for rest := uint(set); rest != 0; rest &= rest - 1 {
			members = append(members, bits.TrailingZeros(rest))
		}
		worth[set] = g.Value(members)
	}
	// weight[s] = s!(n−s−1)!/n! = 1/(n·C(n−1, s)).
	weight := make([]float64, n)
	binomial := 1.0
	for s := range weight {
		weight[s] = 1 / (float64(n) * binomial)
		binomial *= float64(n-1-s) / float64(s+1)
	}
	out := make([]float64, n)
	for i := range out {
		for set := range worth {
			if set>>i&1 == 0 {
				out[i] += weight[bits.OnesCount(uint(set))] * (worth[set|1<<i] - worth[set])
			}
		}
		if math.IsNaN(out[i]) || math.IsInf(out[i], 0) {
			return nil, notFinite(i)
		}
	}
	return out, nil
}
