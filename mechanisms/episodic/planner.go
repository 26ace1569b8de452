package episodic

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
)

// Estimates are noisy sums of a model, decoded: visits of (h, s, a) in row-major order,
// moves of (h, s, a, next state), and clipped rewards of (h, s, a).
type Estimates struct {
	Visits, Moves, Rewards []float64
	CountSD, RewardSD      float64 // of the noise in a cell; RewardSD in the reward's unit
	Bound                  float64 // B that rewards were clipped to
}

// Planner plans on noisy estimates with optimism.
//
//	Q_h(s, a) = min(H−h+1, R̃/Ñ + P̃V + κ·(b_r + b_p)),   Ñ and P̃ of [Consistent]
//	theory    b_r = u^(1/p)·(L/Ñ)^(v/p) + (noise of R̃ + r̃·E)/Ñ     b_p = 2(H−h)√(L/Ñ) + 2(H−h)·S·E/Ñ
//	tight     b_r = the radius of [robust.Clipping] + r̃·E/Ñ          b_p = 2(H−h)√(L/Ñ) + (H−h)·S·E/Ñ
//	tuned     the terms of tight without r̃·E/Ñ, and E times 4κ
//
// with steps h from 1, E = CountSD·√(2L) and L = ln(2·HSA(S+2)·K/β), β = 0.1. Without
// noise it is UCBVI. Cells with Ñ < 1 get the largest value.
// Source: Wu, Zhou, Chowdhury and Wang 2023, algorithm 1; Azar, Osband and Munos 2017,
// algorithms 1 and 2; private-learning 7.3.
type Planner struct {
	Spec     mechanisms.EpisodeSpec
	Episodes uint64 // K
	Moment   mechanisms.Moment
	Bonus    string  // "theory", "tight" or "tuned", the default
	Kappa    float64 // of "tuned", 0.05 where it is 0
}

func (p Planner) validate() (Planner, error) {
	s := p.Spec
	if s.States < 1 || s.Actions < 1 || s.Actions > 256 || s.States*s.Actions > 65536 {
		return p, posse.OutOfRange("problem.states", fmt.Sprintf("%d states, %d actions", s.States, s.Actions), "at least 1 each, at most 256 actions and 65,536 pairs", "")
	}
	if s.Steps < 1 || s.Steps > 1000 {
		return p, posse.OutOfRange("problem.steps", fmt.Sprint(s.Steps), "[1, 1000]", "")
	}
	if s.Initial < 0 || s.Initial >= s.States {
		return p, posse.OutOfRange("problem.initial", fmt.Sprint(s.Initial), fmt.Sprintf("[0, %d]", s.States-1), "")
	}
	if p.Episodes < 1 {
		return p, posse.OutOfRange("horizon", "0", "at least 1", "give the number of episodes")
	}
	if err := robust.ValidateMoment(p.Moment); err != nil {
		return p, err
	}
	switch p.Bonus {
	case "", "tuned":
		if p.Bonus = "tuned"; p.Kappa == 0 {
			p.Kappa = 0.05
		}
		if !(p.Kappa > 0 && p.Kappa <= 10) {
			return p, posse.OutOfRange("policy.params.kappa", fmt.Sprint(p.Kappa), "(0, 10]", "0.05 is the default")
		}
	case "theory", "tight":
		p.Kappa = 1
	default:
		return p, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "policy.params.bonus", Value: p.Bonus, Allowed: "theory, tight, tuned",
			Message: fmt.Sprintf("policy.params.bonus: %q is not one of theory, tight, tuned", p.Bonus), Hint: "tuned learns fast without a guarantee",
		}
	}
	return p, nil
}

// pairs is S·A, cells H·S·A.
func (p Planner) pairs() int { return p.Spec.States * p.Spec.Actions }
func (p Planner) cells() int { return p.Spec.Steps * p.pairs() }

// confidence is L = ln(2·HSA(S+2)·K/0.1). Source: private-learning 10.
func (p Planner) confidence() float64 {
	return math.Log(2 * float64(p.cells()) * float64(p.Spec.States+2) * float64(p.Episodes) / 0.1)
}

// BestBound is the B for a cell that a quarter of all episodes visit, under noise of
// deviation sd·B in a cell: a function of public numbers. Source: private-learning 10.
func (p Planner) BestBound(sd float64) float64 {
	unit := math.Pow(p.Moment.Bound, 1/p.Moment.Order)
	return robust.BestBound(p.Moment, math.Max(1, float64(p.Episodes)/4), p.confidence(), robust.Noise{Releases: 1, Sigma: sd}, unit*1e-6, unit*1e12)
}

