package account

import (
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/posse-dev/posse"
)

// PLD is the composed privacy loss of events, good near the δ that it was made for.
// Its δ(ε) is an upper bound ("pessimistic"). See pld.md.
type PLD struct {
	// Step is the width of the grid of losses, and Cells the length of the transform.
	Step  float64
	Cells int

	epsilon float64
	delta   float64
	sides   []side // one, or both directions where they differ
}

// side is what one direction was composed of, and on which grid.
type side struct {
	parts []part
	step  float64
	plan  tilt
}

const (
	maxCells   = 1 << 22 // longest transform
	stepChange = 1e-4    // relative change of ε at which halving the step ends
	manyParts  = 64      // different events, from which on half as much again may be left
	fineStep   = 1e-4    // of ε: an atom on the edge of a coarse cell stays there when the step is halved
	tailShare  = 1e-4    // share of δ that is lost to cut tails, and added back
)

// NewPLD composes events for a δ in [1e-300, 1). Events for which no pair of laws
// is known (zcdp, very wide discrete laws) are an error; so is a δ that no ε reaches.
//
// ε is from above. Halving the grid step goes on until ε changes by less than 1e-4
// of itself, or the transform is 2^22 long.
func NewPLD(events []Event, delta float64) (PLD, error) {
	if !(delta >= 1e-300 && delta < 1) {
		return PLD{}, posse.OutOfRange("delta", float(delta), "[1e-300, 1)", "")
	}
	list, err := normalEvents(events)
	if err != nil {
		return PLD{}, err
	}
	var best PLD
	for _, backwards := range []bool{false, true} {
		parts, oneSided, ok := pairsOf(list, backwards)
		if !ok {
			return PLD{}, posse.OutOfRange("events", "an event without a known pair of laws", "no zcdp, discrete laws within 2^20 atoms", "")
		}
		if backwards && !oneSided {
			break
		}
		one, err := refine(parts, delta)
		if err != nil {
			return PLD{}, err
		}
		if one.epsilon >= best.epsilon {
			best.epsilon, best.Step, best.Cells = one.epsilon, one.step, one.cells
		}
		best.sides = append(best.sides, one.side)
	}
	best.delta = delta
	return best, nil
}

// Epsilon returns ε at the δ that the PLD was made for, the worse of the two
// directions where they differ.
func (p PLD) Epsilon() float64 { return p.epsilon }

// part is a pair and how often it is composed.
type part struct {
	pair  pair
	count float64
}

// pairsOf merges equal events and returns their pairs in one direction.
func pairsOf(events []Event, backwards bool) (parts []part, oneSided, ok bool) {
	at := map[Event]int{}
	for _, e := range events {
		key := e
		key.Count = 0
		if i, seen := at[key]; seen {
			parts[i].count += float64(e.Count)
			continue
		}
		p, one, known := e.pair()
		if !known {
			return nil, false, false
		}
		oneSided = oneSided || one
		if backwards {
			p = reversed{p}
		}
		at[key] = len(parts)
		parts = append(parts, part{p, float64(e.Count)})
	}
	return parts, oneSided, true
}

// refined is the ε of one direction.
type refined struct {
	side
	epsilon float64
	cells   int
}

// refine halves the step until ε stops changing.
func refine(parts []part, delta float64) (refined, error) {
	spread, fine := 0.0, math.Inf(1) // widest loss that matters, for a first step; how fine the last must be
	for _, p := range parts {
		if spread = math.Max(spread, reach(p.pair, 1e-3)); math.IsInf(spread, 1) {
			return refined{}, tooWide()
		}
		if hasAtoms(p.pair) {
			fine = fineStep
		}
	}
	step := math.Min(1e-2, math.Max(spread/16, 1e-9))
	left := stepChange / 3 // of ε: what a halving that changes it by stepChange leaves
	if len(parts) > manyParts {
		left = 5e-5
	}
	before, last := math.Inf(1), math.Inf(1)
	halvings := 1 // between the last two
	var plan tilt
	var coarser refined
	for {
		epsilon, cells, err := compose(parts, step, delta, &plan)
		if err != nil && last < math.Inf(1) { // too fine a grid: the one before was good
			return coarser, nil
		}
		if err != nil {
			return refined{}, err
		}
		// the error is C·h²: a change over n halvings is 4^n − 1 times what it leaves
		rest := math.Abs(last-epsilon) / (math.Pow(4, float64(halvings)) - 1)
		settled := rest <= left*epsilon && epsilon < math.Inf(1) && (step <= fine*math.Max(epsilon, 1e-3) || cells > maxCells/16)
		if settled || cells > maxCells/2 {
			return refined{side{parts, step, plan}, math.Min(last, epsilon), cells}, nil
		}
		coarser = refined{side{parts, step, plan}, math.Min(last, epsilon), cells}
		// where two changes in a row show that law, go to the step that it asks for at once
		next := 1
		if ratio := (before - last) / (last - epsilon); halvings == 1 && ratio > 3.5 && ratio < 4.5 {
			next = max(1, min(int(math.Ceil(math.Log2(rest/(left*epsilon))/2)), int(math.Log2(maxCells/float64(cells)))))
		}
		before, last = last, epsilon
		halvings = next
		step /= math.Pow(2, float64(next))
	}
}

