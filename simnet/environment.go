package simnet

import (
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
)

// Environment is where a scenario's rewards come from. The lists have one number an
// arm, or one for all arms where the kind says so.
type Environment struct {
	Kind      string    `json:"kind"`
	Means     []float64 `json:"means,omitempty"`
	Variances []float64 `json:"variances,omitempty"`
	Sigmas    []float64 `json:"sigmas,omitempty"`
	Shape     float64   `json:"shape,omitempty"`
	Degrees   float64   `json:"degrees,omitempty"`
	world     environment.World
}

// World returns the environment itself. It is safe for concurrent use.
func (e Environment) World() environment.World { return e.world }

// Kind describes one environment that a scenario may name.
type Kind struct {
	Name, Meaning string
	Fields        []string // of the environment block, all required
	make          func(Environment) (environment.World, error)
}

// Kinds returns the environments of `posse sim list environments`.
func Kinds() []Kind {
	return []Kind{
		{"bernoulli", "rewards 0 and 1", []string{"means"}, func(e Environment) (environment.World, error) {
			return environment.NewBernoulli(e.Means...)
		}},
		{"gaussian", "normal rewards", []string{"means", "variances"}, func(e Environment) (environment.World, error) {
			deviations := make([]float64, len(e.Variances))
			for i, v := range e.Variances {
				deviations[i] = math.Sqrt(v)
			}
			return environment.NewGaussian(e.Means, deviations)
		}},
		{"pareto", "heavy tails, positive", []string{"means", "shape"}, func(e Environment) (environment.World, error) {
			return environment.NewPareto(e.Shape, e.Means...)
		}},
		{"student-t", "heavy tails, symmetric", []string{"means", "degrees"}, func(e Environment) (environment.World, error) {
			return environment.NewStudentT(e.Degrees, e.Means...)
		}},
		{"lognormal", "skewed, positive", []string{"means", "sigmas"}, func(e Environment) (environment.World, error) {
			return environment.NewLognormal(e.Means, e.Sigmas)
		}},
		{"solvers", "the demo's world: five solvers whose runs get stuck", nil, func(Environment) (environment.World, error) {
			return environment.ChoosingASolver(), nil
		}},
	}
}

func kindNames() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Name)
	}
	return out
}

func (s *Scenario) environment(top *experiment.Block) {
	b := top.Child("environment")
	defer b.End()
	if !b.Present() {
		return
	}
	e := Environment{Kind: b.Word("kind", "")}
	lists := map[string]*[]float64{"means": &e.Means, "variances": &e.Variances, "sigmas": &e.Sigmas}
	for key, list := range lists {
		for _, d := range b.Numbers(key) {
			*list = append(*list, d.Float64())
		}
	}
	if d, ok := b.Number("shape"); ok {
		e.Shape = d.Float64()
	}
	if d, ok := b.Number("degrees"); ok {
		e.Degrees = d.Float64()
	}
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == e.Kind })
	if i < 0 {
		return // reported
	}
	kind, complete := Kinds()[i], true
	for _, key := range []string{"means", "variances", "sigmas", "shape", "degrees"} {
		switch needed := slices.Contains(kind.Fields, key); {
		case needed && !b.Has(key):
			b.Missing(key, "with environment.kind "+kind.Name)
			complete = false
		case !needed:
			b.NotApplicable(key, "other kinds of environment")
		case len(e.Means) == 0:
			complete = false // reported
		}
	}
	if !complete && kind.Fields != nil {
		return
	}
	world, err := kind.make(e)
	if err != nil {
		b.Refuse("means", posse.As(err))
		return
	}
	e.world = world
	s.Environment = e
}
