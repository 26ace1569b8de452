package web

import (
	"fmt"
	"math"
	"time"
)

var noon = time.Date(2026, 11, 24, 14, 32, 36, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// sample is a demo after its last round, made up and coherent: rounds rotate
// through the nodes, shares add to 1 and the books balance.
func sample() View {
	names := []string{"alder", "birch", "cedar", "elm", "hazel", "larch", "maple", "rowan"}
	alone := []float64{0.60, 0.33, 0.26, 0.24, 0.30, 0, 0, 0}
	traffic := []float64{0.28, 0.20, 0.15, 0.12, 0.09, 0.07, 0.05, 0.04}
	const uniform, best = -0.1330, -0.0587
	reward := func(share float64) float64 { return uniform + share*(best-uniform) }
	d := &Demo{
		Decisions: 60000, Horizon: 60000, Uniform: uniform, Best: best, Together: reward(0.773),
		Alone: ptr(reward(0.33)), NonPrivate: ptr(reward(0.966)), LearningEnded: 45000,
	}
	e := Experiment{
		Name: "choosing-a-solver", Title: "Choosing a solver", Stage: Ended, Revision: 1, Created: noon.Add(-31 * time.Second),
		Arm: Noun{"solver", "solvers"}, Preferred: "local-search", Finished: true,
		Why:           "Its typical run is only second best, its mean is best: quick-start is faster until it is stuck.",
		RewardMeaning: "Reward is −run time ÷ 300 s, so −0.100 is a mean of 30 s; higher is better.",
		Gain:          Gain{PerReward: 300.0 / 3600, Unit: "hours of solver time"}, DecisionsPerRound: 1000,
		GrantsPerVersion: 4, GrantsFromRound: 6,
		Arms: []Arm{
			{Name: "quick-start", Estimated: true, Estimate: -0.146, Low: -0.192, High: -0.100, Share: 0.03, DroppedRound: 8, DroppedFor: "local-search", AtBest: -0.1003, AtWorst: -0.0996},
			{Name: "local-search", Alive: true, Estimated: true, Estimate: -0.058, Low: -0.073, High: -0.043, Share: 0.58},
			{Name: "branch-and-cut", Estimated: true, Estimate: -0.089, Low: -0.104, High: -0.074, Share: 0.34, DroppedRound: 45, DroppedFor: "local-search", AtBest: -0.0740, AtWorst: -0.0731},
			{Name: "constraint", Estimated: true, Estimate: -0.158, Low: -0.207, High: -0.109, Share: 0.03, DroppedRound: 7, DroppedFor: "local-search", AtBest: -0.1089, AtWorst: -0.1049},
			{Name: "exhaustive", Estimated: true, Estimate: -0.249, Low: -0.329, High: -0.169, Share: 0.02, DroppedRound: 3, DroppedFor: "local-search", AtBest: -0.1689, AtWorst: -0.1375},
		},
		Privacy: Privacy{
			Model: "silo", Unit: "user", Epsilon: 1, MaxContributions: 2, PerRecord: 0.5, Mechanism: "discrete Laplace",
			Neighbours: "Neighbours: one user’s records count as nothing.", Releases: 360, Refused: ptr(0), SpentWorst: 1,
			PolicyNote: "tuned κ 0.1, no guarantee",
		},
		Settings: []Setting{{"Problem", "arms, 5 solvers, cutoff 300 s"}, {"Policy", "robust-elimination, tuned κ 0.1 (no guarantee)"}},
		Demo:     d,
	}
	left := func(round int) int {
		switch {
		case round < 3:
			return 5
		case round < 7:
			return 4
		case round < 8:
			return 3
		case round < 45:
			return 2
		}
		return 1
	}
	b := &Books{Balanced: true, Budget: 1000 * micros, Reserve: 10 * micros}
	paid := make([]int64, len(names))
	chosen := make([]int, len(names))
	b.Entries = append(b.Entries, Entry{Number: 1, Time: noon.Add(-30 * time.Second), Debit: "treasury", Credit: "sponsor", For: "budget", Amount: 1000 * micros})
	for id := 1; id <= 45; id++ {
		at := noon.Add(time.Duration(id-53) * 490 * time.Millisecond)
		r := Round{
			ID: id, State: RoundPublished, Published: at, Asked: 8, Offered: names, Information: 0.7 + float64(id%7)/100, Alive: left(id),
			Offer: time.Duration(200+id*7%60) * time.Millisecond, Settle: 13 * time.Millisecond,
			Collect: time.Duration(90+id*11%80) * time.Millisecond, Publish: 40 * time.Millisecond,
		}
		for i, name := range names {
			if (id+i*2)%(2+i/3) == 0 {
				amount := int64(2_058_769 + 812_345*(7-i) + 1_234*id)
				r.Bought = append(r.Bought, name)
				r.Payments = append(r.Payments, Payment{name, amount})
				paid[i] += amount
				chosen[i]++
				b.Paid += amount
				b.Entries = append(b.Entries, Entry{
					Number: len(b.Entries) + 1, Time: at, Round: id, Debit: "information bought", Credit: "owed to " + name,
					For: fmt.Sprintf("report of round %d", id), Amount: amount, LogIndex: ptr(int64(7*id + 20)),
				})
			}
			if id < 6 || (id+i)%2 == 0 {
				r.Granted = append(r.Granted, name)
			}
		}
		r.Reserve, r.Pivotal = 10*micros, len(r.Payments)/3
		e.Rounds = append(e.Rounds, r)
		x := float64(id)
		estimate := -0.133 + 0.075*(1-math.Exp(-x/6)) + 0.006*math.Sin(x)/x
		half := 0.065/math.Sqrt(x) + 0.001
		e.Versions = append(e.Versions, Version{
			Number: id, Round: id, Published: at, Decisions: int64(id) * 1000, Estimate: estimate, Low: estimate - half, High: estimate + half, Alive: left(id),
		})
	}
	b.Accounts = []Account{{Name: "treasury", Debit: 1000 * micros}, {Name: "information bought", Debit: b.Paid}, {Name: "sponsor", Credit: 1000 * micros}}
	v := View{
		Now: noon, Version: "0.1.0", Simulated: true,
		Cluster: Cluster{Name: "demo", Replicas: 3, Up: 3, Leader: "r1", Since: noon.Add(-31 * time.Second), Term: 2, CommitP99: 4 * time.Millisecond},
	}
	for i, name := range names {
		b.Accounts = append(b.Accounts, Account{Name: "owed to " + name, Credit: paid[i]})
		m := Member{
			Node: name, Held: 45, Asked: 45, Chosen: chosen[i], Contribution: traffic[i], Low: traffic[i] - 0.02, High: traffic[i] + 0.02,
			Paid: paid[i], Spent: 1, Limit: 1, Releases: 45, Refused: ptr(0), LastRelease: noon.Add(-9 * time.Second),
		}
		for id := 1; id <= 45; id++ {
			m.Behind = append(m.Behind, max(0, (id*(i+3))%(i+2)-1)*min(1, id/6))
		}
		e.Members = append(e.Members, m)
		v.Nodes = append(v.Nodes, Node{ID: name, State: NodeConnected, LastSeen: noon, Spent: ptr(1.0), Limit: ptr(2.0)})
		d.Nodes = append(d.Nodes, DemoNode{Node: name, Decisions: int64(60000 * traffic[i]), Together: reward(0.75 + 0.004*float64(i)), Alone: ptr(reward(alone[i]))})
	}
	b.Debit, b.Credit = 1000*micros+b.Paid, 1000*micros+b.Paid
	for i := 1; i <= 60; i++ {
		n := float64(i) * 1000
		d.Curve = append(d.Curve, DemoPoint{
			Decisions: int64(n), Alone: ptr(reward(0.47 * (1 - math.Exp(-float64(i)/20)))),
			RegretTogether: (best - uniform) * 8000 * (1 - math.Exp(-n/9000)) * 1.6, RegretUniform: (best - uniform) * n,
			RegretAlone: ptr((best - uniform) * n * (0.4 + 0.6*math.Exp(-n/30000))), RegretNonPrivate: ptr((best - uniform) * 2000 * (1 - math.Exp(-n/2000))),
		})
		spent := 0.34 * math.Min(1, float64(i)/45)
		d.Users = append(d.Users, DemoUsers{Decisions: int64(n), All: spent * spent / 0.34, Some: 0.52 * math.Min(1, float64(i)/45), Nothing: 1 - spent*spent/0.34 - 0.52*math.Min(1, float64(i)/45)})
	}
	for i := range e.Arms {
		for id := 1; id <= 45; id++ {
			share := 0.0
			if e.Arms[i].Alive || id <= e.Arms[i].DroppedRound {
				share = 1 / float64(left(id))
			}
			e.Arms[i].Shares = append(e.Arms[i].Shares, share)
		}
	}
	v.Experiments, v.Books = []Experiment{e}, b
	v.Log = &Log{
		Origin: "demo.posse.dev/log", Size: 340, Root: "a32b9971d9b36b014839140d76ad02cce5d36b0e98e078eb2a79bb454ffbd66a", Time: noon, Signers: 3, Verified: true,
		Signatures: []Signature{{"r1", noon, "tulip-marble-seven-otter"}, {"r2", noon, "copper-lake-nine-finch"}, {"r3", noon, "amber-field-two-heron"}},
		Checks:     []string{"posse log verify --cluster 127.0.0.1:8080"},
		Entries:    []LogEntry{{338, noon, "CosignCheckpoint", "size 338, by r1, r2, r3", "7294c2ffdcf8f373aa"}, {339, noon, "CheckState", "3 replicas hold the same bytes at index 338", "8a37c54a842baaf0bb"}},
	}
	v.Events = []Event{
		{Time: noon.Add(-31 * time.Second), Experiment: e.Name, Text: "Experiment created, 8 nodes enrolled, r1 elected"},
		{Time: noon.Add(-30 * time.Second), Text: "8 nodes joined with single-use invites", Joining: true},
		{Time: noon.Add(-26 * time.Second), Experiment: e.Name, Subject: "quick-start", Text: "dropped: typical runs are fast, its mean is not"},
		{Time: noon.Add(-8 * time.Second), Experiment: e.Name, Subject: "local-search", Text: "is the last of five solvers; learning ended with version 45"},
		{Time: noon.Add(-7 * time.Second), Experiment: e.Name, Text: "Everyone holds version 45"},
		{Time: noon, Experiment: e.Name, Text: "60 000 decisions made; every reward is durable"},
	}
	return v
}

// running is the sample in round 17, with round 18 open.
func running() View {
	v := sample()
	e := &v.Experiments[0]
	e.Stage, e.Finished, e.Preferred, e.Why = Learning, false, "", ""
	e.Rounds, e.Versions = e.Rounds[:17], e.Versions[:17]
	e.Rounds = append(append([]Round(nil), e.Rounds...), Round{ID: 18, State: RoundOpen, Phase: "offer", Asked: 8, Offered: []string{"alder"}})
	e.Arms = append([]Arm(nil), e.Arms...)
	for i := range e.Arms {
		if e.Arms[i].Name == "branch-and-cut" {
			e.Arms[i].Alive, e.Arms[i].DroppedRound = true, 0
			e.Arms[i].Low, e.Arms[i].High = -0.11, -0.06
		}
	}
	d := *e.Demo
	d.Decisions, d.Together, d.Alone, d.NonPrivate, d.LearningEnded = 17588, -0.0943, nil, nil, 0
	d.Curve, d.Users, d.ToNextRound = nil, d.Users[:17], ptr(int64(412))
	for i := range d.Nodes {
		d.Nodes[i].Alone = nil
	}
	e.Demo = &d
	v.Events = v.Events[:3]
	return v
}

// deployed is the running experiment as a real coordinator knows it.
func deployed() View {
	v := running()
	v.Simulated, v.Cluster.Name = false, "prod"
	e := &v.Experiments[0]
	e.Demo, e.Uniform = nil, ptr(-0.133)
	e.Privacy.Refused = nil
	for i := range v.Nodes {
		v.Nodes[i].Spent, v.Nodes[i].Limit = nil, nil
	}
	return v
}

// early is a demo before its first version.
func early() View {
	v := running()
	e := &v.Experiments[0]
	e.Versions, e.Rounds = nil, nil
	e.FirstVersionIn = 6 * time.Second
	e.Demo.Decisions = 288
	for i := range e.Arms {
		e.Arms[i] = Arm{Name: e.Arms[i].Name, Alive: true}
	}
	v.Books = &Books{Balanced: true}
	e.Privacy.SpentWorst, e.Privacy.Releases, e.Members = 0, 0, nil
	v.Events = v.Events[:2]
	return v
}

// burning is a deployment whose budget burns down over months, and which has
// lost its leader and two nodes.
func burning() View {
	v := deployed()
	p := &v.Experiments[0].Privacy
	p.Delta, p.Additive, p.Total, p.Ends = 1e-6, "ρ", 0.02413, noon.AddDate(0, 3, 0)
	for i := range 12 {
		p.Left = append(p.Left, Left{noon.AddDate(0, 0, 2*i-24), 1 - float64(i)*0.03 - float64(i%2)*0.004, 0.1 * float64(i)})
	}
	v.Cluster.Leader, v.Cluster.Since, v.Cluster.Up, v.Cluster.Down = "", noon.Add(-20*time.Second), 1, []string{"r2", "r3"}
	v.Nodes[6].State, v.Nodes[6].LastSeen, v.Nodes[6].Missed = NodeSilent, noon.Add(-3*time.Hour), 3
	v.Nodes[7].State = NodeRevoked
	return v
}
