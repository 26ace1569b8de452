package demo

import (
	"math"

	"github.com/posse-dev/posse/coordinator/web"
	"github.com/posse-dev/posse/dp"
)

// View is what the dashboard shows: the leading replica's own view, and beside it,
// marked as such, what only a demo knows.
func (d *Demo) View() web.View {
	l := d.stage.leader()
	if l == nil {
		return web.View{Now: d.cfg.Now(), Version: d.cfg.Version, Cluster: web.Cluster{Name: "demo"}, Simulated: true}
	}
	v := l.WebView()
	v.Version, v.Simulated = d.cfg.Version, true
	d.mu.Lock()
	changes := max(0, len(d.leaders)-1)
	d.mu.Unlock()
	v.Cluster.LeaderChanges = max(v.Cluster.LeaderChanges, changes)
	for i := range v.Experiments {
		if e := &v.Experiments[i]; e.Name == d.scene.experiment.Name {
			d.annotate(e)
		}
	}
	return v
}

// annotate adds the scene's words and truth to an experiment.
func (d *Demo) annotate(e *web.Experiment) {
	sc := d.scene
	e.Title, e.Arm, e.RewardMeaning = sc.title, web.Noun{One: sc.arm[0], Many: sc.arm[1]}, sc.meaning
	if sc.perReward != 0 {
		e.Gain = web.Gain{PerReward: sc.perReward, Unit: sc.unit}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	b, done := d.baselines, d.summary != nil
	demo := &web.Demo{
		Horizon: int64(sc.traffic.Decisions()), Uniform: d.uniform, Best: d.best, Curve: d.curve, Users: d.users,
		LearningEnded: d.endedAt,
	}
	sum, worst, refused := 0.0, 0.0, 0
	spent := map[string]float64{}
	for j, c := range d.stage.crowds {
		c.mu.Lock()
		n, own := c.made, c.sum
		c.mu.Unlock()
		demo.Decisions += int64(n)
		sum += own
		node := web.DemoNode{Node: c.node.Name(), Decisions: int64(n)}
		node.Uniform, node.Best = c.stream.Uniform(), c.stream.Best()
		if n > 0 {
			node.Together = own / float64(n)
		}
		if b != nil && b.err == nil {
			node.Alone = &b.alone[j]
		}
		demo.Nodes = append(demo.Nodes, node)
		if budget, err := c.node.Budget(); err == nil {
			for _, x := range budget.GetExperiments() {
				if x.GetName() == e.Name {
					spent[node.Node] = dp.Spend{NanoEpsilon: x.GetSpentNanoEpsilon()}.Epsilon()
					refused += int(x.GetRefused())
				}
			}
		}
		worst = math.Max(worst, spent[node.Node])
	}
	if demo.Decisions > 0 {
		demo.Together = sum / float64(demo.Decisions)
	}
	if b != nil && b.err == nil && done {
		alone := 0.0
		for j, n := range demo.Nodes {
			alone += b.alone[j] * float64(n.Decisions) / float64(demo.Decisions)
		}
		plain := b.nonPrivate
		demo.Alone, demo.NonPrivate = &alone, &plain
	}
	e.Demo, e.Finished = demo, done
	if done && e.Stage == web.Learning {
		e.Stage = web.Ended
	}
	e.Privacy.SpentWorst, e.Privacy.Refused = worst, &refused
	for i := range e.Members {
		if s, ok := spent[e.Members[i].Node]; ok {
			e.Members[i].Spent = s
		}
	}
}

// note keeps a point of the curves, at the end of a round.
func (d *Demo) note() {
	made, sum := 0, 0.0
	users, full := uint64(0), uint64(0)
	for _, c := range d.stage.crowds {
		c.mu.Lock()
		made, sum = made+c.made, sum+c.sum
		c.mu.Unlock()
		if b, err := c.node.Budget(); err == nil {
			for _, x := range b.GetExperiments() {
				if x.GetName() == d.scene.experiment.Name {
					users, full = users+x.GetUsers(), full+x.GetUsersAtLimit()
				}
			}
		}
	}
	ended := d.ended()
	d.mu.Lock()
	defer d.mu.Unlock()
	if ended && d.endedAt == 0 {
		d.endedAt = int64(made)
	}
	n := float64(made)
	d.curve = append(d.curve, web.DemoPoint{
		Decisions: int64(made), RegretTogether: d.best*n - sum, RegretUniform: (d.best - d.uniform) * n,
	})
	if all := float64(d.scene.users); d.scene.experiment.Privacy.Unit == dp.User && all > 0 {
		d.users = append(d.users, web.DemoUsers{
			Decisions: int64(made), All: float64(full) / all, Some: float64(users-full) / all, Nothing: math.Max(0, 1-float64(users)/all),
		})
	}
}
