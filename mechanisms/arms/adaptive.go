package arms

import (
	"bytes"
	"fmt"
	"math"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/mechanisms"
)

// Adaptive plays one arm an episode, the one of the largest index, for as many pulls
// as the arm had before, and forgets all but its last episode: each record is in one
// release, so that the whole run costs what one release does. Its index adds the
// radius of the noise to that of sampling.
//
//	AdaP-UCB    mean + √(α·ln(2t)/(2n)) + noise(α·ln t)/n      on rewards scaled to [0, 1]
//	AdaP-KLUCB  max{q : d(mean + noise(α·ln t)/n, q) ≤ α·ln t/n}
//
// n is the length of the arm's last episode and t the decisions so far plus one. With
// one release an episode noise(l) = l/ε, as published; a silo's many add up.
// Source: Azize and Basu 2022, algorithm 1 and equations 7 and 8.
type Adaptive struct {
	*Elimination
	alpha float64
	kl    bool
}

// NewAdaptiveUCB returns AdaP-UCB. Bonus "theory", the default, is α = 3.1; "tuned" is
// α = κ, 1 unless given. Rewards have a range.
func NewAdaptiveUCB(s mechanisms.Settings) (*Adaptive, error) {
	return newAdaptive("adap-ucb", s, false)
}

// NewAdaptiveKLUCB returns AdaP-KLUCB, with the same α.
func NewAdaptiveKLUCB(s mechanisms.Settings) (*Adaptive, error) {
	return newAdaptive("adap-klucb", s, true)
}

func newAdaptive(name string, s mechanisms.Settings, kl bool) (*Adaptive, error) {
	if err := needsRange(name, s); err != nil {
		return nil, err
	}
	if s.Privacy != nil && s.Privacy.Model == dp.Local {
		return nil, errModel(name, s.Privacy.Model, "silo")
	}
	a := &Adaptive{kl: kl}
	switch s.Bonus {
	case "", "theory":
		a.alpha = 3.1
	case "tuned":
		if a.alpha = s.Kappa; a.alpha == 0 {
			a.alpha = 1
		}
		if !(a.alpha > 0 && a.alpha <= 10) {
			return nil, posse.OutOfRange("policy.params.kappa", fmt.Sprint(a.alpha), "(0, 10]", "1 is the default")
		}
	default:
		return nil, errBonus(s.Bonus, "theory, tuned")
	}
	s.Bonus, s.Kappa = "tight", 0
	var err error
	if a.Elimination, err = newElimination(name, s); err != nil {
		return nil, err
	}
	a.bonus, a.drops = "theory", false
	if a.alpha != 3.1 {
		a.bonus = fmt.Sprintf("tuned α %g (no guarantee)", a.alpha)
	}
	return a, nil
}

// episodes is what a model says of each arm: its last episode's cell, and all pulls.
func (a *Adaptive) episodes(m mechanisms.Model) (last []cell, pulls []uint64, total uint64, err error) {
	k := len(a.settings.Arms)
	pulls, last = make([]uint64, k), make([]cell, k)
	latest := make([]uint32, k)
	for _, part := range m.Parts {
		counts := part.Sum.Block("count")
		for arm, n := range counts {
			if n > 0 && arm < k {
				pulls[arm] += uint64(n)
				total += uint64(n)
				latest[arm] = max(latest[arm], part.Descriptor.Epoch)
			}
		}
	}
	for arm := range last {
		if latest[arm] == 0 {
			continue
		}
		only := (*forgetting)(nil).kept(m, latest[arm])
		cells, err := a.cells(only)
		if err != nil {
			return nil, nil, 0, err
		}
		last[arm] = cells[arm]
	}
	return last, pulls, total, nil
}

// Plan goes on with an episode until its quota is published, and then starts the one
// of the largest index; arms that were never pulled come first.
func (a *Adaptive) Plan(before mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: a.layout, Epoch: 1}
	p := plan{bound: a.half, quota: 1, survivors: []int{0}}
	if before.Plan == nil {
		d.Plan = p.encode()
		return d, nil
	}
	running, err := decodePlan(before.Plan, len(a.settings.Arms))
	if err != nil {
		return d, err
	}
	last, pulls, total, err := a.episodes(m)
	if err != nil {
		return d, err
	}
	now, err := a.cells((*forgetting)(nil).kept(m, before.Epoch))
	if err != nil {
		return d, err
	}
	if now[running.survivors[0]].count < running.quota {
		return before, nil
	}
	best, at := math.Inf(-1), 0
	for arm, c := range last {
		index := math.Inf(1)
		if pulls[arm] > 0 {
			index = a.index(c, float64(total)+1)
		}
		if index > best {
			best, at = index, arm
		}
	}
	p.survivors[0], p.quota = at, max(1, pulls[at])
	d.Epoch, d.Plan = before.Epoch+1, p.encode()
	if bytes.Equal(d.Plan, before.Plan) && d.Epoch == before.Epoch {
		return before, nil
	}
	return d, nil
}