// hasAtoms reports whether single losses have mass.
func hasAtoms(p pair) bool {
	switch p := p.(type) {
	case gaussianPair:
		return false
	case sampledPair:
		return hasAtoms(p.of)
	case mirrored:
		return hasAtoms(p.of)
	case reversed:
		return hasAtoms(p.of)
	}
	return true
}

// cells is one event on the grid: mass[i] at loss (first+i)·step, and what is at
// infinity.
type cells struct {
	first int
	mass  []float64
	lost  float64
}

// discretise puts a pair on the grid so that what comes out dominates it: of the
// masses p, q in (l, l+h] it puts b = (p − q·e^l)/(1 − e^(−h)) at l+h and p − b at l,
// which keeps both masses (Doroshenko et al. 2022).
func discretise(of pair, step, tail float64) (cells, error) {
	low, high, err := extent(of, step, tail)
	if err != nil {
		return cells{}, err
	}
	c := cells{first: int(low), mass: make([]float64, int(high-low)+1)}
	width := -math.Expm1(-step)
	below, _ := of.mass(math.Inf(-1), low*step)
	c.mass[0] = below // moved up to the lowest point
	for i := range len(c.mass) - 1 {
		l := float64(c.first+i) * step
		p, q := of.mass(l, float64(c.first+i+1)*step)
		if p == 0 {
			continue
		}
		b := math.Max(0, math.Min(p, (p-q*math.Exp(l))/width))
		c.mass[i] += p - b
		c.mass[i+1] += b
	}
	p, q := of.mass(high*step, math.Inf(1))
	kept := math.Min(p, q*math.Exp(high*step))
	c.mass[len(c.mass)-1] += kept
	c.lost = p - kept
	return c.trimmed(), nil
}

// extent returns the grid places between which a pair's losses are, but for tail of P
// above; an error where there are too many.
func extent(of pair, step, tail float64) (low, high float64, err error) {
	low, high = math.Floor(-reach(reversed{of}, 1e-19)/step), math.Ceil(reach(of, tail)/step)
	if !(high-low < maxCells) {
		return 0, 0, tooWide()
	}
	return low, high, nil
}

func tooWide() error {
	return posse.OutOfRange("events", "a loss too wide for the grid", "at most 2^22 cells", "use rdp or zcdp")
}

// trimmed drops empty cells at both ends, so that the ends are where the mass is.
func (c cells) trimmed() cells {
	for len(c.mass) > 1 && c.mass[len(c.mass)-1] == 0 {
		c.mass = c.mass[:len(c.mass)-1]
	}
	for len(c.mass) > 1 && c.mass[0] == 0 {
		c.mass, c.first = c.mass[1:], c.first+1
	}
	return c
}

// reach returns an l ≥ 0 beyond which P has at most tail; infinite for one above 1e5.
func reach(of pair, tail float64) float64 {
	beyond := func(l float64) bool { p, _ := of.mass(l, math.Inf(1)); return p <= tail }
	if beyond(0) {
		return 0
	}
	high := 1e-6
	for !beyond(high) && high < 1e5 {
		high *= 2
	}
	if high >= 1e5 {
		return math.Inf(1)
	}
	low := high / 2
	for range 30 {
		if m := (low + high) / 2; beyond(m) {
			high = m
		} else {
			low = m
		}
	}
	return high
}

// cumulant is Σ count·ln Σ mass·e^(λ·loss), the logarithm of the moment of the sum.
func (c composition) cumulant(lambda float64) float64 {
	var k float64
	for i, one := range c.list {
		k += c.counts[i] * one.cumulant(c.step, lambda)
	}
	return k
}

