package auction

import (
	"fmt"
	"math"

	posse "github.com/posse-dev/posse"
)

// Screen watches whether a node delivers the information that it claimed, where the
// two may differ. Each won round of inflation x in [0, 1] multiplies four bets against
// "the mean inflation is at most τ":
//
//	E_m = ¼ Σ_{λ ∈ {0.1, 0.2, 0.4, 0.8}/τ} ∏_{s≤m} (1 + λ(x_s − τ));  suspended when E_m ≥ 1/δ
//
// E is a supermartingale of mean at most 1 while that holds given the past, so an
// honest node is ever suspended with probability at most δ, at whatever time one looks
// (Ville's inequality). A suspension, the k-th for k ≤ 6, lasts 2^k·8 rounds; then E
// restarts at 1. A suspended node still takes part in grants.
//
// Use [NewScreen]; the zero value is not valid. Values are immutable.
// Source: after UCB-S (arXiv 2311.15647) without its permanent removal;
// spec/incentives.md 1.7.
type Screen struct {
	tolerance, delta float64
	logs             [4]float64 // ln of each bet's product
	suspensions      int
	until            uint64 // first round after the suspension
}

// NewScreen returns a screen of tolerance τ in (0, 1), at least the mean inflation
// that noise alone causes in rounds that were won, and chance δ in (0, 1) of ever
// suspending an honest node.
func NewScreen(tolerance, delta float64) (Screen, error) {
	if !(tolerance > 0 && tolerance < 1) {
		return Screen{}, posse.OutOfRange("inflationTolerance", fmt.Sprint(tolerance), "(0, 1)", "")
	}
	if !(delta > 0 && delta < 1) {
		return Screen{}, posse.OutOfRange("delta", fmt.Sprint(delta), "(0, 1)", "")
	}
	return Screen{tolerance: tolerance, delta: delta}, nil
}

// Inflation returns clamp((claimed − delivered)/max(claimed, 1e-9), 0, 1), both in nats
// at the same state. What is not a number counts as full inflation: a claim must be
// recomputable.
func Inflation(claimed, delivered float64) float64 {
	x := (claimed - delivered) / max(claimed, 1e-9)
	if math.IsNaN(x) {
		return 1
	}
	return min(1, max(0, x))
}

// Observe returns the screen after a round that the node won with the given inflation
// in [0, 1]. Rounds are numbered from 1. A round within a suspension is ignored.
func (s Screen) Observe(round uint64, inflation float64) (Screen, error) {
	if !(inflation >= 0 && inflation <= 1) {
		return s, posse.OutOfRange("inflation", fmt.Sprint(inflation), "[0, 1]", "")
	}
	if s.Suspended(round) {
		return s, nil
	}
	for i, bet := range bets() {
		// 1 + λ(x − τ) ≥ 1 − 0.8 > 0.
		s.logs[i] += math.Log1p(bet / s.tolerance * (inflation - s.tolerance))
	}
	if s.Evidence() >= 1/s.delta {
		s.suspensions = min(s.suspensions+1, 6)
		s.until = round + 1 + 8<<s.suspensions
		s.logs = [4]float64{}
	}
	return s, nil
}

// Evidence returns E, 1 at the start; its reciprocal bounds the chance that an honest
// node would ever have come so far.
func (s Screen) Evidence() float64 {
	sum := 0.0
	for _, log := range s.logs {
		sum += math.Exp(log) / 4
	}
	return sum
}

// Suspended reports whether the node's offers are left out of a round.
func (s Screen) Suspended(round uint64) bool { return round < s.until }

// bets are λ·τ.
func bets() [4]float64 { return [4]float64{0.1, 0.2, 0.4, 0.8} }
