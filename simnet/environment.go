package simnet

import (
	"math"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet/dataset"
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
	Data      *Data     `json:"data,omitempty"`
}

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
		{"data", "rows of a data set", []string{"path", "format"}, nil},
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

// synthetic are the fields of the environments that draw from laws.
var synthetic = []string{"means", "variances", "sigmas", "shape", "degrees"}

func (s *Scenario) environment(top *experiment.Block, from Files, experiments []*experiment.Experiment) {
	nodes := readCount(top)
	defer nodes.end()
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
	for _, key := range append(slices.Clone(synthetic), dataFields...) {
		switch needed := slices.Contains(kind.Fields, key); {
		case needed && !b.Has(key):
			b.Missing(key, "with environment.kind "+kind.Name)
			complete = false
		case !needed && (kind.Name != "data" || slices.Contains(synthetic, key)):
			b.NotApplicable(key, "other kinds of environment")
		case slices.Contains(kind.Fields, "means") && len(e.Means) == 0:
			complete = false // reported
		}
	}
	if !complete {
		return
	}
	s.Environment = e
	if kind.Name == "data" {
		s.data(b, nodes, from, experiments)
	} else {
		s.worlds(b, nodes, kind)
	}
	if s.Nodes.Count() > 0 {
		s.nodes(nodes.block)
	}
}

// worlds makes the nodes' worlds of a law: one for all, or with a skew one each.
func (s *Scenario) worlds(b *experiment.Block, nodes counted, kind Kind) {
	if nodes.by != (dataset.By{}) {
		nodes.block.NotApplicable("by", "environment.kind data")
	}
	world, err := kind.make(s.Environment)
	if err != nil {
		b.Refuse("means", posse.As(err))
		return
	}
	s.Nodes.Worlds = slices.Repeat([]environment.World{world}, nodes.number(nodes.block))
	d, ok := nodes.block.Number("skew")
	if !ok || d.Sign() == 0 {
		return
	}
	if s.Environment.Means == nil {
		nodes.block.NotApplicable("skew", "environments with means")
		return
	}
	s.Nodes.Skew = d.Float64()
	for j := range s.Nodes.Worlds {
		e := s.Environment
		e.Means = skew(e.Means, s.Nodes.Skew, j)
		if s.Nodes.Worlds[j], err = kind.make(e); err != nil {
			p := posse.As(err)
			nodes.block.Refuse("skew", posse.OutOfRange("nodes.skew", d.String(), "so little that every mean stays in "+p.Allowed, "lower nodes.skew, or move environment.means inwards"))
			s.Nodes.Worlds[j] = world
			return
		}
	}
}
