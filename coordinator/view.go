package coordinator

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/posse-dev/posse/coordinator/state"
	"github.com/posse-dev/posse/coordinator/web"
	"github.com/posse-dev/posse/dp"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/protocols/checkpoint"
	"github.com/posse-dev/posse/protocols/experiment"
)

// The dashboard shows facts of the state that this replica has applied: nothing of
// it is another count of a node's than the public ones, and no bid is in it.

// leaderLook is how often a replica looks who leads, for the dashboard.
const leaderLook = 100 * time.Millisecond

// watchLeader notes who leads and since when.
func (c *Coordinator) watchLeader() {
	tick := time.NewTicker(leaderLook)
	defer tick.Stop()
	for {
		leader, _ := c.raft.Leader()
		c.history.see(leader, c.nowMS())
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
	}
}

// LeaderChanges is how often another replica took over, as this one saw it.
func (c *Coordinator) LeaderChanges() int {
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	return c.history.changes
}

// WebView is what the dashboard shows; before Start it is an empty page.
func (c *Coordinator) WebView() web.View {
	v := web.View{Now: c.config.Now()}
	if c.started.Load() {
		v.Cluster = c.webCluster()
	}
	c.machine.View(func(s *state.State) {
		if v.Cluster.Name = s.Cluster; s.Cluster == "" {
			v.Cluster.Name = c.config.Cluster
		}
		for _, e := range s.Experiments {
			if x, err := c.webExperiment(s, e); err == nil {
				v.Experiments = append(v.Experiments, x)
			}
		}
		v.Nodes = c.webNodes(s)
		v.Books = webBooks(s)
		v.Log = c.webLog(s)
		v.Events = c.webEvents(s)
	})
	return v
}

