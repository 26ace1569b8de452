package arms

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// weightBits is the fixed point of EXP3's weights: state holds no accumulated float,
// so that the same history gives the same bytes on every machine. A reward adds at
// most 1 to a weight, so that 2^38 of them fit.
const weightBits = 24

// EXP3 plays arm a with probability p_a = (1−γ)·softmax(w)_a + γ/K and adds
// γ·y/(p_a·K) to w_a for a reward y scaled to [0, 1]. Its regret is
// O(√(T·K·log K)) against any sequence of rewards, also one that an adversary makes.
//
// A reward is weighed by the probability of its arm when it is observed, which is
// that of the choice unless rewards arrive late. The weights do not add up over
// nodes, and one record moves them by up to 1/p: they are never released.
// Source: Auer, Cesa-Bianchi, Freund and Schapire 2002, figure 1; policies 17.1.
type EXP3 struct {
	tally
	gamma   float64
	weights []int64 // w in 2^−weightBits
}

// NewEXP3 returns the policy. Its parameter gamma is in (0, 1], by default
// min(1, √(K·ln K/((e−1)·T))), corollary 3.2. It needs a range; errors name the field.
func NewEXP3(p Problem) (*EXP3, error) {
	p, err := needRange("exp3", p, "gamma")
	if err != nil {
		return nil, err
	}
	k := float64(p.Arms)
	standard := math.Min(1, math.Sqrt(k*math.Log(k)/((math.E-1)*float64(p.Horizon))))
	gamma, err := p.Params.Get("gamma", standard, 1e-9, 1)
	if err != nil {
		return nil, err
	}
	return &EXP3{tally: newTally(p), gamma: gamma, weights: make([]int64, p.Arms)}, nil
}

// Choose draws an arm and returns its exact propensity.
func (e *EXP3) Choose(_ mechanisms.Round, _ mechanisms.None, src noise.Source) (mechanisms.Arm, float64, error) {
	top, total := e.total()
	u, at := noise.Float64(src), 0
	for ; at < len(e.weights)-1; at++ {
		if u -= e.chance(at, top, total); u < 0 {
			break
		}
	}
	return mechanisms.Arm(at), e.chance(at, top, total), nil
}

// total is Σ exp(w − top), top the largest weight: without it exp could overflow.
func (e *EXP3) total() (top int64, total float64) {
	for _, w := range e.weights {
		top = max(top, w)
	}
	for _, w := range e.weights {
		total += math.Exp(math.Ldexp(float64(w-top), -weightBits))
	}
	return top, total
}

func (e *EXP3) chance(a int, top int64, total float64) float64 {
	share := math.Exp(math.Ldexp(float64(e.weights[a]-top), -weightBits)) / total
	return float64((1-e.gamma)*share) + e.gamma/float64(len(e.weights))
}

// Observe adds one reward.
func (e *EXP3) Observe(round mechanisms.Round, c mechanisms.None, a mechanisms.Arm, r mechanisms.Reward) error {
	if a >= 0 && int(a) < len(e.weights) && e.weights[a] > math.MaxInt64-1<<weightBits {
		return posse.OutOfRange("arm", fmt.Sprint(int(a)), "2^38 rewards an arm", "start a new experiment")
	}
	if err := e.tally.Observe(round, c, a, r); err != nil {
		return err
	}
	y, _ := e.problem.scaled(r.X)
	top, total := e.total()
	step := e.gamma * y / (e.chance(int(a), top, total) * float64(len(e.weights)))
	e.weights[a] += int64(math.RoundToEven(math.Ldexp(step, weightBits)))
	return nil
}

// Local is the weights.
func (e *EXP3) Local() ([]byte, error) {
	var out []byte
	for _, w := range e.weights {
		out = binary.LittleEndian.AppendUint64(out, uint64(w))
	}
	return out, nil
}
