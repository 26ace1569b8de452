package web

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOverviewSaysHonestlyWhatLearningTogetherBrought(t *testing.T) {
	const uniform, best = 0.0, 1.0
	cases := map[string]struct {
		change func(*Experiment)
		want   string
	}{
		"it helped": {
			func(e *Experiment) {},
			"Learning together closed 77\u202f% of the gap between choosing at random and always choosing best. Each alone would have closed 33\u202f%.",
		},
		"it did not help": {
			func(e *Experiment) { e.Demo.Together, e.Demo.Alone = 0.41, ptr(0.43) },
			"Learning together did not help here: 41\u202f% of the gap closed together, 43\u202f% each alone.",
		},
		"it made no difference that shows": {
			func(e *Experiment) { e.Demo.Together, e.Demo.Alone = 0.4304, ptr(0.4296) },
			"Learning together did not help here: 43\u202f% of the gap closed together, 43\u202f% each alone.",
		},
		"it was worse than chance": {
			func(e *Experiment) { e.Demo.Together = -0.02 },
			"Learning together did no better than choosing at random: mean reward −0.0200 against 0.0000.",
		},
		"there is nothing to choose": {
			func(e *Experiment) { e.Demo.Best, e.Demo.Together = 0, 0 },
			"There was no gap to close: choosing at random gives as much as always choosing best. a is the best of two arms.",
		},
		"the arms can't be told apart": {
			func(e *Experiment) { e.Preferred, e.Arms[1].Alive = "", true },
			"The arms can’t be told apart with this much data and privacy. Learning together closed 77\u202f% of the gap between choosing at random and always choosing best.",
		},
		"it is too early to say": {func(e *Experiment) {
			e.Preferred, e.Arms[1].Alive, e.Stage, e.Finished, e.Demo.Alone, e.Demo.Together = "", true, Learning, false, nil, 0.52
		}, "So far, learning together closed 52\u202f% of the gap. Both arms are still in play; it is too early to say which is best."},
		"alone is not known": {
			func(e *Experiment) { e.Demo.Alone = nil },
			"Learning together closed 77\u202f% of the gap between choosing at random and always choosing best.",
		},
		"there is one node": {
			func(e *Experiment) { e.Demo.Nodes = e.Demo.Nodes[:1] },
			"Learning closed 77\u202f% of the gap between choosing at random and always choosing best. Alone it would have closed 33\u202f%.",
		},
		"deployed, better": {
			func(e *Experiment) { e.Demo = nil },
			"Estimated reward rose from 0.100 to 0.700 since version 1.",
		},
		"deployed, worse": {
			func(e *Experiment) { e.Demo, e.Versions[1].Estimate = nil, -0.3 },
			"Estimated reward fell from 0.100 to −0.300 since version 1.",
		},
		"deployed, with a baseline": {
			func(e *Experiment) { e.Demo, e.Uniform = nil, ptr(0.05) },
			"Estimated reward rose from 0.100 to 0.700 since version 1. Choosing at random would give about 0.050, as the first versions showed.",
		},
		"deployed, first version": {
			func(e *Experiment) { e.Demo, e.Versions = nil, e.Versions[:1] },
			"Estimated reward is 0.100 with version 1.",
		},
		"nothing is published": {func(e *Experiment) { e.Versions = nil }, "No estimate yet."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := &Experiment{
				Name: "x", Stage: Ended, Finished: true, Preferred: "a",
				Arms:     []Arm{{Name: "a", Alive: true, Estimated: true, Estimate: 1, Low: 0.5, High: 1.5}, {Name: "b", Estimated: true, Estimate: 0, Low: 0.4, High: 0.9}},
				Versions: []Version{{Number: 1, Estimate: 0.1}, {Number: 2, Estimate: 0.7}},
				Demo:     &Demo{Uniform: uniform, Best: best, Together: 0.77, Alone: ptr(0.33), Nodes: []DemoNode{{Node: "m"}, {Node: "n"}}},
			}
			c.change(e)
			lead, _, _ := e.worth()
			assert.Equal(t, c.want, lead.text())
		})
	}
}

