package arms

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// KLUCB plays each arm once, and then the arm of the largest
//
//	max{q ∈ [mean, 1]: n·kl(mean, q) ≤ ln t + c·ln ln t}
//
// with the relative entropy kl of two coins, rewards scaled to [0, 1]. Its regret
// has the best constant for coins. Source: Garivier and Cappé 2011, algorithm 1.
type KLUCB struct {
	tried
	c float64
}

// NewKLUCB returns the policy. Its parameter is c in [0, 10], 0 unless given (theorem 1
// has 3). It needs a range; errors name the field.
func NewKLUCB(p Problem) (*KLUCB, error) {
	p, err := needRange("kl-ucb", p, "c")
	if err != nil {
		return nil, err
	}
	c, err := p.Params.Get("c", 0, 0, 10)
	if err != nil {
		return nil, err
	}
	return &KLUCB{tried{tally: newTally(p)}, c}, nil
}

// Choose returns the arm with the largest index; propensity 1.
func (k *KLUCB) Choose(round mechanisms.Round, _ mechanisms.None, _ noise.Source) (mechanisms.Arm, float64, error) {
	if k.unseen < len(k.n) {
		return mechanisms.Arm(k.unseen), 1, nil
	}
	budget := math.Log(float64(round.T))
	if k.c > 0 {
		budget += k.c * math.Log(math.Max(1, budget))
	}
	best, at := -1.0, 0
	for a := range k.n {
		// an arm that can't reach the best so far needs no search
		m, level := k.mean(a), budget/float64(k.n[a])
		if best >= 0 && (m <= best && coinEntropy(m, best) > level) {
			continue
		}
		if q := entropyBound(m, level); q > best {
			best, at = q, a
		}
	}
	return mechanisms.Arm(at), 1, nil
}

// entropyBound is the largest q in [m, 1] with kl(m, q) ≤ level, by 40 bisections:
// to 1e-12, from below. Pinsker's inequality bounds it: q ≤ m + √(level/2).
func entropyBound(m, level float64) float64 {
	low, high := m, min(1, m+math.Sqrt(level/2))
	for range 40 {
		if middle := (low + high) / 2; coinEntropy(m, middle) <= level {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// coinEntropy is kl(p, q) of two coins in nats, +Inf where q excludes what p allows.
func coinEntropy(p, q float64) float64 {
	out := 0.0
	if p > 0 {
		out += p * math.Log(p/q)
	}
	if p < 1 {
		out += (1 - p) * math.Log((1-p)/(1-q))
	}
	return out
}
