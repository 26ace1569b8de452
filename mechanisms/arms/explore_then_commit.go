package arms

import (
	"encoding/binary"
	"math"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// ExploreThenCommit plays round robin until each arm has m rewards, and then the arm
// with the largest mean of its first m for ever: later rewards, and those that an
// arm has beyond m, teach nothing. Its regret is Õ(T^(2/3)) with the default m.
// Source: policies 17.1; Lattimore and Szepesvári 2020, algorithm 1.
type ExploreThenCommit struct {
	tally
	each   int64 // m
	open   int   // arms with fewer than m rewards
	chosen int   // the committed arm, once open is 0
}

// NewExploreThenCommit returns the policy. Its parameter m is a whole number of
// pulls an arm, by default ⌈¼·(T/K)^(2/3)·(ln T)^(1/3)⌉. It needs a range; errors
// name the field.
func NewExploreThenCommit(p Problem) (*ExploreThenCommit, error) {
	p, err := needRange("explore-then-commit", p, "m")
	if err != nil {
		return nil, err
	}
	t := float64(p.Horizon)
	standard := math.Max(1, math.Ceil(math.Pow(t/float64(p.Arms), 2.0/3)*math.Cbrt(math.Log(t))/4))
	m, err := p.Params.Get("m", standard, 1, 1e12)
	if err != nil {
		return nil, err
	}
	return &ExploreThenCommit{tally: newTally(p), each: int64(math.Ceil(m)), open: p.Arms}, nil
}

// Choose returns the arm that is due, or the one that is left; propensity 1.
func (e *ExploreThenCommit) Choose(round mechanisms.Round, _ mechanisms.None, _ noise.Source) (mechanisms.Arm, float64, error) {
	if e.open > 0 {
		return mechanisms.Arm((max(round.T, 1) - 1) % uint64(len(e.n))), 1, nil
	}
	return mechanisms.Arm(e.chosen), 1, nil
}

// Observe adds a reward of the exploration and checks any other.
func (e *ExploreThenCommit) Observe(round mechanisms.Round, c mechanisms.None, a mechanisms.Arm, r mechanisms.Reward) error {
	if a >= 0 && int(a) < len(e.n) && e.n[a] == e.each {
		_, err := e.problem.scaled(r.X)
		return err
	}
	if err := e.tally.Observe(round, c, a, r); err != nil {
		return err
	}
	if e.n[a] < e.each {
		return nil
	}
	if e.open--; e.open == 0 {
		for b := range e.n {
			if e.sum[b] > e.sum[e.chosen] { // all have m rewards
				e.chosen = b
			}
		}
	}
	return nil
}

// Local is m, which says what the statistics are sums of.
func (e *ExploreThenCommit) Local() ([]byte, error) {
	return binary.LittleEndian.AppendUint64(nil, uint64(e.each)), nil
}
