package arms

import (
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// explorationShare is ε of epsilon-greedy. Source: policies 17.1.
const explorationShare = 0.1

// EpsilonGreedy plays each arm once, and then any arm with probability ε = 0.1,
// else the one of the largest mean. Its regret is linear: it never stops exploring.
// Source: policies 17.1.
type EpsilonGreedy struct{ tried }

// NewEpsilonGreedy returns the policy. It needs a range; errors name the field.
func NewEpsilonGreedy(p Problem) (*EpsilonGreedy, error) {
	p, err := needRange("epsilon-greedy", p)
	if err != nil {
		return nil, err
	}
	return &EpsilonGreedy{tried{tally: newTally(p)}}, nil
}

// Choose returns the arm and its exact propensity.
func (e *EpsilonGreedy) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	if e.unseen < len(e.n) {
		return mechanisms.Arm(e.unseen), 1, nil
	}
	k, best := len(e.n), e.leader()
	at := best
	if noise.Float64(src) < explorationShare {
		at = int(noise.Uniform(uint64(k), src))
	}
	p := explorationShare / float64(k)
	if at == best {
		p += 1 - explorationShare
	}
	return mechanisms.Arm(at), p, nil
}
