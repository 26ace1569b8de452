package environment

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
)

// MDP is an episodic world whose truth is known: in each of H steps an action moves a
// user from one state to another and pays a reward, each the same in every step. Use
// [NewMDP] or one of the named worlds.
type MDP struct {
	states, actions, steps, initial int
	next                            []float64 // S·A·S probabilities
	mean                            []float64 // S·A mean rewards in [0, 1]
	noise                           RewardFactor
}

// RewardFactor is a law of mean 1 that rewards are multiplied by, and E factor^order.
type RewardFactor interface {
	Draw(src noise.Source) float64
	Moment(order float64) float64
}

// Exact pays the mean.
type Exact struct{}

// Draw returns 1.
func (Exact) Draw(noise.Source) float64 { return 1 }

// Moment is 1.
func (Exact) Moment(float64) float64 { return 1 }

// ParetoFactor is a Pareto law of the given shape in (1, ∞) and mean 1: rewards then
// have no moment of order ≥ Shape.
type ParetoFactor struct{ Shape float64 }

// Draw draws by inversion.
func (p ParetoFactor) Draw(src noise.Source) float64 {
	return (p.Shape - 1) / p.Shape * math.Pow(uniform(src), -1/p.Shape)
}

// Moment is ((a−1)/a)^p·a/(a−p), +Inf for p ≥ a.
func (p ParetoFactor) Moment(order float64) float64 {
	if order >= p.Shape {
		return math.Inf(1)
	}
	return math.Pow((p.Shape-1)/p.Shape, order) * p.Shape / (p.Shape - order)
}

// NewMDP returns a world of the given transition probabilities [state][action][next]
// and mean rewards [state][action] in [0, 1]. Errors name the cell.
func NewMDP(steps, initial int, next [][][]float64, mean [][]float64, law RewardFactor) (*MDP, error) {
	s := len(next)
	if s < 1 || len(next[0]) < 1 || len(next[0]) > 256 || s*len(next[0]) > 65536 || len(mean) != s || law == nil {
		return nil, posse.OutOfRange("environment.transitions", fmt.Sprintf("%d states", s), "1 to 65,536 states and actions, each with a reward", "")
	}
	if steps < 1 || steps > 1000 || initial < 0 || initial >= s {
		return nil, posse.OutOfRange("environment.steps", fmt.Sprintf("%d from state %d", steps, initial), fmt.Sprintf("[1, 1000] from a state in [0, %d)", s), "")
	}
	m := &MDP{states: s, actions: len(next[0]), steps: steps, initial: initial, noise: law}
	for i := range s {
		if len(next[i]) != m.actions || len(mean[i]) != m.actions {
			return nil, posse.OutOfRange(fmt.Sprintf("environment.transitions[%d]", i), fmt.Sprintf("%d actions", len(next[i])), fmt.Sprint(m.actions), "")
		}
		for a := range m.actions {
			sum := 0.0
			for _, p := range next[i][a] {
				sum += p
				if !(p >= 0) {
					sum = math.NaN()
				}
			}
			if len(next[i][a]) != s || !(math.Abs(sum-1) < 1e-9) {
				return nil, posse.OutOfRange(fmt.Sprintf("environment.transitions[%d][%d]", i, a), fmt.Sprintf("%d numbers", len(next[i][a])), "probabilities of every state, which sum to 1", "")
			}
			if r := mean[i][a]; !(r >= 0 && r <= 1) {
				return nil, posse.OutOfRange(fmt.Sprintf("environment.rewards[%d][%d]", i, a), fmt.Sprint(r), "[0, 1]", "")
			}
			m.next = append(m.next, next[i][a]...)
			m.mean = append(m.mean, mean[i][a])
		}
	}
	return m, nil
}

// NewRiverSwim returns a river of so many states: action 0 goes left for sure and pays
// 0.005 in the first state; action 1 swims against the stream and pays 1 in the last.
// Source: Strehl and Littman 2008, figure 1, with the numbers of private-learning 9.
func NewRiverSwim(states, steps int, law RewardFactor) (*MDP, error) {
	next, mean := empty(states, 2)
	for s := range states {
		next[s][0][max(0, s-1)] = 1
		switch s {
		case 0:
			next[s][1][min(1, states-1)] += 0.6
			next[s][1][0] += 0.4
		case states - 1:
			next[s][1][s] += 0.6
			next[s][1][s-1] += 0.4
		default:
			next[s][1][s+1], next[s][1][s], next[s][1][s-1] = 0.35, 0.6, 0.05
		}
	}
	if states > 0 {
		mean[0][0] = 0.005
		mean[states-1][1] = 1
	}
	return NewMDP(steps, 0, next, mean, law)
}

// NewChain returns a combination lock: in each state one of the actions, the state's
// number modulo the actions, leads on and the others back to the start; only the last
// state pays, 1, and the way back pays 0.01.
func NewChain(states, actions, steps int, law RewardFactor) (*MDP, error) {
	next, mean := empty(states, actions)
	for s := range states {
		for a := range actions {
			switch {
			case a != s%actions:
				next[s][a][0], mean[s][a] = 1, 0.01
			case s == states-1:
				next[s][a][s], mean[s][a] = 1, 1
			default:
				next[s][a][s+1] = 1
			}
		}
	}
	return NewMDP(steps, 0, next, mean, law)
}

