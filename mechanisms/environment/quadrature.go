package environment

import "math"

// absoluteMoment returns E|location + scale·S|^order for a symmetric law S of
// the given log-density on the real line; the caller excludes infinite moments.
//
//	∫ |m + s|^p f(s) ds, m = location/scale, times scale^p
//
// The line is cut where the power has its kink (s = −m) and at 0, where the
// density of a wide shift has its mass, so that double exponential quadrature
// meets singularities at ends only. Powers and density meet as logarithms, because
// in a heavy tail their product is moderate where neither is. Relative error about
// 1e-10, tested against closed forms; within 0.05 of an infinite moment fewer digits. Source: Takahasi and Mori 1974 (the rule); the cuts are ours.
func absoluteMoment(location, scale, order float64, logDensity func(float64) float64) float64 {
	m := math.Abs(location) / scale
	right := halfLine(func(u float64) float64 { return order*math.Log(m+u) + logDensity(u) })
	left := halfLine(func(u float64) float64 { return order*math.Log(u) + logDensity(m+u) })
	var middle float64
	if m > 0 {
		middle = segment(m, func(u float64) float64 { return order*math.Log(m-u) + logDensity(u) })
	}
	return math.Pow(scale, order) * (left + middle + right)
}

// The step and the reach of the quadrature variable: at |t| = reach the weights
// are below 1e-16 of the largest for every integrand used here, and halving the
// step changes no result by more than 1e-12 relative.
const (
	quadratureStep  = 1.0 / 64
	quadratureReach = 6.5
)

// halfLine returns the integral of exp(g) over (0, ∞) by x = exp(π/2 · sinh t).
func halfLine(g func(float64) float64) float64 {
	var sum float64
	for i := -int(quadratureReach / quadratureStep); i <= int(quadratureReach/quadratureStep); i++ {
		t := float64(i) * quadratureStep
		x := math.Exp(math.Pi / 2 * math.Sinh(t))
		sum += math.Exp(g(x)+math.Log(x)) * math.Pi / 2 * math.Cosh(t)
	}
	return sum * quadratureStep
}

// segment returns the integral of exp(g) over (0, b) by u = b/(1 + exp(−π sinh t)).
func segment(b float64, g func(float64) float64) float64 {
	var sum float64
	for i := -int(quadratureReach / quadratureStep); i <= int(quadratureReach/quadratureStep); i++ {
		t := float64(i) * quadratureStep
		e := math.Exp(-math.Pi * math.Sinh(t))
		if math.IsInf(e, 0) {
			continue
		}
		u := b / (1 + e)
		if weight := u * e / (1 + e) * math.Pi * math.Cosh(t); weight > 0 && u < b {
			sum += math.Exp(g(u)) * weight
		}
	}
	return sum * quadratureStep
}
