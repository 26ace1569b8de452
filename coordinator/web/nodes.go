package web

import (
	"fmt"
	"html/template"
	"math"
	"sort"
)

// nodeDetail is what the nodes' page shows.
type nodeDetail struct {
	Meta     string
	Lead     sentence
	Empty    bool
	Choices  []link
	Rows     []nodeRow
	Total    nodeRow
	Behind   bool
	Interval bool
	Note     string
	Gains    *figure
	Events   []eventRow
	Revoked  string
}

// nodeRow is one node's line.
type nodeRow struct {
	Name                            string
	State                           state
	Holds, Chosen, Asked, Share     string
	Bar, Behind                     template.HTML
	MeanBehind, Paid, Held, Current string
}

// nodesPage answers: is anyone left behind?
func nodesPage(v View, q query) page {
	d := nodeDetail{Empty: len(v.Nodes) == 0}
	e, choices := pick(v, q, "/nodes")
	d.Choices = choices
	connected, revoked := 0, 0
	for _, n := range v.Nodes {
		switch n.State {
		case NodeConnected:
			connected++
		case NodeRevoked:
			revoked++
		}
	}
	d.Meta = fmt.Sprintf("%s enrolled, %s connected", count(len(v.Nodes)-revoked), count(connected))
	d.Revoked = "No node was revoked. An operator can revoke one: what it taught stays, its grants stop."
	if revoked > 0 {
		d.Revoked = fmt.Sprintf("%s revoked: what was taught stays, grants stop.", count(revoked))
	}
	members := map[string]Member{}
	newestNumber := 0
	if e != nil {
		for _, m := range e.Members {
			members[m.Node] = m
		}
		if last := e.newestVersion(); last != nil {
			newestNumber = last.Number
		}
	}
	d.Lead = held(e, v.Nodes, newestNumber)
	if e != nil && e.Demo != nil {
		if rows := gains(e.Demo); len(rows) > 0 {
			d.Gains = gainsFigure(e.Demo)
			d.Lead.Why = say("{}", gained(rows))
		}
	}
	var largest, paid float64
	var total float64
	most := 1.0
	for _, m := range members {
		largest = math.Max(largest, m.Contribution)
		total += m.Contribution
		paid += float64(m.Paid)
		for _, b := range m.Behind {
			d.Behind, most = true, math.Max(most, float64(b))
		}
		d.Interval = d.Interval || m.High > m.Low
	}
	for _, n := range v.Nodes {
		row := nodeRow{Name: n.ID, State: nodeState(v, n)}
		if m, ok := members[n.ID]; ok {
			row.fill(m, newestNumber, largest, most)
		}
		d.Rows = append(d.Rows, row)
	}
	d.Total = nodeRow{Name: count(len(v.Nodes)) + " nodes", Paid: credits(int64(paid))}
	if len(v.Nodes) == 1 {
		d.Total.Name = "1 node"
	}
	if total > 0 {
		d.Total.Share = percent(total)
	}
	d.Note = nodesNote(e, newestNumber)
	joining := []Event{}
	for _, event := range v.Events {
		if event.Joining {
			joining = append(joining, event)
		}
	}
	d.Events = eventRows(v, newest(joining, maxEvents))
	return page{Title: "Nodes", Current: "/nodes", Template: "nodes", Content: d}
}

func (row *nodeRow) fill(m Member, newestNumber int, largest, most float64) {
	row.Holds = count(m.Held)
	row.Chosen = count(m.Chosen)
	row.Asked = count(m.Asked)
	if largest > 0 {
		row.Share = percent1(m.Contribution)
		row.Bar = shareBar(m.Contribution, m.Low, m.High, largest, 150)
	}
	if len(m.Behind) > 0 {
		values, sum := make([]float64, len(m.Behind)), 0
		worst := 0
		for i, b := range m.Behind {
			values[i] = float64(b)
			sum += b
			worst = max(worst, b)
		}
		row.Behind = bars(values, most, "fr", 240, 22, "most versions behind: "+count(worst))
		row.MeanBehind = fixed(float64(sum)/float64(len(m.Behind)), 1)
	}
	row.Paid = credits(m.Paid)
	if m.Held < newestNumber {
		row.Held = fmt.Sprintf("%s behind", count(newestNumber-m.Held))
	}
}

// held says who holds the newest version.
func held(e *Experiment, nodes []Node, newestNumber int) sentence {
	switch {
	case len(nodes) == 0:
		return sentence{Fact: say("No node is enrolled yet.")}
	case e == nil:
		return sentence{Fact: say("{} nodes are enrolled; there is no experiment yet.", capital(spelled(len(nodes))))}
	case newestNumber == 0:
		return sentence{Fact: say("Nobody holds a version yet: the first one is not published.")}
	}
	have, behind := 0, 0
	for _, m := range e.Members {
		if m.Held >= newestNumber {
			have++
		} else {
			behind = max(behind, newestNumber-m.Held)
		}
	}
	if have == len(e.Members) {
		return sentence{Fact: say("Everyone holds version {}.", count(newestNumber))}
	}
	if left := len(e.Members) - have; left == 1 {
		return sentence{Fact: say("{} of {} hold version {}; the other is {} behind.", count(have), count(len(e.Members)), count(newestNumber), count(behind))}
	}
	return sentence{Fact: say("{} of {} hold version {}; the others are at most {} behind.", count(have), count(len(e.Members)), count(newestNumber), count(behind))}
}

// nodesNote explains the columns.
func nodesNote(e *Experiment, newestNumber int) string {
	if e == nil {
		return ""
	}
	text := "Chosen: rounds in which the node’s offer was bought; what is not bought stays on offer and is never charged again."
	if newestNumber > 0 {
		text += " Contribution: Shapley share of the information in version " + count(newestNumber) + "."
	}
	text += " Behind: newest version minus the one held"
	if e.GrantsPerVersion > 0 && e.GrantsPerVersion < len(e.Members) {
		text += fmt.Sprintf("; from round %s each version goes to %s nodes first, more often to those who contribute", count(e.GrantsFromRound), spelled(e.GrantsPerVersion))
	}
	return text + "."
}

// nodeState is a node's dot and word.
func nodeState(v View, n Node) state {
	switch n.State {
	case NodeConnected:
		return state{"", "connected"}
	case NodeSilent:
		if n.LastSeen.IsZero() {
			return state{"warn", "silent"}
		}
		return state{"warn", "silent for " + age(v.Now.Sub(n.LastSeen))}
	case NodeInvited:
		return state{"ring", "invited"}
	case NodeRevoked:
		return state{"ring", "revoked"}
	}
	return state{"ring", "unknown"}
}

// ranked are members by what they were paid, most first.
func ranked(members []Member) []Member {
	sorted := append([]Member(nil), members...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Paid > sorted[j].Paid })
	return sorted
}
