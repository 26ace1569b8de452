package audit

import (
	"math"
	"slices"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Canary is a game against a whole system: one user's records are fed to it or not,
// everything else has the same law and fresh randomness, and adversaries look from
// several vantages (who reads the log, who runs another node, who sees a published
// model). The zero value is not valid; all fields are set.
type Canary struct {
	Vantages []string // distinct, at most 64
	// Play runs the system once and returns what each vantage sees, as one number each:
	// a score such as the sum of all that the canary may have moved.
	Play       func(with bool, src noise.Source) []float64
	Plays      int     // of each side in each half, [100, 1e7]
	Delta      float64 // of the claim, fixed before
	Confidence float64 // (0.5, 1), for all vantages together
}

// Run returns a bound for each vantage, all of them at once at Confidence: each is
// evaluated at 1 − (1 − Confidence)/vantages. As in [Game.Run] each vantage's event
// is chosen on the first half of the plays and bounded on the second.
func (c Canary) Run(src noise.Source) (map[string]Bound, error) {
	if len(c.Vantages) == 0 || len(c.Vantages) > 64 {
		return nil, posse.OutOfRange("vantages", strconv.Itoa(len(c.Vantages)), "[1, 64]", "")
	}
	if err := checkPlays(c.Play == nil, c.Plays); err != nil {
		return nil, err
	}
	if err := checkClaim(c.Delta, c.Confidence); err != nil {
		return nil, err
	}
	each := Game{Plays: c.Plays, Delta: c.Delta, Confidence: 1 - (1-c.Confidence)/float64(len(c.Vantages))}
	with, without, err := c.sample(src)
	if err != nil {
		return nil, err
	}
	events := make([]event, len(c.Vantages))
	for v := range c.Vantages {
		if events[v], err = each.choose(with[v], without[v]); err != nil {
			return nil, err
		}
	}
	if with, without, err = c.sample(src); err != nil {
		return nil, err
	}
	bounds := make(map[string]Bound, len(c.Vantages))
	for v, name := range c.Vantages {
		b, err := each.evaluate(events[v], with[v], without[v])
		if err != nil {
			return nil, err
		}
		b.Confidence = c.Confidence
		bounds[name] = b
	}
	return bounds, nil
}

// sample plays both sides and sorts what each vantage saw.
func (c Canary) sample(src noise.Source) (with, without [][]float64, err error) {
	with, without = make([][]float64, len(c.Vantages)), make([][]float64, len(c.Vantages))
	for range c.Plays {
		for _, side := range []struct {
			with bool
			out  [][]float64
		}{{true, with}, {false, without}} {
			views := c.Play(side.with, src)
			if len(views) != len(c.Vantages) || slices.ContainsFunc(views, math.IsNaN) {
				return nil, nil, posse.OutOfRange("view", strconv.Itoa(len(views))+" views", "a number for each vantage", "")
			}
			for v, x := range views {
				side.out[v] = append(side.out[v], x)
			}
		}
	}
	for v := range c.Vantages {
		slices.Sort(with[v])
		slices.Sort(without[v])
	}
	return with, without, nil
}
