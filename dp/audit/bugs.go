package audit

import (
	"math"

	"github.com/posse-dev/posse/dp/noise"
)

// Bug is a mechanism broken in a known way, beside the whole one. Both are played
// by the same game; the whole one keeps Claim, the broken one does not.
type Bug struct {
	Name   string
	Why    string  // what went wrong, in one sentence
	Claim  float64 // ε, at δ = 0
	Plays  int     // that suffice to see it at a confidence of 1 − 1e-6
	Whole  View
	Broken View
}

// Bugs returns the planted bugs that a game on outputs can see. Each claims ε = 1 for
// one unit of sensitivity 1 (zero-out), or what its lines say.
func Bugs() []Bug {
	release := func(value int64, l noise.DiscreteLaplace, src noise.Source) float64 {
		return float64(value + l.Sample(src))
	}
	unit := laplace(1)
	count := func(with bool, of int64) int64 { // the unit's contribution to a sum
		if with {
			return of
		}
		return 0
	}
	whole := func(with bool, src noise.Source) float64 { return release(count(with, 1), unit, src) }
	clip := func(x, bound int64) int64 { return max(-bound, min(bound, x)) }
	return []Bug{
		{
			"laplace-half-scale", "the scale was halved", 1, 5_000, whole,
			func(with bool, src noise.Source) float64 {
				half, _ := noise.NewDiscreteLaplace(1, 2)
				return release(count(with, 1), half, src)
			},
		},
		{
			"sensitivity-one-record", "a user gives two records and the noise is for one", 1, 5_000,
			func(with bool, src noise.Source) float64 { return release(count(with, 2), laplace(2), src) },
			func(with bool, src noise.Source) float64 { return release(count(with, 2), unit, src) },
		},
		{
			"seed-reuse", "two releases share their noise; the adversary looks at the difference", 2, 500,
			func(with bool, src noise.Source) float64 {
				return release(count(with, 1), unit, src) - release(0, unit, src)
			},
			func(with bool, src noise.Source) float64 {
				seed := src.Uint64()
				return release(count(with, 1), unit, noise.NewSeeded(seed)) - release(0, unit, noise.NewSeeded(seed))
			},
		},
		{
			"fresh-noise-on-retry", "each of eight retries draws again; the adversary takes the mean", 1, 5_000, whole,
			func(with bool, src noise.Source) (mean float64) {
				for range 8 {
					mean += release(count(with, 1), unit, src) / 8
				}
				return mean
			},
		},
		{
			"clip-after-noise", "the bound was applied to the noisy value, an outlier of 1,000 goes in raw", 1, 500,
			func(with bool, src noise.Source) float64 { return release(clip(count(with, 1000), 1), unit, src) },
			func(with bool, src noise.Source) float64 { return math.Min(release(count(with, 1000), unit, src), 50) },
		},
		{
			"no-clip-negative", "only the upper bound was applied", 1, 500,
			func(with bool, src noise.Source) float64 { return release(clip(count(with, -1000), 1), unit, src) },
			func(with bool, src noise.Source) float64 { return release(min(count(with, -1000), 1), unit, src) },
		},
		{
			"duplicate-report-counted", "a report that was sent twice was added twice", 1, 5_000, whole,
			func(with bool, src noise.Source) float64 { return release(2*count(with, 1), unit, src) },
		},
		{
			"replace-as-remove", "the noise is for zero-out, the record may be replaced by its opposite", 1, 5_000,
			func(with bool, src noise.Source) float64 { return release(2*count(with, 1)-1, laplace(2), src) },
			func(with bool, src noise.Source) float64 { return release(2*count(with, 1)-1, unit, src) },
		},
		{
			"float-laplace", "noise in floats: which doubles come out depends on the input (Mironov 2012)", 1, 2_000, whole,
			func(with bool, src noise.Source) float64 {
				z := -math.Log(1 - noise.Float64(src))
				if noise.Bernoulli(1, 2, src) {
					z = -z
				}
				// the view: does the output lie off the grid of 2^−53, where 1 + z always is?
				out := float64(count(with, 1)) + z
				if grid := out * 0x1p53; math.Abs(out) < 0.5 && grid != math.Trunc(grid) {
					return 1
				}
				return 0
			},
		},
		{
			"skip-empty", "who has no data sends nothing; the view is whether something came", 1, 500,
			func(with bool, src noise.Source) float64 { return 1 },
			func(with bool, src noise.Source) float64 { return float64(count(with, 1)) },
		},
		{
			"count-exact", "a noisy sum over the true number: the view is the denominator", 1, 500,
			func(with bool, src noise.Source) float64 { return release(9+count(with, 1), unit, src) },
			func(with bool, src noise.Source) float64 { return float64(9 + count(with, 1)) },
		},
	}
}

// laplace is discrete Laplace noise of a whole scale.
func laplace(scale uint64) noise.DiscreteLaplace {
	l, err := noise.NewDiscreteLaplace(scale, 1)
	if err != nil {
		panic("audit: " + err.Error()) // the scales above are constants
	}
	return l
}
