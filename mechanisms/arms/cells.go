package arms

import (
	"fmt"
	"math"

	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/robust"
	"github.com/posse-dev/posse/mechanisms/statistics"
)

// cell is what is known of one arm at a version: its published records, their
// noisy mean in the experiment's unit, and the ledger that gives its radius.
type cell struct {
	count  uint64
	mean   float64
	ledger robust.Clipping
}

// largestIndex is the arm of the largest mean plus width, which sees the decisions so
// far plus one; arms without records come first.
func largestIndex(cells []cell, width func(c cell, total uint64) float64) (arm int) {
	total := uint64(1)
	for _, c := range cells {
		total += c.count
	}
	best := math.Inf(-1)
	for a, c := range cells {
		index := math.Inf(1)
		if c.count > 0 {
			index = c.mean + width(c, total)
		}
		if index > best {
			best, arm = index, a
		}
	}
	return arm
}

// cells adds up the parts of a model. A part in which an arm has no record is
// left out of that arm: its sum there is noise alone.
func (e *Elimination) cells(m mechanisms.Model) ([]cell, error) {
	out := make([]cell, len(e.settings.Arms))
	sums := make([]float64, len(out))
	for _, part := range m.Parts {
		p, err := decodePlan(part.Descriptor.Plan, len(out))
		if err != nil {
			return nil, err
		}
		counts, values := part.Sum.Block("count"), part.Sum.Block("sum")
		if len(counts) != len(out) || len(values) != len(out) {
			return nil, statistics.ErrShape
		}
		grid := float64(uint64(1) << e.layout[1].Scale)
		gain := p.bound
		if e.duchi > 0 {
			gain *= e.duchi
		}
		for a, n := range counts {
			if n <= 0 {
				continue
			}
			c := &out[a]
			c.count += uint64(n)
			sums[a] += float64(values[a]) / grid * gain
			c.ledger.Add(float64(n), p.bound, e.moment, e.layout[1].Scale)
			c.ledger.AddLaplace(float64(part.Releases), e.scale*p.bound)
			c.ledger.Gaussian += float64(part.Releases) * e.sigma * e.sigma * p.bound * p.bound
			if e.duchi > 0 {
				c.ledger.Hoeffding += float64(n) * gain * gain
			}
		}
	}
	for a := range out {
		if out[a].count > 0 {
			out[a].mean = e.baseline + sums[a]/float64(out[a].count)
		}
	}
	return out, nil
}

// Summary says what a version knows: each arm's mean and the radius in use.
func (e *Elimination) Summary(m mechanisms.Model, d mechanisms.Descriptor) (mechanisms.Summary, error) {
	s := mechanisms.Summary{Epoch: d.Epoch, Ended: d.Ended, Bonus: e.bonus}
	if e.bonus == "tuned" {
		s.Bonus = fmt.Sprintf("tuned κ %g (no guarantee)", e.kappa)
	}
	p, err := decodePlan(d.Plan, len(e.settings.Arms))
	if err != nil {
		return s, err
	}
	known := m
	if e.forget != nil {
		known = e.forget.kept(m, d.Epoch)
	}
	cells, err := e.cells(known)
	if err != nil {
		return s, err
	}
	for _, part := range m.Parts {
		s.Released += part.Releases
	}
	l := e.confidence(m.Version, len(p.survivors))
	for a, name := range e.settings.Arms {
		o := mechanisms.Option{Name: name, Count: cells[a].count, Known: cells[a].count > 0}
		if o.Known {
			o.Mean, o.Radius = cells[a].mean, e.radius(cells[a], l)
			if e.forget != nil {
				o.Radius = e.forget.margin(d.Epoch, len(p.survivors), cells[a]) / 2
			}
		}
		s.Options = append(s.Options, o)
	}
	for _, a := range p.survivors {
		s.Options[a].Alive = true
	}
	if len(p.survivors) == 1 && e.drops {
		s.Answer = e.settings.Arms[p.survivors[0]]
	}
	return s, nil
}