// optimism visits the cells backwards and hands each state its optimistic values;
// value says what the state is then worth.
func (p Planner) optimism(e Estimates, value func(h, s int, q []float64) float64) float64 {
	states, actions, steps := p.Spec.States, p.Spec.Actions, p.Spec.Steps
	l := p.confidence()
	off := e.CountSD * math.Sqrt(2*l) // E
	if p.Bonus == "tuned" {
		off *= 4 * p.Kappa
	}
	moves, next, now := make([]float64, states), make([]float64, states), make([]float64, states)
	q := make([]float64, actions)
	for h := steps - 1; h >= 0; h-- {
		left := float64(steps - h - 1) // H − h of steps counted from 1
		for s := range states {
			for a := range actions {
				cell := (h*states+s)*actions + a
				copy(moves, e.Moves[cell*states:(cell+1)*states])
				n := Consistent(moves, e.Visits[cell], off)
				if q[a] = left + 1; n < 1 {
					continue
				}
				mean := e.Rewards[cell] / n
				guess := mean
				for t, m := range moves {
					guess += m / n * next[t]
				}
				guess += p.Kappa * p.bonus(e, mean, n, off, left, l)
				q[a] = math.Max(0, math.Min(q[a], guess))
			}
			now[s] = value(h, s, q)
		}
		next, now = now, next
	}
	return next[p.Spec.Initial]
}

func (p Planner) bonus(e Estimates, mean, n, off, left, l float64) float64 {
	moves := 2*left*math.Sqrt(l/n) + left*float64(p.Spec.States)*off/n
	var ledger robust.Clipping
	ledger.Add(n, e.Bound, p.Moment, 62)
	ledger.Gaussian = e.RewardSD * e.RewardSD
	switch p.Bonus {
	case "theory":
		return robust.HeavyRadius(p.Moment, n, l) + (ledger.NoiseRadius(l)+math.Abs(mean)*off)/n + moves + left*float64(p.Spec.States)*off/n
	case "tight":
		return ledger.Radius(p.Moment, l) + math.Abs(mean)*off/n + moves
	default:
		return ledger.Radius(p.Moment, l) + moves
	}
}

// Greedy is private UCBVI: the table of the largest optimistic value in each state,
// the lowest of equal actions, and that of the initial state.
func (p Planner) Greedy(e Estimates) (mechanisms.Table, float64) {
	table := make([]byte, p.Spec.Steps*p.Spec.States)
	value := p.optimism(e, func(h, s int, q []float64) float64 {
		best := 0
		for a := range q {
			if q[a] > q[best] {
				best = a
			}
		}
		table[h*p.Spec.States+s] = byte(best)
		return q[best]
	})
	return mechanisms.Table(table), value
}

// Improve is a step of private UCBPO: it evaluates the policy softmax(logits)
// optimistically and adds η·weight·Q to its logits, η = √(2·ln A/(H²K)), weight the
// episodes that this evaluation stands for. logits has a place for each (h, s, a).
// Source: Wu, Zhou, Chowdhury and Wang 2023, algorithm 2; private-learning 7.4.
func (p Planner) Improve(e Estimates, logits []float64, weight float64) (value float64) {
	h := float64(p.Spec.Steps)
	eta := weight * math.Sqrt(2*math.Log(float64(p.Spec.Actions))/(h*h*float64(p.Episodes)))
	chances := make([]float64, p.Spec.Actions)
	return p.optimism(e, func(h, s int, q []float64) float64 {
		row := logits[(h*p.Spec.States+s)*p.Spec.Actions:][:p.Spec.Actions]
		softmax(chances, row)
		value := 0.0
		for a, c := range chances {
			value += c * q[a]
		}
		top := math.Inf(-1)
		for a := range row {
			row[a] += eta * q[a]
			top = math.Max(top, row[a])
		}
		for a := range row {
			row[a] -= top
		}
		return value
	})
}

func softmax(dst, logits []float64) {
	top, total := math.Inf(-1), 0.0
	for _, l := range logits {
		top = math.Max(top, l)
	}
	for a, l := range logits {
		dst[a] = math.Exp(l - top)
		total += dst[a]
	}
	for a := range dst {
		dst[a] /= total
	}
}