func (c *Coordinator) webCluster() web.Cluster {
	status := c.clusterStatus()
	out := web.Cluster{Replicas: len(status.GetMembers()), Leader: status.GetLeader(), Term: status.GetTerm(), LeaderChanges: c.LeaderChanges()}
	c.history.mu.Lock()
	out.Since = at(c.history.since)
	c.history.mu.Unlock()
	for _, m := range status.GetMembers() {
		if m.GetHealthy() {
			out.Up++
		} else {
			out.Down = append(out.Down, m.GetName())
		}
	}
	return out
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (c *Coordinator) webExperiment(s *state.State, e *state.Experiment) (web.Experiment, error) {
	file, err := experiment.Read(e.Name, e.File)
	if err != nil {
		return web.Experiment{}, err
	}
	x := web.Experiment{
		Name: e.Name, Title: file.Description, Stage: stage(e), Revision: int(e.Revision), Created: at(e.Created),
		DecisionsPerRound: int64(e.Rules.RoundDecisions), Settings: settings(file), RewardMeaning: rewardMeaning(file),
	}
	if file.Incentives != nil && !e.Rules.Everyone {
		k, _ := file.Incentives.Schedule.ForNodes(max(1, len(s.Active())))
		x.GrantsPerVersion, x.GrantsFromRound = k, int(e.Rules.ExploreVersions)+1
	}
	versions := c.history.of(e.Name)
	c.webArms(&x, file, versions)
	x.Privacy = webPrivacy(e, file, versions)
	x.Rounds = webRounds(e, versions)
	x.Members = webMembers(s, e, x.Privacy)
	return x, nil
}

func stage(e *state.Experiment) web.Stage {
	switch {
	case e.Closed:
		return web.Closed
	case e.Ended:
		return web.Ended
	case e.Exhausted:
		return web.Paused
	default:
		return web.Learning
	}
}

func rewardMeaning(file *experiment.Experiment) string {
	if r := file.Reward.Range; r != nil {
		return fmt.Sprintf("A reward lies in [%s, %s]; higher is better.", r.Low, r.High)
	}
	m := file.Reward.Moment
	return fmt.Sprintf("Of a reward X it is known that E|X|^%s is at most %s; higher is better.", m.Order, m.Bound)
}

func settings(file *experiment.Experiment) []web.Setting {
	trigger := fmt.Sprintf("every %d decisions", file.Rounds.Trigger.Decisions)
	if file.Rounds.Trigger.Every > 0 {
		trigger = "every " + file.Rounds.Trigger.Every.String()
	}
	policy := file.Policy.Name
	if file.Policy.Bonus != "" {
		policy += ", " + file.Policy.Bonus
	}
	if file.Policy.Kappa.Sign() > 0 {
		policy += " κ " + file.Policy.Kappa.String()
	}
	out := []web.Setting{
		{Name: "Problem", Value: fmt.Sprintf("%s, %d options", file.Problem.Kind, len(file.Problem.Arms))},
		{Name: "Policy", Value: policy},
		{Name: "Rounds", Value: trigger + ", deadline " + file.Rounds.Deadline.String()},
		{Name: "Horizon", Value: fmt.Sprintf("%d decisions", file.Horizon)},
	}
	if m := file.Incentives; m != nil && m.Payments == "truthful" {
		out = append(out,
			web.Setting{Name: "Payments", Value: fmt.Sprintf("truthful, coverage %s, reserve %s", m.Coverage, m.Reserve)},
			web.Setting{Name: "Bids", Value: m.Bids})
	}
	return out
}

// webArms shows each option by the newest version, and what the versions before
// said of it.
func (c *Coordinator) webArms(x *web.Experiment, file *experiment.Experiment, versions []said) {
	if len(versions) == 0 {
		for _, name := range file.Problem.Arms {
			x.Arms = append(x.Arms, web.Arm{Name: name, Alive: true})
		}
		return
	}
	newest := versions[len(versions)-1].summary
	x.Preferred = newest.Answer
	x.Arms = make([]web.Arm, len(newest.Options))
	for i, o := range newest.Options {
		x.Arms[i] = web.Arm{Name: o.Name, Alive: o.Alive, Estimated: o.Known, Estimate: o.Mean, Low: o.Mean - o.Radius, High: o.Mean + o.Radius}
	}
	for k, v := range versions {
		alive, sum, radius := 0, 0.0, 0.0
		best := -1
		for i, o := range v.summary.Options {
			if !o.Alive {
				continue
			}
			alive++
			sum, radius = sum+o.Mean, radius+o.Radius
			if best < 0 || o.Mean > v.summary.Options[best].Mean {
				best = i
			}
		}
		entry := web.Version{
			Number: int(v.version), Round: int(v.round), Published: at(v.published), Alive: alive,
			Decisions: int64(v.round) * x.DecisionsPerRound,
		}
		if alive > 0 {
			mean, band := sum/float64(alive), radius/float64(alive)
			entry.Estimate, entry.Low, entry.High = mean, mean-band, mean+band
		}
		x.Versions = append(x.Versions, entry)
		if k == 0 && alive == len(v.summary.Options) && alive > 0 {
			uniform := sum / float64(alive)
			x.Uniform = &uniform
		}
		for i, o := range v.summary.Options {
			share := 0.0
			if o.Alive && alive > 0 {
				share = 1 / float64(alive)
			}
			arm := &x.Arms[i]
			arm.Shares = append(arm.Shares, share)
			arm.Share += share / float64(len(versions))
			if !o.Alive && arm.DroppedRound == 0 && best >= 0 {
				arm.DroppedRound = int(v.round)
				winner := v.summary.Options[best]
				if high, low := o.Mean+o.Radius, winner.Mean-winner.Radius; high < low {
					arm.DroppedFor, arm.AtBest, arm.AtWorst = winner.Name, high, low
				}
			}
		}
	}
}

// webPrivacy is the promise and what the ledger says. A coordinator knows what one
// record costs, not whose records they are: once anything was released, the worst
// user may have spent up to the limit.
func webPrivacy(e *state.Experiment, file *experiment.Experiment, versions []said) web.Privacy {
	p := web.Privacy{
		Model: file.Privacy.Model.String(), Unit: file.Privacy.Unit.String(), Epsilon: file.Privacy.Epsilon.Float64(),
		Delta: file.Privacy.Delta.Float64(), Mechanism: webMechanism(file),
		Neighbours: "Neighbours: one " + file.Privacy.Unit.String() + "’s records are replaced by others.",
	}
	if file.Neighbours() == dp.ZeroOut {
		p.Neighbours = "Neighbours: one " + file.Privacy.Unit.String() + "’s records count as nothing."
	}
	if file.Privacy.Unit == dp.User {
		p.MaxContributions = int(file.Privacy.MaxContributions)
	}
	for _, m := range e.Members {
		p.Releases += len(m.Leaves)
		p.PerRecord = max(p.PerRecord, m.Dearest().Epsilon())
	}
	if p.Releases > 0 {
		p.SpentWorst = min(p.Epsilon, p.PerRecord*float64(max(1, p.MaxContributions)))
	}
	if len(versions) > 0 {
		p.PolicyNote = versions[len(versions)-1].summary.Bonus
	}
	return p
}

func webRounds(e *state.Experiment, versions []said) (out []web.Round) {
	for _, r := range e.Rounds {
		round := web.Round{
			ID: int(r.ID), State: web.RoundPublished, Asked: r.Nodes, Granted: r.Granted, Aborted: r.Reason,
			Information: float64(r.Share) / (1 << 32), Pivotal: len(r.Pivotal), Reserve: int64(r.Reserve),
		}
		if r.Phase == state.Aborted {
			round.State = web.RoundAborted
		} else {
			round.Published = at(r.Finished)
		}
		if r.Settled > 0 {
			round.Offer = time.Duration(r.Settled-r.Opened) * time.Millisecond
			round.Collect = time.Duration(r.Finished-r.Settled) * time.Millisecond
		}
		for _, o := range r.Offered {
			round.Offered = append(round.Offered, o.Node)
		}
		for _, w := range r.Winners {
			round.Bought = append(round.Bought, w.Node)
			if slices.Contains(r.Delivered, w.Node) && r.Phase == state.Published && w.Amount > 0 {
				round.Payments = append(round.Payments, web.Payment{Node: w.Node, Amount: int64(w.Amount)})
			}
		}
		for _, v := range versions {
			if v.version == r.Version && r.Version > 0 {
				for _, o := range v.summary.Options {
					if o.Alive {
						round.Alive++
					}
				}
			}
		}
		out = append(out, round)
	}
	if r := e.Round; r != nil {
		round := web.Round{ID: int(r.ID), State: web.RoundOpen, Phase: "offer", Asked: r.Nodes}
		if r.Phase == state.Collecting {
			round.Phase = "collect"
		}
		for _, o := range r.Offers {
			round.Offered = append(round.Offered, o.Node)
		}
		for _, w := range r.Winners {
			round.Bought = append(round.Bought, w.Node)
		}
		out = append(out, round)
	}
	return out
}

func webMembers(s *state.State, e *state.Experiment, p web.Privacy) (out []web.Member) {
	total := 0.0
	for _, m := range e.Members {
		total += float64(max(0, m.Contribution))
	}
	for _, m := range e.Members {
		member := web.Member{
			Node: m.Node, Held: int(m.Granted), Asked: int(e.Opened), Chosen: int(m.Wins), Paid: int64(m.Paid),
			Limit: p.Epsilon, Releases: len(m.Leaves), LastRelease: at(m.LastOffer),
		}
		if total > 0 {
			member.Contribution = float64(max(0, m.Contribution)) / total
			member.Low, member.High = member.Contribution, member.Contribution
		}
		if len(m.Leaves) > 0 {
			member.Spent = min(p.Epsilon, m.Dearest().Epsilon()*float64(max(1, p.MaxContributions)))
		}
		held := uint64(0)
		for _, r := range e.Rounds {
			if r.Phase == state.Published {
				if slices.Contains(r.Granted, m.Node) {
					held = r.Version
				}
				member.Behind = append(member.Behind, int(r.Version-held))
			}
		}
		out = append(out, member)
	}
	return out
}

func (c *Coordinator) webNodes(s *state.State) (out []web.Node) {
	for _, n := range s.Nodes {
		node := web.Node{ID: n.Name, State: web.NodeSilent}
		for _, e := range s.Experiments {
			if m := e.Member(n.Name); m != nil && at(m.LastOffer).After(node.LastSeen) {
				node.LastSeen = at(m.LastOffer)
			}
		}
		switch {
		case n.Revoked:
			node.State = web.NodeRevoked
		case c.host.Connected(n.PeerID):
			node.State, node.LastSeen = web.NodeConnected, c.config.Now()
		}
		out = append(out, node)
	}
	now := c.nowMS()
	for _, i := range s.Invites {
		if i.Role == "node" && !i.Used && !i.Revoked && i.Expires > now {
			out = append(out, web.Node{ID: i.Name, State: web.NodeInvited})
		}
	}
	return out
}

// webBooks shows the accounts: what is held for somebody is a credit, what came from
// outside a debit.
func webBooks(s *state.State) *web.Books {
	transactions := s.Book().Transactions()
	if len(transactions) == 0 {
		return nil
	}
	b := &web.Books{Balanced: s.Book().Check() == nil}
	for _, balance := range s.Book().Balances() {
		account := web.Account{Name: accountName(balance.Account)}
		if balance.Amount < 0 {
			account.Debit = -int64(balance.Amount)
		} else {
			account.Credit = int64(balance.Amount)
		}
		b.Debit, b.Credit = b.Debit+account.Debit, b.Credit+account.Credit
		b.Accounts = append(b.Accounts, account)
	}
	for _, t := range transactions {
		for i := 0; i+1 < len(t.Postings); i += 2 { // every movement is a pair: out of one, into the other
			b.Entries = append(b.Entries, web.Entry{
				Number: len(b.Entries) + 1, Time: at(t.Time), Round: int(t.Round), Debit: accountName(t.Postings[i].Account),
				Credit: accountName(t.Postings[i+1].Account), For: string(t.Kind), Amount: int64(t.Postings[i+1].Amount),
			})
		}
	}
	for _, e := range s.Experiments {
		b.Budget += int64(e.Rules.Budget)
		b.Reserve = max(b.Reserve, int64(e.Rules.Reserve))
		for _, m := range e.Members {
			b.Paid += int64(m.Paid)
		}
	}
	return b
}

func accountName(a books.Account) string {
	parts := strings.Split(string(a), ":")
	switch {
	case a == books.Settlement:
		return "paid out"
	case parts[0] == "external":
		return "sponsor " + parts[1]
	case parts[0] == "node" && parts[2] == "payable":
		return "owed to " + parts[1]
	case len(parts) == 4:
		return "held for round " + parts[3] + " of " + parts[1]
	default:
		return parts[2] + " of " + parts[1]
	}
}

// logEntries is how many of the newest leaves the dashboard shows.
const logEntries = 20

func (c *Coordinator) webLog(s *state.State) *web.Log {
	if s.Log.Size == 0 {
		return nil
	}
	l := &web.Log{Origin: s.Origin, Size: int64(s.Log.Size), Root: hex.EncodeToString(s.Log.Root()), Time: at(s.Now), Signers: len(s.Replicas)}
	l.Checks = []string{"posse log verify --cluster ADDRESS"}
	var keys []string
	var notes [][]byte
	for _, r := range s.Replicas {
		keys = append(keys, r.Verifier)
	}
	for _, n := range s.Log.Checkpoint.Signatures {
		notes = append(notes, n.Note)
	}
	if merged, err := checkpoint.Merge(notes...); err == nil {
		head, signatures, err := checkpoint.Open(merged, s.Origin, keys, len(keys)/2+1)
		if err == nil {
			own, err := c.log.Root(head.Size)
			l.Verified = err == nil && string(own) == string(head.Root)
			for _, signature := range signatures {
				key := ""
				if r := s.Replica(signature.Name); r != nil {
					key = strings.Split(r.Verifier, "+")[1]
				}
				l.Signatures = append(l.Signatures, web.Signature{Replica: signature.Name, Time: signature.Time, Key: key})
			}
		}
	}
	first := max(0, int64(s.Log.Size)-logEntries)
	leaves, err := c.log.Leaves(uint64(first), logEntries, 1<<20)
	if err != nil {
		return l
	}
	for _, raw := range leaves {
		leaf, err := checkpoint.DecodeLeaf(raw)
		if err != nil {
			continue
		}
		var view struct {
			Time int64
			Body struct {
				Experiment, Name string
				Round, Version   uint64
			}
		}
		if json.Unmarshal(leaf.View, &view) != nil {
			continue
		}
		what := cmp.Or(view.Body.Experiment, view.Body.Name)
		if view.Body.Round > 0 {
			what += fmt.Sprintf(" round %d", view.Body.Round)
		}
		if view.Body.Version > 0 {
			what += fmt.Sprintf(" version %d", view.Body.Version)
		}
		l.Entries = append(l.Entries, web.LogEntry{
			Index: int64(leaf.Sequence), Time: at(view.Time), Kind: leaf.Kind, What: strings.TrimSpace(what), Leaf: hex.EncodeToString(checkpoint.Hash(raw)),
		})
	}
	return l
}

// webEvents are the moments that a person would tell another.
func (c *Coordinator) webEvents(s *state.State) (out []web.Event) {
	for _, n := range s.Nodes {
		out = append(out, web.Event{Time: at(n.Enrolled), Subject: n.Name, Text: "joined with an invite", Joining: true})
	}
	for _, e := range s.Experiments {
		out = append(out, web.Event{Time: at(e.Created), Experiment: e.Name, Text: fmt.Sprintf("Experiment applied, %d nodes enrolled", len(e.Members))})
		alive := map[string]bool{}
		for i, v := range c.history.of(e.Name) {
			for _, o := range v.summary.Options {
				if i > 0 && alive[o.Name] && !o.Alive {
					out = append(out, web.Event{Time: at(v.published), Experiment: e.Name, Subject: o.Name, Text: fmt.Sprintf("dropped with version %d", v.version)})
				}
				alive[o.Name] = o.Alive
			}
			if v.summary.Ended {
				out = append(out, web.Event{Time: at(v.published), Experiment: e.Name, Subject: v.summary.Answer, Text: fmt.Sprintf("is the answer; learning ended with version %d", v.version)})
				break
			}
		}
		if x, turned := c.history.pivotal(e.Name); turned {
			out = append(out, web.Event{Time: at(x.time), Experiment: e.Name, Text: x.sentence()})
		}
		for _, r := range e.Rounds {
			if r.Phase == state.Aborted {
				out = append(out, web.Event{Time: at(r.Finished), Experiment: e.Name, Text: fmt.Sprintf("Round %d ended without a version: %s", r.ID, r.Reason)})
			}
		}
	}
	return out
}

// webMechanism names the noise that the experiment's own layout asks for.
func webMechanism(file *experiment.Experiment) string {
	var names []string
	for _, b := range file.Noise().Blocks {
		if name := strings.ReplaceAll(b.Noise.String(), "-", " "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
