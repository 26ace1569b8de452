package arms

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// EpsilonGreedy plays each arm once, and then any arm with probability ε, else the
// one of the largest mean. With a constant ε its regret is linear: it never stops
// exploring. With decay 1, ε is min(1, c·K/(d²·t)) in round t. Source: Auer,
// Cesa-Bianchi and Fischer 2002, figure 3 (the decay); policies 17.1.
type EpsilonGreedy struct {
	tried
	share float64 // ε, where it is constant
	decay float64 // c·K/d², 0 without decay
}

// NewEpsilonGreedy returns the policy. Its parameters are epsilon in [0, 1], 0.1 unless
// given, decay, 0 or 1, and for it c in [0, 1e6], 5, and d in [1e-3, 1], 0.1. It needs a
// range; errors name the field.
func NewEpsilonGreedy(p Problem) (*EpsilonGreedy, error) {
	p, err := needRange("epsilon-greedy", p, "epsilon", "decay", "c", "d")
	if err != nil {
		return nil, err
	}
	e := &EpsilonGreedy{tried: tried{tally: newTally(p)}}
	var decays, c, d float64
	for _, n := range []struct {
		name                string
		into                *float64
		standard, low, high float64
	}{{"epsilon", &e.share, 0.1, 0, 1}, {"decay", &decays, 0, 0, 1}, {"c", &c, 5, 0, 1e6}, {"d", &d, 0.1, 1e-3, 1}} {
		if *n.into, err = p.Params.Get(n.name, n.standard, n.low, n.high); err != nil {
			return nil, err
		}
	}
	if decays > 0 {
		e.decay = c * float64(p.Arms) / (d * d)
	}
	return e, nil
}

func (e *EpsilonGreedy) exploration(t uint64) float64 {
	if e.decay > 0 {
		return min(1, e.decay/float64(max(1, t)))
	}
	return e.share
}

// Choose returns the arm and its exact propensity.
func (e *EpsilonGreedy) Choose(round mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	if e.unseen < len(e.n) {
		return mechanisms.Arm(e.unseen), 1, nil
	}
	k, best, share := len(e.n), e.leader(), e.exploration(round.T)
	at := best
	if noise.Float64(src) < share {
		at = int(noise.Uniform(uint64(k), src))
	}
	p := share / float64(k)
	if at == best {
		p += 1 - share
	}
	return mechanisms.Arm(at), p, nil
}
