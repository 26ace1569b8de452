package linear

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/posse-dev/posse/dp/noise"
	"github.com/posse-dev/posse/mechanisms"
	"github.com/posse-dev/posse/mechanisms/arms"
)

// LinTS draws θ~ ~ N(θ, v²·A⁻¹) of [LinUCB]'s regression and plays the arm with the
// largest x·θ~: one draw an arm, or one for all where arms have features of their
// own. Source: Agrawal and Goyal 2013, algorithm 1.
type LinTS struct {
	*ridges
	v    float64
	g, y []float64 // scratch: d normals, a solution
	laws []distuv.Normal
}

// NewLinTS returns the policy. Its parameters are v in [0, 100], 1 unless given (0
// is greedy), and lambda, 1 unless given. Errors name the field.
func NewLinTS(p Problem) (*LinTS, error) {
	r, err := newRidges("lin-ts", p, "v")
	if err != nil {
		return nil, err
	}
	v, err := p.Params.Get("v", 1, 0, 100)
	if err != nil {
		return nil, err
	}
	if p.Bonus != "" && p.Bonus != "tuned" {
		return nil, errBonus(p.Bonus, "tuned")
	}
	d := r.problem.Features.Dimension
	return &LinTS{ridges: r, v: v, g: make([]float64, d), y: make([]float64, d), laws: make([]distuv.Normal, r.problem.Arms)}, nil
}

// draws is how many samples a propensity takes where arms share one regression.
const draws = 1000

// Choose draws and plays. Where round.Logged asks for it, the propensity is
// computed to 1e-6; where arms share one regression, and their samples depend on
// each other, it is estimated from 1,000 draws more, and at least 1/1001.
func (l *LinTS) Choose(round mechanisms.Round, c mechanisms.Features, src noise.Source) (mechanisms.Arm, float64, error) {
	if err := l.read(c); err != nil {
		return 0, 0, err
	}
	if l.problem.Features.PerArm {
		at := l.together(src)
		if !round.Logged {
			return mechanisms.Arm(at), 0, nil
		}
		wins := 1
		for range draws {
			if l.together(src) == at {
				wins++
			}
		}
		return mechanisms.Arm(at), float64(wins) / (draws + 1), nil
	}
	best, at, random := math.Inf(-1), 0, false
	for a := range l.laws {
		x, r := l.vector(a)
		law := distuv.Normal{Mu: dot(x, r.theta), Sigma: l.v * math.Sqrt(r.factor.forward(l.z, x))}
		random = random || law.Sigma > 0
		if value := law.Mu + float64(law.Sigma*noise.Normal(src)); value > best {
			best, at = value, a
		}
		l.laws[a] = law
	}
	switch {
	case !random || len(l.laws) == 1:
		return mechanisms.Arm(at), 1, nil
	case !round.Logged:
		return mechanisms.Arm(at), 0, nil
	}
	return mechanisms.Arm(at), arms.Winning(at, l.laws, math.Inf(-1), math.Inf(1)), nil
}

// together draws one θ~ for all arms: x·θ~ = x·θ + v·(L⁻¹x)·g.
func (l *LinTS) together(src noise.Source) int {
	for i := range l.g {
		l.g[i] = noise.Normal(src)
	}
	copy(l.y, l.g)
	r := &l.each[0]
	r.factor.backward(l.y)
	best, at := math.Inf(-1), 0
	for a := range l.problem.Arms {
		x, _ := l.vector(a)
		if value := dot(x, r.theta) + float64(l.v*dot(x, l.y)); value > best {
			best, at = value, a
		}
	}
	return at
}
