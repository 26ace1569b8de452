package state

import (
	"fmt"
	"slices"

	"github.com/posse-dev/posse"
	"github.com/posse-dev/posse/incentives/books"
	"github.com/posse-dev/posse/incentives/schedule"
	"github.com/posse-dev/posse/mechanisms/statistics"
	"github.com/posse-dev/posse/protocols/possev1"
)

// publish adds up the delivered reports, makes the next version, pays who delivered
// and draws who gets it. The sums and the draw are the machine's own; the leader
// gives the plan for the next windows, the contributions and the chances.
//
// Everything is checked and computed before the first change, money last: an error
// leaves the round as it was.
func (t *turn) publish(c *possev1.Publish) Result {
	e, r, err := t.open(c.GetExperiment(), c.GetRound(), Collecting)
	if err != nil {
		return refusal(err)
	}
	if err := t.mayPublish(e, r, c); err != nil {
		return refusal(err)
	}
	parts, err := e.Next(r)
	if err != nil {
		return refusal(err)
	}
	contributions, err := readContributions(e, c.GetContributions())
	if err != nil {
		return refusal(err)
	}
	seed := schedule.Seed([32]byte(c.GetSeed()), e.Name, r.ID, nonces(r))
	quotas, granted, err := t.firstDraw(e, c, seed)
	if err != nil {
		return refusal(err)
	}
	record := r.record()
	if e.Rules.Paid {
		if err := t.order(books.Order{
			ID: roundID("publish", e, r.ID), Kind: books.Publish, Experiment: e.Name, Round: r.ID, Delivered: record.Delivered,
		}); err != nil {
			return refusal(err)
		}
	}
	v := &Version{
		Number: e.Version() + 1, Parts: parts, Descriptor: slices.Clone(c.GetDescriptor_()), Ended: c.GetEnded(),
		Round: r.ID, Published: t.now, Leaf: t.Log.Size,
	}
	v.Digest = digest(v.Model())
	t.deliver(e, r)
	e.Versions = append(e.Versions, v)
	if d := (Descriptor{digest(v.Descriptor), v.Descriptor}); e.Descriptor().Digest != d.Digest {
		e.Descriptors = append(e.Descriptors, d)
	}
	for _, x := range contributions {
		e.Member(x.Node).Contribution += x.Units
	}
	e.Ended = v.Ended
	e.Seed, e.Quotas, e.Draws, e.LastDraw = seed, quotas, 0, t.now
	e.grant(v.Number, granted, t.index, true)
	record.Phase, record.Finished, record.Version, record.Leaf = Published, t.now, v.Number, t.Log.Size
	record.Granted, record.Contributions = granted, contributions
	e.finish(record)
	e.Changed = t.index
	t.view = t.viewPublish(e, v, record, c)
	return Result{}
}

// mayPublish checks the round and the command's own fields.
func (t *turn) mayPublish(e *Experiment, r *Round, c *possev1.Publish) error {
	if len(c.GetSeed()) != 32 || schedule.Commitment([32]byte(c.GetSeed())) != r.SeedCommit {
		return malformed("seed", "another value", "the 32 bytes behind the round's commitment")
	}
	if n := len(c.GetDescriptor_()); n == 0 || n > descriptorMax {
		return outOfRange("descriptor", fmt.Sprintf("%d bytes", n), fmt.Sprintf("[1, %d] bytes", descriptorMax))
	}
	if len(r.Reports) < int(e.Rules.MinContributors) {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "contributors", Value: fmt.Sprint(len(r.Reports)),
			Allowed: fmt.Sprintf("at least %d", e.Rules.MinContributors), Message: "too few reports were delivered to publish",
		}
	}
	if len(r.Reports) < len(r.Winners) && t.now < r.ReportBy {
		return &posse.Error{
			Code: posse.FailedPrecondition, Reason: "ROUND_CLOSED", Field: "reports", Value: fmt.Sprint(len(r.Reports)),
			Allowed: fmt.Sprintf("%d, or the deadline", len(r.Winners)), Message: "reports of winners are missing and the deadline has not passed",
		}
	}
	return nil
}