// cumulant goes from the end of the larger weight to the other, so that a weight is
// the one before times a factor below 1. The relative error of a few thousand such
// products is 1e-12, far below the room that a window has at its ends.
func (c cells) cumulant(step, lambda float64) float64 {
	n := len(c.mass)
	factor, weight, sum := math.Exp(-math.Abs(lambda)*step), 1.0, 0.0
	first := c.first
	if lambda > 0 {
		first += n - 1
	}
	for j := range n {
		at := j
		if lambda > 0 {
			at = n - 1 - j
		}
		sum += c.mass[at] * weight
		if weight *= factor; weight == 0 {
			break
		}
	}
	return lambda*step*float64(first) + math.Log(sum)
}

// compose returns ε(δ) on a grid and the length of the transform.
func compose(parts []part, step, delta float64, plan *tilt) (epsilon float64, length int, err error) {
	list, counts := make([]cells, len(parts)), make([]float64, len(parts))
	var total, infinite float64
	for _, p := range parts {
		total += p.count
	}
	for i, p := range parts {
		if list[i], err = discretise(p.pair, step, delta*tailShare/total); err != nil {
			return 0, 0, err
		}
		counts[i] = p.count
		infinite += p.count * list[i].lost
	}
	if infinite > delta {
		return 0, 0, posse.OutOfRange("delta", float(delta), "above "+float(infinite), "the events alone lose that much")
	}
	sum := composition{list, counts, step, slices.Max(counts), infinite}
	if !plan.made {
		plan.make(sum, delta)
	}
	epsilon = math.Inf(1)
	for lambda := plan.lambda; ; lambda /= 4 {
		// every tilt gives a bound; near the top of a bounded loss the best moment asks
		// for so large a one that rounding takes all below the top
		e, cells, hidden, err := sum.epsilon(lambda, plan, delta)
		if err != nil {
			return 0, cells, err
		}
		if e < epsilon {
			epsilon, length = e, cells
			plan.lambda = lambda
		}
		if hidden <= 1e-4*delta || lambda < 1e-3 {
			return epsilon, length, nil
		}
	}
}

// tilt is the choice of λ for the tilted sum and of the orders that bound its tails.
// Any choice is valid; a good one on a coarse grid is good on a fine one.
type tilt struct {
	made             bool
	lambda           float64
	below, above     float64
	belowAt, aboveAt float64 // the λ for which below and above were chosen
}

func (p *tilt) make(c composition, delta float64) {
	at, _ := minimise(-12, 12, func(x float64) float64 {
		lambda := math.Exp(x)
		return (c.cumulant(lambda) - math.Log(delta)) / lambda
	})
	p.lambda, p.made = math.Exp(at), true
}

// composition is a list of events on one grid.
type composition struct {
	list     []cells
	counts   []float64
	step     float64
	most     float64 // largest count
	infinite float64 // mass of an infinite loss
}

// logEdge is ln of the tilted mass beyond each end of the window.
const logEdge = -46

// end returns where the tilted sum, of cumulant k at lambda, ends: mass beyond is
// below e^logEdge by Chernoff's bound at order *mu, which is chosen if it is not yet.
func (c composition) end(lambda, k, sign float64, mu, at *float64) float64 {
	bound := func(mu float64) float64 { return (c.cumulant(lambda+sign*mu) - k - logEdge) / mu }
	if *at != lambda {
		x, _ := minimise(-12, 12, func(x float64) float64 { return bound(math.Exp(x)) })
		*mu, *at = math.Exp(x), lambda
	}
	return sign * bound(*mu)
}

// curve is the δ(ε) of a sum as far as a transform with one tilt shows it.
type curve struct {
	first  int // grid place of the lowest loss
	step   float64
	heads  []float64 // mass from a place up
	tails  []float64 // and e^(−loss) times it
	high   float64   // the highest loss
	length int       // of the transform

	floor, cumulant, lambda float64 // what rounding and wrapping may hide, tilted
}

// hidden is how much of δ(e) rounding may hide, in either direction.
func (c curve) hidden(e float64) float64 { return c.floor * math.Exp(c.cumulant-c.lambda*e) }

// delta returns δ(e) = Σ_{l>e}(1 − e^(e−l))·mass(l), and how far it may be off.
func (c curve) delta(e float64) (delta, off float64) {
	i := min(len(c.heads)-1, max(0, int(math.Floor(e/c.step))-c.first+1)) // the first l above e
	// the difference loses digits against heads, a few hundred times larger at most
	return math.Max(0, c.heads[i]-math.Exp(e)*c.tails[i]), c.heads[i]*1e-14 + c.hidden(e)
}

