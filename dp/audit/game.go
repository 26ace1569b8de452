package audit

import (
	"math"
	"slices"
	"strconv"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// View is what an adversary sees of one play as one number: an output, a difference
// of two outputs, a count of rounds, a length. with says whether the unit is in.
type View func(with bool, src noise.Source) float64

// Game plays a mechanism against an adversary who wants to tell whether one unit was
// in. The zero value is not valid; all fields are set.
type Game struct {
	Play       View
	Plays      int     // of each side in each half, [100, 1e7]
	Delta      float64 // of the claim, fixed before
	Confidence float64 // (0.5, 1)
}

// Bound is what a game showed.
type Bound struct {
	Epsilon    float64 // lower bound at Confidence; 0 when nothing was shown
	Confidence float64
	Event      string // chosen on the first half
	Hits       uint64 // of the event in the second half, on the side where it is likelier
	OtherHits  uint64
	Plays      uint64
}

// Violates reports whether the bound is above a claimed ε. False is "not disproved".
func (b Bound) Violates(claim float64) bool { return b.Epsilon > claim }

// event is a set of views and the side on which it is likelier.
type event struct {
	kind  byte // '>' at least, '<' at most, '=' equal
	at    float64
	other bool // likelier without the unit
}

func (e event) String() string {
	side := "with"
	if e.other {
		side = "without"
	}
	sign := map[byte]string{'>': "≥ ", '<': "≤ ", '=': "= "}[e.kind]
	return "view " + sign + strconv.FormatFloat(e.at, 'g', 6, 64) + ", likelier " + side
}

// hits counts the event in a sorted sample.
func (e event) hits(sorted []float64) uint64 {
	from, _ := slices.BinarySearch(sorted, e.at)
	to, _ := slices.BinarySearchFunc(sorted, e.at, func(x, at float64) int {
		if x <= at {
			return -1
		}
		return 1
	})
	switch e.kind {
	case '>':
		return uint64(len(sorted) - from)
	case '<':
		return uint64(to)
	}
	return uint64(to - from)
}

// Run plays both sides, chooses the event with the best bound among thresholds and
// single values on the first half, and evaluates that one event on the second half,
// which was not looked at: no correction for the choice is needed.
func (g Game) Run(src noise.Source) (Bound, error) {
	if err := checkPlays(g.Play == nil, g.Plays); err != nil {
		return Bound{}, err
	}
	if err := checkClaim(g.Delta, g.Confidence); err != nil {
		return Bound{}, err
	}
	with, without, err := g.sample(src)
	if err != nil {
		return Bound{}, err
	}
	best, err := g.choose(with, without)
	if err != nil {
		return Bound{}, err
	}
	if with, without, err = g.sample(src); err != nil {
		return Bound{}, err
	}
	return g.evaluate(best, with, without)
}

func checkPlays(none bool, plays int) error {
	if none {
		return posse.OutOfRange("play", "none", "a function that plays once", "")
	}
	if plays < 100 || plays > 1e7 {
		return posse.OutOfRange("plays", strconv.Itoa(plays), "[100, 1e7]", "")
	}
	return nil
}

// choose returns the event with the best bound on these plays.
func (g Game) choose(with, without []float64) (event, error) {
	best, score := event{kind: '>'}, math.Inf(-1)
	for _, e := range candidates(with, without) {
		bound, err := g.evaluate(e, with, without)
		if err != nil {
			return event{}, err
		}
		if bound.Epsilon > score {
			best, score = e, bound.Epsilon
		}
	}
	return best, nil
}

func (g Game) sample(src noise.Source) (with, without []float64, err error) {
	with, without = make([]float64, g.Plays), make([]float64, g.Plays)
	for i := range with {
		with[i], without[i] = g.Play(true, src), g.Play(false, src)
		if math.IsNaN(with[i]) || math.IsNaN(without[i]) {
			return nil, nil, posse.OutOfRange("view", "not a number", "numbers", "")
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	return with, without, nil
}

func (g Game) evaluate(e event, with, without []float64) (Bound, error) {
	k, other := e.hits(with), e.hits(without)
	if e.other {
		k, other = other, k
	}
	n := uint64(g.Plays)
	epsilon, err := LowerBound(k, other, n, g.Delta, g.Confidence)
	return Bound{epsilon, g.Confidence, e.String(), k, other, n}, err
}

// candidates are thresholds and values at 200 quantiles of each side.
func candidates(with, without []float64) []event {
	var at []float64
	for _, side := range [][]float64{with, without} {
		for i := range 200 {
			at = append(at, side[i*(len(side)-1)/199])
		}
	}
	slices.Sort(at)
	var list []event
	for _, x := range slices.Compact(at) {
		for _, kind := range []byte{'>', '<', '='} {
			list = append(list, event{kind, x, false}, event{kind, x, true})
		}
	}
	return list
}