// NewRandomMDP returns transitions drawn from a flat Dirichlet and mean rewards uniform
// on [0, 1].
func NewRandomMDP(states, actions, steps int, law RewardFactor, src noise.Source) (*MDP, error) {
	next, mean := empty(states, actions)
	for s := range states {
		for a := range actions {
			total := 0.0
			for t := range states {
				next[s][a][t] = -math.Log(uniform(src))
				total += next[s][a][t]
			}
			for t := range states {
				next[s][a][t] /= total
			}
			mean[s][a] = uniform(src)
		}
	}
	return NewMDP(steps, 0, next, mean, law)
}

// NewDosing returns a patient of five states of illness, from 0, well, to 4: no
// treatment (0), a mild (1) and a strong one (2), which heal with growing chance and
// cost 0.05 and 0.2 of well-being. The reward is 1 − illness/4 less the cost, and where
// law is heavy, what is measured of it has outliers.
func NewDosing(steps int, law RewardFactor) (*MDP, error) {
	const states = 5
	next, mean := empty(states, 3)
	for s := range states {
		for a, heal := range []float64{0.1, 0.35, 0.75} {
			worsen := []float64{0.35, 0.2, 0.05}[a]
			next[s][a][max(0, s-1)] += heal
			next[s][a][min(states-1, s+1)] += worsen
			next[s][a][s] += 1 - heal - worsen
			mean[s][a] = math.Max(0, 1-float64(s)/4-[]float64{0, 0.05, 0.2}[a])
		}
	}
	return NewMDP(steps, 2, next, mean, law)
}

// NewQueue returns a queue of at most so many customers: a slow (0) and a fast server
// (1), of which the fast one costs 0.3. A customer comes with chance 0.45 and is
// served with chance 0.4 or 0.8. The reward is 1 − length/capacity less the cost; run
// times of jobs are heavy, and so may be law.
func NewQueue(capacity, steps int, law RewardFactor) (*MDP, error) {
	next, mean := empty(capacity+1, 2)
	for s := range capacity + 1 {
		for a, serve := range []float64{0.4, 0.8} {
			for _, arrival := range []struct {
				n int
				p float64
			}{{0, 0.55}, {1, 0.45}} {
				for _, done := range []struct {
					n int
					p float64
				}{{0, 1 - serve}, {1, serve}} {
					next[s][a][min(capacity, max(0, s-done.n)+arrival.n)] += arrival.p * done.p
				}
			}
			mean[s][a] = math.Max(0, 1-float64(s)/float64(max(1, capacity))-0.3*float64(a))
		}
	}
	return NewMDP(steps, 0, next, mean, law)
}

func empty(states, actions int) (next [][][]float64, mean [][]float64) {
	for range states {
		var row [][]float64
		for range actions {
			row = append(row, make([]float64, states))
		}
		next, mean = append(next, row), append(mean, make([]float64, actions))
	}
	return next, mean
}

// Spec is the problem's size, as an experiment declares it.
func (m *MDP) Spec() mechanisms.EpisodeSpec {
	return mechanisms.EpisodeSpec{States: m.states, Actions: m.actions, Steps: m.steps, Initial: m.initial}
}

// MomentBound is the largest E R^order of a step's reward.
func (m *MDP) MomentBound(order float64) float64 {
	checkOrder(order)
	most := 0.0
	for _, r := range m.mean {
		most = math.Max(most, math.Pow(r, order))
	}
	return most * m.noise.Moment(order)
}

// Best is the optimal table and its exact value from the initial state, by backward
// induction; the lowest of equal actions.
func (m *MDP) Best() (mechanisms.Table, float64) {
	table := make([]byte, m.steps*m.states)
	value := m.backward(func(h, s int, q []float64) float64 {
		best := 0
		for a := range q {
			if q[a] > q[best] {
				best = a
			}
		}
		table[h*m.states+s] = byte(best)
		return q[best]
	})
	return mechanisms.Table(table), value
}

// Value is the exact value of a table from the initial state.
func (m *MDP) Value(t mechanisms.Table) float64 {
	return m.backward(func(h, s int, q []float64) float64 { return q[t[h*m.states+s]] })
}

// RandomValue is the exact value of the policy that takes action a in state s of step
// h with probability policy(h, s, a).
func (m *MDP) RandomValue(policy func(h, s, a int) float64) float64 {
	return m.backward(func(h, s int, q []float64) float64 {
		sum := 0.0
		for a, v := range q {
			sum += policy(h, s, a) * v
		}
		return sum
	})
}

func (m *MDP) backward(take func(h, s int, q []float64) float64) float64 {
	v, now, q := make([]float64, m.states), make([]float64, m.states), make([]float64, m.actions)
	for h := m.steps - 1; h >= 0; h-- {
		for s := range m.states {
			for a := range m.actions {
				at := s*m.actions + a
				q[a] = m.mean[at]
				for t, p := range m.next[at*m.states : (at+1)*m.states] {
					q[a] += p * v[t]
				}
			}
			now[s] = take(h, s, q)
		}
		v, now = now, v
	}
	return v[m.initial]
}

// Play runs an episode under a table. It reuses the memory of into.
func (m *MDP) Play(into mechanisms.Trajectory, t mechanisms.Table, src noise.Source) mechanisms.Trajectory {
	into.States, into.Actions, into.Rewards = into.States[:0], into.Actions[:0], into.Rewards[:0]
	s := m.initial
	for h := range m.steps {
		a := int(t[h*m.states+s])
		at := s*m.actions + a
		into.States, into.Actions = append(into.States, s), append(into.Actions, a)
		into.Rewards = append(into.Rewards, m.mean[at]*m.noise.Draw(src))
		s = Pick(m.next[at*m.states:(at+1)*m.states], src)
	}
	into.States = append(into.States, s)
	return into
}