func TestBestArmIsNamedOnlyWhenItsIntervalIsApart(t *testing.T) {
	arms := func(low float64) *Experiment {
		return &Experiment{Arms: []Arm{
			{Name: "a", Alive: true, Estimated: true, Estimate: 0.6, Low: low, High: 0.7},
			{Name: "b", Alive: true, Estimated: true, Estimate: 0.4, Low: 0.3, High: 0.5},
		}}
	}
	assert.Nil(t, arms(0.45).best(), "intervals overlap")
	assert.Equal(t, "a", arms(0.55).best().Name)
	one := arms(0.55)
	one.Arms = one.Arms[:1]
	assert.Nil(t, one.best(), "one arm is compared with nothing")
	unknown := arms(0.55)
	unknown.Arms[1].Estimated = false
	assert.Nil(t, unknown.best(), "an arm without an estimate may be better")
}

func TestPrivacySentenceNeverUnderstatesASpend(t *testing.T) {
	cases := map[string]struct {
		privacy Privacy
		want    string
	}{
		"all spent":     {Privacy{Unit: "user", Epsilon: 1, SpentWorst: 1, MaxContributions: 2, PerRecord: 0.5}, "No user of any organisation has spent more than ε\u202f1.00, and none can. A user teaches at most twice, at ε\u202f0.50 a record; after that decisions continue and learning from that user stops."},
		"a little":      {Privacy{Unit: "user", Epsilon: 1, SpentWorst: 0.5001}, "No user of any organisation has spent more than ε\u202f0.51, and none can spend more than ε\u202f1.00."},
		"nothing":       {Privacy{Unit: "reward", Epsilon: 2}, "Nothing is spent yet; no record can spend more than ε\u202f2.00."},
		"burning down":  {Privacy{Unit: "user", Epsilon: 1, SpentWorst: 0.63, Delta: 1e-6, Left: []Left{{Share: 0.61}}}, "Privacy left: 61\u202f% of each user’s budget in the worst case. That is ε\u202f0.63 of 1.00 spent, at δ 10⁻⁶."},
		"burned down":   {Privacy{Unit: "user", Epsilon: 1, SpentWorst: 1, Left: []Left{{Share: 0}}}, "The budget of dosing is spent. No more reports leave the nodes; decisions go on with version 30."},
		"record's unit": {Privacy{Unit: "reward", Epsilon: 1, SpentWorst: 1}, "No record of any organisation has spent more than ε\u202f1.00, and none can."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := &Experiment{Name: "dosing", Privacy: c.privacy, Versions: []Version{{Number: 30}}}
			assert.Equal(t, c.want, e.spent().text())
		})
	}
}

func TestNodesSentenceSaysWhoIsBehind(t *testing.T) {
	nodes := make([]Node, 4)
	members := func(held ...int) *Experiment {
		e := &Experiment{}
		for _, h := range held {
			e.Members = append(e.Members, Member{Held: h})
		}
		return e
	}
	assert.Equal(t, "Everyone holds version 12.", held(members(12, 12, 12, 12), nodes, 12).text())
	assert.Equal(t, "2 of 4 hold version 12; the others are at most 3 behind.", held(members(12, 9, 11, 12), nodes, 12).text())
	assert.Equal(t, "3 of 4 hold version 12; the other is 1 behind.", held(members(12, 12, 11, 12), nodes, 12).text())
	assert.Equal(t, "Nobody holds a version yet: the first one is not published.", held(members(0), nodes, 0).text())
	assert.Equal(t, "No node is enrolled yet.", held(nil, nil, 0).text())
}

func TestNamesAreNotMarkup(t *testing.T) {
	spans := say("*{}* is {}.", "a*b", "*{}*")
	assert.Equal(t, []span{{"a*b", true}, {" is ", false}, {"*{}*", false}, {".", false}}, spans)
}
