package simnet

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/protocols/experiment"
)

// maxPoints bounds a sweep.
const maxPoints = 10_000

// sweep reads the scenario, or one for every combination of the values of its axes.
func (s *Scenario) sweep(top *experiment.Block, from Files, over []experiment.Axis) {
	axes := append(top.Axes("sweep"), over...)
	if len(axes) == 0 {
		s.read(top, from)
		return
	}
	base, total := top.Without("sweep"), 1
	for i, a := range axes {
		for _, b := range axes[:i] {
			if a.Path == b.Path {
				top.Refuse("sweep", posse.OutOfRange("sweep", a.Path, "each field once", "write all values of a field in one list"))
				total = 0
			}
		}
		if a.Path == "runs" || a.Path == "seed" || a.Path == "sweep" {
			top.Refuse("sweep", posse.OutOfRange("sweep", a.Path, "any field but runs and seed", "all points of a sweep have the same runs, on the same luck"))
			total = 0
		}
		if total *= len(a.Values); total > maxPoints {
			top.Refuse("sweep", posse.OutOfRange("sweep", fmt.Sprintf("over %d points", maxPoints), fmt.Sprintf("at most %d points", maxPoints), "give fewer values"))
			total = 0
		}
		s.Axes = append(s.Axes, a.Path)
	}
	if total == 0 || !top.Sound() {
		return
	}
	for n := range total {
		point, at := base, make([]string, len(axes))
		for i, rest := len(axes)-1, n; i >= 0; i-- {
			v := axes[i].Values[rest%len(axes[i].Values)]
			rest /= len(axes[i].Values)
			at[i] = v.String()
			next, err := point.With(axes[i].Path, v)
			if err != nil {
				top.Refuse("sweep", posse.As(err))
				return
			}
			point = next
		}
		p := &Scenario{At: at}
		p.read(point, from)
		point.End()
		if !top.Sound() {
			return // the next points have much the same to say
		}
		s.Points = append(s.Points, p)
	}
	axesOf, points := s.Axes, s.Points
	*s = *points[0]
	s.Axes, s.Points, s.At = axesOf, slices.Clone(points), nil
}
