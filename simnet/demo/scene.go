package demo

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives"
	"github.com/posse-dev/posse/mechanisms/environment"
	"github.com/posse-dev/posse/protocols/experiment"
	"github.com/posse-dev/posse/simnet"
	"github.com/posse-dev/posse/simnet/dataset"
)

// scene is what the demo plays: an experiment, organisations and their traffic.
type scene struct {
	experiment *experiment.Experiment
	title      string
	arm        [2]string // what an arm is called, one and many
	meaning    string    // of a reward
	perReward  float64   // what a reward of 1 is worth, in unit; 0: not said
	unit       string
	traffic    *simnet.Traffic
	users      int                  // distinct, of all nodes
	costs      []incentives.Credits // of a round, by node
	said       []string             // what was done with the data, for people
}

// solverShares are the default organisations' shares of the traffic, in per cent.
var solverShares = []float64{28, 20, 15, 12, 9, 7, 5, 4}

// names of organisations.
var names = []string{"alder", "birch", "cedar", "elm", "hazel", "larch", "maple", "rowan"}

func organisation(i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("node-%d", i+1)
}

const defaultDecisions = 60_000

func newScene(c Config) (*scene, error) {
	if c.Data != "" {
		return dataScene(c)
	}
	return solverScene(c)
}

// solverScene is the embedded default: choosing a solver.
func solverScene(c Config) (*scene, error) {
	world := environment.ChoosingASolver()
	nodes := c.Nodes
	if nodes == 0 {
		nodes = len(solverShares)
	}
	var sources []simnet.Source
	for i := range nodes {
		share := solverShares[min(i, len(solverShares)-1)]
		sources = append(sources, simnet.Source{ID: organisation(i), Share: share, World: world})
	}
	decisions := c.Decisions
	if decisions == 0 {
		decisions = defaultDecisions
	}
	s := &scene{
		title: "Choosing a solver", arm: [2]string{"solver", "solvers"},
		meaning:   fmt.Sprintf("Reward is −run time ÷ %g s, so −0.100 is a mean of %g s.", world.CutoffSecs(), world.CutoffSecs()/10),
		perReward: world.CutoffSecs() / 3600, unit: "hours of solver time",
	}
	if err := s.play(c, sources, decisions); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`apiVersion: posse/v1
kind: Experiment
metadata: {name: choosing-a-solver, description: Which of five solvers is best for the instances that come}
problem: {kind: arms, arms: [%s]}
reward: {moment: {order: 1.5, bound: 0.17}}
policy: {name: robust-elimination, params: {bonus: tuned, kappa: 0.1}}
privacy: {model: silo, unit: user, epsilon: 1, maxContributions: 2}
rounds: {trigger: {decisions: %d}, deadline: 5s}
%shorizon: %d
`, strings.Join(world.Names(), ", "), roundOf(decisions, nodes), s.money(), decisions)
	return s, s.read(c, text, len(world.Names()))
}

// dataScene plays a data set: each record is one of its own (unit reward).
func dataScene(c Config) (*scene, error) {
	options := dataset.Options{Format: c.Format, Nodes: c.Nodes}
	if c.Experiment != nil { // its arms are those of the data by name, not by position
		e, err := experiment.Read(c.File, c.Experiment)
		if err != nil {
			return nil, err
		}
		options.Arms = e.Problem.Arms
	}
	set, err := dataset.Load(c.Data, options)
	if err != nil {
		return nil, err
	}
	if len(set.Nodes) > maxNodes {
		return nil, posse.OutOfRange("nodes", fmt.Sprintf("%d in the data", len(set.Nodes)), fmt.Sprintf("[1, %d]", maxNodes),
			"merge small organisations, or leave the column out: the rows are divided over --nodes then")
	}
	if c.Experiment == nil && !(set.Reward.Low < set.Reward.High) {
		return nil, &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "data", Allowed: "rewards that differ",
			Message: "every reward of the data is the same: there is nothing to learn",
			Hint:    "give an experiment file with a reward.range if that is a part of the data only",
		}
	}
	s := &scene{
		title: set.Name, arm: [2]string{"arm", "arms"}, meaning: set.Reward.Meaning,
		said: append([]string(nil), set.Done...),
	}
	var sources []simnet.Source
	for _, n := range set.Nodes {
		sources = append(sources, simnet.Source{ID: n.ID, Share: n.Share, World: n.World})
	}
	decisions := c.Decisions
	switch {
	case !set.Replacement:
		if decisions == 0 || decisions > set.Rows {
			decisions = set.Rows
		}
	case decisions == 0:
		decisions = dataDecisions
	}
	if set.Replacement {
		s.said = append(s.said, fmt.Sprintf("%d draws with replacement; each is a user of its own.", decisions))
		err = s.play(c, sources, decisions)
	} else {
		s.said = append(s.said, fmt.Sprintf("%d rows, each once, in random order.", decisions))
		err = s.deal(c, sources, decisions)
	}
	if err != nil {
		return nil, err
	}
	every := roundOf(decisions, len(sources))
	if !set.Replacement {
		every = max(len(sources), min(200, decisions))
	}
	quoted := make([]string, len(set.Arms))
	for i, a := range set.Arms {
		quoted[i] = fmt.Sprintf("%q", a)
	}
	text := fmt.Sprintf(`apiVersion: posse/v1
kind: Experiment
metadata: {name: %s}
problem: {kind: arms, arms: [%s]}
reward: %s
policy: {name: robust-elimination, params: {bonus: tuned, kappa: 0.1}}
privacy: {model: silo, unit: reward, epsilon: 1, arrival: private}
rounds: {trigger: {decisions: %d}, deadline: 5s}
%shorizon: %d
`, fileName(set.Name), strings.Join(quoted, ", "), s.rewards(set), every, s.money(), max(decisions, len(set.Arms)))
	return s, s.read(c, text, len(set.Arms))
}

