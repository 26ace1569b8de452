package contribution

import (
	"fmt"
	"math"
	"slices"

	posse "github.com/posse-dev/posse"
	"github.com/posse-dev/posse/dp/noise"
)

// Method is how Shapley values are estimated, named as in an experiment file.
type Method string

// The sampling methods. A pass of the first, second and fourth needs n, 2n and at
// most n evaluations, of Stratified 2n².
const (
	Permutation Method = "permutation" // what each adds in a random order of joining
	Antithetic  Method = "antithetic"  // an order and its reverse; their mean is one sample
	Stratified  Method = "stratified"  // one random coalition of each size for each player
	Truncated   Method = "truncated"   // an order, left when all that is missing is below Cutoff
)

// Sampling says how much to sample.
type Sampling struct {
	Method Method
	Passes int     // [2, 1e6]
	Delta  float64 // chance that some radius is too small, (0, 1)
	Cutoff float64 // of Truncated: in the unit of the worth, ≥ 0; needs a submodular game
}

// Estimate is a sampled Shapley value of every player.
type Estimate struct {
	Values         []float64
	StandardErrors []float64 // of Values, from the spread of the passes
	// Radius bounds |value − truth| for all players at once with probability 1 − Delta
	// (empirical Bernstein). It is nil for games that are not submodular, where what
	// a player adds has no known range.
	Radius      []float64
	Evaluations int // of the game's Value
}

// Sample estimates the Shapley values of a game. Permutation and Antithetic sum to
// v(N) exactly, up to rounding; Stratified does not; Truncated is low by at most
// Cutoff a player, which its radius includes. src may be logged by its seed, so that
// an auditor samples the same.
//
//	radius = √(2·var·ln(3n/δ)/m) + 3·v({i})·ln(3n/δ)/m
//
// Source: Maurer and Pontil 2009 in the constants of Audibert, Munos and Szepesvári
// 2009, union over players; Castro, Gómez and Tejada 2009 for the permutations.
func Sample(g Game, s Sampling, src noise.Source) (Estimate, error) {
	if err := g.check(MaxPlayers, ""); err != nil {
		return Estimate{}, err
	}
	switch {
	case s.Passes < 2 || s.Passes > 1_000_000:
		return Estimate{}, posse.OutOfRange("passes", fmt.Sprint(s.Passes), "[2, 1000000]", "")
	case !(s.Delta > 0 && s.Delta < 1):
		return Estimate{}, posse.OutOfRange("delta", fmt.Sprint(s.Delta), "(0, 1)", "")
	case !(s.Cutoff >= 0) || math.IsInf(s.Cutoff, 1):
		return Estimate{}, posse.OutOfRange("cutoff", fmt.Sprint(s.Cutoff), "a finite number of at least 0", "")
	case s.Method == Truncated && !g.Submodular:
		return Estimate{}, posse.OutOfRange("method", string(s.Method), "permutation, antithetic, stratified", "what is cut off is bounded for submodular games only")
	}
	run := &sampler{game: g, src: src, order: g.all(), gain: make([]float64, g.Players)}
	if s.Method == Truncated {
		run.cutoff, run.whole = s.Cutoff, run.value(run.order)
	}
	pass, known := map[Method]func(){
		Permutation: run.permutation, Antithetic: run.antithetic, Stratified: run.stratified, Truncated: run.permutation,
	}[s.Method]
	if !known {
		return Estimate{}, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_UNKNOWN_VALUE", Field: "method", Value: string(s.Method),
			Allowed: "permutation, antithetic, stratified, truncated", Message: "there is no such sampling method",
		}
	}
	mean, squares := make([]float64, g.Players), make([]float64, g.Players)
	for m := range s.Passes { // Welford's recurrence
		clear(run.gain)
		pass()
		for i, x := range run.gain {
			off := x - mean[i]
			mean[i] += off / float64(m+1)
			squares[i] += off * (x - mean[i])
		}
	}
	out := Estimate{Values: mean, StandardErrors: make([]float64, g.Players)}
	m := float64(s.Passes)
	for i, q := range squares {
		if math.IsNaN(q) || math.IsInf(q, 0) {
			return Estimate{}, notFinite(i)
		}
		out.StandardErrors[i] = math.Sqrt(q / (m - 1) / m)
	}
	if g.Submodular {
		out.Radius = make([]float64, g.Players)
		logTerm := math.Log(3 * float64(g.Players) / s.Delta)
		for i := range out.Radius {
			variance := squares[i] / m
			out.Radius[i] = math.Sqrt(2*variance*logTerm/m) + 3*run.value([]int{i})*logTerm/m + run.cutoff
		}
	}
	out.Evaluations = run.evaluations
	return out, nil
}

// HoeffdingPasses returns how many passes of Permutation make every |φ̂ − φ| at most
// radius with probability 1 − delta, before any is made:
//
//	m ≥ alone²·ln(2n/δ)/(2·radius²)
//
// alone is the largest worth of a single player, in the unit of radius. All are
// positive; a nonsensical argument gives 0. Source: Hoeffding 1963, union over players.
func HoeffdingPasses(alone float64, players int, radius, delta float64) int {
	if !(alone > 0 && radius > 0 && delta > 0 && delta < 1) || players < 1 {
		return 0
	}
	return int(math.Ceil(alone * alone * math.Log(2*float64(players)/delta) / (2 * radius * radius)))
}

// sampler makes passes; each leaves what it saw of every player in gain.
type sampler struct {
	game        Game
	src         noise.Source
	order       []int
	gain        []float64
	cutoff      float64
	whole       float64 // v(N), with a cutoff
	evaluations int
}

func (r *sampler) value(members []int) float64 {
	r.evaluations++
	return r.game.Value(members)
}

// shuffle makes the order a uniform one (Fisher and Yates).
func (r *sampler) shuffle(order []int) {
	for i := len(order) - 1; i > 0; i-- {
		j := int(noise.Uniform(uint64(i+1), r.src))
		order[i], order[j] = order[j], order[i]
	}
}

// walk adds what each player brings in the present order, times share.
func (r *sampler) walk(share float64) {
	before := 0.0
	for at, i := range r.order {
		if r.cutoff > 0 && r.whole-before < r.cutoff {
			return
		}
		after := r.value(r.order[:at+1])
		r.gain[i] += share * (after - before)
		before = after
	}
}

func (r *sampler) permutation() {
	r.shuffle(r.order)
	r.walk(1)
}

func (r *sampler) antithetic() {
	r.shuffle(r.order)
	r.walk(0.5)
	slices.Reverse(r.order)
	r.walk(0.5)
}

func (r *sampler) stratified() {
	n := r.game.Players
	others := make([]int, 0, n)
	for i := range n {
		for size := range n {
			others = others[:0]
			for j := range n {
				if j != i {
					others = append(others, j)
				}
			}
			r.shuffle(others)
			coalition := others[:size:size]
			before := 0.0
			if size > 0 {
				before = r.value(coalition)
			}
			r.gain[i] += (r.value(append(coalition, i)) - before) / float64(n)
		}
	}
}