// curve composes with the sum tilted by e^(λl); false for a tilt so large that
// nothing is left to see.
func (c composition) curve(lambda float64, plan *tilt) (curve, bool, error) {
	k := c.cumulant(lambda)
	// two cells more at each end are far beyond the rounding of the bounds
	low := math.Floor(c.end(lambda, k, -1, &plan.below, &plan.belowAt)/c.step) - 2
	high := math.Ceil(c.end(lambda, k, 1, &plan.above, &plan.aboveAt)/c.step) + 2
	if math.IsNaN(low+high) || low > high {
		return curve{}, false, nil
	}
	length := 64
	for float64(length) < high-low+1 {
		length *= 2
	}
	if length > maxCells {
		return curve{}, false, tooWide()
	}
	laws, merged := merge(c.tilted(lambda), length/2)
	sum := transform(laws, length)

	// sum[i] is the tilted mass at losses ≡ i mod length; the window picks one each.
	// Undo the tilt: mass(l) = tilted·e^(k − λl).
	first, n := int(low), int(high-low)+1
	noise := 8 * 0x1p-53 * math.Log2(float64(length)) * (float64(len(laws)) + c.most) // of the transforms, in L2
	out := curve{
		first: first, step: c.step, high: high * c.step, length: length, cumulant: k, lambda: lambda,
		floor: noise*math.Sqrt(float64(length)) + 3*math.Exp(logEdge) + merged,
		heads: make([]float64, n+1), tails: make([]float64, n+1),
	}
	for i := n - 1; i >= 0; i-- {
		l := float64(first+i) * c.step
		mass := 0.0
		if t := sum[mod(first+i, length)]; t > 0 && l >= 0 {
			mass = t * math.Exp(k-lambda*l)
		}
		out.heads[i], out.tails[i] = out.heads[i+1]+mass, out.tails[i+1]+mass*math.Exp(-l)
	}
	return out, true, nil
}

// epsilon returns ε(δ) with the sum tilted by e^(λl), the length of the transform,
// and how much δ at that ε rounding may hide (it is added to δ).
func (c composition) epsilon(lambda float64, plan *tilt, delta float64) (epsilon float64, length int, hidden float64, err error) {
	v, ok, err := c.curve(lambda, plan)
	if err != nil || !ok {
		return math.Inf(1), v.length, math.MaxFloat64, err
	}
	deltaAt := func(e float64) float64 {
		d, off := v.delta(e)
		return d + off + c.infinite
	}
	if deltaAt(0) <= delta {
		return 0, v.length, 0, nil
	}
	top := math.Max(c.step, v.high)
	for deltaAt(top) > delta { // only what is hidden is left there: e^(−λ·top) ends it
		top *= 2
	}
	epsilon = leastTrueWithin(0, top, 1e-11, func(e float64) bool { return deltaAt(e) <= delta })
	return epsilon, v.length, v.hidden(epsilon), nil
}

// tilted returns the laws of mass·e^(λl), normalised.
func (c composition) tilted(lambda float64) []law {
	laws := make([]law, len(c.list))
	for i, one := range c.list {
		norm := one.cumulant(c.step, lambda)
		mass := make([]float64, len(one.mass))
		for j, m := range one.mass {
			if m > 0 {
				mass[j] = m * math.Exp(lambda*c.step*float64(one.first+j)-norm)
			}
		}
		laws[i] = law{one.first, mass, c.counts[i]}
	}
	return laws
}

// transform returns the cyclic convolution of laws.
func transform(laws []law, length int) []float64 {
	fft := fourier.NewFFT(length)
	product := make([]complex128, length/2+1)
	for i := range product {
		product[i] = 1
	}
	seq, coefficients := make([]float64, length), make([]complex128, length/2+1)
	for _, l := range laws {
		clear(seq)
		for j, m := range l.mass {
			seq[mod(l.first+j, length)] += m
		}
		fft.Coefficients(coefficients, seq)
		for j, z := range coefficients {
			if l.count != 1 {
				z = power(z, l.count)
			}
			product[j] *= z
		}
	}
	sum := fft.Sequence(seq, product)
	for i := range sum {
		sum[i] /= float64(length)
	}
	return sum
}

// power is z^n by squaring.
func power(z complex128, n float64) complex128 {
	if cmplx.Abs(z) < 1e-300 {
		return 0
	}
	out := complex(1, 0)
	for k := uint64(n); k > 0; k >>= 1 {
		if k&1 == 1 {
			out *= z
		}
		z *= z
	}
	return out
}

func mod(i, n int) int { return ((i % n) + n) % n }

// leastTrueWithin is leastTrue to a relative width.
func leastTrueWithin(low, high, relative float64, holds func(float64) bool) float64 {
	for high-low > relative*high {
		if m := (low + high) / 2; holds(m) {
			high = m
		} else {
			low = m
		}
	}
	return high
}