// dataDecisions is how many draws a data set is played with.
const dataDecisions = 40_000

// rewards is the reward block for a data set. Run times have heavy tails below their
// cutoff, and are learnt with a moment bound, as run times without a cutoff would
// be; it is an operator's guess and says so. Other rewards have a range.
func (s *scene) rewards(set *dataset.Set) string {
	if set.Format == dataset.ASlib {
		s.said = append(s.said, "The declared moment E|X|^1.5 ≤ 0.1 is a guess about good solvers: rarer, longer runs are truncated, and a solver that is often stuck looks a little better than it is.")
		return "{moment: {order: 1.5, bound: 0.1}}"
	}
	return fmt.Sprintf("{range: [%s, %s]}", number(set.Reward.Low), number(set.Reward.High))
}

// roundOf is the decisions between rounds: 1,000, or a twentieth of a short play,
// and some for every node.
func roundOf(decisions, nodes int) int {
	return min(decisions, max(min(1000, decisions/20), 4*nodes, 10))
}

// money is the incentives block: truthful payments, and from the sixth round on
// each version goes to half of the nodes first.
func (s *scene) money() string {
	nodes, reserve := len(s.traffic.Nodes), incentives.Credits(10*1_000_000)
	grants := max(1, nodes/2)
	for _, c := range s.costs { // one organisation that bears everything asks more than ten
		reserve = max(reserve, c+1_000_000)
	}
	return fmt.Sprintf(`incentives:
  payments: truthful
  coverage: 0.7
  reserve: %s
  budget: %d
  contribution: {minExplore: 5, maxExplore: 5}
  schedule: {kind: fair-equal, grantsPerVersion: %d, floor: %s, redrawEvery: 200ms}
`, reserve, max(2000, 250*nodes), grants, number(math.Min(0.2, float64(grants)/float64(nodes))))
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// fileName makes a name of the experiment file's grammar.
func fileName(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, s)
	out = strings.Trim(out, "-")
	if out == "" || out[0] < 'a' {
		out = "set-" + out
	}
	return strings.Trim(out[:min(len(out), 63)], "-")
}

// play draws traffic with replacement.
func (s *scene) play(c Config, sources []simnet.Source, decisions int) error {
	visits := simnet.DefaultVisits()
	if c.Users > 0 {
		visits = simnet.Visits{Users: c.Users}
	}
	t, err := simnet.NewTraffic(sources, decisions, visits, c.Seed)
	if err != nil {
		return err
	}
	return s.set(t)
}

// deal deals each row once, to the node that holds it.
func (s *scene) deal(c Config, sources []simnet.Source, decisions int) error {
	t, err := simnet.DealTraffic(sources, decisions, c.Seed)
	if err != nil {
		return err
	}
	return s.set(t)
}

// set fixes the traffic and what each organisation's part in a round costs it:
// 1 credit and 12 times its share.
func (s *scene) set(t *simnet.Traffic) error {
	sort.SliceStable(t.Nodes, func(i, j int) bool { return t.Nodes[i].Share > t.Nodes[j].Share })
	s.traffic = t
	for _, n := range t.Nodes {
		distinct := map[uint32]bool{}
		for _, u := range n.Users {
			distinct[u] = true
		}
		s.users += len(distinct)
		s.costs = append(s.costs, incentives.Credits(math.Round(1e6*(1+12*n.Share))))
	}
	return nil
}

// redrawAtMost is how long a demo waits between draws once learning has ended.
const redrawAtMost = 200 * time.Millisecond

// read takes the user's experiment file, or the demo's own text.
func (s *scene) read(c Config, text string, arms int) error {
	name, file := "the demo's experiment", []byte(text)
	if c.Experiment != nil {
		name, file = c.File, c.Experiment
	}
	e, err := experiment.Read(name, file)
	if err != nil {
		return err
	}
	if len(e.Problem.Arms) != arms {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "FIELD_OUT_OF_RANGE", Field: "problem.arms", Value: fmt.Sprintf("%d arms", len(e.Problem.Arms)),
			Allowed: fmt.Sprintf("%d arms", arms), Message: "the experiment has other arms than the world that it is played in",
			Hint: "name as many arms, or give a data set that has them with --data",
		}
	}
	if err := e.CheckNodes(len(s.traffic.Nodes)); err != nil {
		return err
	}
	if e.Rounds.Trigger.Decisions == 0 {
		return &posse.Error{
			Code: posse.InvalidArgument, Reason: "COMBINATION_REFUSED", Field: "rounds.trigger", Value: "a clock", Allowed: "decisions",
			Message: "the demo's time is counted in decisions", Hint: "set rounds.trigger.decisions",
		}
	}
	if i := e.Incentives; i != nil && i.Schedule.RedrawEvery > redrawAtMost {
		s.said = append(s.said, fmt.Sprintf("Grants of the last version are drawn every %v instead of every %v, so that the demo ends.", redrawAtMost, i.Schedule.RedrawEvery))
		i.Schedule.RedrawEvery = redrawAtMost
	}
	s.experiment = e
	return nil
}
