package account

import (
	"math"
	"strconv"

	"github.com/posse-dev/posse"
)

// up is the relative amount by which a computed guarantee is raised, more than the
// error of the dozen operations behind it and less than a reader could see.
const up = 1e-12

// ZCDPEpsilon returns the ε for which every ρ-zCDP mechanism is (ε, δ)-DP.
//
//	ε = min over a > 1 of  aρ + ln(1 − 1/a) − ln(δ·a)/(a − 1)
//
// ρ in (0, 200], δ in (0, 1). Relative error below 1e-9, from above. At least 0.
// Source: Canonne, Kamath, Steinke 2020, Proposition 12 with r(a) = aρ.
func ZCDPEpsilon(rho, delta float64) (float64, error) {
	if err := inRange("rho", rho, 0, 200); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	logDelta := math.Log(delta)
	// at x = ln(a − 1); unimodal in x (checked over the range by a test)
	_, least := minimise(-25, 60, func(x float64) float64 {
		return rdpToEpsilon(rho*(1+math.Exp(x)), x, logDelta)
	})
	return math.Max(0, least+math.Abs(least)*up), nil
}

// rdpToEpsilon is r + ln(1 − 1/a) − ln(δ·a)/(a − 1) at x = ln(a − 1).
func rdpToEpsilon(r, x, logDelta float64) float64 {
	less := math.Exp(x)      // a − 1
	logA := math.Log1p(less) // ln a
	return r + (x - logA) - (logDelta+logA)/less
}

// ZCDPDelta returns the δ for which every ρ-zCDP mechanism is (ε, δ)-DP, at most 1.
//
//	δ = min over a > 1 of  exp((a − 1)(aρ − ε))/(a − 1)·(1 − 1/a)^a
//
// ρ in (0, 200], ε ≥ 0. Source: as [ZCDPEpsilon].
func ZCDPDelta(rho, epsilon float64) (float64, error) {
	if err := inRange("rho", rho, 0, 200); err != nil {
		return 0, err
	}
	if !(epsilon >= 0) || math.IsInf(epsilon, 0) {
		return 0, posse.OutOfRange("epsilon", float(epsilon), "[0, ∞)", "")
	}
	_, least := minimise(-25, 60, func(x float64) float64 {
		less := math.Exp(x)
		logA := math.Log1p(less)
		return less*(rho*(1+less)-epsilon) - x + (1+less)*(x-logA)
	})
	return math.Min(1, math.Exp(least+(math.Abs(least)+1)*up)), nil
}

// ZCDPEpsilonSimple is ρ + 2√(ρ·ln(1/δ)) (Bun and Steinke 2016, Proposition 1.3),
// never below [ZCDPEpsilon]: for readers who want the formula they know.
func ZCDPEpsilonSimple(rho, delta float64) (float64, error) {
	if err := inRange("rho", rho, 0, 200); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	return (rho + 2*math.Sqrt(rho*-math.Log(delta))) * (1 + up), nil
}

// ZCDPRho returns the largest ρ whose [ZCDPEpsilon] at δ is at most ε, rounded
// down: a budget. ε in (0, 100], δ in (0, 1).
func ZCDPRho(epsilon, delta float64) (float64, error) {
	if err := inRange("epsilon", epsilon, 0, 100); err != nil {
		return 0, err
	}
	if err := probability("delta", delta); err != nil {
		return 0, err
	}
	fits := func(rho float64) bool {
		e, err := ZCDPEpsilon(rho, delta)
		return err == nil && e <= epsilon
	}
	// ρ = 0 fits; find one that does not, then halve to the last digits
	low, high := 0.0, math.Min(200, epsilon*epsilon)
	for high < 200 && fits(high) {
		high = math.Min(200, high*2)
	}
	if fits(high) {
		return high, nil
	}
	for range 200 {
		middle := low + (high-low)/2
		if middle == low || middle == high {
			break
		}
		if fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	if low == 0 {
		return 0, posse.OutOfRange("epsilon", float(epsilon), "above what any ρ can give at this delta", "")
	}
	return low, nil
}

// minimise returns the least value of a unimodal f on [low, high] and where: a grid
// of 64 steps, then a golden section around the best.
func minimise(low, high float64, f func(float64) float64) (at, least float64) {
	const steps = 64
	width := (high - low) / steps
	at, least = low, math.Inf(1)
	for i := range steps + 1 {
		x := low + float64(i)*width
		if y := f(x); y < least {
			at, least = x, y
		}
	}
	a, b := math.Max(low, at-width), math.Min(high, at+width)
	const golden = 0.6180339887498949
	c, d := b-golden*(b-a), a+golden*(b-a)
	fc, fd := f(c), f(d)
	for range 60 { // 0.618^60 < 1e-12 of the bracket
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - golden*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + golden*(b-a)
			fd = f(d)
		}
	}
	for _, x := range []float64{c, d} {
		if y := f(x); y < least {
			at, least = x, y
		}
	}
	return at, least
}

// inRange refuses what is not in (low, high]; NaN included.
func inRange(field string, x, low, high float64) error {
	if !(x > low && x <= high) {
		return posse.OutOfRange(field, float(x), "("+float(low)+", "+float(high)+"]", "")
	}
	return nil
}

// probability refuses what is not in (0, 1).
func probability(field string, x float64) error {
	if !(x > 0 && x < 1) {
		return posse.OutOfRange(field, float(x), "(0, 1)", "")
	}
	return nil
}

func float(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