// index is an arm's, on rewards scaled to [0, 1].
func (a *Adaptive) index(c cell, t float64) float64 {
	n, width := float64(c.count), 2*a.half
	mean := (c.mean - a.settings.Range.Low) / width
	mean += c.ledger.NoiseRadius(a.alpha*math.Log(t)) / n / width
	if !a.kl {
		return mean + math.Sqrt(a.alpha*math.Log(2*t)/(2*n))
	}
	return entropyBound(math.Max(0, math.Min(1, mean)), a.alpha*math.Log(t)/n)
}

// Summary says each arm's last mean and the radius of its index.
func (a *Adaptive) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s := mechanisms.Summary{Epoch: d.Epoch, Bonus: a.bonus}
	last, pulls, total, err := a.episodes(m)
	if err != nil {
		return s, err
	}
	for _, part := range m.Parts {
		s.Released += part.Releases
	}
	for arm, name := range a.settings.Arms {
		o := mechanisms.Option{Name: name, Alive: true, Count: pulls[arm], Known: pulls[arm] > 0}
		if o.Known {
			o.Mean = last[arm].mean
			o.Radius = (a.index(last[arm], float64(total)+1) - (o.Mean-a.settings.Range.Low)/(2*a.half)) * 2 * a.half
		}
		s.Options = append(s.Options, o)
	}
	return s, nil
}

// LocalUCB plays, from each version to the next, the arm of the largest mean +
// (range/2)·C·√(2·ln(t²)/n), every record randomised to a sign on its own and
// C = (e^ε + 1)/(e^ε − 1). Its regret is O(Σ ln T/(ε²Δ)).
// Source: private-learning 5.8 (derived there), after Ren, Zhou, Liu and Shroff 2020.
type LocalUCB struct{ *Elimination }

// NewLocalUCB returns ldp-ucb. Bonus "tight", the default, has κ = 1; "tuned"
// multiplies the radius by κ, 0.25 unless given. Rewards have a range, and without a
// privacy model C is 1.
func NewLocalUCB(s mechanisms.Settings) (*LocalUCB, error) {
	const name = "ldp-ucb"
	if err := needsRange(name, s); err != nil {
		return nil, err
	}
	if s.Privacy != nil && s.Privacy.Model != dp.Local {
		return nil, errModel(name, s.Privacy.Model, "local")
	}
	if s.Bonus == "theory" {
		return nil, errBonus(s.Bonus, "tight, tuned")
	}
	if s.Bonus == "" {
		s.Bonus = "tight"
	}
	if s.Kappa == 0 && s.Bonus == "tuned" {
		s.Kappa = 0.25
	}
	e, err := newElimination(name, s)
	if err != nil {
		return nil, err
	}
	e.drops = false
	return &LocalUCB{e}, nil
}

// Plan takes the arm of the largest index at every version.
func (l *LocalUCB) Plan(before mechanisms.Descriptor, m mechanisms.Model, _ int) (mechanisms.Descriptor, error) {
	d := mechanisms.Descriptor{Version: m.Version, Layout: l.layout, Epoch: 1}
	cells, err := l.cells(m)
	if err != nil {
		return d, err
	}
	at := largestIndex(cells, l.width)
	d.Plan = plan{bound: l.half, quota: 1, survivors: []int{at}}.encode()
	if before.Plan != nil {
		d.Epoch = before.Epoch + 1
		if bytes.Equal(d.Plan, before.Plan) {
			return before, nil
		}
	}
	return d, nil
}

func (l *LocalUCB) width(c cell, t uint64) float64 {
	return l.kappa * l.half * math.Max(1, l.duchi) * math.Sqrt(4*math.Log(float64(t))/float64(c.count))
}

// Summary says each arm's mean and the radius of its index.
func (l *LocalUCB) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s, err := l.Elimination.Summary(m, d)
	if err != nil {
		return s, err
	}
	cells, err := l.cells(m)
	total := uint64(1)
	for _, c := range cells {
		total += c.count
	}
	for a := range s.Options {
		s.Options[a].Alive = true
		if cells[a].count > 0 {
			s.Options[a].Radius = l.width(cells[a], total)
		}
	}
	return s, err
}