// Next returns the parts of the next version: the newest one's plus the round's
// reports, by node and leaf. The newest version's own parts do not change. A leader
// plans with it, and the machine publishes it.
func (e *Experiment) Next(r *Round) ([]*Part, error) {
	var parts []*Part
	if v := e.Newest(); v != nil {
		parts = slices.Clone(v.Parts)
	}
	fresh := map[[32]byte]*Part{}
	for _, report := range r.Reports {
		offer := r.Offer(report.Node)
		for i, l := range report.Leaves {
			d, known := e.descriptor(offer.Leaves[i].Descriptor)
			if !known {
				return nil, malformed("leaves.descriptor", "unknown", "a descriptor of this experiment")
			}
			released, err := statistics.Decode(l.Released)
			if err != nil {
				return nil, err
			}
			if parts, err = with(parts, fresh, d, released); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

func nonces(r *Round) []schedule.Nonce {
	out := make([]schedule.Nonce, len(r.Offers))
	for i, o := range r.Offers {
		out[i] = schedule.Nonce{Node: o.Node, Value: NonceHash(o.Nonce)}
	}
	return out
}

// deliver marks the leaves that were bought and counts what was earned.
func (t *turn) deliver(e *Experiment, r *Round) {
	for _, report := range r.Reports {
		m := e.Member(report.Node)
		m.Changed = t.index
		for _, l := range report.Leaves {
			if at, offered := m.leaf(l.Leaf); offered {
				m.Leaves[at].Bought = r.ID
			}
		}
		if p, won := r.Won(report.Node); won {
			m.Paid += p.Amount
		}
	}
}

// contributionMax bounds one round's contribution: 2^29 nats, which no information
// reaches.
const contributionMax = 1 << 61

func within(v, bound int64) bool { return -bound <= v && v <= bound }

func readContributions(e *Experiment, list []*possev1.Contribution) ([]Contribution, error) {
	var out []Contribution
	for i, c := range list {
		if e.Member(c.GetNode()) == nil || i > 0 && c.GetNode() <= out[i-1].Node {
			return nil, malformed("contributions", printable(c.GetNode()), "enrolled nodes, each once, by name")
		}
		if u, sum := c.GetUnits(), e.Member(c.GetNode()).Contribution; !within(u, contributionMax) || !within(sum+u, 2*contributionMax) {
			return nil, outOfRange("contributions", "a large number", "below 2^29 nats a round and 2^30 in all")
		}
		out = append(out, Contribution{c.GetNode(), c.GetUnits()})
	}
	return out, nil
}

// firstDraw returns the chances of the next version and who gets it: everybody while
// exploring, else who is drawn and who waited for too long.
func (t *turn) firstDraw(e *Experiment, c *possev1.Publish, seed [32]byte) ([]Quota, []string, error) {
	if e.Exploring() && len(c.GetQuotas()) != 0 {
		return nil, nil, malformed("quotas", "some", "none: everybody gets this version")
	}
	if len(c.GetQuotas()) == 0 {
		if !e.MayExplore() {
			return nil, nil, malformed("quotas", "none", "a chance for every node")
		}
		var everyone []string
		for _, n := range t.Active() {
			everyone = append(everyone, n.Name)
		}
		return nil, everyone, nil
	}
	var quotas []Quota
	for i, q := range c.GetQuotas() {
		if e.Member(q.GetNode()) == nil || i > 0 && q.GetNode() <= quotas[i-1].Node {
			return nil, nil, malformed("quotas", printable(q.GetNode()), "enrolled nodes, each once, by name")
		}
		quotas = append(quotas, Quota{q.GetNode(), q.GetUnits()})
	}
	if active := t.Active(); !slices.EqualFunc(quotas, active, func(q Quota, n *Node) bool { return q.Node == n.Name }) {
		return nil, nil, malformed("quotas", "those of other nodes", "every active node's, by name")
	}
	drawn, err := drawQuotas(seed, quotas)
	if err != nil {
		return nil, nil, err
	}
	overdue, err := t.overdue(e)
	return quotas, schedule.WithOverdue(drawn, overdue), err
}

func drawQuotas(seed [32]byte, quotas []Quota) ([]string, error) {
	ids, units := make([]string, len(quotas)), make([]uint64, len(quotas))
	for i, q := range quotas {
		ids[i], units[i] = q.Node, q.Units
	}
	return schedule.Draw(seed, ids, units)
}

// MaxStaleness is after how many versions without a grant a node is granted one in
// addition to the drawn ones: ⌈3/π_min⌉ at the default floor of 0.05.
// Source: incentives 2.4.
const MaxStaleness = 60

func (t *turn) overdue(e *Experiment) ([]string, error) {
	var ids []string
	var missed []uint64
	for _, n := range t.Active() {
		ids, missed = append(ids, n.Name), append(missed, e.Member(n.Name).Missed+1) // this version included
	}
	return schedule.Overdue(ids, missed, MaxStaleness)
}

// grant lets nodes fetch a version. fresh says that the version is new, so that who
// does not get it has missed one more. Versions that nobody needs are dropped.
func (e *Experiment) grant(version uint64, nodes []string, index uint64, fresh bool) {
	for _, m := range e.Members {
		switch {
		case slices.Contains(nodes, m.Node):
			if m.Granted < version {
				m.Granted, m.Changed = version, index
				m.Grants++
			}
			m.Missed = 0
		case fresh:
			m.Missed++
		}
	}
	e.prune()
}

// drawGrants draws once more for the newest version, on a public clock: after the
// last version everybody gets it in the end. Nodes without a chance of their own,
// enrolled since, get it at once.
func (t *turn) drawGrants(c *possev1.DrawGrants) Result {
	e := t.Experiment(c.GetExperiment())
	if e == nil {
		return refusal(UnknownExperiment(c.GetExperiment()))
	}
	if e.Round != nil || e.Version() == 0 || c.GetDraw() != e.Draws+1 {
		return refusal(roundClosed(e, c.GetDraw(), fmt.Sprintf("draw %d of a published version, when no round is open", e.Draws+1)))
	}
	if t.now < e.LastDraw+e.Rules.RedrawEveryMs {
		return refusal(outOfRange("draw", "too early", "the last draw and incentives.schedule.redrawEvery"))
	}
	drawn, err := drawQuotas(schedule.RedrawSeed(e.Seed, c.GetDraw()), e.Quotas)
	if err != nil {
		return refusal(err)
	}
	for _, n := range t.Active() {
		if !slices.ContainsFunc(e.Quotas, func(q Quota) bool { return q.Node == n.Name }) {
			drawn = append(drawn, n.Name)
		}
	}
	slices.Sort(drawn)
	e.Draws, e.LastDraw = c.GetDraw(), t.now
	e.grant(e.Version(), drawn, t.index, false)
	t.view = drawView{Experiment: e.Name, Version: e.Version(), Draw: e.Draws, Granted: drawn}
	return Result{}
}

// Waiting returns the active nodes that may not fetch the newest version yet.
func (s *State) Waiting(e *Experiment) []string {
	var out []string
	for _, n := range s.Active() {
		if m := e.Member(n.Name); m != nil && m.Granted < e.Version() {
			out = append(out, n.Name)
		}
	}
	return out
}
